"""Simulated runs of the rig: for users without a rig, and for tests.

The reduced beam is advanced exactly between samples (force held, closed form) with
the roller's position rounded to a fine grid, for which the transition matrices are prepared; all
runs advance together.  Mode shapes are the beam's, natural frequencies and damping the rig's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ntorc.errors import UsageError
from ntorc.estimator.beam import Beam, ReducedBeam, reduce_beam
from ntorc.estimator.excitation import Excitation, Track
from ntorc.estimator.motions import Motion, motions
from ntorc.estimator.rig_modes import Curve, RigModes, dropbear_modes
from ntorc.estimator.runs import SAMPLE_RATE_HZ, Run, Runs, family_of
from ntorc.estimator.windows import ADC_FULL_SCALE_V, ADC_LSB_V
from ntorc.progress import Progress, Silent

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_GRID_LOW_V, _GRID_HIGH_V, _GRID_POINTS = 1.0, 3.6, 1041
_TRACK_SEED = 20
_MOST_RIGS = 64
"""As each has its own matrices, 5 MB."""

SOURCES = tuple(
    f"estimator/{name}"
    for name in ("simulator.py", "beam.py", "motions.py", "excitation.py", "rig_modes.py", "rig_modes.json")
)
"""What equal arguments give equal runs by (`ntorc.records.code_of`)."""


@dataclass(frozen=True)
class Rig:
    """The beam with its sensors.

    Attributes:
        modes: frequencies and damping of the modes for which the rig's are known.
        damping_per_s, damping_s: Rayleigh damping of the others, mass and stiffness proportional.
        accelerometer_v_s2_per_m: volts a m/s2 (100 mV/g).
        coupling_hz: corner of the conditioner's AC coupling.
        acceleration_noise_v: RMS of its noise.
        position_noise_v: RMS of the position sensor's noise.
        coordinates: of the reduced beam.
        track_seed: what the track is drawn from.
    """

    beam: Beam = field(default_factory=Beam)
    excitation: Excitation = field(default_factory=Excitation)
    modes: RigModes = field(default_factory=dropbear_modes)
    damping_per_s: float = 3.3
    damping_s: float = 1.4e-6
    accelerometer_v_s2_per_m: float = 0.0102
    coupling_hz: float = 0.5
    acceleration_noise_v: float = 0.0015
    position_noise_v: float = 0.003
    coordinates: int = 8
    track_seed: int = _TRACK_SEED

    def frequencies_hz(self, position_v: DoubleArray) -> DoubleArray:
        """Natural frequencies of the modes that the rig is known for, shape [positions, modes]."""
        return self.modes.frequencies_hz(self.beam, position_v)

    def varied(self, seed: list[int], spread: Spread) -> Rig:
        """Another rig of the kind: its own track, and all else off by ``spread``."""
        generator = np.random.default_rng(seed)
        factor = {name: float(np.exp(spread.excitation * generator.normal())) for name in VARIED}
        old = self.excitation
        excitation = replace(old, **{name: getattr(old, name) * factor[name] for name in VARIED})
        excitation = replace(excitation, ripple_per_v=old.ripple_per_v * (1.0 + spread.ripple * generator.normal()))
        places_v = np.linspace(1.1, 3.5, 13)
        factors = []
        for mode, curve in enumerate(self.modes.frequency_factors):
            size = spread.frequencies[min(mode, len(spread.frequencies) - 1)]
            # as a whole, and as a slow wave along the track
            wave = np.sin(generator.uniform(2.0, 6.0) * places_v + generator.uniform(0.0, 2.0 * np.pi))
            off = size * (generator.normal() + generator.normal() * wave)
            at_v = np.unique(np.concatenate([places_v, curve.position_v]))
            values = curve.at(at_v) * (1.0 + np.interp(at_v, places_v, off))
            factors.append(Curve(tuple(at_v.tolist()), tuple(values.tolist())))
        decays = []
        for curve in self.modes.decays_per_s:
            faster = float(np.exp(spread.damping * generator.normal()))
            decays.append(Curve(curve.position_v, tuple(value * faster for value in curve.values)))
        return replace(
            self,
            excitation=excitation,
            modes=RigModes(tuple(factors), tuple(decays)),
            accelerometer_v_s2_per_m=self.accelerometer_v_s2_per_m * float(np.exp(spread.gain * generator.normal())),
            track_seed=int(generator.integers(1 << 31)),
        )


VARIED = (
    "ripple_m_per_s2",
    "ripple_back",
    "harmonic_n",
    "rolling_n",
    "rumble_m_per_s2",
    "carriage",
    "ambient_m_per_s2",
)


@dataclass(frozen=True)
class Spread:
    """How far rigs of a kind differ: standard deviations of logarithms, or relative ones.

    Attributes:
        excitation: of each strength by itself.
        gain: of the sensor.
        ripple: of the ripple's period.
        damping: of each mode's decay rate.
        frequencies: of each mode's natural frequency, the last for all higher ones; once as a whole, once as a wave
            along the track.
    """

    excitation: float = 0.4
    gain: float = 0.1
    ripple: float = 0.01
    damping: float = 0.25
    frequencies: tuple[float, ...] = (0.002, 0.0045, 0.01)


def simulate_runs(
    *,
    seed: int = 0,
    trajectories: int = 8,
    replicas: int = 2,
    duration_s: float = 10.0,
    rig: Rig | None = None,
    spread: Spread | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Simulate ``trajectories`` x ``replicas`` runs; equal arguments give equal runs.

    With a ``spread`` each trajectory is run on another rig (of 64 at most), so that who learns from the runs does not
    learn one rig by heart.

    Raises:
        UsageError: a count that is not positive, more than 10,000 s in all, or a run under 2 s.
    """
    if trajectories < 1 or replicas < 1 or seed < 0:
        raise UsageError("simulate at least one trajectory and one replica, with a seed of 0 or more")
    if not duration_s >= 2.0 or trajectories * replicas * duration_s > 10_000.0:
        raise UsageError(
            f"cannot simulate {trajectories * replicas} runs of {duration_s:g} s",
            "a run takes 2 s or more, all runs together 10,000 s at most",
        )
    rig = rig or Rig()
    samples = round(duration_s * SAMPLE_RATE_HZ)
    made = motions(trajectories, seed, samples, SAMPLE_RATE_HZ)
    kinds = [rig]
    if spread is not None:
        kinds = [rig.varied([seed, number, 1], spread) for number in range(min(trajectories, _MOST_RIGS))]
    names, paths, sources, own = [], [], [], []
    for number, motion in enumerate(made):
        for replica in range(replicas):
            names.append(f"{motion.label}_test{replica}")
            paths.append(motion)
            sources.append(np.random.default_rng([seed, number, replica]))
            own.append(number % len(kinds))
    accelerations_v = accelerations(kinds, own, paths, sources, progress or Silent())
    runs = []
    for name, motion, generator, acceleration_v in zip(names, paths, sources, accelerations_v.T, strict=True):
        noisy_v = motion.position_v + generator.normal(0.0, rig.position_noise_v, samples)
        position_v = np.round(noisy_v / ADC_LSB_V) * ADC_LSB_V
        runs.append(Run(name, family_of(name), acceleration_v.astype(np.float32), position_v.astype(np.float32)))
    return Runs(
        tuple(runs),
        f"simulated, seed {seed}",
        position_mm_per_v=rig.beam.roller_m_per_v * 1e3,
        position_mm_per_v_relative_uncertainty=0.0,
        note="simulated: the scale is the model's",
    )


