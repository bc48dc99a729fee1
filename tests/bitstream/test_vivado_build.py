"""The whole way by Vivado, with a stand-in that runs the Tcl: project, steps, faults, judgement, bundle, collection."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli_program import Program, new_program
from ntorc.allocate.allocation import allocate
from ntorc.allocate.requirement import Requirement
from ntorc.backends.bitstream.execute import run_here
from ntorc.backends.bitstream.native import native_project
from ntorc.backends.bitstream.project import write_project
from ntorc.backends.native.backend import NativeBackend
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.errors import BundleError, ToolError, UsageError, VerdictError
from ntorc.pipeline.bitstream.hardware import Design, build_hardware, collect, project_of, write_design
from ntorc.pipeline.flow import open_flow
from ntorc.progress import Silent
from ntorc.records import digest_of_file

GOLDEN = Path(__file__).with_name("golden")
# the fastest directives: what was measured in between does not change the choice
ASKED = ("--board", "pynq-z2", "--deadline", "200us", "--hop", "4", "--objective", "latency")


@pytest.fixture
def program(tmp_path: Path, vendor: Any, ntorc_cache: Path) -> Program:
    return new_program(tmp_path / "home", ntorc_cache)


def build(program: Program, network: Path, *more: object, code: int = 0) -> Any:
    done = program("build", network, *ASKED, "--tool", "vivado", "--json", *more)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_the_scripts_commands_are_as_recorded(vendor: Any, plan: Any, tmp_path: Path) -> None:
    """Golden files, one a board's family; written anew with NTORC_GOLDEN=1, to be read by a person before a commit."""
    for name in ("pynq-z2", "zcu104"):
        vendor.forget()
        folder = write_project(native_project("small", plan, load_board(name), "vivado"), tmp_path / name)
        subprocess.run(["sh", "run.sh"], cwd=folder, check=True, capture_output=True)
        golden = GOLDEN / f"vivado_{name}.txt"
        text = re.sub(r"USERID 0x[0-9a-f]+", "USERID of the design", "\n".join(vendor.commands) + "\n")
        if os.environ.get("NTORC_GOLDEN"):
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8")


def test_from_a_network_to_a_signed_bundle(program: Program, saved_network: Path, vendor: Any) -> None:
    result = build(program, saved_network)
    assert result["tool"] == "Vivado 2023.2"
    assert result["timing"]["setup_slack_ns"] == 0.321
    bundle = Path(result["bundle"])
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["kind"], manifest["board"], manifest["clock_hz"]) == ("bitstream", "pynq-z2", 100_000_000)
    assert {"design.bit", "design.hwh", "registers.json", "vectors.npz"} <= set(manifest["files"])
    assert manifest["design_id"] == result["design_id"]
    assert manifest["versions"]["synthesis"] == "Vivado 2023.2"
    logs = sorted(path.name for path in (Path(result["project"]) / "logs").glob("*.1.log"))
    assert logs == ["bitstream.1.log", "implementation.1.log", "synthesis.1.log"]
    assert result["observations"] == 4  # two engines, the pool, the shell
    vendor.forget()
    again = build(program, saved_network)
    assert (again["bundle"], vendor.commands) == (result["bundle"], [])
    # what was routed is what the next allocation counts on
    known = json.loads(program("allocate", saved_network, *ASKED, "--json").stdout)
    assert {item["basis"] for item in known["layers"]} == {"measured"}


