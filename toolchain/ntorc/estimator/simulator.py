"""Simulated runs of the rig: for users without a rig, and for tests.

The reduced beam is advanced exactly between samples (force held, closed form) with
the roller's position rounded to a fine grid, for which the transition matrices are prepared; all
runs advance together.  The excitation is the model's weak side: its peaks are milder than the
rig's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ntorc.errors import UsageError
from ntorc.estimator.beam import Beam, ReducedBeam, reduce_beam
from ntorc.estimator.excitation import Excitation
from ntorc.estimator.motions import Motion, motions
from ntorc.estimator.runs import SAMPLE_RATE_HZ, Run, Runs, family_of
from ntorc.estimator.windows import ADC_FULL_SCALE_V, ADC_LSB_V
from ntorc.progress import Progress, Silent

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_GRID_LOW_V, _GRID_HIGH_V, _GRID_POINTS = 1.0, 3.6, 1041


@dataclass(frozen=True)
class Rig:
    """The beam with its sensors.

    Attributes:
        damping_per_s, damping_s: Rayleigh damping, mass and stiffness proportional.  Measured
            ring-downs at 1.17 V: .58 s at 26 Hz, .36 s at 159 Hz, about .1 s at 420 Hz.
        accelerometer_v_s2_per_m: volts a m/s2 (100 mV/g).
        coupling_hz: corner of the conditioner's AC coupling.
        acceleration_noise_v: RMS of its noise.
        position_noise_v: RMS of the position sensor's noise.
        modes: coordinates of the reduced beam.
    """

    beam: Beam = field(default_factory=Beam)
    excitation: Excitation = field(default_factory=Excitation)
    damping_per_s: float = 3.3
    damping_s: float = 1.4e-6
    accelerometer_v_s2_per_m: float = 0.0102
    coupling_hz: float = 0.5
    acceleration_noise_v: float = 0.0015
    position_noise_v: float = 0.003
    modes: int = 8


def simulate_runs(
    *,
    seed: int = 0,
    trajectories: int = 8,
    replicas: int = 2,
    duration_s: float = 10.0,
    rig: Rig | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Simulate ``trajectories`` x ``replicas`` runs; equal arguments give equal runs.

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
    names, paths, sources = [], [], []
    for number, motion in enumerate(made):
        for replica in range(replicas):
            names.append(f"{motion.label}_test{replica}")
            paths.append(motion)
            sources.append(np.random.default_rng([seed, number, replica]))
    accelerations_v = _accelerations(rig, paths, sources, progress or Silent())
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


def _accelerations(
    rig: Rig, paths: list[Motion], sources: list[np.random.Generator], progress: Progress
) -> DoubleArray:
    """Accelerometer voltages as the ADC reads them, shape [n, runs]."""
    from scipy.signal import lfilter

    drives = [rig.excitation.drive(path, source, SAMPLE_RATE_HZ) for path, source in zip(paths, sources, strict=True)]
    positions_v = np.stack([path.position_v for path in paths], axis=1)
    step_v = (_GRID_HIGH_V - _GRID_LOW_V) / (_GRID_POINTS - 1)
    places = np.clip(np.round((positions_v - _GRID_LOW_V) / step_v), 0, _GRID_POINTS - 1).astype(np.int64)
    roller_n = np.stack([drive[0] for drive in drives], axis=1)
    frame_m_per_s2 = np.stack([drive[1] for drive in drives], axis=1)
    velocity_m_per_s = tip_velocity(rig, places, roller_n, frame_m_per_s2, progress)
    # the mean acceleration over a sample is what an anti-aliased converter sees
    acceleration = np.diff(velocity_m_per_s, axis=0, prepend=0.0) * SAMPLE_RATE_HZ + frame_m_per_s2
    pole = np.exp(-2.0 * np.pi * rig.coupling_hz / SAMPLE_RATE_HZ)
    coupled = lfilter([1.0, -1.0], [1.0, -pole], acceleration * rig.accelerometer_v_s2_per_m, axis=0)
    noise = np.stack([source.normal(0.0, rig.acceleration_noise_v, coupled.shape[0]) for source in sources], axis=1)
    counts = np.round((coupled + noise) / ADC_LSB_V)
    limit = ADC_FULL_SCALE_V / ADC_LSB_V
    return np.asarray(np.clip(counts, -limit, limit - 1) * ADC_LSB_V)


def tip_velocity(
    rig: Rig, places: IntArray, roller_n: DoubleArray, frame_m_per_s2: DoubleArray, progress: Progress
) -> DoubleArray:
    """Velocity of the tip against the frame in m/s for each sample, shape [n, runs].

    Args:
        rig: the rig.
        places: roller positions as indices of the grid, shape [n, runs].
        roller_n: forces at the roller, shape [n, runs].
        frame_m_per_s2: accelerations of the clamp, shape [n, runs].
        progress: told of the simulated time.
    """
    reduced = reduce_beam(rig.beam, rig.modes)
    transition, roller_input, frame_input = _transitions(rig, reduced)
    readout = np.concatenate([np.zeros(rig.modes), reduced.shape_at(rig.beam.length_m)])
    samples, runs = places.shape
    state = np.zeros((runs, 2 * rig.modes, 1))
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


def _transitions(rig: Rig, reduced: ReducedBeam) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """State transitions [grid, 2 modes, 2 modes]; inputs [grid, 2 modes] of 1 N at the roller, 1 m/s2 of the frame.

    With Rayleigh damping the modes at a position are uncoupled oscillators u'' + c u' + w2 u = f,
    whose response over one sample with f held is known in closed form (Craig and Kurdila,
    "Fundamentals of Structural Dynamics", 2nd ed., section 6.1).
    """
    step_s = 1.0 / SAMPLE_RATE_HZ
    places_v = _grid_v()
    stiffness = np.stack([reduced.stiffness_at(float(v)) for v in places_v])
    squares, shapes = np.linalg.eigh(stiffness)
    decay = 0.5 * (rig.damping_per_s + rig.damping_s * squares)
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
    roller = np.stack([reduced.shape_at(rig.beam.roller_m(float(v))) for v in places_v])
    frame = np.broadcast_to(reduced.inertia_load(), roller.shape)
    inputs = []
    for load in (roller, frame):
        modal = (back @ load[:, :, None])[..., 0]
        inputs.append(np.concatenate([(shapes @ (part * modal)[:, :, None])[..., 0] for part in forced], axis=1))
    return transition, inputs[0], inputs[1]
