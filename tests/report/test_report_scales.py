"""Scales, ticks, bins and thinning, for all values that can come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntorc.report.scales import (
    Scale,
    integer_histogram,
    linear_ticks,
    log_ticks,
    padded,
    thinned,
    tick_label,
    time_histogram,
)

VALUES = st.floats(-1e6, 1e6)


@given(VALUES, st.floats(1e-6, 1e6), st.integers(2, 12))
def test_linear_ticks_are_round_few_and_inside(low: float, span: float, wanted: int) -> None:
    high = low + span
    if (high - low) < 1e-6 * abs(high):
        return
    ticks = linear_ticks(low, high, wanted)
    assert 1 <= len(ticks) <= 2 * wanted + 2
    assert ticks == sorted(ticks)
    room = 1e-6 * (high - low)
    assert all(low - room <= tick <= high + room for tick in ticks)
    if len(ticks) > 1:
        step = ticks[1] - ticks[0]
        mantissa = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
        assert min(abs(mantissa - factor) for factor in (1, 2, 5, 10)) < 1e-2


@given(st.floats(1e-9, 1e3), st.floats(1.5, 1e9))
def test_log_ticks_lie_inside(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio)
    assert all(low <= tick <= low * ratio for tick in ticks)
    assert ticks == sorted(ticks)
    if ratio >= 10:
        assert ticks


def test_scales_map_ends_to_ends() -> None:
    assert [Scale(0, 10, 100, 200)(value) for value in (0, 5, 10)] == [100, 150, 200]
    assert [round(Scale(1, 100, 0, 2, True)(value), 9) for value in (1, 10, 100)] == [0, 1, 2]


@given(VALUES)
def test_one_value_has_room_around_it(value: float) -> None:
    low, high = padded(value, value)
    assert low < value < high


@pytest.mark.parametrize("value, label", [
    (0.0, "0"), (1500.0, "1,500"), (-0.5, "−0.5"), (2e-5, "2e−05"), (123456.0, "123,456"), (0.1 + 0.2, "0.3"),
    (1982.5, "1,982.5"), (-12345.25, "−12,345.25"), (1e9, "1e+09"),
])  # fmt: skip
def test_tick_labels(value: float, label: str) -> None:
    assert tick_label(value) == label


@given(arrays(np.float64, st.integers(1, 400), elements=VALUES), st.integers(1, 20))
def test_thinning_keeps_every_columns_extremes(y: np.ndarray, columns: int) -> None:
    x = np.arange(len(y)) * 0.5
    thin_x, thin_y = thinned(x, y, columns)
    assert len(thin_x) == len(thin_y) <= max(2 * columns, 1)
    assert np.all(np.diff(thin_x) > 0)
    assert set(zip(thin_x, thin_y, strict=True)) <= set(zip(x, y, strict=True))
    if len(y) > 2 * columns:
        column = np.minimum((x / x[-1] * columns).astype(int), columns - 1)
        kept = np.minimum((thin_x / x[-1] * columns).astype(int), columns - 1)
        for k in np.unique(column):
            assert thin_y[kept == k].min() == y[column == k].min()
            assert thin_y[kept == k].max() == y[column == k].max()


@given(arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 2**31)))
def test_cycle_bins_count_everything_once(values: np.ndarray) -> None:
    bins = integer_histogram(values)
    assert bins.counts.sum() == len(values)
    assert 1 <= len(bins.counts) <= 48
    assert len(bins.edges) == len(bins.counts) + 1
    assert np.all(bins.edges % 1 == 0.5)


@given(arrays(np.float64, st.integers(1, 200), elements=st.floats(0, 100)))
def test_time_bins_count_everything_once(values: np.ndarray) -> None:
    bins, is_log = time_histogram(values)
    assert bins.counts.sum() == len(values)
    assert np.all(np.diff(bins.edges) >= 0)
    assert bins.edges[0] < bins.edges[-1]
    if is_log:
        assert bins.edges[0] > 0


@given(VALUES, st.floats(1e-3, 1e6), st.integers(2, 12))
def test_no_two_ticks_have_one_label(low: float, span: float, wanted: int) -> None:
    if span > 1e-5 * abs(low):
        labels = [tick_label(tick) for tick in linear_ticks(low, low + span, wanted)]
        assert len(labels) == len(set(labels))