def test_plans_are_equal_and_complete_and_their_products_come_back(
    program: Program, saved_network: Path, vendor: Any, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    tree = tmp_path / "tree.dtbo"
    tree.write_bytes(b"\xd0\x0d\xfe\xed")
    words = ("--dtbo", tree, "--plan-only", "--project")
    found = [build(program, saved_network, *words, folder) for folder in (one, two)]
    assert found[0]["digest"] == found[1]["digest"]
    assert vendor.commands == []
    assert (one / "plan.json").read_bytes() == (two / "plan.json").read_bytes()
    early = program("build", "--collect", one)
    assert early.returncode == 1
    assert "not done: Vivado: synthesis" in early.stderr
    # another machine: a copy elsewhere, sh and the tools alone
    there = tmp_path / "builder"
    shutil.move(one, there)
    done = subprocess.run(["sh", "run.sh"], cwd=there, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "ntorc: all done"
    collected = program("build", "--collect", there, "--json")
    assert collected.returncode == 0, collected.stderr
    result = json.loads(collected.stdout)
    assert result["design_id"] == found[0]["design_id"]
    manifest = json.loads((Path(result["bundle"]) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"]["design.dtbo"] == digest_of_file(tree)
    vendor.forget()
    told = program("build", saved_network, *ASKED, "--tool", "vivado", "--dtbo", tree)
    assert (told.returncode, vendor.commands) == (0, [])  # nothing is run again
    assert f"bundle {result['bundle']} " in told.stdout
    assert re.search(r"routed \d+ LUT, \d+ FF, \d+ DSP, \d+ BRAM18\n", told.stdout)
    plain = build(program, saved_network)["bundle"]
    assert "design.dtbo" not in json.loads((Path(plain) / "manifest.json").read_text(encoding="utf-8"))["files"]
    # written anew without it, a project has none
    build(program, saved_network, "--plan-only", "--project", two)
    assert not (two / "ntorc" / "design.dtbo").exists()


def test_a_design_with_a_dma_goes_the_whole_way(
    program: Program, saved_network: Path, vendor: Any, tmp_path: Path
) -> None:
    """Its sources are read, its project comes back as its own design, and pynq is told of it."""
    folder = tmp_path / "with-dma"
    plain = build(program, saved_network, "--plan-only", "--project", tmp_path / "plain")
    planned = build(program, saved_network, "--dma", "--plan-only", "--project", folder)
    assert planned["design_id"] != plain["design_id"]
    assert planned["predicted"]["ff"] > plain["predicted"]["ff"] + 300
    subprocess.run(["sh", "run.sh"], cwd=folder, check=True, capture_output=True)
    (read,) = (line for line in vendor.commands if line.startswith("read_verilog"))
    assert "src/ntorc_dma.sv" in read
    collected = program("build", "--collect", folder, "--json")
    assert collected.returncode == 0, collected.stderr
    result = json.loads(collected.stdout)
    assert result["design_id"] == planned["design_id"]
    text = (Path(result["bundle"]) / "design.hwh").read_text(encoding="utf-8")
    assert 'INSTANCE="axi_dma_0"' in text
    vendor.forget()
    again = build(program, saved_network, "--dma")
    assert (again["bundle"], vendor.commands) == (result["bundle"], [])  # collected: nothing is run again
    made = Path(build(program, saved_network)["bundle"])
    assert "axi_dma_0" not in (made / "design.hwh").read_text(encoding="utf-8")
    told = program("build", "--collect", folder, "--dma")
    assert (told.returncode, told.stdout) == (2, "")


@pytest.mark.parametrize("backend", ["hls4ml", "finn", "auto"])
def test_only_the_native_gateware_has_a_dma(program: Program, saved_network: Path, backend: str) -> None:
    done = program("build", saved_network, *ASKED, "--backend", backend, "--tool", "vivado", "--dma")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"the DMA is the native gateware's, and the backend is {backend}" in done.stderr
    done = program("deploy", "--board", "pynq-z2", "--deadline", "500us", "--backend", backend, "--dma")
    assert (done.returncode, done.stdout) == (2, "")
    assert "leave out --dma" in done.stderr


@pytest.fixture
def done_project(vendor: Any, plan: Any, board: Any, network: Any, samples: Any, tmp_path: Path) -> Path:
    """A project that was run, with what a bundle needs."""
    design = design_for(network, board, samples)
    folder = write_design(design, project_of(design, "vivado"), tmp_path / "project")
    subprocess.run(["sh", "run.sh"], cwd=folder, check=True, capture_output=True)
    return folder


def design_for(network: Any, board: Any, samples: Any) -> Design:
    """The fastest allocation of the small network."""
    backend = NativeBackend()
    need = Requirement(board, 200e-6, 100e6, 4, 5000.0, 55e-6, "test", objective="latency", solver="MERGE")
    return Design(network, backend, board, allocate(network, backend, NativeCost(load_model()), need), samples)


def native(_name: str, _board: Any, _clock_hz: float, _hls: str, dma: bool) -> NativeBackend:
    return NativeBackend(dma=dma)


def test_altered_projects_are_not_collected(done_project: Path, ntorc_home: Path) -> None:
    flow = open_flow(Silent())
    for path, before, after, said in (
        ("src/ntorc_mvm.sv", b"module", b"Module", "not as it was written"),
        ("src/clock.xdc", b"10.000", b"20.000", "not as it was written"),
        ("run.sh", b"14400", b"14401", "not as it was written"),
        ("products/design.bit", b"UserID=0X", b"UserID=0Y", "does not name the design"),
        ("products/design.bit", b"7z020", b"7z010", "for the part"),
        ("reports/route.rpt", b"7z020", b"7z010", "is of the device"),
        ("reports/route.rpt", b"Routed", b"Synthesized", "from before placement"),
        ("reports/timing.rpt", b"ntorc_zynq", b"other_zynq", "is of the design"),
        ("reports/timing.rpt", b"        10.000          100.000", b"        20.000           50.000", "of a clock of"),
        ("ntorc/allocation.json", b'"multipliers": 4', b'"multipliers": 2', "not as it was written"),
        ("ntorc/allocation.json", b'"deadline_s": 0.0002', b'"deadline_s": 0.2000', "not as it was written"),
        ("ntorc/allocation.json", b'"latency_cycles": ', b'"latency_cycles": 1', "not as it was written"),
        ("ntorc/context.json", b'"board": "pynq-z2"', b'"board": "zcu104"', "not as it was written"),
        ("ntorc/network/network.json", b'"kernel": 3', b'"kernel": 2', "not as it was written"),
        ("plan.json", b'"ntorc/samples.npz"', b'"ntorc/nothing.npz"', "not as it was written"),
        ("plan.json", b'"limit_s": 14400', b'"limit_s": 99999', "not the design"),
    ):
        content = (done_project / path).read_bytes()
        assert before in content, path
        (done_project / path).write_bytes(content.replace(before, after))
        with pytest.raises(BundleError, match=said):
            collect(flow, done_project, native)
        (done_project / path).write_bytes(content)
    for name in ("samples.npz", "network/weights.npz"):
        content = (done_project / "ntorc" / name).read_bytes()
        with np.load(done_project / "ntorc" / name) as arrays:
            zeros = {key: np.zeros_like(array) for key, array in arrays.items()}
        np.savez(done_project / "ntorc" / name, **zeros)
        with pytest.raises(BundleError, match="not as it was written"):
            collect(flow, done_project, native)
        (done_project / "ntorc" / name).write_bytes(content)
    # a plan that states nothing of what a bundle is made with, as an earlier version's
    plan = json.loads((done_project / "plan.json").read_text(encoding="utf-8"))
    (done_project / "plan.json").write_text(json.dumps({**plan, "context": {}}), encoding="utf-8")
    with pytest.raises(BundleError, match="does not state all"):
        collect(flow, done_project, native)
    (done_project / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert collect(flow, done_project, native).bundle.manifest.kind == "bitstream"


def test_other_products_of_the_same_project_are_not_the_first_ones(
    done_project: Path, vendor: Any, ntorc_home: Path
) -> None:
    flow = open_flow(Silent())
    first = collect(flow, done_project, native)
    again = collect(flow, done_project, native)
    assert (again.folder, again.bundle.folder) == (first.folder, first.bundle.folder)
    for name in ("state", "products", "reports"):  # built anew by another version of the tool
        shutil.rmtree(done_project / name)
    vendor.behave(version="2022.1", slack="0.111")
    subprocess.run(["sh", "run.sh"], cwd=done_project, check=True, capture_output=True)
    other = collect(flow, done_project, native)
    assert (other.judged.tool, other.judged.timing.setup_ns) == ("Vivado 2022.1", 0.111)
    assert other.folder != first.folder
    assert other.bundle.folder != first.bundle.folder
    assert collect(flow, done_project, native).folder == other.folder


def test_a_project_is_not_written_over_something_else(
    program: Program, saved_network: Path, plan: Any, board: Any, tmp_path: Path
) -> None:
    project = native_project("small", plan, board, "vivado")
    file, full = tmp_path / "notes.txt", tmp_path / "full"
    file.write_text("mine\n", encoding="utf-8")
    full.mkdir()
    (full / "plan.json").write_text('{"mine": 1}\n', encoding="utf-8")
    for folder, said in ((file, "is a file"), (file / "below", "is a file"), (full, "is no project")):
        with pytest.raises(UsageError, match=said):
            write_project(project, folder)
    text = build(program, saved_network, "--plan-only", "--project", file, code=2)
    assert f"{file} is a file, no folder" in text
    assert "name a new folder" in text
    assert file.read_text(encoding="utf-8") == "mine\n"


TROUBLES = {
    "crash": "failed with status 134",
    "memory": "out of memory",
    "disk": "the disk is full",
    "part": "does not know the part",
    "nothing": "left not all of its products",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_step_that_fails_says_why(vendor: Any, plan: Any, board: Any, tmp_path: Path, trouble: str) -> None:
    project = native_project("small", plan, board, "vivado")
    folder = write_project(project, tmp_path / "project")
    vendor.behave(trouble=trouble, step="synthesis")
    with pytest.raises(ToolError) as caught:
        run_here(folder, project.steps, Silent())
    assert TROUBLES[trouble] in str(caught.value)
    assert "synthesis.1.log" in str(caught.value)


def test_without_a_licence_it_says_so_and_goes_on_when_there_is_one(
    program: Program, saved_network: Path, vendor: Any
) -> None:
    vendor.behave(trouble="licence", step="implementation")
    text = build(program, saved_network, code=1)
    assert "implementation: no licence: ERROR: [Common 17-345]" in text
    assert "LM_LICENSE_FILE" in text
    assert [line for line in vendor.commands if line.startswith("script")] == ["script synthesis.tcl"]
    vendor.behave(trouble="")
    vendor.forget()
    result = build(program, saved_network)
    ran = [line for line in vendor.commands if line.startswith("script")]
    assert ran == ["script implementation.tcl", "script bitstream.tcl"]
    assert (Path(result["project"]) / "logs" / "implementation.1.log").is_file()  # the failed attempt's too
    assert (Path(result["project"]) / "logs" / "implementation.2.log").is_file()


def test_ctrl_c_ends_the_tool_with_all_that_it_started(program: Program, saved_network: Path, vendor: Any) -> None:
    vendor.behave(trouble="hang", step="implementation")
    process = program.start("build", saved_network, *ASKED, "--tool", "vivado")
    child = vendor.record.with_name("commands.txt.child")
    for _ in range(600):
        if child.is_file() and child.read_text().strip():
            break
        time.sleep(0.1)
    pids = [int(path.read_text()) for path in (child, vendor.record.with_name("commands.txt.pid"))]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "goes on from there" in said
    assert not any(is_alive(pid) for pid in pids)
    vendor.behave(trouble="")
    vendor.forget()
    build(program, saved_network)
    assert vendor.commands[0] == "script implementation.tcl"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except OSError:
        return False


def test_a_step_ends_at_its_limit(vendor: Any, plan: Any, tmp_path: Path, board: Any) -> None:
    project = native_project("small", plan, board, "vivado")
    project = replace(project, steps=tuple(replace(step, limit_s=1) for step in project.steps))
    vendor.behave(trouble="hang", step="synthesis")
    folder = write_project(project, tmp_path / "project")
    with pytest.raises(ToolError, match="took more than its 1 s"):
        run_here(folder, project.steps, Silent())


def here(folder: Path, written: Any) -> None:
    run_here(folder, written.steps, Silent())


def test_a_design_that_misses_every_clock_is_a_verdict(
    vendor: Any, network: Any, board: Any, samples: Any, ntorc_home: Path
) -> None:
    """This stand-in misses by 2.1 ns at every clock."""
    vendor.behave(slack="-2.5,-2.1")
    with pytest.raises(VerdictError, match=r"column_reg\[3\]/C to core/network/u_l1/engine/sum_reg") as caught:
        build_hardware(open_flow(Silent()), design_for(network, board, samples), "vivado", here)
    assert caught.value.result["verdict"] == "timing_missed"
    assert "3 clocks were tried" in caught.value.hint
    ran = [line for line in vendor.commands if line.startswith("script")]
    assert ran == ["script synthesis.tcl", "script implementation.tcl", "script bitstream.tcl"] * 3
    assert "phys_opt_design -directive AggressiveExplore" in vendor.commands
    assert not any(line.startswith("write_bitstream") for line in vendor.commands)


def test_the_slower_clock_is_taken_where_the_deadline_allows_it(
    program: Program, saved_network: Path, vendor: Any, tmp_path: Path
) -> None:
    """A path of 12.1 ns, whatever is asked for: 82.6 MHz, of which FCLK0 can make 76.9."""
    script = tmp_path / "vendor-bin" / "vivado.tcl"
    text = script.read_text(encoding="utf-8")
    slack = "proc slack_now {} {\n  return [expr {$::state(period) - 12.1}]"
    script.write_text(text.replace("proc slack_now {} {", slack), encoding="utf-8")
    result = build(program, saved_network)
    assert result["clock_hz"] == pytest.approx(1e9 / 13)
    assert result["timing"]["setup_slack_ns"] == pytest.approx(13 - 12.1, abs=1e-3)
    manifest = json.loads((Path(result["bundle"]) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["clock_hz"] == round(1e9 / 13)


def test_a_deadline_that_the_slower_clock_misses_is_a_verdict(
    vendor: Any, network: Any, board: Any, samples: Any, ntorc_home: Path
) -> None:
    """The allocation takes nearly all of this deadline at 100 MHz, so 12.6 ns a cycle are too many."""
    design = design_for(network, board, samples)
    tight = replace(design.allocation, budget_cycles=round(1.05 * design.allocation.latency_cycles))
    vendor.behave(slack="-2.6")
    with pytest.raises(VerdictError) as caught:
        build_hardware(open_flow(Silent()), replace(design, allocation=tight), "vivado", here)
    assert caught.value.result["reached_hz"] == pytest.approx(1e9 / 12.6)
    assert "the deadline needs 95." in caught.value.hint
    assert vendor.commands.count("script synthesis.tcl") == 1
    # asked again, nothing is run: the reports say it already
    with pytest.raises(VerdictError):
        build_hardware(open_flow(Silent()), replace(design, allocation=tight), "vivado", here)
    assert vendor.commands.count("script synthesis.tcl") == 1


def test_missed_hold_times_are_no_matter_of_the_clock(
    vendor: Any, network: Any, board: Any, samples: Any, ntorc_home: Path
) -> None:
    vendor.behave(hold="-0.050")
    with pytest.raises(VerdictError, match="timing is not met") as caught:
        build_hardware(open_flow(Silent()), design_for(network, board, samples), "vivado", here)
    assert "no slower clock mends" in caught.value.hint


def test_without_the_tool_it_says_what_to_do(
    program: Program, saved_network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    text = build(program, saved_network, code=1)
    assert "not found: vivado" in text
    assert "--plan-only" in text
