"""Motions of the roller for the simulator, after those of the DROPBEAR rig.

A motion is a list of moves; positions are volts of the position sensor, times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DoubleArray = npt.NDArray[np.float64]
Generator = np.random.Generator

REST_V = 1.22
HIGH_V = 3.36
_LEAD_S = 0.8
"""The rig records about a second of rest before the first and after the last move."""


@dataclass(frozen=True)
class Motion:
    """One trajectory.

    Attributes:
        label: what the run is named after, for example ``Random_set1`` or ``Slow_8steps``.
        position_v: shape [n], without sensor noise.
        levels_v: the level that the roller rests at or moves to, shape [n]: constant in a dwell.
    """

    label: str
    position_v: DoubleArray
    levels_v: DoubleArray


class _Path:
    """Builds a position sample by sample: dwells, moves, oscillations."""

    def __init__(self, samples: int, sample_rate_hz: float) -> None:
        self.samples, self.rate_hz = samples, sample_rate_hz
        self.pieces: list[DoubleArray] = []
        self.levels: list[DoubleArray] = []
        self.length = 0
        self.level_v = REST_V

    @property
    def time_s(self) -> float:
        return self.length / self.rate_hz

    def _add(self, piece: DoubleArray, level_v: float) -> None:
        self.pieces.append(piece)
        self.levels.append(np.full(piece.size, level_v))
        self.length += piece.size

    def dwell(self, duration_s: float) -> None:
        self._add(np.full(max(int(duration_s * self.rate_hz), 1), self.level_v), self.level_v)

    def move(self, level_v: float, speed_v_per_s: float) -> None:
        """Minimum-jerk move (Flash and Hogan, J. Neuroscience 5, 1985) of a mean speed."""
        duration_s = 0.04 + abs(level_v - self.level_v) / speed_v_per_s
        s = np.linspace(0.0, 1.0, max(int(duration_s * self.rate_hz), 2))
        blend = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
        self._add(self.level_v + (level_v - self.level_v) * blend, level_v)
        self.level_v = level_v

    def swing(self, level_v: float, period_s: float) -> None:
        """To a level and back, as one period of a cosine."""
        s = np.linspace(0.0, 2.0 * np.pi, max(int(period_s * self.rate_hz), 2))
        self._add(self.level_v + (level_v - self.level_v) * 0.5 * (1.0 - np.cos(s)), level_v)

    def finish(self, label: str) -> Motion:
        """Rest where the roller is until the end; what is too long is cut."""
        if self.length < self.samples:
            self.dwell((self.samples - self.length) / self.rate_hz + 1.0)
        return Motion(label, np.concatenate(self.pieces)[: self.samples], np.concatenate(self.levels)[: self.samples])


def random_motion(generator: Generator, samples: int, sample_rate_hz: float, label: str) -> Motion:
    """Random levels with random dwells."""
    path = _Path(samples, sample_rate_hz)
    duration_s = samples / sample_rate_hz
    path.dwell(min(_LEAD_S, 0.1 * duration_s) * generator.uniform(0.7, 1.2))
    while path.time_s < 0.86 * duration_s:
        level_v = REST_V + (HIGH_V - REST_V) * generator.beta(1.1, 1.4)
        if abs(level_v - path.level_v) < 0.1:
            continue
        path.move(level_v, generator.uniform(1.2, 5.0))
        path.dwell(generator.uniform(0.05, 0.75))
    path.move(REST_V, generator.uniform(2.0, 5.0))
    return path.finish(label)


def slow_motion(generator: Generator, samples: int, sample_rate_hz: float, label: str) -> Motion:
    """A staircase up and down again in equal steps."""
    path = _Path(samples, sample_rate_hz)
    duration_s = samples / sample_rate_hz
    steps = int(generator.integers(4, 9))
    top_v = generator.uniform(3.1, HIGH_V)
    levels = np.concatenate([np.linspace(REST_V, top_v, steps + 1)[1:], np.linspace(top_v, REST_V, steps + 1)[1:]])
    lead_s = 0.07 * duration_s
    path.dwell(lead_s)
    for number, level_v in enumerate(levels):
        path.move(float(level_v), 2.5)
        path.dwell(max(lead_s + (number + 1) * 0.86 * duration_s / levels.size - path.time_s, 0.02))
    return path.finish(f"{label}_{2 * steps}steps")


def standard_motion(generator: Generator, samples: int, sample_rate_hz: float, label: str) -> Motion:
    """Excursions from rest to growing levels, then swings of growing amplitude, then short excursions."""
    path = _Path(samples, sample_rate_hz)
    third_s = samples / sample_rate_hz * 0.3
    path.dwell(third_s * 0.15)
    levels = np.linspace(1.8, generator.uniform(3.2, HIGH_V), 4)
    for level_v in levels:
        path.move(float(level_v), 5.0)
        path.dwell(third_s / levels.size * 0.3)
        path.move(REST_V, 5.0)
        path.dwell(third_s / levels.size * 0.3)
    for level_v in levels:
        path.swing(float(level_v), third_s / levels.size)
    for level_v in levels:
        path.move(float(level_v), 8.0)
        path.move(REST_V, 8.0)
        path.dwell(third_s / levels.size * 0.4)
    return path.finish(label)


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
