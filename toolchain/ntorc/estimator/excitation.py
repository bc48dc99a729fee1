"""What makes the simulated beam vibrate: forces at the moving roller, accelerations of the frame.

On the rig, moves excite the beam (RMS .2 to .7 V), dwells ring down or keep vibrating at about
.08 V, rests are quiet (2 mV), and accelerations of replicas correlate by .74 to .92.  So most of
the excitation must follow from the motion itself (bumps of the track, starts and stops), and the rest is noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.estimator.motions import Motion

DoubleArray = npt.NDArray[np.float64]
Generator = np.random.Generator

_TRACK_SEED = 20
_TRACK_LOW_V, _TRACK_HIGH_V = 0.8, 3.9


@dataclass(frozen=True)
class Excitation:
    """Strengths and durations, fitted to recorded runs by ``ntorc bench excitation``.

    Attributes:
        bump_spacing_v: mean distance of the bumps on the track, in position volts.
        bump_n_s_per_v: force of a bump crossed at 1 V/s; bumps differ by a log-normal factor.
        bump_spread: standard deviation of that factor's logarithm.
        bump_s: duration of a bump's half-sine force.
        knock_m_per_s2: frame's acceleration at a start or stop of a move with a mean speed of 1 V/s.
        knock_s: duration of a knock's half sine.
        rolling_n_s_per_v: RMS of the noise force a speed of 1 V/s.
        rolling_hz: bandwidth of that noise.
        hunting_m_per_s2: RMS of the frame's acceleration in a dwell in which the drive hunts.
        ambient_m_per_s2: RMS of the frame's broadband acceleration at any time.
        spread: relative spread of knocks and bumps between replicas.
    """

    bump_spacing_v: float = 0.25
    bump_n_s_per_v: float = 8.0
    bump_spread: float = 0.7
    bump_s: float = 0.0025
    knock_m_per_s2: float = 2.5
    knock_s: float = 0.014
    rolling_n_s_per_v: float = 0.7
    rolling_hz: float = 300.0
    hunting_m_per_s2: float = 0.6
    ambient_m_per_s2: float = 0.003
    spread: float = 0.3

    def drive(self, motion: Motion, generator: Generator, sample_rate_hz: float) -> tuple[DoubleArray, DoubleArray]:
        """Force at the roller (N) and acceleration of the frame (m/s2), each of shape [n], of one run."""
        position_v = motion.position_v
        speed_v_per_s = np.gradient(position_v) * sample_rate_hz
        roller_n = self._bumps_n(position_v, speed_v_per_s, generator, sample_rate_hz)
        noise = _low_pass(generator.normal(size=position_v.size), self.rolling_hz, sample_rate_hz)
        roller_n += self.rolling_n_s_per_v * np.abs(speed_v_per_s) * noise
        frame_m_per_s2 = self._knocks(motion, generator, sample_rate_hz)
        frame_m_per_s2 += self._hunting(motion, generator, sample_rate_hz)
        frame_m_per_s2 += generator.normal(0.0, self.ambient_m_per_s2, position_v.size)
        return roller_n, frame_m_per_s2

    def _bumps_n(
        self, position_v: DoubleArray, speed_v_per_s: DoubleArray, generator: Generator, sample_rate_hz: float
    ) -> DoubleArray:
        track = np.random.default_rng(_TRACK_SEED + 1)
        count = int((_TRACK_HIGH_V - _TRACK_LOW_V) / self.bump_spacing_v)
        places_v = np.sort(track.uniform(_TRACK_LOW_V, _TRACK_HIGH_V, count))
        strengths = track.lognormal(0.0, self.bump_spread, count) * track.choice([-1.0, 1.0], count)
        section = np.searchsorted(places_v, position_v)
        crossed = np.flatnonzero(np.diff(section))
        # the bump between two sections has the lower one's number, whichever way it is crossed
        bump = np.minimum(section[crossed], section[crossed + 1])
        sizes = self.bump_n_s_per_v * strengths[bump] * np.abs(speed_v_per_s[crossed])
        sizes *= 1.0 + self.spread * generator.normal(size=sizes.size)
        return _pulses(crossed, sizes, self.bump_s, position_v.size, sample_rate_hz)

    def _knocks(self, motion: Motion, generator: Generator, sample_rate_hz: float) -> DoubleArray:
        """Half sines at the start and the stop of each move, in opposite directions."""
        moving = np.abs(np.gradient(motion.position_v)) > 1e-9
        edges = np.flatnonzero(np.diff(moving.astype(np.int8)))
        sizes = np.zeros(edges.size)
        for number, edge in enumerate(edges):
            starts = bool(moving[edge + 1])
            neighbour = edges[number + 1] if starts and number + 1 < edges.size else edges[max(number - 1, 0)]
            begin, end = sorted((int(edge), int(neighbour)))
            travel_v = motion.position_v[end] - motion.position_v[begin]
            mean_speed = travel_v / max(end - begin, 1) * sample_rate_hz
            sizes[number] = self.knock_m_per_s2 * mean_speed * (1.0 if starts else -1.0)
        sizes *= 1.0 + self.spread * generator.normal(size=sizes.size)
        return _pulses(edges, sizes, self.knock_s, motion.position_v.size, sample_rate_hz)

    def _hunting(self, motion: Motion, generator: Generator, sample_rate_hz: float) -> DoubleArray:
        """The drive's restlessness in some dwells; never in the rests at the start and the end.

        Whether it hunts at a level is the rig's property, how it hunts is noise.
        """
        starts = np.flatnonzero(np.diff(motion.levels_v)) + 1
        strength = np.zeros(motion.levels_v.size)
        for begin, end in zip(starts, [*starts[1:], strength.size], strict=True):
            level = np.random.default_rng([_TRACK_SEED, int(motion.levels_v[begin] * 20.0)])
            if end < strength.size and level.random() < 0.6:
                strength[begin:end] = self.hunting_m_per_s2 * level.exponential()
        return strength * _low_pass(generator.normal(size=strength.size), 50.0, sample_rate_hz)


def _low_pass(noise: DoubleArray, corner_hz: float, sample_rate_hz: float) -> DoubleArray:
    """White noise of unit RMS through a second-order low-pass filter, again of unit RMS."""
    from scipy.signal import lfilter

    pole = np.exp(-2.0 * np.pi * corner_hz / sample_rate_hz)
    # two equal poles: the squares of (n+1) p^n sum to (1+p^2)/(1-p^2)^3
    gain = np.sqrt((1.0 - pole**2) ** 3 / (1.0 + pole**2))
    return np.asarray(lfilter([gain], [1.0, -2.0 * pole, pole**2], noise))


def _pulses(
    places: npt.NDArray[np.intp], sizes: DoubleArray, duration_s: float, samples: int, sample_rate_hz: float
) -> DoubleArray:
    """Half sines of a duration that begin at ``places`` with peaks ``sizes``, shape [samples]."""
    train = np.zeros(samples)
    np.add.at(train, places, sizes)
    length = max(round(duration_s * sample_rate_hz), 2)
    half_sine = np.sin(np.pi * (np.arange(length) + 0.5) / length)
    return np.convolve(train, half_sine)[:samples]
