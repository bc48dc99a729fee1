"""Flags rise at injected faults and stay down without; errors are judged by regime and with their delay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ntorc.errors import DataError
from ntorc.estimator.flags import (
    NOT_WARMED_UP,
    OUT_OF_RANGE,
    SENSOR_FAULT,
    TOO_QUIET,
    FlagLimits,
    flags_of,
    held_and_clamped,
    run_lengths,
    trailing_mean,
)
from ntorc.estimator.metrics import REGIMES, measure_errors, regimes_of
from ntorc.estimator.named_splits import PAPER_TEST, holding_out, leaky, paper, simulated_then_recorded
from ntorc.estimator.robustness import CHANGES, FAULT_AT, FAULTS, robustness_of
from ntorc.estimator.runs import Run, Runs
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.windows import ADC_LSB_V, to_counts
from ntorc.pipeline.estimator.shipped import load_ready, shipped_folder

LIMITS = FlagLimits(40, (1.14, 3.44))
FRAME, RATE = 16, 5000.0


def rig_noise(samples: int, rms_v: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0.0, rms_v, samples)
    return np.round(noise / ADC_LSB_V).astype(np.int64)


def flags(counts: np.ndarray, estimates_v: np.ndarray | None = None) -> np.ndarray:
    given = np.full(len(counts) // FRAME, 2.0) if estimates_v is None else estimates_v
    return flags_of(counts, given, FRAME, LIMITS, RATE)


def test_a_working_sensor_raises_no_fault() -> None:
    found = flags(rig_noise(40_000, 0.2))
    assert set(found[:40]) == {NOT_WARMED_UP}
    assert not found[40:].any()


def test_a_quiet_one_is_called_quiet_and_no_fault() -> None:
    found = flags(rig_noise(40_000, 0.0015))
    assert set(found[40:]) == {TOO_QUIET}


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("rms_v", [0.0015, 0.4])
def test_every_fault_is_reported_soon(name: str, rms_v: float) -> None:
    volts = rig_noise(50_000, rms_v) * ADC_LSB_V
    counts = to_counts(FAULTS[name](volts, np.random.default_rng(2)).astype(np.float32)).astype(np.int64)
    found = (flags(counts) & SENSOR_FAULT) != 0
    begin = int(FAULT_AT * 50_000) // FRAME
    assert not found[:begin].any()
    assert np.flatnonzero(found)[0] - begin <= 0.15 * RATE / FRAME
    assert found[begin + round(0.15 * RATE / FRAME) :].all()


def test_estimates_outside_are_flagged_clamped_and_held() -> None:
    estimates = np.array([1.0, 2.0, 3.6, 3.45, 2.5])
    found = flags_of(rig_noise(80, 0.2), estimates, FRAME, replace(LIMITS, warm_up_frames=0), RATE)
    assert ((found & OUT_OF_RANGE) != 0).tolist() == [True, False, True, False, False]
    bits = np.array([0, 0, 0, SENSOR_FAULT, SENSOR_FAULT], np.uint8)
    np.testing.assert_allclose(held_and_clamped(estimates, bits, (1.14, 3.44)), [1.14, 2.0, 3.44, 3.44, 3.44])


def test_helpers_against_plain_loops() -> None:
    values = np.random.default_rng(3).integers(0, 2, 200)
    wanted, count = [], 0
    for index, value in enumerate(values):
        count = count + 1 if index and value == values[index - 1] else 1
        wanted.append(count)
    assert run_lengths(values).tolist() == wanted
    ends = np.arange(16, 201, 16)
    means = [values[max(end - 50, 0) : end].mean() for end in ends]
    np.testing.assert_allclose(trailing_mean(values.astype(float), ends, 50), means)


def staircase() -> Run:
    """A second at rest, a move of half a second over 1 V, a second at rest that vibrates."""
    position = np.concatenate([np.full(5000, 1.5), np.linspace(1.5, 2.5, 2500), np.full(5000, 2.5)])
    acceleration = np.concatenate([rig_noise(5000, 0.002), rig_noise(7500, 0.3)]) * ADC_LSB_V
    return Run("stairs", "test", acceleration.astype(np.float32), position.astype(np.float32))


def test_regimes_of_a_staircase() -> None:
    found = regimes_of(staircase(), FRAME)
    times = (np.arange(len(found)) + 1) * FRAME / RATE
    assert {REGIMES[index] for index in found[(times > 0.1) & (times < 0.97)]} == {"quiet dwell"}
    assert {REGIMES[index] for index in found[(times > 1.03) & (times < 1.47)]} == {"moving"}
    assert {REGIMES[index] for index in found[times > 1.55]} == {"vibrating dwell"}


@pytest.mark.parametrize("lag", [0, 40, 100])
def test_errors_and_their_delay(lag: int) -> None:
    run = staircase()
    ends = np.arange(FRAME - 1, run.samples, FRAME)
    late = run.position_v[np.maximum(ends - lag, 0)].astype(np.float64) + 0.01
    found = measure_errors([run], [late], FRAME, 5, (1.14, 3.44), 43.6)
    assert found.delay_s == pytest.approx(lag / RATE, abs=4e-4)
    assert found.rmse_undelayed_v == pytest.approx(0.01, abs=2e-3)
    assert found.rmse_mm == pytest.approx(43.6 * found.total.rmse_v)
    if lag == 0:
        assert found.total.rmse_v == pytest.approx(0.01, abs=1e-6)
        assert found.total.max_v == pytest.approx(0.01, abs=1e-6)
    assert found.by_regime["moving"].bias_v == pytest.approx(0.01 - 2.0 * lag / RATE, abs=4e-3)
    with pytest.raises(DataError, match="warm-up"):
        measure_errors([run], [late], FRAME, 10_000, (1.14, 3.44), 43.6)


def test_the_shipped_estimator_under_faults() -> None:
    """Without the recorded data: on simulated runs, which it has never seen."""
    estimator, network = load_ready(shipped_folder())
    runs = simulate_runs(seed=11, trajectories=2, replicas=1, duration_s=3.0)
    limits = FlagLimits(network.warm_up, estimator.valid_range_v)
    found = robustness_of(network, list(runs), limits, 48.6)
    assert set(found.rmse_v) == set(CHANGES)
    # words are cut off towards minus infinity, so that a rest of a few millivolts is not quite the same upside down
    assert found.rmse_v["sign"] == pytest.approx(found.rmse_v["nominal"], rel=0.1)
    assert all(fault.runs_detected == 1.0 and fault.detected > 0.99 for fault in found.faults.values())


def test_splits_by_name(dropbear: Runs) -> None:
    split = holding_out(dropbear, ("set2", "set5", "set8", "set9"), ("set3", "set7"))
    assert (split.name, len(split.test), len(split.validation)) == ("honest", 6, 4)
    assert all(any(f"_{word}_" in name for word in ("set2", "set5", "set8", "set9")) for name in split.test)
    published = paper(dropbear)
    assert (published.name, published.test) == ("paper", tuple(sorted(PAPER_TEST)))
    held = {published.trajectories[name] for name in published.validation}
    assert held.isdisjoint({published.trajectories[name] for name in (*published.train, *published.test)})
    with pytest.raises(DataError, match="set77"):
        holding_out(dropbear, ("set77",), ("set3",))


def test_comparison_splits_of_simulated_runs() -> None:
    simulated = simulate_runs(seed=5, trajectories=4, replicas=1, duration_s=4.0)
    pieces, split = leaky(simulated, piece_s=1.0)
    assert split.name == "leaky"
    assert sum(run.samples for run in pieces) >= 0.9 * sum(run.samples for run in simulated)
    assert {split.trajectories[name] for name in split.test} & {split.trajectories[name] for name in split.train}
    recorded = Runs(tuple(replace(run, name=f"R_{run.name}") for run in simulated), "recorded")
    together, split = simulated_then_recorded(simulated, recorded)
    assert set(split.test) == {run.name for run in recorded}
    assert set(split.train) | set(split.validation) == {run.name for run in simulated}
    assert len(together) == 8
