"""Activation functions of the integer network: what each is, and with which constants.

What they do to a sum is defined in `ntorc.network.reference.activate`; here are their parameters, and
how these follow from a real function and an error budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat

TableFunction = Literal["sigmoid", "tanh", "hard_sigmoid"]
IndexRounding = Literal["half_up", "toward_zero"]

HARD_SIGMOID_NUMERATOR = 1365
"""Keras' slope of 1/6 as 1365 / 2**13: .02 % below it, so the function is off by at most 1.3e-4."""
HARD_SIGMOID_SHIFT = 13
HARD_SIGMOID_CLIP_BITS = 3
"""The sum is clipped to +-2**3 before the multiplication; outside +-3 the result is constant anyway."""

_NUMERATOR_BITS = 8  # of a leaky slope
_LARGEST_SLOPE_SHIFT = 16
_STEEPEST: dict[TableFunction, float] = {"sigmoid": 0.25, "tanh": 1.0, "hard_sigmoid": 1 / 6}
_MOST_ADDRESS_BITS = 14


@dataclass(frozen=True)
class LeakyRelu:
    """x for x >= 0, else x * ``numerator`` / 2**``shift``, exactly (rounded once, with the output format)."""

    numerator: int
    shift: int
    kind: Literal["leaky_relu"] = "leaky_relu"

    def __post_init__(self) -> None:
        representable = 0 < self.numerator < 1 << _NUMERATOR_BITS and 0 < self.shift <= _LARGEST_SLOPE_SHIFT
        if not representable or self.numerator >> self.shift:
            raise DataError(
                f"a leaky slope of {self.numerator} / 2**{self.shift} is not supported",
                "the numerator is 1 to 255, the slope below 1, the shift at most 16",
            )

    @property
    def slope(self) -> float:
        """The slope on the negative side (exact)."""
        return self.numerator / (1 << self.shift)

    def __str__(self) -> str:
        return f"leaky_relu({self.numerator}>>{self.shift})"


@dataclass(frozen=True)
class Table:
    """A function read from ``2**address_bits`` words over ``[-2**range_bits, 2**range_bits)``.

    The entry of index i is the function at i steps, i = -2**(address_bits-1) .. 2**(address_bits-1)-1,
    one step being ``2**-index_fraction``.  A sum takes the nearest index (half up), or the next one
    toward zero, saturated.

    Attributes:
        function: what is tabulated.
        range_bits, address_bits: range and size.
        index_rounding: how a sum becomes an index.
        entry_format: the word in which entries are kept, before they are brought to the layer's own; None:
            straight in the layer's own.
    """

    function: TableFunction
    range_bits: int
    address_bits: int
    index_rounding: IndexRounding = "half_up"
    entry_format: FixedFormat | None = None
    kind: Literal["table"] = "table"

    def __post_init__(self) -> None:
        if not (2 <= self.address_bits <= _MOST_ADDRESS_BITS and -8 <= self.range_bits <= 8):
            raise DataError(
                f"an activation table of 2**{self.address_bits} words over +-2**{self.range_bits} is not supported",
                f"use 4 to {1 << _MOST_ADDRESS_BITS} words, and a range of 2**-8 to 2**8",
            )

    @property
    def entries(self) -> int:
        """Words of the table."""
        return 1 << self.address_bits

    @property
    def index_fraction(self) -> int:
        """Fraction bits of the index."""
        return self.address_bits - 1 - self.range_bits

    @property
    def largest_error(self) -> float:
        """Bound on |table - function| over all sums, the rounding of words left out.

        Half a step (toward zero: a whole one) times the steepest slope within the range; beyond it, what
        the function still grows.
        """
        step = 2.0**-self.index_fraction
        last = 2.0**self.range_bits - step
        tail = 1.0 - real_function(self.function, last)
        reach = 0.5 if self.index_rounding == "half_up" else 1.0
        return max(reach * step * _STEEPEST[self.function], tail)

    def __str__(self) -> str:
        toward_zero = "" if self.index_rounding == "half_up" else " toward zero"
        return f"{self.function}({self.entries}@{self.range_bits}{toward_zero})"


def real_function(name: TableFunction, x: float) -> float:
    """The function itself; hard_sigmoid as Keras 3 has it: x / 6 + 1/2, clipped to [0, 1]."""
    if name == "tanh":
        return math.tanh(x)
    if name == "sigmoid":
        return 0.5 * math.tanh(0.5 * x) + 0.5
    return min(max(x / 6 + 0.5, 0.0), 1.0)


Activation = Literal["linear", "relu", "hard_sigmoid"] | LeakyRelu | Table


def leaky_relu(slope: float) -> LeakyRelu:
    """The representable slope next to a real one: 8 significant bits, so within .4 % (powers of two exactly).

    Raises:
        DataError: not between 2**-16 and 1.
    """
    if not 2.0**-_LARGEST_SLOPE_SHIFT <= slope < 1.0:
        raise DataError(f"a leaky slope of {slope} is not supported", "use a slope from 1/65536 to below 1")
    shift = min(_NUMERATOR_BITS - math.frexp(slope)[1], _LARGEST_SLOPE_SHIFT)
    numerator = min(round(math.ldexp(slope, shift)), (1 << shift) - 1)
    while numerator % 2 == 0:
        numerator, shift = numerator // 2, shift - 1
    return LeakyRelu(numerator, shift)


def table_within(function: TableFunction, error: float) -> Table:
    """The smallest table whose `Table.largest_error` is at most ``error``.

    Raises:
        DataError: no table of at most 2**14 words is that exact.
    """
    for address_bits in range(2, _MOST_ADDRESS_BITS + 1):
        for range_bits in range(5):
            table = Table(function, range_bits, address_bits)
            if table.largest_error <= error:
                return table
    raise DataError(
        f"no table of at most {1 << _MOST_ADDRESS_BITS} words gives {function} within {error}",
        "allow a larger table error",
    )


def bounds(activation: Activation) -> tuple[float, float] | None:
    """Smallest and largest value of a bounded function, else None."""
    if activation == "hard_sigmoid":
        return 0.0, 1.0
    if isinstance(activation, Table):
        return (-1.0 if activation.function == "tanh" else 0.0), 1.0
    return None
