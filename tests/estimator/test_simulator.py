"""Simulated runs: right physics, plausible signals, equal for equal seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import UsageError
from ntorc.estimator.beam import Beam, reduce_beam
from ntorc.estimator.excitation import Excitation, Track
from ntorc.estimator.motions import HIGH_V, LOW_V, motions
from ntorc.estimator.rig_modes import Curve, RigModes
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import Rig, Spread, grid_places, simulate_runs, tip_velocity
from ntorc.estimator.windows import ADC_COUNTS, ADC_LSB_V
from ntorc.progress import Silent

GRID_STEP_V = (3.6 - 1.0) / 1040
BEAM_ALONE = RigModes()
ONE_RIG = np.zeros(1, np.int64)


def free_decay(rig: Rig, position_v: float, seconds: float = 2.0) -> np.ndarray:
    """Tip velocity after a knock of the frame, roller at rest."""
    samples = int(seconds * 5000)
    places = grid_places(np.full((samples, 1), position_v))
    frame = np.zeros((samples, 1))
    frame[:5] = 10.0
    return tip_velocity([rig], ONE_RIG, places, np.zeros((samples, 1)), frame, Silent())[:, 0]


@pytest.mark.parametrize("position_v", [1.2, 2.0, 2.75, 3.4])
@pytest.mark.parametrize("corrected", [False, True])
def test_free_vibration_has_the_right_frequencies(position_v: float, corrected: bool) -> None:
    """The beam's, and with the rig's factors those."""
    modes = replace(Rig().modes, decays_per_s=()) if corrected else BEAM_ALONE
    rig = replace(Rig(), modes=modes, damping_per_s=0.4, damping_s=1e-8)
    velocity = free_decay(rig, position_v)
    spectrum = np.abs(np.fft.rfft(velocity * np.hanning(velocity.size), 8 * velocity.size))
    frequencies = np.fft.rfftfreq(8 * velocity.size, 1.0 / 5000.0)
    known = rig.frequencies_hz(np.array([position_v]))[0] if corrected else Beam().frequencies_hz(position_v, 2)
    for expected_hz in known[:2]:
        near = np.abs(frequencies - expected_hz) < 0.1 * expected_hz
        assert frequencies[near][np.argmax(spectrum[near])] == pytest.approx(expected_hz, rel=2e-3)


def test_free_vibration_decays_as_damped() -> None:
    """Mass-proportional damping alone: every amplitude falls as exp(-c t / 2)."""
    velocity = free_decay(replace(Rig(), modes=BEAM_ALONE, damping_per_s=4.0, damping_s=0.0), 2.0)
    early, late = (np.sqrt(np.mean(velocity[a : a + 2000] ** 2)) for a in (500, 5500))
    assert late / early == pytest.approx(np.exp(-4.0 / 2.0 * 1.0), rel=0.02)


def test_each_mode_decays_at_its_own_rate() -> None:
    """A first mode that is gone at once leaves the second, which falls as its curve says."""
    rates = tuple(Curve((1.0, 3.0), (rate, rate)) for rate in (60.0, 5.0, 60.0, 60.0))
    velocity = free_decay(replace(Rig(), modes=RigModes((), rates)), 2.0)
    early, late = (np.sqrt(np.mean(velocity[a : a + 500] ** 2)) for a in (1500, 3000))
    assert late / early == pytest.approx(np.exp(-5.0 * 0.3), rel=0.03)


def test_a_constant_force_gives_the_static_deflection() -> None:
    rig = replace(Rig(), modes=BEAM_ALONE, damping_per_s=30.0)
    samples, position_v, force_n = 5000, 2.0, 5.0
    places = np.full((samples, 1), round((position_v - 1.0) / GRID_STEP_V), dtype=np.int64)
    force = np.zeros((samples, 1))
    force[1:] = force_n
    velocity = tip_velocity([rig], ONE_RIG, places, force, np.zeros((samples, 1)), Silent())[:, 0]
    reduced = reduce_beam(rig.beam, rig.coordinates)
    on_grid_v = 1.0 + places[0, 0] * GRID_STEP_V
    load = reduced.shape_at(rig.beam.roller_m(on_grid_v)) * force_n
    expected_m = reduced.shape_at(rig.beam.length_m) @ np.linalg.solve(reduced.stiffness_at(on_grid_v), load)
    assert velocity.sum() / 5000.0 == pytest.approx(expected_m, rel=0.02)


def test_runs_do_not_influence_each_other() -> None:
    """All runs advance in one product; each must be as if alone."""
    alone = free_decay(Rig(), 1.5, 0.5)
    samples = alone.size
    places = grid_places(np.stack([np.full(samples, v) for v in (3.0, 1.5)], axis=1))
    frame = np.random.default_rng(0).normal(size=(samples, 2))
    frame[:, 1] = 0.0
    frame[:5, 1] = 10.0
    other = Rig().varied([1], Spread())
    together = tip_velocity([other, Rig()], np.array([0, 1]), places, np.zeros((samples, 2)), frame, Silent())[:, 1]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-15)


def test_equal_seeds_give_equal_runs(simulated: Runs) -> None:
    again = simulate_runs(seed=3)
    assert again.digest == simulated.digest
    short = [simulate_runs(seed=seed, trajectories=1, replicas=1, duration_s=2.0).digest for seed in (3, 4)]
    assert short[0] != short[1]


def test_the_signal_is_what_the_converter_gives(simulated: Runs) -> None:
    for run in simulated:
        counts = run.acceleration_v.astype(np.float64) / ADC_LSB_V
        assert np.abs(counts - np.round(counts)).max() < 1e-2
        assert counts.min() >= -ADC_COUNTS
        assert counts.max() <= ADC_COUNTS - 1
        assert abs(run.acceleration_v.mean()) < 0.02


def test_moves_vibrate_and_rests_are_quiet(simulated: Runs) -> None:
    """Against the recorded runs: rests 2 mV, moves .1 to .8 V, most energy around the second mode."""
    for run in simulated:
        blocks = run.acceleration_v[: run.samples // 500 * 500].reshape(-1, 500)
        rms_v = blocks.std(axis=1)
        assert rms_v[0] < 0.005
        assert 0.1 < rms_v.max() < 6.0
        spectrum = np.abs(np.fft.rfft(run.acceleration_v)) ** 2
        frequencies = np.fft.rfftfreq(run.samples, 1.0 / 5000.0)
        shares = [
            spectrum[(frequencies >= low) & (frequencies < high)].sum() / spectrum.sum()
            for low, high in ((20.0, 60.0), (60.0, 140.0), (140.0, 300.0), (300.0, 800.0))
        ]
        assert shares[0] > 0.005
        assert shares[1] < 0.02
        assert shares[2] > 0.2
        assert shares[3] < 0.7


def test_replicas_resemble_and_differ_as_on_the_rig(simulated: Runs) -> None:
    for run in simulated:
        if run.name.endswith("_test0"):
            other = simulated[run.name[:-1] + "1"]
            correlation = np.corrcoef(run.acceleration_v, other.acceleration_v)[0, 1]
            assert 0.6 < correlation < 0.97


def test_a_stronger_drive_vibrates_more() -> None:
    weak = simulate_runs(seed=1, trajectories=1, replicas=1, duration_s=3.0)
    rig = replace(Rig(), excitation=replace(Excitation(), ripple_m_per_s2=3.0 * Excitation().ripple_m_per_s2))
    strong = simulate_runs(seed=1, trajectories=1, replicas=1, duration_s=3.0, rig=rig)
    assert strong.runs[0].acceleration_v.std() > 1.5 * weak.runs[0].acceleration_v.std()


def test_a_rigid_beam_moves_with_its_frame() -> None:
    """The accelerometer feels the frame's own acceleration, not only the beam's bending."""
    carriage = Excitation(
        ripple_m_per_s2=0.0, harmonic_n=0.0, rolling_n=0.0, rumble_m_per_s2=0.0, ambient_m_per_s2=0.0
    )
    stiff = Beam(youngs_modulus_pa=2e15, roller_stiffness_n_per_m=1e12)
    rig = Rig(stiff, carriage, BEAM_ALONE, damping_s=1e-9, coupling_hz=1e-4, acceleration_noise_v=0.0)
    run = simulate_runs(seed=2, trajectories=1, replicas=1, duration_s=3.0, rig=rig).runs[0]
    motion = motions(1, 2, run.samples, 5000.0)[0]
    track = Track.of(rig.track_seed, carriage.unevenness_per_v)
    _, frame_m_per_s2 = carriage.drive(motion, track, np.random.default_rng(0), 5000.0)
    expected_v = frame_m_per_s2 * rig.accelerometer_v_s2_per_m
    assert np.abs(expected_v).max() > 0.03
    np.testing.assert_allclose(run.acceleration_v, expected_v, atol=3.0 * ADC_LSB_V)


def test_the_ripple_sweeps_with_the_speed() -> None:
    """At a constant speed the frame shakes at that speed's multiple of the ripple's wave number."""
    motion = motions(1, 2, 5000, 5000.0)[0]
    position_v = 1.2 + 2.0 * np.arange(5000) / 5000.0
    steady = replace(motion, position_v=position_v, levels_v=position_v)
    ripple = Excitation(harmonic_n=0.0, rolling_n=0.0, rumble_m_per_s2=0.0, carriage=0.0, ambient_m_per_s2=0.0)
    _, frame_m_per_s2 = ripple.drive(steady, Track.of(1, 5.0), np.random.default_rng(0), 5000.0)
    spectrum = np.abs(np.fft.rfft(frame_m_per_s2 * np.hanning(5000)))
    assert np.argmax(spectrum) == pytest.approx(ripple.ripple_per_v * 2.0, abs=1.0)
    assert np.sqrt(np.mean(frame_m_per_s2**2)) == pytest.approx(ripple.ripple_m_per_s2 * 2.0 / np.sqrt(2.0), rel=0.25)


def test_replicas_share_the_track_and_differ_in_noise() -> None:
    motion = motions(1, 2, 15_000, 5000.0)[0]
    track = Track.of(3, 5.0)
    for repeated in (1.0, 0.5, 0.0):
        noise = Excitation(harmonic_n=0.0, ambient_m_per_s2=0.0, repeated=repeated)
        first, second = (noise.drive(motion, track, np.random.default_rng(seed), 5000.0)[0] for seed in (1, 2))
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(repeated, abs=0.1)


def test_varied_rigs_differ_and_replicas_share_theirs() -> None:
    plain = Rig()
    first, again, second = (plain.varied(seed, Spread()) for seed in ([1], [1], [2]))
    assert first == again
    assert first != second
    places_v = np.linspace(1.2, 3.4, 23)
    off = first.frequencies_hz(places_v) / plain.frequencies_hz(places_v) - 1.0
    assert 0.0 < np.abs(off[:, 0]).max() < 0.02
    none = Spread(excitation=0.0, gain=0.0, ripple=0.0, damping=0.0, frequencies=(0.0,))
    kept = replace(plain.varied([1], none), track_seed=plain.track_seed)
    np.testing.assert_allclose(kept.frequencies_hz(places_v), plain.frequencies_hz(places_v), rtol=1e-12)
    assert kept.excitation == plain.excitation
    arguments = {"seed": 1, "trajectories": 2, "replicas": 2, "duration_s": 3.0}
    varied = simulate_runs(**arguments, spread=Spread())  # type: ignore[arg-type]
    single = simulate_runs(**arguments)  # type: ignore[arg-type]
    for run, other in zip(varied, single, strict=True):
        np.testing.assert_array_equal(run.position_v, other.position_v)
        assert not np.array_equal(run.acceleration_v, other.acceleration_v)


@pytest.mark.parametrize(("positions", "values"), [((), ()), ((1.0, 2.0), (1.0,)), ((2.0, 1.0), (1.0, 1.0))])
def test_curves_that_are_none_are_refused(positions: tuple[float, ...], values: tuple[float, ...]) -> None:
    with pytest.raises(UsageError):
        Curve(positions, values)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 9), st.floats(2.0, 15.0))
def test_every_motion_stays_on_the_track(seed: int, count: int, duration_s: float) -> None:
    samples = int(duration_s * 5000)
    made = motions(count, seed, samples, 5000.0)
    assert len({motion.label for motion in made}) == count
    for motion in made:
        assert motion.position_v.shape == motion.levels_v.shape == (samples,)
        assert motion.position_v.min() >= LOW_V - 1e-9
        assert motion.position_v.max() <= HIGH_V + 1e-9
        assert np.abs(np.diff(motion.position_v)).max() * 5000.0 < 20.0  # V/s; the rig reaches 9


@pytest.mark.parametrize(
    "arguments",
    [
        {"trajectories": 0},
        {"replicas": 0},
        {"seed": -1},
        {"duration_s": 1.0},
        {"duration_s": 1e6},
        {"duration_s": float("nan")},
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        simulate_runs(**arguments)  # type: ignore[arg-type]
