"""Windows: counts, binary point, ends and targets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.errors import DataError
from ntorc.estimator.runs import Run, Runs
from ntorc.estimator.windows import (
    ADC_LSB_V,
    choose_fraction_bits,
    cut,
    spikes,
    to_counts,
    to_input,
    window_ends,
)


def ramp(name: str, samples: int, start: int = 0) -> Run:
    """Counts and positions that tell their own index."""
    counts = np.arange(start, start + samples)
    return Run(name, "f", (counts * ADC_LSB_V).astype(np.float32), (counts * 1e-3).astype(np.float32))


def test_the_converter_has_14_bits_over_20_volts() -> None:
    assert math.isclose(ADC_LSB_V * 2**14, 20.0)
    volts = np.array([0.0, ADC_LSB_V, -ADC_LSB_V, 9.9999, -10.0, 50.0, -50.0, 0.4 * ADC_LSB_V], np.float32)
    assert to_counts(volts).tolist() == [0, 1, -1, 8191, -8192, 8191, -8192, 0]


def test_recorded_runs_are_counts_without_loss(dropbear: Runs) -> None:
    for run in dropbear:
        back_v = to_counts(run.acceleration_v) * ADC_LSB_V
        unclipped = np.abs(run.acceleration_v) < 9.999
        assert np.abs(back_v - run.acceleration_v)[unclipped].max() < 0.006 * ADC_LSB_V


@given(st.lists(st.integers(-8192, 8191), min_size=1, max_size=50), st.integers(0, 13))
def test_inputs_are_the_counts_with_a_binary_point(values: list[int], bits: int) -> None:
    counts = np.array(values, dtype=np.int16)
    inputs = to_input(counts, bits)
    assert inputs.dtype == np.float32
    assert (inputs.astype(np.float64) * 2.0**bits == counts).all()


@given(st.integers(1, 600), st.integers(1, 300), st.integers(1, 60))
def test_ends_of_windows(samples: int, window: int, hop: int) -> None:
    ends = window_ends(samples, window, hop)
    assert ends.tolist() == [end for end in range(samples) if end >= window - 1 and (end - window + 1) % hop == 0]


def test_windows_are_the_samples_before_their_target() -> None:
    runs = [ramp("a", 300), ramp("b", 400, start=1000)]
    windows = cut(runs, 64, 16)
    inputs = windows.inputs(0)
    assert inputs.shape == (windows.ends.size, 64, 1)
    assert windows.names == ("a", "b")
    for window, target_v, number in zip(inputs[:, :, 0], windows.target_v, windows.run, strict=True):
        assert (np.diff(window) == 1.0).all(), "a window reaches over the end of a run"
        assert target_v == pytest.approx(window[-1] * 1e-3, rel=1e-6)
        assert (window[0] >= 1000) == (number == 1)
    assert inputs[0, 0, 0] == 0.0
    assert inputs[1, 0, 0] == 16.0
    assert windows.run.tolist() == [0] * 15 + [1] * 22
    np.testing.assert_array_equal(windows.inputs(3, slice(4, 6)), inputs[4:6] / 8.0)


def test_short_runs_give_no_windows() -> None:
    assert cut([ramp("a", 300), ramp("b", 400)], 350, 1).run.tolist() == [1] * 51
    with pytest.raises(DataError, match="no run is as long"):
        cut([ramp("a", 300)], 301, 1)
    with pytest.raises(DataError, match="no run"):
        cut([], 10, 1)


def test_the_binary_point_brings_the_spread_near_one() -> None:
    generator = np.random.default_rng(2)
    for spread in (1.0, 3.0, 40.0, 700.0):
        counts = [to_counts((generator.normal(0.0, spread, 4000) * ADC_LSB_V).astype(np.float32))]
        inputs = to_input(counts[0], choose_fraction_bits(counts))
        assert 0.7 < np.sqrt(np.mean(inputs**2)) < 1.5
    with pytest.raises(DataError, match="zero in all runs"):
        choose_fraction_bits([np.zeros(9, np.int16)])


def test_the_spike_of_the_recorded_data_is_found(dropbear: Runs) -> None:
    found = {run.name: np.flatnonzero(spikes(run.position_v)) for run in dropbear}
    with_spike = dropbear["Standard_Index_Set_test10"]
    assert with_spike.position_v.argmax() in found[with_spike.name]
    assert sum(places.size for places in found.values()) < 50


def test_windows_on_spikes_can_be_left_out() -> None:
    run = ramp("a", 400)
    position_v = run.position_v.copy()
    position_v[200] = 9.0
    spiked = Run("a", "f", run.acceleration_v, position_v)
    kept, all_of_them = (cut([spiked], 64, 1, skip_spikes=skip) for skip in (True, False))
    assert set(all_of_them.ends) - set(kept.ends) == {200}
