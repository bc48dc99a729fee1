"""Durations with units.  A bare number is refused: 500 what?"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ntorc.errors import UsageError

_SECONDS_PER_UNIT = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
_PATTERN = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(ns|us|µs|ms|s|cycles)\s*")


@dataclass(frozen=True)
class Duration:
    """A duration in seconds or, when ``is_cycles``, in clock cycles."""

    value: float
    is_cycles: bool = False

    def seconds(self, clock_hz: float) -> float:
        """The duration in seconds at a clock of ``clock_hz``."""
        return self.value / clock_hz if self.is_cycles else self.value


def parse_duration(text: str) -> Duration:
    """Parse ``500us``, ``0.2ms``, ``1s`` or ``20000cycles``.

    Raises:
        UsageError: no unit, an unknown unit, or a value that is not positive.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise UsageError(
            f"'{text}' is not a duration",
            "give a number with its unit: 500us, 0.2ms, 1s or 20000cycles",
        )
    number, unit = float(match.group(1)), match.group(2)
    if not (number > 0.0 and math.isfinite(number)):
        raise UsageError(f"'{text}' is not a positive duration", "for example 500us")
    if unit == "cycles":
        return Duration(number, is_cycles=True)
    return Duration(number * _SECONDS_PER_UNIT[unit])


_SPAN_S = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def parse_span_s(text: str) -> int:
    """Whole seconds of ``90s``, ``30min``, ``4h`` or ``1d``: for what people wait for.

    Raises:
        UsageError: no unit, an unknown unit, or less than a second.
    """
    match = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(s|min|h|d)\s*", text)
    if match is None or round(float(match.group(1)) * _SPAN_S[match.group(2)]) < 1:
        raise UsageError(f"'{text}' is not a span of time", "give a number with its unit: 90s, 30min, 4h or 1d")
    return round(float(match.group(1)) * _SPAN_S[match.group(2)])


def format_seconds(seconds: float) -> str:
    """A duration for people: ``183.4 us``, ``12.0 ms``, ``3.2 s``."""
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"), (1.0, 1e3, "ms")):
        if abs(seconds) < limit:
            return f"{seconds * factor:.4g} {unit}"
    return f"{seconds:.4g} s"


def ceil_to(seconds: float, step_s: float) -> float:
    """``seconds`` rounded up to a multiple of ``step_s``, robust against binary fractions."""
    return math.ceil(round(seconds / step_s, 6)) * step_s
