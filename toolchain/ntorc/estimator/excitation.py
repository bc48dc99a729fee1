"""What makes the simulated beam vibrate: forces at the moving roller, accelerations of the frame.

On the rig nearly all vibration comes from the roller's travel, and mostly as a line at 64.5 periods a volt of
travel (about .75 mm): it sweeps with the speed through the modes, and where it meets one there is a burst.  That
makes the signal's kurtosis.  Beside it there is broadband noise that grows with the speed, a band of the frame's own
resonances, the carriage's acceleration, and the uneven track, which lifts the beam slowly.  In dwells the beam
rings down; rests are quiet (2 mV).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.estimator.motions import Motion

DoubleArray = npt.NDArray[np.float64]
Generator = np.random.Generator

_TRACK_LOW_V, _TRACK_HIGH_V, _TRACK_POINTS = 0.9, 3.7, 1 << 13


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
        track_n: RMS of the force by which the uneven track lifts the beam.
        track_per_v: wave numbers a volt up to which the track is uneven.
        carriage: frame's acceleration in m/s2 for an acceleration of the carriage of 1 V/s2.
        ambient_m_per_s2: RMS of the frame's broadband acceleration at any time.
        spread: standard deviation of the logarithm of the ripple's strength along the track.
    """

    ripple_per_v: float = 64.5
    ripple_m_per_s2: float = 4.97
    ripple_power: float = 1.32
    ripple_back: float = 0.75
    harmonic_n: float = 0.74
    rolling_n: float = 0.113
    rolling_power: float = 1.5
    rumble_m_per_s2: float = 1.43
    rumble_hz: tuple[float, float] = (130.0, 290.0)
    track_n: float = 0.365
    track_per_v: float = 5.0
    carriage: float = 0.079
    ambient_m_per_s2: float = 0.003
    spread: float = 0.2

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
        strength = np.exp(self.spread * track.unevenness(position_v, 1)) * np.where(velocity < 0.0, self.ripple_back, 1.0)
        size = position_v.size
        roller_n = self.rolling_n * speed**self.rolling_power * generator.normal(size=size)
        roller_n += self.harmonic_n * strength * speed * np.cos(2.0 * phase)
        lifted = self.track_n * track.unevenness(position_v, 0)
        # the beam has settled where it rests
        roller_n += lifted - lifted[0]
        frame_m_per_s2 = self.ripple_m_per_s2 * strength * speed**self.ripple_power * np.cos(phase)
        rumble = _band(generator.normal(size=size), self.rumble_hz, sample_rate_hz)
        frame_m_per_s2 += self.rumble_m_per_s2 * speed * rumble
        frame_m_per_s2 += self.carriage * np.gradient(velocity) * sample_rate_hz
        frame_m_per_s2 += generator.normal(0.0, self.ambient_m_per_s2, size)
        return roller_n, frame_m_per_s2


@dataclass(frozen=True, eq=False)
class Track:
    """What a rig has along its track.

    Attributes:
        phase: of the ripple at 0 V, in radians.
        profiles: unevenness of unit variance, shape [2, points].
    """

    phase: float
    profiles: DoubleArray

    @classmethod
    def of(cls, seed: list[int], per_v: float) -> Track:
        """A track with wave numbers up to ``per_v`` a volt; equal seeds give equal tracks."""
        generator = np.random.default_rng(seed)
        wave = np.fft.rfftfreq(_TRACK_POINTS, (_TRACK_HIGH_V - _TRACK_LOW_V) / (_TRACK_POINTS - 1))
        spectra = np.fft.rfft(generator.normal(size=(2, _TRACK_POINTS))) / np.sqrt(1.0 + (wave / per_v) ** 2)
        # the second profile is only slow: a strength, not a force
        spectra[1] /= np.sqrt(1.0 + (wave / per_v) ** 2)
        profiles = np.fft.irfft(spectra, _TRACK_POINTS)
        return cls(float(generator.uniform(0.0, 2.0 * np.pi)), profiles / profiles.std(axis=1, keepdims=True))

    def unevenness(self, position_v: DoubleArray, profile: int) -> DoubleArray:
        """One of the profiles at positions, in their shape."""
        places_v = np.linspace(_TRACK_LOW_V, _TRACK_HIGH_V, _TRACK_POINTS)
        return np.asarray(np.interp(position_v, places_v, self.profiles[profile]))


def _band(noise: DoubleArray, band_hz: tuple[float, float], sample_rate_hz: float) -> DoubleArray:
    """White noise of unit RMS through a second-order band-pass filter, again of unit RMS over long times."""
    from scipy.signal import butter, lfilter

    upper, lower = butter(1, band_hz, "bandpass", fs=sample_rate_hz)
    impulse = np.zeros(4096)
    impulse[0] = 1.0
    gain = float(np.sqrt(np.sum(lfilter(upper, lower, impulse) ** 2)))
    return np.asarray(lfilter(upper, lower, noise)) / gain
