"""Which runs repeat one trajectory, from what the roller did and not from file names.

Replicas of a trajectory share more than their labels: their accelerations correlate by .74 to
.92, so a split that tears replicas apart reports an error that no new motion will have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.estimator.runs import Run, Runs

DoubleArray = npt.NDArray[np.float64]

_COARSE_HZ = 100.0
_MAX_LAG_S = 1.0
_MAX_DISTANCE_V = 0.12
"""On the DROPBEAR runs replicas lie within .046 V of each other even without alignment, different
trajectories at least .3 V apart."""
_MAX_RELATIVE_DISTANCE = 0.25
_LENGTH_TOLERANCE = 0.1
_STILL_V_PER_S = 0.15
_MIN_DWELL_S = 0.1
_SAME_LEVEL_V = 0.05
_MIN_LEVELS = 5
_IRREGULAR_MIN = 0.18
_IRREGULAR_MAX = 0.9


@dataclass(frozen=True)
class Trajectory:
    """One motion of the roller and the runs that repeat it.

    Attributes:
        name: ``T01``, ``T02``, ... in the order of the first replica's name.
        replicas: names of its runs, sorted.
        duration_s: length of one replica (the longest).
        irregular: True for random index, random dwell motion, see `is_irregular`.
    """

    name: str
    replicas: tuple[str, ...]
    duration_s: float
    irregular: bool


def recognise(runs: Runs) -> tuple[Trajectory, ...]:
    """Group runs by trajectory: every run is in exactly one.

    Two runs are replicas when their lengths agree within 10 % and their positions, averaged to
    100 Hz and shifted by up to 1 s, differ by less than .12 V RMS, and less than a quarter of
    their own spread.  Groups are the connected components of that relation.
    """
    coarse = {run.name: _coarse(run) for run in runs}
    remaining = [run.name for run in runs]
    trajectories: list[Trajectory] = []
    while remaining:
        group = [remaining.pop(0)]
        for member in group:  # grows while it is walked
            found = [name for name in remaining if are_replicas(coarse[member], coarse[name])]
            group += found
            remaining = [name for name in remaining if name not in found]
        members = [runs[name] for name in sorted(group)]
        trajectories.append(
            Trajectory(
                f"T{len(trajectories) + 1:02d}",
                tuple(run.name for run in members),
                max(run.duration_s for run in members),
                is_irregular(members[0]),
            )
        )
    return tuple(trajectories)


def _coarse(run: Run) -> DoubleArray:
    step = max(round(run.sample_rate_hz / _COARSE_HZ), 1)
    whole = run.samples - run.samples % step
    blocks = run.position_v[:whole].astype(np.float64).reshape(-1, step)
    return np.asarray(np.median(blocks, axis=1), dtype=np.float64)  # the median ignores spikes


def are_replicas(first: DoubleArray, second: DoubleArray) -> bool:
    """Whether two positions at 100 Hz (volts, shapes [n] and [m]) repeat one trajectory."""
    short, long = sorted((first.size, second.size))
    if long - short > _LENGTH_TOLERANCE * long:
        return False
    spread_v = min(float(first.std()), float(second.std()))
    limit_v = min(_MAX_DISTANCE_V, max(_MAX_RELATIVE_DISTANCE * spread_v, 0.01))
    return _distance(first, second) < limit_v


def _distance(first: DoubleArray, second: DoubleArray) -> float:
    """The smallest RMS difference over shifts of up to `_MAX_LAG_S`, in volts."""
    reach = min(int(_MAX_LAG_S * _COARSE_HZ), first.size // 4, second.size // 4)
    best = np.inf
    for lag in range(-reach, reach + 1):
        a, b = first[max(lag, 0) :], second[max(-lag, 0) :]
        n = min(a.size, b.size)
        best = min(best, float(np.sqrt(np.mean((a[:n] - b[:n]) ** 2))))
    return best


def is_irregular(run: Run) -> bool:
    """Whether the roller visits levels at random.

    A staircase hardly ever turns (reversal fraction .03 to .11 on the DROPBEAR runs), excursions
    from one base level always turn (1.00), random levels turn about half the time (.43 to .74).
    """
    levels = dwell_levels_v(run)
    return levels.size >= _MIN_LEVELS and _IRREGULAR_MIN < reversal_fraction(levels) < _IRREGULAR_MAX


def reversal_fraction(levels_v: DoubleArray) -> float:
    """Fraction of successive steps between levels (volts, shape [n]) that go opposite ways."""
    signs = np.sign(np.diff(levels_v))
    return float(np.mean(signs[1:] * signs[:-1] < 0.0)) if signs.size > 1 else 0.0


def dwell_levels_v(run: Run) -> DoubleArray:
    """The levels at which the roller rests for .1 s or more, volts, equal neighbours merged."""
    position_v = _coarse(run)
    padded = np.pad(position_v, 2, mode="edge")
    smooth_v = np.convolve(padded, np.ones(5) / 5.0, mode="valid")
    still = np.abs(np.gradient(smooth_v)) * _COARSE_HZ < _STILL_V_PER_S
    edges = np.flatnonzero(np.diff(np.concatenate(([0], still.astype(np.int8), [0]))))
    levels: list[float] = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        level_v = float(np.median(smooth_v[begin:end]))
        if end - begin >= _MIN_DWELL_S * _COARSE_HZ and (not levels or abs(level_v - levels[-1]) > _SAME_LEVEL_V):
            levels.append(level_v)
    return np.array(levels)
