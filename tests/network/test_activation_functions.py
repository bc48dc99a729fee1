"""Tables, slopes and their error bounds, against functions of doubles and exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.activations import LeakyRelu, Table, leaky_relu, table_within
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense
from ntorc.network.network import random_network

tables = st.builds(Table, st.sampled_from(["sigmoid", "tanh"]), st.integers(-2, 5), st.integers(2, 12))


def function(name: str, x: float) -> float:
    return math.tanh(x) if name == "tanh" else 1.0 / (1.0 + math.exp(-x))


@settings(max_examples=50)
@given(tables, st.floats(-40, 40))
def test_a_table_is_within_its_stated_error(table: Table, x: float) -> None:
    word, fraction = FixedFormat(24, 22), 30
    total = math.floor(x * 2**fraction)
    got = word.step * int(reference.activate(table, np.array([total]), fraction, word)[0])
    assert abs(got - function(table.function, total / 2**fraction)) <= table.largest_error + word.step


@pytest.mark.parametrize("table", [table_within("tanh", 2.0**-9), table_within("sigmoid", 2.0**-9)])
def test_the_stated_error_of_a_table_is_reached(table: Table) -> None:
    """The bound is no exaggeration: somewhere the table is off by more than four fifths of it."""
    word, fraction = FixedFormat(24, 22), 16
    sums = np.arange(-(9 << fraction), 9 << fraction)
    got = word.values(reference.activate(table, sums, fraction, word))
    x = sums / 2.0**fraction
    truth = np.tanh(x) if table.function == "tanh" else 1.0 / (1.0 + np.exp(-x))
    worst = float(np.abs(got - truth).max())
    assert 0.8 * table.largest_error < worst <= table.largest_error + word.step


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("error", [0.1, 0.01, 2.0**-9, 2.0**-11])
def test_the_smallest_table_within_a_budget(name: Literal["sigmoid", "tanh"], error: float) -> None:
    table = table_within(name, error)
    assert table.largest_error <= error
    smaller = [Table(name, bits, table.address_bits - 1) for bits in range(-8, 9) if table.address_bits > 2]
    assert all(other.largest_error > error for other in smaller)


def test_default_tables_are_of_the_known_size() -> None:
    assert (table_within("sigmoid", 2.0**-9).entries, table_within("tanh", 2.0**-9).entries) == (1024, 2048)


def test_too_small_an_error_is_refused() -> None:
    with pytest.raises(DataError, match="larger table error"):
        table_within("tanh", 1e-6)


def test_tables_are_odd_and_monotone() -> None:
    word = FixedFormat(16, 14)
    words = reference.table_words(Table("tanh", 2, 10), word)
    assert words[512] == 0
    np.testing.assert_array_equal(words[513:], -words[511:0:-1])
    assert (np.diff(words) >= 0).all()
    sigmoid = reference.table_words(Table("sigmoid", 3, 10), word)
    assert sigmoid[512] == 1 << 13
    np.testing.assert_array_equal(sigmoid[513:] + sigmoid[511:0:-1], np.full(511, 1 << 14))


@given(st.floats(2.0**-8, 0.99))
def test_slopes_are_within_half_a_unit_of_their_eighth_bit(slope: float) -> None:
    found = leaky_relu(slope)
    assert abs(found.slope - slope) <= max(slope * 2.0**-8, 2.0**-17)
    assert found.numerator % 2 == 1


@pytest.mark.parametrize("exponent", range(1, 17))
def test_powers_of_two_are_exact_slopes(exponent: int) -> None:
    assert leaky_relu(2.0**-exponent) == LeakyRelu(1, exponent)


@pytest.mark.parametrize("slope", [0.0, -0.1, 1.0, 1.5, 1e-9, math.nan])
def test_other_slopes_are_refused(slope: float) -> None:
    with pytest.raises(DataError, match="slope"):
        leaky_relu(slope)


@pytest.mark.parametrize("constants", [(0, 3), (256, 9), (8, 3), (1, 0), (1, -2), (1, 17)])
def test_illegal_leaky_constants_are_refused(constants: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="leaky slope"):
        LeakyRelu(*constants)


@given(st.integers(-(2**30), 2**30), st.integers(-2, 20))
def test_hard_sigmoid_is_the_stated_line_and_near_keras(total: int, fraction: int) -> None:
    word = FixedFormat(24, 20)
    got = Fraction(int(reference.activate("hard_sigmoid", np.array([total]), fraction, word)[0]), 2**20)
    value = Fraction(total) / Fraction(2) ** fraction
    line = max(Fraction(0), min(Fraction(1), value * Fraction(1365, 8192) + Fraction(1, 2)))
    assert got == Fraction(math.floor(line * 2**20 + Fraction(1, 2)), 2**20)
    keras = max(Fraction(0), min(Fraction(1), value / 6 + Fraction(1, 2)))
    assert abs(line - keras) <= Fraction(13, 100_000)


def test_what_a_layer_cannot_hold_is_refused() -> None:
    coarse, wide = FixedFormat(8, -4), FixedFormat(30, 29)
    with pytest.raises(DataError, match="too coarse"):
        random_network(1, coarse, 4, (Dense("d", 4, 1, 1, FixedFormat(4, 0), coarse, "hard_sigmoid"),))
    with pytest.raises(DataError, match="more than 62 bits"):
        random_network(1, wide, 4, (Dense("d", 4, 1, 1, FixedFormat(26, 24), wide, LeakyRelu(1, 10)),))
