"""What makes the simulated beam vibrate: forces at the moving roller, accelerations of the frame.

On the rig nearly all vibration comes from the roller's travel, and mostly as a line at 64.5 periods a volt of
travel (about .75 mm): it sweeps with the speed through the modes, and where it meets one there is a burst.  That
makes the signal's kurtosis.  Beside it there is broadband noise that grows with the speed, a band of the frame's own
resonances, and the carriage's acceleration.  In dwells the beam rings down; rests are quiet (2 mV).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.estimator.motions import Motion

DoubleArray = npt.NDArray[np.float64]
Generator = np.random.Generator

_TRACK_LOW_V, _TRACK_HIGH_V, _TRACK_POINTS = 0.9, 3.7, 1 << 13
_GRAIN_V = 5e-5


@dataclass(frozen=True)
class Excitation:
    """Strengths, fitted to recorded runs by ``ntorc bench excitation``.

    Attributes:
        ripple_per_v: periods of the drive's ripple a position volt.
        ripple_m_per_s2: amplitude of the frame's acceleration by the ripple at 1 V/s.
        ripple_power: of the speed, that it grows with.
        ripple_back: strength of the ripple on the way down against that on the way up.
        harmonic_n: amplitude of the force at the roller by the ripple's second harmonic at 1 V/s; in proportion to it.
        rolling_n: RMS of the white noise force at the roller at 1 V/s (to half the sample rate).
        rolling_power: of the speed, that it grows with.
        rumble_m_per_s2: RMS of the frame's noise acceleration within ``rumble_hz`` at 1 V/s; in proportion to it.
        rumble_hz: where the frame resonates.
        unevenness_per_v: wave numbers a volt up to which the ripple's strength changes along the track.
        carriage: frame's acceleration in m/s2 for an acceleration of the carriage of 1 V/s2.
        ambient_m_per_s2: RMS of the frame's noise acceleration at any time.
        ambient_hz: corner of its low-pass.
        spread: standard deviation of the logarithm of the ripple's strength along the track.
        repeated: share of the noise's power that the track's roughness makes, so that replicas have it in common.
    """

    ripple_per_v: float = 64.5
    ripple_m_per_s2: float = 5.59
    ripple_power: float = 1.0
    ripple_back: float = 0.75
    harmonic_n: float = 0.501
    rolling_n: float = 0.157
    rolling_power: float = 2.0
    rumble_m_per_s2: float = 2.25
    rumble_hz: tuple[float, float] = (130.0, 290.0)
    unevenness_per_v: float = 5.0
    carriage: float = 0.0346
    ambient_m_per_s2: float = 0.015
    ambient_hz: float = 30.0
    spread: float = 0.2
    repeated: float = 0.65

    def drive(
        self, motion: Motion, track: Track, generator: Generator, sample_rate_hz: float
    ) -> tuple[DoubleArray, DoubleArray]:
        """Force at the roller (N) and acceleration of the frame (m/s2), each of shape [n], of one run.

        Args:
            motion: the roller's.
            track: of the rig: equal for replicas.
            generator: of what differs from run to run.
            sample_rate_hz: of the motion.
        """
        position_v = motion.position_v
        velocity = np.gradient(position_v) * sample_rate_hz
        speed = np.abs(velocity)
        phase = 2.0 * np.pi * self.ripple_per_v * position_v + track.phase
        strength = np.exp(self.spread * track.unevenness(position_v)) * np.where(velocity < 0.0, self.ripple_back, 1.0)
        size = position_v.size
        shared, single = np.sqrt(self.repeated), np.sqrt(1.0 - self.repeated)
        roller_n = shared * track.roughness(position_v, 0) + single * generator.normal(size=size)
        roller_n *= self.rolling_n * speed**self.rolling_power
        roller_n += self.harmonic_n * strength * speed * np.cos(2.0 * phase)
        frame_m_per_s2 = self.ripple_m_per_s2 * strength * speed**self.ripple_power * np.cos(phase)
        rumble = shared * track.roughness(position_v, 1) + single * generator.normal(size=size)
        rumble = _band(rumble, self.rumble_hz, sample_rate_hz)
        frame_m_per_s2 += self.rumble_m_per_s2 * speed * rumble
        frame_m_per_s2 += self.carriage * np.gradient(velocity) * sample_rate_hz
        frame_m_per_s2 += self.ambient_m_per_s2 * _low(generator.normal(size=size), self.ambient_hz, sample_rate_hz)
        return roller_n, frame_m_per_s2


@dataclass(frozen=True, eq=False)
class Track:
    """What a rig has along its track.

    Attributes:
        phase: of the ripple at 0 V, in radians.
        profile: unevenness of unit variance over the track, shape [points].
        grains: roughness of unit variance, of roller and of frame, shape [2, grains].
    """

    phase: float
    profile: DoubleArray
    grains: DoubleArray

    @classmethod
    def of(cls, seed: int, per_v: float) -> Track:
        """A track with wave numbers up to ``per_v`` a volt; equal seeds give equal tracks."""
        generator = np.random.default_rng(seed)
        wave = np.fft.rfftfreq(_TRACK_POINTS, (_TRACK_HIGH_V - _TRACK_LOW_V) / (_TRACK_POINTS - 1))
        spectrum = np.fft.rfft(generator.normal(size=_TRACK_POINTS)) / (1.0 + (wave / per_v) ** 2)
        spectrum[0] = 0.0
        profile = np.fft.irfft(spectrum, _TRACK_POINTS)
        grains = generator.normal(size=(2, round((_TRACK_HIGH_V - _TRACK_LOW_V) / _GRAIN_V)))
        return cls(float(generator.uniform(0.0, 2.0 * np.pi)), np.asarray(profile / profile.std()), grains)

    def roughness(self, position_v: DoubleArray, which: int) -> DoubleArray:
        """One of the two roughnesses at positions, in their shape: white in time unless the roller creeps."""
        return np.asarray(self.grains[which, ((position_v - _TRACK_LOW_V) / _GRAIN_V).astype(np.int64)])

    def unevenness(self, position_v: DoubleArray) -> DoubleArray:
        """The profile at positions, in their shape."""
        return np.asarray(np.interp(position_v, np.linspace(_TRACK_LOW_V, _TRACK_HIGH_V, _TRACK_POINTS), self.profile))


def _band(noise: DoubleArray, band_hz: tuple[float, float], sample_rate_hz: float) -> DoubleArray:
    """White noise of unit RMS through a second-order band-pass filter, again of unit RMS over long times."""
    from scipy.signal import butter, lfilter

    upper, lower = butter(1, band_hz, "bandpass", fs=sample_rate_hz)
    impulse = np.zeros(4096)
    impulse[0] = 1.0
    gain = float(np.sqrt(np.sum(lfilter(upper, lower, impulse) ** 2)))
    return np.asarray(lfilter(upper, lower, noise)) / gain


def _low(noise: DoubleArray, corner_hz: float, sample_rate_hz: float) -> DoubleArray:
    """White noise of unit RMS through a first-order low-pass filter, again of unit RMS over long times."""
    from scipy.signal import lfilter

    pole = float(np.exp(-2.0 * np.pi * corner_hz / sample_rate_hz))
    return np.asarray(lfilter([np.sqrt(1.0 - pole**2)], [1.0, -pole], noise))
