"""Quantiles against their definition, bounds against the binomial distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import MeasurementError, UsageError
from ntorc.measure.statistics import miss_bound, quantiles, samples_needed


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=300))
def test_quantiles_are_values_that_enough_others_do_not_exceed(values: list[float]) -> None:
    found = quantiles(values)
    for share, value in ((0.5, found.p50), (0.99, found.p99), (0.99999, found.p99_999)):
        assert value in values
        assert sum(v <= value for v in values) >= share * len(values) - 1e-9
        assert sum(v < value for v in values) < share * len(values) + 1e-9
    assert found.max == max(values)
    assert found.p50 <= found.p99 <= found.p99_999 <= found.max


def test_tail_of_few_values_is_their_maximum() -> None:
    assert quantiles(np.arange(1000)).p99_999 == 999
    assert quantiles(np.arange(1_000_000)).p99_999 == 999_989


@pytest.mark.parametrize("values", [[], [math.nan], [1.0, math.inf]])
def test_no_values(values: list[float]) -> None:
    with pytest.raises(MeasurementError):
        quantiles(values)


def binomial_tail(misses: int, samples: int, p: float) -> float:
    """Probability of at most ``misses`` in ``samples`` trials, summed as it is defined."""
    return math.fsum(math.comb(samples, k) * p**k * (1 - p) ** (samples - k) for k in range(misses + 1))


@given(st.integers(1, 200), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
@settings(deadline=None)
def test_bound_is_where_so_few_misses_become_improbable(samples: int, data: st.DataObject, confidence: float) -> None:
    misses = data.draw(st.integers(0, samples - 1))
    bound = miss_bound(misses, samples, confidence)
    assert misses / samples < bound < 1
    assert binomial_tail(misses, samples, bound) == pytest.approx(1 - confidence, rel=1e-6)


def test_rule_of_three_and_extremes() -> None:
    assert miss_bound(0, 300_000) == pytest.approx(1 - 0.05 ** (1 / 300_000), rel=1e-9)
    assert miss_bound(5, 5) == 1.0


@pytest.mark.parametrize(
    ("misses", "samples", "confidence"),
    [
        (-1, 5, 0.95),
        (6, 5, 0.95),
        (0, 0, 0.95),
        (0, 5, 0.0),
        (0, 5, 1.0),
        (0, 5, math.nan),
    ],
)
def test_what_is_no_experiment(misses: int, samples: int, confidence: float) -> None:
    with pytest.raises(UsageError):
        miss_bound(misses, samples, confidence)


def test_samples_for_the_default_miss_probability() -> None:
    assert samples_needed(1e-5) == math.ceil(math.log(0.05) / math.log1p(-1e-5)) == 299_572


@given(st.floats(1e-7, 0.9), st.integers(0, 20), st.sampled_from([0.5, 0.95, 0.999]))
@settings(deadline=None, max_examples=50)
def test_one_sample_less_does_not_do(bound: float, misses: int, confidence: float) -> None:
    needed = samples_needed(bound, misses, confidence)
    assert miss_bound(misses, needed, confidence) <= bound
    assert needed == misses + 1 or miss_bound(misses, needed - 1, confidence) > bound


@pytest.mark.parametrize(("bound", "misses"), [(0.0, 0), (1.0, 0), (-1.0, 0), (0.1, -1)])
def test_what_cannot_be_shown(bound: float, misses: int) -> None:
    with pytest.raises(UsageError):
        samples_needed(bound, misses)
