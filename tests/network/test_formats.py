"""Fixed-point formats against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat, format_for_range
from ntorc.network.reference import requantise

formats = st.builds(
    FixedFormat,
    st.integers(2, 20),
    st.integers(-4, 20),
    st.sampled_from(["truncate", "half_up"]),
    st.sampled_from(["wrap", "saturate"]),
)


def exact(value: Fraction, word: FixedFormat) -> int:
    """What the format must give for a value, by rational arithmetic."""
    scaled = value * Fraction(2) ** word.fraction
    integer = math.floor(scaled + Fraction(1, 2)) if word.rounding == "half_up" else math.floor(scaled)
    if word.overflow == "saturate":
        return min(max(integer, word.minimum), word.maximum)
    span = 1 << word.bits
    return (integer + span // 2) % span - span // 2


@given(formats, st.integers(-(2**40), 2**40), st.integers(-4, 30))
def test_requantise_is_exact(word: FixedFormat, integer: int, fraction: int) -> None:
    got = requantise(np.array([integer], np.int64), fraction, word)[0]
    assert got == exact(Fraction(integer) / Fraction(2) ** fraction, word)


@given(formats, st.floats(-1e4, 1e4))
def test_quantise_is_exact(word: FixedFormat, value: float) -> None:
    assert word.quantise([value])[0] == exact(Fraction(value), word)


@given(st.integers(2, 24), st.floats(1e-6, 1e6), st.floats(1.0, 4.0))
def test_chosen_format_holds_the_range_and_wastes_no_bit(bits: int, largest: float, headroom: float) -> None:
    word = format_for_range(bits, largest, headroom)
    bound = max(largest * headroom, 2.0**-24)
    assert math.floor(bound * 2.0**word.fraction + 0.5) <= word.maximum
    finer = FixedFormat(bits, word.fraction + 1)
    assert (
        math.floor(bound * 2.0**finer.fraction + 0.5) > finer.maximum or bound * 2.0**finer.fraction > finer.maximum / 2
    )


@pytest.mark.parametrize("bits", [1, 63, 0, -3])
def test_unsupported_widths_are_refused(bits: int) -> None:
    with pytest.raises(DataError, match="bits"):
        FixedFormat(bits, 0)
