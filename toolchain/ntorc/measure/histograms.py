"""Histograms with bins of bounded relative width, as the harness makes them (``firmware/harness/hdr.h``).

The layout is that of HdrHistogram (G. Tene): below ``2**(bits + 1)`` each value has a bin of its own, above that
each power of two has ``2**bits`` bins.  A quantile is the last value of its bin, so it never understates, and
overstates by less than ``2**-bits``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.errors import MeasurementError

BITS = 7
MAX_VALUE = (1 << 40) - 1
"""Larger values are counted as this one; the maximum is kept exactly."""


def bin_lower(value: int, bits: int = BITS) -> int:
    """The smallest value of the bin that a value is in."""
    value = min(value, MAX_VALUE)
    shift = max(value.bit_length() - 1 - bits, 0)
    return value >> shift << shift


def bin_width(lower: int, bits: int = BITS) -> int:
    """How many values the bin has that begins at ``lower``."""
    return 1 << max(lower.bit_length() - 1 - bits, 0)


@dataclass(frozen=True)
class LogHistogram:
    """Counts of whole numbers.

    Attributes:
        count: of all values.
        min, max: exact; 0 without values.
        bins: smallest value and count of each bin that holds something, ascending.
        bits: the bins' resolution.
    """

    count: int
    min: int
    max: int
    bins: tuple[tuple[int, int], ...]
    bits: int = BITS

    def __post_init__(self) -> None:
        lowers = [lower for lower, _ in self.bins]
        if (
            lowers != sorted(set(lowers))
            or any(bin_lower(lower, self.bits) != lower or number <= 0 for lower, number in self.bins)
            or sum(number for _, number in self.bins) != self.count
        ):
            raise MeasurementError("a histogram's bins make no sense", "use the harness and the program of one version")

    def quantile(self, q: float) -> int:
        """The smallest number that is known not to be exceeded by a share ``q`` of the values.

        Raises:
            MeasurementError: there are no values.
        """
        if self.count == 0:
            raise MeasurementError("there are no values in this histogram", "measure again")
        rank, seen = max(1, int(np.ceil(q * self.count - 1e-9))), 0
        for lower, number in self.bins:
            seen += number
            if seen >= rank:
                last = lower + bin_width(lower, self.bits) - 1
                return self.max if last >= MAX_VALUE else min(last, self.max)  # the last bin has what is larger too
        return self.max

    def over(self, limit: int) -> tuple[int, int]:
        """Bounds of how many values exceed a limit: those in bins above it, and with those of its own bin."""
        sure = sum(number for lower, number in self.bins if lower > limit)
        own = sum(n for lower, n in self.bins if lower <= limit < lower + bin_width(lower, self.bits) - 1)
        return sure, sure + own


class HistogramBuilder:
    """Counts values block by block."""

    def __init__(self, bits: int = BITS) -> None:
        self._bits = bits
        self._counts = np.zeros((41 - bits) << bits, dtype=np.int64)
        self._min, self._max, self._count = 0, 0, 0

    def add(self, values: npt.NDArray[np.uint32] | npt.NDArray[np.uint64]) -> None:
        """Count a block of non-negative whole numbers ``[n]``."""
        if values.size == 0:
            return
        low, high = int(values.min()), int(values.max())
        self._min = low if self._count == 0 else min(self._min, low)
        self._max = max(self._max, high)
        self._count += int(values.size)
        index = _bins_of(values.astype(np.uint64, copy=False), self._bits)
        self._counts += np.bincount(index, minlength=len(self._counts))

    def histogram(self) -> LogHistogram:
        """What was counted so far."""
        filled = np.flatnonzero(self._counts)
        pairs = tuple((_lower_of(int(i), self._bits), int(self._counts[i])) for i in filled)
        return LogHistogram(self._count, self._min, self._max, pairs, self._bits)


def _bins_of(values: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.int64]:
    clipped = np.minimum(values, np.uint64(MAX_VALUE))
    # exponents of doubles are exact below 2^53
    exponent = np.frexp(clipped.astype(np.float64))[1] - 1 - bits
    shift = np.maximum(exponent, 0).astype(np.uint64)
    return ((shift << np.uint64(bits)) + (clipped >> shift)).astype(np.int64)


def _lower_of(index: int, bits: int) -> int:
    half = 1 << bits
    return index if index < 2 * half else (index % half + half) << (index // half - 1)


def merged(histograms: Iterable[LogHistogram]) -> LogHistogram:
    """One histogram of all; of equal resolution, at least one."""
    every = list(histograms)
    counts: dict[int, int] = {}
    for one in every:
        for lower, number in one.bins:
            counts[lower] = counts.get(lower, 0) + number
    filled = [one for one in every if one.count]
    return LogHistogram(
        sum(one.count for one in every),
        min((one.min for one in filled), default=0),
        max((one.max for one in filled), default=0),
        tuple(sorted(counts.items())),
        every[0].bits,
    )
