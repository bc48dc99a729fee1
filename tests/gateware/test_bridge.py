"""From the processing system's port to AXI4-Lite: proved on both sides, every burst against a model, able to fail."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from formal_runs import check, write_model

from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.verilate import build_library, lint
from ntorc.paths import gateware_folder

TOP = "ntorc_bridge_checked"
BRIDGE = "ntorc_axi_bridge.sv"
PORTS = {"Zynq-7000": {"LENGTH_BITS": 4, "DATA_BITS": 32}, "UltraScale+": {"LENGTH_BITS": 8, "DATA_BITS": 128}}
OF_RULES = {  # found by the proof
    "the write's ID is lost": ("bid          <= awid;", "bid          <= '0;"),
    "the read's ID is lost": ("rid         <= arid;", "rid         <= '0;"),
    "every beat is the last": ("assign rlast = left == '0;", "assign rlast = 1'b1;"),
    "a beat too few": ("left        <= arlen;", "left        <= arlen - 1'b1;"),
    "the response comes a beat early": ("writing <= last_taken ? ANSWER : TAKE", "writing <= ANSWER"),
    "the response is not held": ("ANSWER: if (bready) writing", "ANSWER: writing"),
}
OF_VALUES = {  # found by the model; all in one library, chosen by an input
    "fixed bursts move": ("(burst == FIXED)", "(fault != 1 && burst == FIXED)"),
    "wrapping bursts go on": ("(burst == WRAP)", "(fault != 2 && burst == WRAP)"),
    "strobes are ignored": ("whole = lane_strobes == '1", "whole = (fault == 3 || lane_strobes == '1)"),
    "wide beats are cut": ("&& write_size == 3'd2", "&& (fault == 4 || write_size == 3'd2)"),
    "a part of a word is no error": ("if (!whole && lane_strobes", "if (fault != 5 && !whole && lane_strobes"),
    "the address is sent twice": ("m_axi_awready) address_sent <= 1'b1;", "m_axi_awready) address_sent <= fault != 6;"),
    "the first lane is written": ("if (wstrb[4*lane+:4] != '0)", "if (fault != 7 && wstrb[4*lane+:4] != '0)"),
}


def sources() -> dict[str, str]:
    files = library_sources(["ntorc_lite_slave.sv", BRIDGE])
    for name in ("axi_kept.sv", "axi_lite_checker.sv", "axi_burst_checker.sv", f"{TOP}.sv"):
        files[name] = (gateware_folder() / "checks" / name).read_text(encoding="utf-8")
    return files


def changed(text: str, before: str, after: str) -> str:
    assert text.count(before) == 1, before
    return text.replace(before, after)


def faulty_sources() -> dict[str, str]:
    """With all faults of values; the input ``fault`` of the top chooses one."""
    files = sources()
    for before, after in OF_VALUES.values():
        files[BRIDGE] = changed(files[BRIDGE], before, after)
    reset, port = "    input  logic                    rst,\n", "    input  logic [3:0] fault,\n"
    files[BRIDGE] = changed(files[BRIDGE], reset, port + reset)
    top, reset = files[f"{TOP}.sv"], "    input  logic                   aresetn,\n"
    top = changed(top, reset, port + reset)
    files[f"{TOP}.sv"] = changed(top, ".clk, .rst(!aresetn), .awvalid", ".fault, .clk, .rst(!aresetn), .awvalid")
    return files


@pytest.mark.parametrize("port", PORTS)
def test_the_rules_hold_on_both_sides_in_every_reachable_state(port: str, tmp_path: Path) -> None:
    """From the reset on for the first cycles, by induction for all that follow; and there is traffic to speak of."""
    model = write_model(sources(), TOP, tmp_path, ["NTORC_FORMAL", "NTORC_INDUCTION"], PORTS[port])
    for options in (["-t", "12"], ["-i", "-t", "4"], ["-c", "-t", "40"]):
        holds, text = check(model, *options)
        assert holds, text


def test_no_warnings(tmp_path: Path) -> None:
    files = sources()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    lint(tmp_path, list(files), TOP)


@pytest.mark.parametrize("fault", OF_RULES)
def test_the_proof_finds_a_fault(fault: str, tmp_path: Path) -> None:
    files = sources()
    files[BRIDGE] = changed(files[BRIDGE], *OF_RULES[fault])
    model = write_model(files, TOP, tmp_path, ["NTORC_FORMAL"], PORTS["Zynq-7000"])
    holds, text = check(model, "-t", "14")
    assert not holds, text


def bench_library(files: dict[str, str], bench: Path, port: str, cache: Path) -> ctypes.CDLL:
    flags = ["--assert", *(f"-G{name}={value}" for name, value in PORTS[port].items())]
    return ctypes.CDLL(str(build_library(files, TOP, (bench,), cache, flags)))


def bursts(library: ctypes.CDLL, port: str, count: int, fault: int = 0) -> dict[str, int]:
    """Random bursts: beats, wrong ones, rules that were broken, assertions that failed; one that hangs is wrong."""
    counts = (ctypes.c_uint32 * 5)()
    ended = library.bench_bursts(1, count, PORTS[port]["DATA_BITS"] // 32, fault, counts)
    names = ("beats", "wrong", "broken", "lite_broken", "errors")
    return dict(zip(names, counts, strict=True)) if ended else {"beats": 0, "wrong": 1}


@pytest.mark.parametrize("port", PORTS)
def test_every_burst_reaches_the_registers_as_the_standard_says(port: str, ntorc_cache: Path) -> None:
    library = bench_library(sources(), Path(__file__).with_name("bridge_bench.cpp"), port, ntorc_cache)
    found = bursts(library, port, 3000)
    assert found.pop("beats") > 20_000
    assert set(found.values()) == {0}, found


def test_the_model_finds_each_fault(ntorc_cache: Path, tmp_path: Path) -> None:
    bench = tmp_path / "bridge_bench.cpp"
    text = Path(__file__).with_name("bridge_bench.cpp").read_text(encoding="utf-8")
    bench.write_text(f"#define BENCH_FAULT\n{text}", encoding="utf-8")
    library = bench_library(faulty_sources(), bench, "UltraScale+", ntorc_cache)
    assert bursts(library, "UltraScale+", 300)["wrong"] == 0
    for number, fault in enumerate(OF_VALUES, start=1):
        assert bursts(library, "UltraScale+", 300, number)["wrong"], fault
