"""``report_timing_summary`` of Vivado 2019.1 to 2024.2: the slack, and the worst path for people."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ntorc.backends.reports.tables import Heading, heading_of
from ntorc.errors import DataError


@dataclass(frozen=True)
class TimingPath:
    """A path, as the report names it; delays in ns."""

    slack_ns: float
    source: str
    destination: str
    delay_ns: float
    route_ns: float
    levels: int

    def __str__(self) -> str:
        """For people, on one line."""
        share = 100.0 * self.route_ns / self.delay_ns if self.delay_ns else 0.0
        return (
            f"{self.source} to {self.destination}: {self.delay_ns:.3f} ns ({share:.0f} % of it wires),"
            f" {self.levels} levels of logic, slack {self.slack_ns:.3f} ns"
        )


@dataclass(frozen=True)
class TimingReport:
    """Whether the clock is met.

    Attributes:
        heading: whose report it is.
        setup_ns, hold_ns, pulse_ns: the worst slacks.
        endpoints: that setup was checked at; none means that nothing was.
        period_ns: of the design's clock, the shortest where there are several.
        worst: the path with the least setup slack, where the report has it.
        unclocked: registers without a clock, which no slack knows of.
    """

    heading: Heading
    setup_ns: float
    hold_ns: float
    pulse_ns: float
    endpoints: int
    period_ns: float
    worst: TimingPath | None
    unclocked: int

    @property
    def is_met(self) -> bool:
        """Everything that must hold, and something was checked."""
        slacks = min(self.setup_ns, self.hold_ns, self.pulse_ns)
        return slacks >= 0.0 and self.endpoints > 0 and self.unclocked == 0

    @property
    def worst_path(self) -> str:
        """The worst path for people."""
        return str(self.worst) if self.worst is not None else "not stated by the tool"

    @property
    def reached_hz(self) -> float:
        """The highest clock at which setup holds, by this report; hold and pulse widths do not depend on it."""
        return 1e9 / (self.period_ns - self.setup_ns)


_SUMMARY = re.compile(r"^\s*WNS\(ns\)\s+TNS\(ns\).*\n[\s-]+\n(?P<row>[^\n]+)", re.MULTILINE)
_CLOCK = re.compile(r"^\S+\s+\{[^}]*\}\s+(\d+\.\d+)\s+\d+\.\d+", re.MULTILINE)
_UNCLOCKED = re.compile(r"checking no_clock \((\d+)\)")
_PATHS = re.compile(
    r"Slack \((?:MET|VIOLATED)\)\s*:\s*(?P<slack>-?\d+\.\d+)ns.*\n"
    r"\s*Source:\s*(?P<source>\S+)[^\n]*\n(?:[^\n]*\n)??"
    r"\s*Destination:\s*(?P<destination>\S+)(?P<rest>(?:\n[^\n]+){1,16})"
)
_DELAY = re.compile(r"Data Path Delay:\s*(\d+\.\d+)ns\s*\(logic\s*\d+\.\d+ns[^)]*\)\s*route\s*(\d+\.\d+)ns")
_LEVELS = re.compile(r"Logic Levels:\s*(\d+)")
_SETUP = re.compile(r"Path Type:\s*Setup")


def parse_timing(text: str, name: str = "the report") -> TimingReport:
    """A timing summary.

    Raises:
        DataError: it is none, or nothing was constrained.
    """
    heading = heading_of(text, name)
    summary = _SUMMARY.search(text)
    cells = summary["row"].split() if summary is not None else []
    if len(cells) < 12:
        raise DataError(f"{name} has no design timing summary", "give a report of `report_timing_summary`")
    setup, hold, pulse = (_slack(cells[index], name) for index in (0, 4, 8))
    periods = [float(period) for period in _CLOCK.findall(text)]
    if not periods or min(periods) <= max(setup, 0.0):
        raise DataError(f"{name} has no clock that fits its slack", "nothing was constrained: make the project anew")
    unclocked = _UNCLOCKED.search(text)
    endpoints = int(cells[3]) if cells[3].isdigit() else 0
    paths = [path for path in map(_path, _PATHS.finditer(text)) if path is not None]
    worst = min(paths, key=lambda path: path.slack_ns, default=None)
    return TimingReport(
        heading, setup, hold, pulse, endpoints, min(periods), worst, int(unclocked[1]) if unclocked is not None else 0
    )


def _slack(cell: str, name: str) -> float:
    if not re.fullmatch(r"-?\d{1,9}\.\d{1,6}", cell):
        raise DataError(f"{name} states {cell[:20]!r} where a slack is expected", "nothing was constrained, or checked")
    return float(cell)


def _path(match: re.Match[str]) -> TimingPath | None:
    delay, levels = _DELAY.search(match["rest"]), _LEVELS.search(match["rest"])
    if delay is None or not _SETUP.search(match["rest"]):
        return None
    return TimingPath(
        float(match["slack"]), match["source"], match["destination"], float(delay[1]), float(delay[2]),
        int(levels[1]) if levels is not None else 0,
    )  # fmt: skip
