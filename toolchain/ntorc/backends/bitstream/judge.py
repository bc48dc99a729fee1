"""What the reports of a run project say: whether it is done, whose it is, what it needs, how fast it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ntorc.backends.base import Resources
from ntorc.backends.bitstream import openxc7, vivado
from ntorc.backends.bitstream.hls import layer_modules
from ntorc.backends.bitstream.project import STATE, Written
from ntorc.backends.bitstream.zynq_top import TOP
from ntorc.backends.reports.bitfile import read_bit_header
from ntorc.backends.reports.timing import TimingReport, parse_timing
from ntorc.backends.reports.utilisation import parse_hierarchy, parse_utilisation
from ntorc.errors import BundleError, DataError

_PERIOD_NS = 2e-3  # a report's rounding


@dataclass(frozen=True)
class Judged:
    """A project's reports.

    Attributes:
        tool: and its version.
        used: by the whole design, processing system's logic included.
        parts: by module, where the tool says it.
        timing: of the routed design.
    """

    tool: str
    used: Resources
    parts: Mapping[str, Resources]
    timing: TimingReport


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BundleError(
            f"the project is not done: {path.name} is missing", "`sh run.sh` in its folder goes on where it ended"
        ) from error


def missed_clock(folder: Path, written: Written) -> Judged | None:
    """The reports of a project that was routed and does not meet its clock; None where it does or is not that far."""
    if written.tool == "openxc7":
        is_routed = openxc7.is_routed(folder)
    else:
        is_routed = all((folder / name).is_file() for name in (vivado.TIMING_REPORT, vivado.ROUTE_REPORT))
    if not is_routed:
        return None
    judged = read_reports(folder, written)
    return None if judged.timing.is_met else judged


def read_reports(folder: Path, written: Written) -> Judged:
    """All reports of a routed project.

    Raises:
        BundleError: one is missing, or of another design, device or clock.
        DataError: one cannot be read.
    """
    if written.tool == "openxc7":
        tool, cells, seen = openxc7.read_open_reports(folder, written)
        return Judged(tool, cells, {}, seen)
    route, timing = folder / vivado.ROUTE_REPORT, folder / vivado.TIMING_REPORT
    used = parse_utilisation(_text(route), str(route))
    found = parse_timing(_text(timing), str(timing))
    device = plain_part(written.part)
    for heading, path in ((used.heading, route), (found.heading, timing)):
        if not plain_part(heading.device) or not device.startswith(plain_part(heading.device)):
            raise BundleError(f"{path} is of the device {heading.device}, and this is {written.part}", _AGAIN)
        if heading.design != TOP:
            raise BundleError(f"{path} is of the design {heading.design!r}, and this is {TOP!r}", _AGAIN)
    if abs(found.period_ns - 1e9 / written.clock_hz) > _PERIOD_NS:
        raise BundleError(
            f"{timing} is of a clock of {1e3 / found.period_ns:.3f} MHz, and this is {written.clock_hz / 1e6:g} MHz",
            _AGAIN,
        )
    if not used.is_placed:
        raise BundleError(f"{route} is from before placement ({used.heading.state})", _AGAIN)
    hierarchy = folder / vivado.HIERARCHY_REPORT
    parts: dict[str, Resources] = {}
    for instance in parse_hierarchy(_text(hierarchy), str(hierarchy)):
        parts.setdefault(instance.module, instance.used)
    parts |= {layer: parts[module] for layer, module in layer_modules({n: r.lut for n, r in parts.items()}).items()}
    return Judged(f"Vivado {used.heading.version}", used.used, parts, found)


_AGAIN = "run the project again in a folder of its own"


def plain_part(part: str) -> str:
    """A part as all reports would write it: small letters and digits, without ``xc``; ``7z020clg4001``."""
    return "".join(letter for letter in part.lower() if letter.isalnum()).removeprefix("xc")


def judge_project(folder: Path, written: Written) -> Judged:
    """The reports of a project that is done, and its bitstream, which must be of this very design.

    Raises:
        BundleError: a step is not done, or a product is of another design.
        DataError: a report or the bitstream cannot be read.
    """
    for step in written.steps:
        if not (folder / STATE / f"{step.name}.done").is_file():
            raise BundleError(
                f"the project in {folder} is not done: {step.what}", "`sh run.sh` there goes on where it ended"
            )
    judged = read_reports(folder, written)
    if not judged.timing.is_met:
        raise DataError("the clock is not met", judged.timing.worst_path)
    path = folder / written.bitstream
    header = read_bit_header(path)
    if not plain_part(header.part) or not plain_part(written.part).startswith(plain_part(header.part)):
        raise BundleError(f"{path} is for the part {header.part}, and this is {written.part}", _AGAIN)
    if written.tool != "openxc7" and header.user_id != int(written.design_id[-8:], 16):
        raise BundleError(f"{path} does not name the design {written.design_id}", _AGAIN)
    return judged
