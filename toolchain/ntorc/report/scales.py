"""From values to places on paper: scales, round ticks, and long series thinned without losing a peak."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map of ``low..high`` to ``start..end``."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, wanted: int) -> list[float]:
        """About ``wanted`` round values inside the range."""
        return log_ticks(self.low, self.high) if self.is_log else linear_ticks(self.low, self.high, wanted)


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """The range with some air at both ends; never empty."""
    room = (high - low) * share
    if is_one_value(low, high):
        room = abs(high) * share or share
    return low - room, high + room


def is_one_value(low: float, high: float) -> bool:
    """Whether the ends differ by no more than what arithmetic leaves behind."""
    return high - low <= 1e-9 * max(abs(low), abs(high))


def linear_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within ``low..high``."""
    raw = (high - low) / max(wanted, 1)
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= 0.7 * raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within ``low..high``; with 2 and 5 times them when there are few."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1.0,), (1.0, 2.0, 5.0)):
        found = [
            float(f"{factor * 10.0**decade:.12g}")
            for decade in decades
            for factor in factors
            if low <= factor * 10.0**decade <= high
        ]
        if len(found) >= 3:
            break
    return found


def tick_label(value: float) -> str:
    """A tick's number, grouped, without needless digits and with all that tell it from the next tick."""
    if value and (abs(value) >= 1e9 or abs(value) < 1e-4):
        return f"{value:.6g}".replace("-", "\u2212")
    whole, _, fraction = f"{abs(value):.12g}".partition(".")
    written = f"{int(whole):,}" + (f".{fraction}" if fraction else "")
    return f"\u2212{written}" if value < 0 else written


def thinned(x: FloatArray, y: FloatArray, columns: int) -> tuple[FloatArray, FloatArray]:
    """At most ``2 * columns`` points that keep the extremes of every column.

    Args:
        x: [n] not decreasing.
        y: [n].
        columns: how many columns the drawing can tell apart.

    Returns:
        x and y of the smallest and the largest value in each column, in their order.
    """
    if len(x) <= 2 * columns:
        return x, y
    span = float(x[-1] - x[0]) or 1.0
    column = np.minimum(((x - x[0]) / span * columns).astype(np.int64), columns - 1)
    kept: list[int] = []
    for part in np.split(np.arange(len(x)), np.flatnonzero(np.diff(column)) + 1):
        ends = sorted({int(part[np.argmin(y[part])]), int(part[np.argmax(y[part])])})
        kept.extend(ends)
    chosen = np.array(kept)
    return x[chosen], y[chosen]


@dataclass(frozen=True)
class Histogram:
    """Counts [n] between edges [n + 1]."""

    edges: FloatArray
    counts: npt.NDArray[np.int64]


def integer_histogram(values: npt.NDArray[np.int64], most: int = 48) -> Histogram:
    """Bins whose edges lie half way between whole numbers, at most ``most`` of them."""
    low, high = int(values.min()), int(values.max())
    width = max(1, math.ceil((high - low + 1) / most))
    bins = math.ceil((high - low + 1) / width)
    edges = low - 0.5 + width * np.arange(bins + 1, dtype=np.float64)
    return Histogram(edges, np.histogram(values, edges)[0].astype(np.int64))


def time_histogram(values_s: FloatArray, bins: int = 48) -> tuple[Histogram, bool]:
    """Bins of equal width, or of equal ratio (then True) when the values span a factor of six or more."""
    low, high = float(values_s.min()), float(values_s.max())
    is_log = low > 0.0 and high / low >= 6.0
    if is_one_value(low, high):
        low, high = padded(low, high)
    edges = np.geomspace(low, high, bins + 1) if is_log else np.linspace(low, high, bins + 1)
    edges[0], edges[-1] = low, high
    return Histogram(edges, np.histogram(values_s, edges)[0].astype(np.int64)), is_log
