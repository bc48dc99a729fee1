"""Motions of the roller for the simulator, after those of the DROPBEAR rig.

A program of level changes and swings goes to the drive, a servo whose peak speed grows with the travel and
flattens: .75 V/s for .05 V, 2.5 for .2 V, 4.7 for .45 V, 6.9 for 1 V, 9 for 1.8 V on the rig.  Positions are volts of
the position sensor, times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DoubleArray = npt.NDArray[np.float64]
Generator = np.random.Generator

LOW_V, HIGH_V = 1.15, 3.4
"""Where motions go; the rig's run from 1.14 V to 3.44 V."""
_REST_V = (1.16, 1.24)
"""Where they begin and end: 1.17 V in some of the rig's families, 1.23 V in others."""
_LEAD_S = 0.8
"""The rig records about a second of rest before the first and after the last move."""

# The drive: speed demanded of a distance, gain * d / (1 + gain * |d| / limit), through two lags of which the first
# rises no faster than the acceleration.  Read off the recorded Random sets 1, 3, 6 and 7: peak speeds, durations
# (.1 s for .05 V, .2 s for .45 V, .35 s for 1.5 V) and that the peak comes after a third of them.
_DRIVE_GAIN_PER_S, _DRIVE_LIMIT_V_PER_S, _DRIVE_LAG_S = 20.0, 14.0, 0.012
_DRIVE_V_PER_S2 = 100.0
_DRIVE_STEP_S = 0.001


@dataclass(frozen=True)
class Motion:
    """One trajectory.

    Attributes:
        label: what the run is named after, for example ``Random_set1`` or ``Slow_8steps``.
        position_v: shape [n], without sensor noise.
        levels_v: the level that the roller is sent to, shape [n]; where it swings, the swing's far end.
    """

    label: str
    position_v: DoubleArray
    levels_v: DoubleArray


class _Program:
    """Builds what the drive is told: levels from a time on, and swings."""

    def __init__(self, samples: int, sample_rate_hz: float, rest_v: float) -> None:
        self.samples, self.rate_hz, self.rest_v = samples, sample_rate_hz, rest_v
        self.pieces: list[DoubleArray] = []
        self.levels: list[DoubleArray] = []
        self.length = 0
        self.level_v = rest_v

    @property
    def time_s(self) -> float:
        return self.length / self.rate_hz

    def _add(self, piece: DoubleArray, level_v: float) -> None:
        self.pieces.append(piece)
        self.levels.append(np.full(piece.size, level_v))
        self.length += piece.size

    def hold(self, duration_s: float, level_v: float | None = None) -> None:
        """Send the roller to a level (or leave it at the last) until the duration is over."""
        self.level_v = self.level_v if level_v is None else level_v
        self._add(np.full(max(int(duration_s * self.rate_hz), 1), self.level_v), self.level_v)

    def swing(self, level_v: float, period_s: float) -> None:
        """To a level and back, as one period of a cosine."""
        s = np.linspace(0.0, 2.0 * np.pi, max(int(period_s * self.rate_hz), 2))
        self._add(self.level_v + (level_v - self.level_v) * 0.5 * (1.0 - np.cos(s)), level_v)

    def finish(self, label: str) -> Motion:
        """Rest where the roller is until the end; what is too long is cut."""
        if self.length < self.samples:
            self.hold((self.samples - self.length) / self.rate_hz + 1.0)
        told_v = np.concatenate(self.pieces)[: self.samples]
        return Motion(label, _driven(told_v, self.rate_hz), np.concatenate(self.levels)[: self.samples])


