"""The simulator's excitation fitted to recorded runs, without looking at any estimate.

Each source of vibration is simulated alone on the recorded motions; as the rig is linear and the sources are
independent, their powers add.  The strengths are those whose sum comes nearest to the recorded power, in decades, in
each band at each speed of the roller and after it has stopped.  How a source grows with the speed is taken from a few
candidates in the same way.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.bench.rig_modes import rig_modes, smooth_position_v
from ntorc.estimator.beam import Beam
from ntorc.estimator.excitation import Excitation
from ntorc.estimator.motions import Motion
from ntorc.estimator.rig_modes import RigModes
from ntorc.estimator.runs import Run, Runs
from ntorc.estimator.simulator import Rig, accelerations
from ntorc.estimator.trajectories import recognise
from ntorc.progress import Progress
from ntorc.records import to_json

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FITTED_SETS = ("set1", "set3", "set6", "set7")
"""Words in the names of the runs that are fitted to, if there are such: the rest stays unseen."""
SOURCES = ("ripple_m_per_s2", "harmonic_n", "rolling_n", "rumble_m_per_s2", "carriage")
_RIPPLE_POWERS, _ROLLING_POWERS = (1.0, 1.3, 1.6, 2.0), (1.0, 1.5, 2.0)
_BANDS_HZ = ((15, 60), (60, 140), (140, 300), (300, 530), (530, 800), (800, 2450))
_BAND_WEIGHTS = (1.0, 0.3, 1.0, 1.0, 1.0, 0.05)
_CLASSES = (
    "up to .15 s after a move",
    ".15-.4 s after",
    ".15-1 V/s",
    "1-2.5 V/s",
    "2.5-4.5 V/s",
    "4.5-6.5 V/s",
    "more",
)
_CLASS_WEIGHTS = (0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 0.7)
_SPEEDS = (0.15, 1.0, 2.5, 4.5, 6.5)
_WINDOW, _HOP, _BINS = 200, 100, 1024
_LONGEST_S = 20.0
_SEED = 5


def fitted_runs(runs: Runs) -> Runs:
    """One replica of each trajectory, out of `FITTED_SETS` if there are such runs, none longer than 20 s."""
    firsts = {found.replicas[0] for found in recognise(runs)}
    chosen = [run for run in runs if run.name in firsts and run.samples <= _LONGEST_S * run.sample_rate_hz]
    named = [run for run in chosen if set(FITTED_SETS) & set(run.name.split("_"))]
    return replace(runs, runs=tuple(named or chosen))


def fit_excitation(runs: Runs, progress: Progress) -> dict[str, Any]:
    """Modes and excitation of the rig that the runs were recorded on.

    Args:
        runs: recorded.
        progress: told of the simulations.

    Returns:
        The curves of the modes, the strengths, the distance (RMS of the log ratios of amplitudes, weighted) and
        the amplitudes recorded and simulated.
    """
    own = fitted_runs(runs)
    progress.message(f"modes of {len(own)} runs")
    modes = rig_modes(own, Beam())
    motions = [_motion(run) for run in own]
    classes = [_classes(motion.position_v, run.sample_rate_hz) for motion, run in zip(motions, own, strict=True)]
    recorded = _powers([run.acceleration_v for run in own], classes, own)
    simulated = _unit_powers(own, motions, classes, modes, progress)
    best: tuple[float, Excitation, DoubleArray] | None = None
    for ripple, rolling in itertools.product(_RIPPLE_POWERS, _ROLLING_POWERS):
        columns = [simulated[name, _power_of(name, ripple, rolling)] for name in SOURCES]
        squares, off = _nearest(np.stack(columns, axis=-1), recorded)
        if best is None or off < best[0]:
            values = {name: float(f"{np.sqrt(square):.3g}") for name, square in zip(SOURCES, squares, strict=True)}
            excitation = _with(values | {"ripple_power": ripple, "rolling_power": rolling})
            best = off, excitation, np.stack(columns, axis=-1) @ squares
    if best is None:
        raise AssertionError("there is at least one candidate")
    off, excitation, power = best
    return {
        "benchmark": "excitation",
        "runs": [run.name for run in own],
        "distance": round(off, 4),
        "modes": json.loads(to_json(modes)),
        "excitation": json.loads(to_json(excitation)),
        "amplitudes_v": {
            name: {
                f"{low}-{high} Hz": [
                    float(f"{np.sqrt(value):.3g}") for value in (recorded[row, band], power[row, band])
                ]
                for band, (low, high) in enumerate(_BANDS_HZ)
            }
            for row, name in enumerate(_CLASSES)
        },
    }


def _with(values: dict[str, float]) -> Excitation:
    changed: dict[str, Any] = dict(values)
    return replace(Excitation(), **changed)


def _power_of(name: str, ripple: float, rolling: float) -> float:
    return {"ripple_m_per_s2": ripple, "rolling_n": rolling}.get(name, 0.0)


def _motion(run: Run) -> Motion:
    position_v = smooth_position_v(run)
    return Motion(run.name, position_v, position_v)


def _unit_powers(
    runs: Runs, motions: list[Motion], classes: list[IntArray], modes: RigModes, progress: Progress
) -> dict[tuple[str, float], DoubleArray]:
    """Powers that each source gives at strength 1, by its name and the power of the speed (0 for a fixed one)."""
    silent = {name: 0.0 for name in SOURCES}
    asked = [(name, 0.0) for name in SOURCES if name not in ("ripple_m_per_s2", "rolling_n")]
    asked += [("ripple_m_per_s2", power) for power in _RIPPLE_POWERS]
    asked += [("rolling_n", power) for power in _ROLLING_POWERS]
    length = max(motion.position_v.size for motion in motions)
    padded = [
        replace(motion, position_v=np.pad(motion.position_v, (0, length - motion.position_v.size), mode="edge"))
        for motion in motions
    ]
    rigs = []
    for name, power in asked:
        values = silent | {name: 1.0, "ambient_m_per_s2": 0.0}
        if power:
            values |= {"ripple_power" if name.startswith("ripple") else "rolling_power": power}
        rigs.append(Rig(excitation=_with(values), modes=modes, acceleration_noise_v=0.0))
    own = [kind for kind in range(len(rigs)) for _ in padded]
    sources = [np.random.default_rng([_SEED, index]) for _ in rigs for index in range(len(padded))]
    found = accelerations(rigs, own, padded * len(rigs), sources, progress)
    result = {}
    for kind, key in enumerate(asked):
        mine = found[:, kind * len(padded) : (kind + 1) * len(padded)]
        result[key] = _powers([mine[: m.position_v.size, i] for i, m in enumerate(motions)], classes, runs)
    return result


def _starts(samples: int) -> IntArray:
    return np.arange(_WINDOW * 5, samples - _WINDOW * 3, _HOP)


def _classes(position_v: DoubleArray, rate_hz: float) -> IntArray:
    """Index into `_CLASSES` of every window, -1 for the quiet ones."""
    speed = np.abs(np.gradient(position_v)) * rate_hz
    starts = _starts(position_v.size)
    mean = np.array([speed[begin : begin + _WINDOW].mean() for begin in starts])
    moving = np.flatnonzero(speed > 0.3)
    last = np.searchsorted(moving, starts) - 1
    since_s = np.where(last >= 0, (starts - moving[np.maximum(last, 0)]) / rate_hz, np.inf)
    dwelling = np.where(since_s < 0.15, 0, np.where(since_s < 0.4, 1, -1))
    return np.asarray(np.where(mean < _SPEEDS[0], dwelling, np.digitize(mean, _SPEEDS) + 1))


def _powers(values: list[Any], classes: list[IntArray], runs: Runs) -> DoubleArray:
    window = np.hanning(_WINDOW)
    spectra = []
    for run in values:
        cut = np.stack([run[begin : begin + _WINDOW] for begin in _starts(len(run))]).astype(np.float64)
        spectra.append(np.abs(np.fft.rfft((cut - float(np.mean(run))) * window, _BINS)) ** 2)
    spectrum = np.concatenate(spectra) * 2.0 / (_BINS * float(np.sum(window**2)))
    frequency = np.fft.rfftfreq(_BINS, 1.0 / runs.sample_rate_hz)
    bands = np.stack([spectrum[:, (frequency >= low) & (frequency < high)].sum(axis=1) for low, high in _BANDS_HZ], 1)
    of = np.concatenate(classes)
    means = [
        bands[of == row].mean(axis=0) if (of == row).any() else np.full(len(_BANDS_HZ), np.nan)
        for row in range(len(_CLASSES))
    ]
    return np.stack(means)


def _nearest(unit: DoubleArray, wanted: DoubleArray) -> tuple[DoubleArray, float]:
    """Squares of strengths that bring unit powers [classes, bands, sources] nearest to powers [classes, bands].

    Returns:
        The squares, and the weighted RMS of the amplitudes' log ratios.
    """
    from scipy.optimize import minimize

    weights = np.outer(_CLASS_WEIGHTS, _BAND_WEIGHTS)
    used = np.isfinite(wanted)
    weight, power, goal = weights[used] / weights[used].sum(), unit[used], np.maximum(wanted[used], 1e-9)
    largest = 1.0 / (power / goal[:, None]).max(axis=0)

    def distance(logarithms: DoubleArray) -> tuple[float, DoubleArray]:
        strengths = np.exp(np.clip(logarithms, -40.0, 20.0))
        made = power @ strengths
        off = np.log(made / goal)
        return float(weight @ off**2), np.asarray(
            (power * (2.0 * weight * off / made)[:, None]).sum(axis=0) * strengths
        )

    generator = np.random.default_rng(_SEED)
    starts = [np.log(largest * 0.1) + 1.5 * generator.normal(size=largest.size) * bool(turn) for turn in range(6)]
    found = min((minimize(distance, start, jac=True, method="L-BFGS-B") for start in starts), key=lambda one: one.fun)
    return np.exp(np.clip(found.x, -40.0, 20.0)), float(0.5 * np.sqrt(found.fun))
