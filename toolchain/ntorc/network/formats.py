"""Fixed-point formats: a word of ``bits`` whose value is integer * 2**-fraction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError

IntArray = npt.NDArray[np.int64]
Rounding = Literal["truncate", "half_up"]
Overflow = Literal["wrap", "saturate"]


@dataclass(frozen=True)
class FixedFormat:
    """A signed fixed-point format.

    Attributes:
        bits: width of the word, sign included, 2..62.  (Words between layers of gateware: at most 32.)
        fraction: fraction bits; may be negative or exceed ``bits``.
        rounding: how bits below the last are removed: toward minus infinity, or half up (floor(x+.5)).
        overflow: what happens outside the range.
    """

    bits: int
    fraction: int
    rounding: Rounding = "half_up"
    overflow: Overflow = "saturate"

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 62:
            raise DataError(f"a fixed-point word of {self.bits} bits is not supported", "use 2 to 62 bits")

    @property
    def minimum(self) -> int:
        """The smallest integer of the word."""
        return -(1 << (self.bits - 1))

    @property
    def maximum(self) -> int:
        """The largest integer of the word."""
        return (1 << (self.bits - 1)) - 1

    @property
    def step(self) -> float:
        """The value of one unit in the last place."""
        return 2.0**-self.fraction

    def fit(self, integers: IntArray) -> IntArray:
        """Bring integers of this fraction into the word by its overflow rule."""
        if self.overflow == "saturate":
            return np.clip(integers, self.minimum, self.maximum)
        span = 1 << self.bits
        return (integers - self.minimum) % span + self.minimum

    def quantise(self, values: npt.ArrayLike) -> IntArray:
        """Real values to integers of this format (nearest, half up, or truncated; then `fit`)."""
        scaled = np.asarray(values, np.float64) * 2.0**self.fraction
        rounded = np.floor(scaled + 0.5) if self.rounding == "half_up" else np.floor(scaled)
        return self.fit(rounded.astype(np.int64))

    def values(self, integers: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Integers of this format to real values (exact)."""
        return np.asarray(integers, np.float64) * self.step

    def __str__(self) -> str:
        return f"fixed<{self.bits},{self.bits - self.fraction}>"


def format_for_range(bits: int, largest: float, headroom: float = 1.0) -> FixedFormat:
    """The format of ``bits`` with most fraction bits that holds +-``largest`` * ``headroom`` unsaturated."""
    largest = max(float(largest) * headroom, 2.0**-24)
    fraction = bits - 1 - math.ceil(math.log2(largest))
    maximum = (1 << (bits - 1)) - 1
    if math.floor(largest * 2.0**fraction + 0.5) > maximum:
        fraction -= 1
    return FixedFormat(bits, fraction)


def requantise(sums: IntArray, fraction: int, word: FixedFormat) -> IntArray:
    """Integers with ``fraction`` fraction bits to the format ``word``."""
    shift = fraction - word.fraction
    if shift <= 0:
        return word.fit(sums << -shift)
    if word.rounding == "half_up":
        sums = sums + (1 << (shift - 1))
    return word.fit(sums >> shift)