def _driven(told_v: DoubleArray, sample_rate_hz: float) -> DoubleArray:
    """Where the drive brings the roller that is told to be at ``told_v``, from rest, shape [n]."""
    times_s = np.arange(told_v.size) / sample_rate_hz
    steps_s = np.arange(0.0, times_s[-1] + 2 * _DRIVE_STEP_S, _DRIVE_STEP_S)
    targets = told_v[np.minimum((steps_s * sample_rate_hz).astype(np.int64), told_v.size - 1)]
    share, most = _DRIVE_STEP_S / _DRIVE_LAG_S, _DRIVE_V_PER_S2 * _DRIVE_STEP_S
    place, first, second = float(told_v[0]), 0.0, 0.0
    places = []
    for target in targets.tolist():
        places.append(place)
        wish = _DRIVE_GAIN_PER_S * (target - place)
        first += max(-most, min(most, share * (wish / (1.0 + abs(wish) / _DRIVE_LIMIT_V_PER_S) - first)))
        second += share * (first - second)
        place += _DRIVE_STEP_S * second
    from scipy.interpolate import CubicSpline

    # a smooth speed: corners would be heard as knocks
    return np.clip(np.asarray(CubicSpline(steps_s, np.array(places))(times_s)), LOW_V, HIGH_V)


def random_motion(generator: Generator, samples: int, sample_rate_hz: float, label: str) -> Motion:
    """Random levels at random times; a move may begin before the last one is over."""
    program = _Program(samples, sample_rate_hz, generator.uniform(*_REST_V))
    duration_s = samples / sample_rate_hz
    program.hold(min(_LEAD_S, 0.1 * duration_s) * generator.uniform(0.7, 1.2))
    while program.time_s < 0.86 * duration_s:
        level_v = LOW_V + (HIGH_V - LOW_V) * generator.beta(1.1, 1.4)
        if generator.random() < 0.5:  # half of the rig's moves are short
            level_v = program.level_v + 0.25 * generator.normal()
        program.hold(generator.uniform(0.12, 0.8), float(np.clip(level_v, LOW_V, HIGH_V)))
    program.hold(0.1, program.rest_v)
    return program.finish(label)


def slow_motion(generator: Generator, samples: int, sample_rate_hz: float, label: str) -> Motion:
    """A staircase up and down again in equal steps."""
    program = _Program(samples, sample_rate_hz, generator.uniform(*_REST_V))
    duration_s = samples / sample_rate_hz
    steps = int(generator.integers(4, 16))
    top_v = generator.uniform(3.1, HIGH_V)
    levels = np.concatenate(
        [np.linspace(program.rest_v, top_v, steps + 1)[1:], np.linspace(top_v, program.rest_v, steps + 1)[1:]]
    )
    program.hold(0.07 * duration_s)
    for level_v in levels:
        program.hold(0.86 * duration_s / levels.size, float(level_v))
    return program.finish(f"{label}_{2 * steps}steps")


def standard_motion(generator: Generator, samples: int, sample_rate_hz: float, label: str) -> Motion:
    """Excursions from rest to growing levels, then swings of growing amplitude, then short excursions."""
    program = _Program(samples, sample_rate_hz, generator.uniform(*_REST_V))
    third_s = samples / sample_rate_hz * 0.3
    program.hold(third_s * 0.15)
    levels = np.linspace(1.8, generator.uniform(3.2, HIGH_V), 4)
    for level_v in levels:
        program.hold(third_s / levels.size * 0.5, float(level_v))
        program.hold(third_s / levels.size * 0.5, program.rest_v)
    for level_v in levels:
        program.swing(float(level_v), third_s / levels.size)
    for level_v in levels:
        program.hold(min(0.25, third_s / levels.size * 0.4), float(level_v))
        program.hold(third_s / levels.size * 0.6, program.rest_v)
    return program.finish(label)


MotionMaker = Callable[[Generator, int, float, str], Motion]


def motions(count: int, seed: int, samples: int, sample_rate_hz: float) -> list[Motion]:
    """``count`` different motions: of eight, six are random, one is a staircase, one the standard sweep."""
    result = []
    randoms = 0
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        kind = number % 8
        if kind == 6:
            motion = slow_motion(generator, samples, sample_rate_hz, f"Simulated_Slow{number // 8 + 1}")
        elif kind == 7:
            motion = standard_motion(generator, samples, sample_rate_hz, f"Simulated_Standard{number // 8 + 1}")
        else:
            randoms += 1
            motion = random_motion(generator, samples, sample_rate_hz, f"Simulated_Random_set{randoms}")
        result.append(motion)
    return result
