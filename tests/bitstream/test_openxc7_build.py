"""The way by open tools, with stand-ins for what no package brings: which program is taken, with what, and traps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from test_vivado_build import design_for, here

from ntorc.backends.bitstream.execute import run_here
from ntorc.backends.bitstream.native import native_project
from ntorc.backends.bitstream.openxc7 import read_route_log
from ntorc.backends.bitstream.project import write_project
from ntorc.backends.native.sources import library_sources
from ntorc.boards import load_board
from ntorc.errors import DataError, ToolError, UsageError
from ntorc.pipeline.bitstream.hardware import build_hardware
from ntorc.pipeline.flow import open_flow
from ntorc.progress import Silent


def test_the_successor_is_preferred(
    tools: Path, vendor: Any, network: Any, board: Any, samples: Any, ntorc_home: Path, tmp_path: Path
) -> None:
    found = build_hardware(open_flow(Silent()), design_for(network, board, samples), "openxc7", here)
    assert found.bundle.manifest.kind == "bitstream"
    assert found.judged.tool == "yosys and nextpnr nextpnr-0.8-53-g1a2b3c4"
    assert found.judged.used.as_dict() == {"lut": 2040, "ff": 1500, "dsp": 0, "bram18": 0}
    assert found.judged.timing.reached_hz == pytest.approx(104.2e6)  # the second, routed one
    words = [line.split()[0] for line in vendor.commands]
    assert words == ["yosys", "nextpnr-himbaechel", "fasm2frames", "xc7frames2bit"]
    route = vendor.commands[1].replace(str(tmp_path), "")
    assert route == (
        "nextpnr-himbaechel --device xc7z020clg400-1 --chipdb /chipdb/xc7z020.bin -o xdc=openxc7/design.xdc"
        " -o fasm=build/design.fasm --json build/design.json --freq 100 --timing-allow-fail --seed 1"
        " --log reports/nextpnr.log"
    )
    assert vendor.commands[2:] == [
        "fasm2frames --part xc7z020clg400-1 --db-root /prjxray/zynq7 build/design.fasm build/design.frames",
        "xc7frames2bit --part_file /prjxray/zynq7/xc7z020clg400-1/part.yaml --part_name xc7z020clg400-1"
        " --frm_file build/design.frames --output_file products/design.bit",
    ]


def test_the_older_one_does_too(
    tools: Path, vendor: Any, network: Any, board: Any, samples: Any, ntorc_home: Path
) -> None:
    (tools / "nextpnr-himbaechel").unlink()
    vendor.behave(mhz="83.0")
    found = build_hardware(open_flow(Silent()), design_for(network, board, samples), "openxc7", here)
    assert found.allocation.clock_hz == pytest.approx(1e9 / 13)  # at 100 MHz it was not met
    routes = [line for line in vendor.commands if line.startswith("nextpnr")]
    assert [line.split()[0] for line in routes] == ["nextpnr-xilinx"] * 2
    assert "--xdc openxc7/design.xdc --json build/design.json --fasm build/design.fasm --freq 100" in routes[0]
    assert "--freq 76.9231" in routes[1]


@pytest.mark.parametrize(
    "lacking,said",
    [
        ("nextpnr", "nextpnr-himbaechel with xilinx or nextpnr-xilinx"),
        ("chipdb", "a chip database of nextpnr-himbaechel for xc7z020"),
        ("prjxray", "prjxray's database for xc7z020clg400-1"),
        ("fasm2frames", "not found: fasm2frames"),
        ("xc7frames2bit", "not found: xc7frames2bit"),
    ],
)
def test_what_is_missing_is_named(
    tools: Path, plan: Any, board: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str, said: str
) -> None:
    if lacking == "nextpnr":
        (tools / "nextpnr-himbaechel").unlink()
        (tools / "nextpnr-xilinx").unlink()
    elif lacking in ("chipdb", "prjxray"):
        monkeypatch.setenv({"chipdb": "OPENXC7_CHIPDB", "prjxray": "PRJXRAY_DB"}[lacking], str(tmp_path / "nowhere"))
    else:
        (tools / lacking).unlink()
    project = native_project("small", plan, board, "openxc7")
    folder = write_project(project, tmp_path / "project")
    with pytest.raises(ToolError) as caught:
        run_here(folder, project.steps, Silent())
    assert said in caught.value.message


def test_the_traps_of_the_open_flow_are_kept_out_and_said(plan: Any, board: Any) -> None:
    project = native_project("small", plan, board, "openxc7")
    script = project.files["openxc7/synthesis.ys"]
    assert "-nodsp -nobram" in script
    assert "select -assert-none t:DSP48E1" in script
    assert script.index("delete t:$scopeinfo") < script.index("write_json")
    asks = re.compile(r'(rom|ram)_style = "block"')  # which -nobram does not overrule
    assert any(asks.search(text) for text in library_sources(["ntorc_mvm.sv"]).values())
    assert not any(asks.search(text) for text in project.files.values())
    assert any("timing" in note for note in project.notes)
    with pytest.raises(UsageError, match="zcu104 has xczu7ev"):
        native_project("small", plan, load_board("zcu104"), "openxc7")


def test_a_log_without_a_frequency_is_no_pass() -> None:
    cells = '{"design": {"num_cells_by_type": {"LUT6": 3}}}'
    for log, statistics in (
        ("", cells),
        ("Max frequency for clock 'a': 0.0 MHz", cells),
        ("Max frequency for clock 'a': 99.0 MHz", "{}"),
        ("Max frequency for clock 'a': 99.0 MHz", "[" * 9000),
    ):
        with pytest.raises(DataError):
            read_route_log(log, 100e6, statistics)
    two = "Max frequency for clock 'a': 250.0 MHz\nMax frequency for clock 'b': 99.0 MHz\n"
    assert not read_route_log(two, 100e6, cells)[2].is_met
