"""The rules of the DMA's ports and of the shell's streams: proved, at several sizes, and able to fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from axi_mutants import RULES, replaced
from formal_runs import check, write_model
from test_axi_rules import TOP as SHELL_TOP
from test_axi_rules import checked_sources as shell_sources

from ntorc.backends.native import shell
from ntorc.backends.native.sources import library_sources
from ntorc.paths import gateware_folder

TOP = "ntorc_dma_checked"
MEMORY_RULES = (
    "m_quiet_out_of_reset",
    "ar_stays",
    "aw_stays",
    "w_stays",
    "ar_is_short",
    "aw_is_short",
    "ar_is_words",
    "aw_is_words",
    "ar_in_one_page",
    "aw_in_one_page",
    "w_follows_its_address",
    "w_is_whole",
    "w_last_is_last",
    "one_read_under_way",
    "one_write_under_way",
    "r_is_awaited",
    "b_is_awaited",
)
STREAM_RULES = ("t_quiet_out_of_reset", "t_valid_stays", "t_payload_stays")
READ, WRITE, SENT = "ntorc_dma_read.sv", "ntorc_dma_write.sv", "ntorc_stream_results.sv"


@dataclass(frozen=True)
class Fault:
    """A fault: in which file, what stands there, what in its place, and the rules of which one must notice."""

    name: str
    file: str
    before: str
    after: str
    rules: tuple[str, ...]


DMA_FAULTS = (
    Fault("ARVALID is dropped", READ, "else if (m_axi_arready) m_axi_arvalid", "else m_axi_arvalid", ("ar_stays",)),
    Fault("ARADDR moves on", READ, "if (ask) m_axi_araddr", "m_axi_araddr", ("ar_stays",)),
    Fault("reads cross a page", READ, "= 5'd16 - {1'b0, at[5:2]};", "= 5'd16;", ("ar_in_one_page",)),
    Fault("reads are too long", READ, "{4'd0, beats}", "{3'd0, 1'b1, beats}", ("ar_is_short",)),
    Fault("RREADY falls", READ, "receive && beats == '0) m_axi_rready", "receive) m_axi_rready", ("r_is_awaited",)),
    Fault("two reads at once", READ, "!m_axi_arvalid && !m_axi_rready;", "!m_axi_arvalid;", ("one_read_under_way",)),
    Fault("a word is not kept", READ, "= !m_axis_tvalid || m_axis_tready;", "= 1'b1;", STREAM_RULES[1:]),
    Fault(
        "an abort withdraws a word",
        READ,
        "if (free) m_axis_tvalid",
        "if (free || abort) m_axis_tvalid",
        STREAM_RULES[1:],
    ),
    Fault("AWVALID is dropped", WRITE, "else if (m_axi_awready) m_axi_awvalid", "else m_axi_awvalid", ("aw_stays",)),
    Fault("writes cross a page", WRITE, "= 5'd16 - {1'b0, at[5:2]};", "= 5'd16;", ("aw_in_one_page",)),
    Fault("WLAST is early", WRITE, "granted ? (beats == '0)", "granted ? 1'b1", ("w_last_is_last",)),
    Fault("WLAST is late", WRITE, "(beats == 4'd1)", "(beats == 4'd0)", ("w_last_is_last",)),
    Fault("data goes first", WRITE, "if (granted) m_axi_wvalid", "if (ask) m_axi_wvalid", ("w_follows_its_address",)),
    Fault("WDATA changes", WRITE, "if (offer) begin", "begin", ("w_stays",)),
    Fault(
        "a write does not wait for the response",
        WRITE,
        "!m_axi_awvalid && !m_axi_wvalid && !m_axi_bready;",
        "!m_axi_awvalid && !m_axi_wvalid;",
        ("one_write_under_way",),
    ),
    Fault("an abort leaves a burst", WRITE, "if (rst) begin", "if (rst || abort) begin", ("w_stays", "aw_stays")),
)
SHELL_FAULTS = (
    Fault("a result is not kept", SENT, "= !m_axis_tvalid || m_axis_tready;", "= 1'b1;", STREAM_RULES[1:]),
    Fault("a soft reset withdraws a result", SENT, "    if (rst) begin", "    if (clear) begin", STREAM_RULES[1:]),
)


def dma_sources() -> dict[str, str]:
    """The DMA, the checkers, and what holds them."""
    files = library_sources(("ntorc_lite_slave.sv", "ntorc_fifo.sv", *shell.DMA_SOURCES))
    for name in ("axi_kept.sv", "axi_lite_checker.sv", "axi_stream_checker.sv", "axi_master_checker.sv", f"{TOP}.sv"):
        files[name] = (gateware_folder() / "checks" / name).read_text(encoding="utf-8")
    return files


def with_fault(files: dict[str, str], fault: Fault) -> dict[str, str]:
    return {**files, fault.file: replaced(files[fault.file], fault.before, fault.after)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dma")
    return write_model(dma_sources(), TOP, folder, ["NTORC_FORMAL", "NTORC_INDUCTION"])


def test_every_rule_is_in_the_model(model: Path) -> None:
    text = model.read_text(encoding="utf-8")
    wanted = [f"rules.{name}" for name in RULES] + [f"memory.{name}" for name in MEMORY_RULES]
    wanted += [f"sent.{name}" for name in STREAM_RULES]
    assert [name for name in wanted if f"{name}\n" not in text] == []


def test_the_rules_hold_in_every_reachable_state(model: Path) -> None:
    for options in (["-t", "12"], ["-i", "-t", "4"]):
        holds, text = check(model, *options)
        assert holds, text


def test_the_assumptions_leave_room_for_transfers(model: Path) -> None:
    """A packet that was sent, and a write burst of several words that has its response."""
    holds, text = check(model, "-c", "-t", "24")
    assert holds, text


@pytest.mark.parametrize("fault", DMA_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_dma_has_a_counterexample(fault: Fault, tmp_path: Path) -> None:
    faulty = write_model(with_fault(dma_sources(), fault), TOP, tmp_path, ["NTORC_FORMAL"])
    holds, text = check(faulty, "-t", "24")
    assert not holds
    assert any(f".{rule}\n" in text for rule in fault.rules), text


@pytest.mark.parametrize("fault", SHELL_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_shells_stream_has_a_counterexample(fault: Fault, tmp_path: Path) -> None:
    faulty = write_model(with_fault(shell_sources(), fault), SHELL_TOP, tmp_path, ["NTORC_FORMAL"])
    holds, text = check(faulty, "-t", "16")
    assert not holds
    assert any(f".{rule}\n" in text for rule in fault.rules), text


SIZES = (
    {"WINDOW": 5, "HOP": 2, "DEPTH": 8, "OUTPUTS": 3},
    {"WINDOW": 16, "HOP": 16, "DEPTH": 32, "OUTPUTS": 64},
    {"WINDOW": 3, "HOP": 3, "DEPTH": 32, "OUTPUTS": 2, "STREAMING": 1},
    {"WINDOW": 1, "HOP": 1, "DEPTH": 4, "STREAMING": 1, "STREAMS": 0},
    {"WINDOW": 128, "HOP": 16, "DEPTH": 256, "STREAMS": 0},
)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_shells_rules_hold_at_other_sizes(size: dict[str, int], tmp_path: Path) -> None:
    sized = write_model(shell_sources(), SHELL_TOP, tmp_path, ["NTORC_FORMAL", "NTORC_INDUCTION"], size)
    for options in (["-t", "8"], ["-i", "-t", "4"]):
        holds, text = check(sized, *options)
        assert holds, text