def accelerations(
    rigs: list[Rig], own: list[int], paths: list[Motion], sources: list[np.random.Generator], progress: Progress
) -> DoubleArray:
    """Accelerometer voltages as the ADC reads them, shape [n, runs].

    Args:
        rigs: equal in beam, coordinates, coupling and noise.
        own: which of them each run is on.
        paths: its motion; all of one length.
        sources: of its noise.
        progress: told of the simulated time.
    """
    from scipy.signal import lfilter

    tracks = [Track.of(rig.track_seed, rig.excitation.unevenness_per_v) for rig in rigs]
    drives = [
        rigs[kind].excitation.drive(path, tracks[kind], source, SAMPLE_RATE_HZ)
        for kind, path, source in zip(own, paths, sources, strict=True)
    ]
    positions_v = np.stack([path.position_v for path in paths], axis=1)
    roller_n = np.stack([drive[0] for drive in drives], axis=1)
    frame_m_per_s2 = np.stack([drive[1] for drive in drives], axis=1)
    velocity_m_per_s = tip_velocity(rigs, np.array(own), grid_places(positions_v), roller_n, frame_m_per_s2, progress)
    # the mean acceleration over a sample is what an anti-aliased converter sees
    acceleration = np.diff(velocity_m_per_s, axis=0, prepend=0.0) * SAMPLE_RATE_HZ + frame_m_per_s2
    first = rigs[0]
    pole = np.exp(-2.0 * np.pi * first.coupling_hz / SAMPLE_RATE_HZ)
    gains = np.array([rigs[kind].accelerometer_v_s2_per_m for kind in own])
    coupled = lfilter([1.0, -1.0], [1.0, -pole], acceleration * gains, axis=0)
    noise = np.stack([source.normal(0.0, first.acceleration_noise_v, coupled.shape[0]) for source in sources], axis=1)
    counts = np.round((coupled + noise) / ADC_LSB_V)
    limit = ADC_FULL_SCALE_V / ADC_LSB_V
    return np.asarray(np.clip(counts, -limit, limit - 1) * ADC_LSB_V)


