"""Flags rise at injected faults and stay down without; errors are judged by regime and with their delay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import DataError
from ntorc.estimator.flagger import Flagger
from ntorc.estimator.flags import (
    FLAG_NAMES,
    NOT_WARMED_UP,
    OUT_OF_RANGE,
    SENSOR_FAULT,
    TOO_QUIET,
    FlagLimits,
    flags_of,
    held_and_clamped,
    run_lengths,
    trailing_sum,
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


@pytest.mark.parametrize("flag", [TOO_QUIET, SENSOR_FAULT, TOO_QUIET | SENSOR_FAULT])
def test_what_is_quiet_or_at_fault_is_held(flag: int) -> None:
    bits = np.array([0, flag, flag, OUT_OF_RANGE, flag], np.uint8)
    found = held_and_clamped(np.array([2.0, 2.5, 3.0, 4.0, 1.0]), bits, (1.14, 3.44))
    np.testing.assert_allclose(found, [2.0, 2.0, 2.0, 3.44, 3.44])


pieces = st.lists(
    st.tuples(st.sampled_from(["noise", "quiet", "constant", "limit", "offset"]), st.integers(1, 2000)),
    min_size=1,
    max_size=6,
)


@given(pieces=pieces, frame=st.sampled_from([1, 16, 40]), warm_up=st.integers(0, 30), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_a_loop_says_the_same_as_the_whole_recording(
    pieces: list[tuple[str, int]], frame: int, warm_up: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    parts = {
        "noise": lambda n: np.round(generator.normal(0.0, 200.0, n)),
        "quiet": lambda n: np.round(generator.normal(0.0, 2.0, n)),
        "constant": lambda n: np.full(n, generator.integers(-3, 3)),
        "limit": lambda n: np.full(n, 8191),
        "offset": lambda n: np.round(generator.normal(300.0, 200.0, n)),
    }
    counts = np.concatenate([parts[kind](length) for kind, length in pieces]).clip(-8192, 8191).astype(np.int64)
    counts = counts[: 400 * frame]
    frames = len(counts) // frame
    estimates = generator.uniform(0.9, 3.7, frames)
    limits = replace(LIMITS, warm_up_frames=warm_up)
    wanted = flags_of(counts, estimates, frame, limits, RATE)
    flagger = Flagger(frame, limits, RATE)
    for _ in range(2):  # again from a reset
        found = [flagger.judge(counts[n * frame : (n + 1) * frame], estimates[n]) for n in range(frames)]
        assert [one.flags for one in found] == wanted.tolist()
        usable = held_and_clamped(estimates, wanted, limits.valid_range_v) if frames else np.zeros(0)
        assert [one.usable_v for one in found] == usable.tolist()
        flagger.reset()


def test_a_loop_must_give_whole_frames() -> None:
    with pytest.raises(DataError, match="no frame"):
        Flagger(16, LIMITS).judge(np.zeros(15, np.int64), 2.0)


def test_a_window_has_seen_more_than_its_hop() -> None:
    counts = rig_noise(6_000, 0.2)
    whole = flags_of(counts, np.full(375, 2.0), FRAME, LIMITS, RATE)
    late = flags_of(counts, np.full(369, 2.0), FRAME, replace(LIMITS, warm_up_frames=34), RATE, lead=96)
    assert late.tolist() == whole[6:].tolist()


def test_helpers_against_plain_loops() -> None:
    values = np.random.default_rng(3).integers(0, 2, 200)
    wanted, count = [], 0
    for index, value in enumerate(values):
        count = count + 1 if index and value == values[index - 1] else 1
        wanted.append(count)
    assert run_lengths(values).tolist() == wanted
    ends = np.arange(16, 201, 16)
    assert trailing_sum(values, ends, 50).tolist() == [values[max(end - 50, 0) : end].sum() for end in ends]


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
    assert all(fault.flagged_before == 0.0 for fault in found.faults.values())
    assert all(fault.delay_s is not None and fault.delay_s < 0.15 for fault in found.faults.values())
    # undisturbed: no sensor fault at all, and the rests of the motion are what is called quiet
    assert found.false_alarms == 0.0
    assert found.false_out_of_range < 0.02
    quiet = np.concatenate([regimes_of(run, FRAME)[network.warm_up :] for run in runs]) == REGIMES.index("quiet dwell")
    assert quiet.mean() <= found.quiet < 0.5
    assert found.rmse_not_quiet_v is not None
    assert found.runs == tuple(run.name for run in runs)


def test_a_flag_that_was_up_before_is_no_detection() -> None:
    """Volts that are a converter's counts: the flag of the sensor is up all the time, and says nothing of a fault."""
    estimator, network = load_ready(shipped_folder())
    runs = [replace(run, acceleration_v=run.acceleration_v * 800) for run in simulate_runs(
        seed=11, trajectories=1, replicas=1, duration_s=3.0
    )]  # fmt: skip
    found = robustness_of(network, runs, FlagLimits(network.warm_up, estimator.valid_range_v), 48.6)
    assert found.false_alarms > 0.7
    dead = found.faults["dead"]
    assert (dead.runs_detected, dead.detected, dead.delay_s, dead.flagged_before) == (0.0, 0.0, None, 1.0)


def test_flags_of_a_measurement_are_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from ntorc.pipeline.measured import flagged

    estimator, network = load_ready(shipped_folder())
    counts = np.concatenate([rig_noise(20_000, 0.2), np.zeros(4_000, np.int64), rig_noise(8_000, 0.002)])
    values = network.output_format.quantise(np.linspace(0.8, 3.9, 2_000))
    bits = flags_of(
        counts, network.output_format.values(values), FRAME, FlagLimits(network.warm_up, estimator.valid_range_v), RATE
    )
    wanted = {name: int(np.count_nonzero(bits & flag)) for flag, name in FLAG_NAMES.items()}
    wanted[flagged.NONE] = int(np.count_nonzero(bits == 0))
    assert min(wanted.values()) > 0
    for piece in (50_000, 300, 7):
        monkeypatch.setattr(flagged, "_PIECE", piece)
        assert flagged.flag_counts(counts, values, network, FRAME, estimator) == wanted


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