def grid_places(position_v: DoubleArray) -> IntArray:
    """Positions as indices of the grid, in their shape."""
    step_v = (_GRID_HIGH_V - _GRID_LOW_V) / (_GRID_POINTS - 1)
    return np.asarray(np.clip(np.round((position_v - _GRID_LOW_V) / step_v), 0, _GRID_POINTS - 1), np.int64)


def tip_velocity(
    rigs: list[Rig],
    own: IntArray,
    places: IntArray,
    roller_n: DoubleArray,
    frame_m_per_s2: DoubleArray,
    progress: Progress,
) -> DoubleArray:
    """Velocity of the tip against the frame in m/s for each sample, shape [n, runs].

    Args:
        rigs: of one beam and as many coordinates.
        own: which of them each run is on, shape [runs].
        places: roller positions as indices of the grid, shape [n, runs].
        roller_n: forces at the roller, shape [n, runs].
        frame_m_per_s2: accelerations of the clamp, shape [n, runs].
        progress: told of the simulated time.
    """
    rig = rigs[0]
    reduced = reduce_beam(rig.beam, rig.coordinates)
    # one rig behind the other
    transition, roller_input, frame_input = (
        np.concatenate(parts) for parts in zip(*_transitions(rigs, reduced), strict=True)
    )
    places = places + own * _GRID_POINTS
    readout = np.concatenate([np.zeros(rig.coordinates), reduced.shape_at(rig.beam.length_m)])
    samples, runs = places.shape
    state = np.zeros((runs, 2 * rig.coordinates, 1))
    velocity = np.empty((samples, runs))
    chunk = int(SAMPLE_RATE_HZ)
    for begin in range(0, samples, chunk):
        end = min(begin + chunk, samples)
        # inputs of a chunk at once, so that the loop has one product a sample
        here = places[begin:end]
        inputs = (
            roller_input[here] * roller_n[begin:end, :, None] + frame_input[here] * frame_m_per_s2[begin:end, :, None]
        )[..., None]
        for n in range(end - begin):
            state = transition[here[n]] @ state + inputs[n]
            velocity[begin + n] = state[:, :, 0] @ readout
        progress.step("samples simulated", end, samples)
    return velocity


def _grid_v() -> DoubleArray:
    return np.linspace(_GRID_LOW_V, _GRID_HIGH_V, _GRID_POINTS)


def _transitions(rigs: list[Rig], reduced: ReducedBeam) -> list[tuple[DoubleArray, DoubleArray, DoubleArray]]:
    """Of each rig: state transitions [grid, 2 modes, 2 modes]; inputs [grid, 2 modes] of 1 N at the roller, 1 m/s2 of
    the frame.

    With modal damping the modes at a position are uncoupled oscillators u'' + 2 d u' + w2 u = f,
    whose response over one sample with f held is known in closed form (Craig and Kurdila,
    "Fundamentals of Structural Dynamics", 2nd ed., section 6.1).
    """
    places_v = _grid_v()
    stiffness = np.stack([reduced.stiffness_at(float(v)) for v in places_v])
    squares, shapes = np.linalg.eigh(stiffness)
    roller = np.stack([reduced.shape_at(reduced.beam.roller_m(float(v))) for v in places_v])
    frame = np.broadcast_to(reduced.inertia_load(), roller.shape)
    return [_transition(rig, squares, shapes, (roller, frame)) for rig in rigs]


def _transition(
    rig: Rig, model_squares: DoubleArray, shapes: DoubleArray, loads: tuple[DoubleArray, DoubleArray]
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    step_s = 1.0 / SAMPLE_RATE_HZ
    known = (2.0 * np.pi * rig.frequencies_hz(_grid_v())) ** 2
    squares = np.concatenate([known, model_squares[:, known.shape[1] :]], axis=1)
    decay = 0.5 * (rig.damping_per_s + rig.damping_s * squares)
    rates = rig.modes.decay_rates_per_s(_grid_v())
    decay[:, : rates.shape[1]] = rates
    # imaginary for an overdamped mode: cos and sin become cosh and sinh
    turning = np.sqrt((squares - decay**2).astype(np.complex128))
    fading = np.exp(-decay * step_s)
    sine = (fading * np.sin(turning * step_s) / turning).real
    cosine = (fading * np.cos(turning * step_s)).real
    # of displacement and velocity, each from displacement, velocity and force
    own = ((cosine + decay * sine, sine), (-squares * sine, cosine - decay * sine))
    forced = ((1.0 - cosine - decay * sine) / squares, sine)
    back = shapes.transpose(0, 2, 1)
    transition = np.block([[(shapes * part[:, None, :]) @ back for part in row] for row in own])
    inputs = []
    for load in loads:
        modal = (back @ load[:, :, None])[..., 0]
        inputs.append(np.concatenate([(shapes @ (part * modal)[:, :, None])[..., 0] for part in forced], axis=1))
    return transition, inputs[0], inputs[1]
