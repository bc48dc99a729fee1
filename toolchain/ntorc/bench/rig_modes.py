"""Frequencies and damping of the rig's modes, read off recorded runs.

The two lowest modes ring down in dwells for long: the slope of the band's phase is the frequency, that of its
envelope's logarithm the decay.  The higher ones die out within some hundredths of a second, so their frequencies
are the peaks of mean spectra while the roller travels slowly; their decays are read off the first moments of dwells.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ntorc.estimator.beam import Beam
from ntorc.estimator.rig_modes import Curve, RigModes
from ntorc.estimator.runs import Run, Runs

DoubleArray = npt.NDArray[np.float64]

_LOW_V, _HIGH_V = 1.15, 3.4
_BEAM_KNOTS_V = np.linspace(1.0, 3.6, 53)
_STILL_V_PER_S = 0.15
_SMOOTH_S = 0.06
_LINES = ((0.12, 0.5), (0.08, 0.18))  # of the two lowest modes: half the band, relative; seconds looked at
_LEAST_V = 0.01  # of a line's amplitude, to be used
_RIDGES = (
    # where the higher modes are on the rig: positions in V, frequencies in Hz, half the search range in Hz
    ((1.15, 1.6, 2.0, 2.5, 3.0, 3.4), (415.0, 450.0, 460.0, 440.0, 415.0, 400.0), 45.0),
    ((1.15, 1.6, 2.0, 2.5, 3.0, 3.4), (635.0, 620.0, 610.0, 650.0, 715.0, 745.0), 40.0),
    ((1.6, 2.0, 2.5, 2.8, 3.1, 3.4), (1020.0, 1090.0, 1155.0, 1160.0, 1090.0, 1030.0), 50.0),
    ((1.15, 1.6, 2.1, 2.4, 2.8, 3.4), (1510.0, 1640.0, 1770.0, 1680.0, 1500.0, 1650.0), 60.0),
)
_RIDGE_SAMPLES, _RIDGE_HOP, _RIDGE_BINS = 400, 50, 4096
_RIDGE_SPEED = (0.1, 1.5)  # V/s
_RIDGE_POWER = 3e-3  # of a window's mean square spectrum in the range, to be used
_FAST_DECAY_V, _FAST_DECAY_S = 0.015, (0.02, 0.1)
_HIGHEST_DECAY_PER_S = 30.0  # of the fifth and sixth mode: assumed, no dwell shows them long enough


def rig_modes(runs: Runs, beam: Beam) -> RigModes:
    """Curves of six modes, as factors on the beam model's frequencies and as decay rates."""
    model = np.array([beam.frequencies_hz(float(value), 6) for value in _BEAM_KNOTS_V])
    lines = [_lines(runs, mode, model[:, mode]) for mode in (0, 1)]
    factors = [_parabola(lines[0][:, :2]), _medians(lines[1][:, :2], 0.15, prior=1.0)]
    decays = [_medians(line[:, [0, 2]], 0.3, least=0.2) for line in lines]
    ridges = [_ridge(runs, mode, model[:, 2 + mode]) for mode in range(4)]
    factors += [ridge[0] for ridge in ridges]
    decays += [_fast_decay(runs, ridge[1]) for ridge in ridges[:2]]
    decays += [Curve((_LOW_V, _HIGH_V), (_HIGHEST_DECAY_PER_S,) * 2)] * 2
    return RigModes(tuple(factors), tuple(decays))


def smooth_position_v(run: Run) -> DoubleArray:
    """Positions without the sensor's noise: a Hann window of .04 s, shape [n]."""
    return _smooth(run.position_v.astype(np.float64), round(0.04 * run.sample_rate_hz))


def _smooth(values: DoubleArray, length: int) -> DoubleArray:
    window = np.hanning(length | 1)
    return np.asarray(np.convolve(np.pad(values, length // 2, mode="edge"), window / window.sum(), "valid"))


def _speed(run: Run) -> tuple[DoubleArray, DoubleArray]:
    position_v = _smooth(run.position_v.astype(np.float64), round(_SMOOTH_S * run.sample_rate_hz))
    return position_v, np.abs(np.gradient(position_v)) * run.sample_rate_hz


def _dwells(speed: DoubleArray, slowest: float) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (speed < slowest).astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _parts(speed: DoubleArray, length: int, least: int) -> Iterator[tuple[int, int]]:
    """Begin and length of the pieces of dwells: frequencies just after a move are not quite those later."""
    for begin, end in _dwells(speed, _STILL_V_PER_S):
        for start in range(begin, end, length):
            if min(length, end - start) >= least:
                yield start, min(length, end - start)


def _band(values: DoubleArray, low_hz: float, high_hz: float, rate_hz: float) -> npt.NDArray[np.complex128]:
    from scipy.signal import butter, hilbert, sosfiltfilt

    sections = butter(2, [low_hz, high_hz], "bandpass", fs=rate_hz, output="sos")
    return np.asarray(hilbert(sosfiltfilt(sections, values)))


def _lines(runs: Runs, mode: int, model_hz: DoubleArray) -> DoubleArray:
    """Position, frequency over the model's, decay rate: one row a dwell, [dwells, 3]."""
    width, seconds = _LINES[mode]
    rows = []
    for run in runs:
        rate = run.sample_rate_hz
        position_v, speed = _speed(run)
        values = run.acceleration_v - float(run.acceleration_v.mean())
        for begin, count in _parts(speed, round(seconds * rate), round(0.14 * rate)):
            place = float(np.median(position_v[begin : begin + count]))
            expected = float(np.interp(place, _BEAM_KNOTS_V, model_hz))
            lead = min(begin, round(0.1 * rate))
            part = values[begin - lead : begin + count + lead].astype(np.float64)
            ringing = _band(part, expected * (1 - width), expected * (1 + width), rate)[lead : lead + count]
            if np.median(np.abs(ringing)) < _LEAST_V:
                continue
            time_s = np.arange(count) / rate
            turn = np.polyfit(time_s, np.unwrap(np.angle(ringing)), 1, w=np.abs(ringing))[0]
            inner = slice(count // 10, count - count // 10)
            fall = -np.polyfit(time_s[inner], np.log(np.abs(ringing[inner])), 1)[0]
            rows.append((place, float(turn) / (2.0 * np.pi) / expected, float(fall)))
    return np.array(rows).reshape(-1, 3)


def _parabola(points: DoubleArray) -> Curve:
    """Of the points, those left out that are off by three times the median."""
    kept = np.ones(len(points), bool)
    for _ in range(5):
        parabola = np.polyfit(points[kept, 0], points[kept, 1], 2)
        off = np.abs(points[:, 1] - np.polyval(parabola, points[:, 0]))
        kept = off <= 3.0 * 1.48 * float(np.median(off))
    places_v = np.arange(_LOW_V, _HIGH_V + 0.01, 0.25)
    return _curve(places_v, np.polyval(parabola, places_v))


def _medians(points: DoubleArray, step_v: float, *, least: float = 0.0, prior: float | None = None) -> Curve:
    """Of the points within each step of the track, if there are two or more; drawn to ``prior`` as by four points."""
    places, values = [], []
    for low_v in np.arange(_LOW_V, _HIGH_V, step_v):
        own = points[(points[:, 0] >= low_v) & (points[:, 0] < low_v + step_v)]
        if len(own) >= 2:
            places.append(float(np.median(own[:, 0])))
            value = max(float(np.median(own[:, 1])), least)
            values.append(value if prior is None else prior + (value - prior) * len(own) / (len(own) + 4))
    return _curve(np.array(places), np.array(values))


def _curve(places_v: DoubleArray, values: DoubleArray) -> Curve:
    return Curve(tuple(round(float(v), 3) for v in places_v), tuple(float(f"{v:.4g}") for v in values))


def _windows(run: Run) -> Iterator[tuple[float, DoubleArray]]:
    """Position of each window of slow travel, and its power spectrum."""
    position_v, speed = _speed(run)
    window = np.hanning(_RIDGE_SAMPLES)
    for begin in range(0, run.samples - _RIDGE_SAMPLES, _RIDGE_HOP):
        part = slice(begin, begin + _RIDGE_SAMPLES)
        mean_speed = float(speed[part].mean())
        if _RIDGE_SPEED[0] < mean_speed < _RIDGE_SPEED[1]:
            spectrum = np.fft.rfft(run.acceleration_v[part].astype(np.float64) * window, _RIDGE_BINS)
            yield float(np.median(position_v[part])), np.square(np.abs(spectrum)).astype(np.float64)


def _ridge(runs: Runs, number: int, model_hz: DoubleArray) -> tuple[Curve, Curve]:
    """Of the third mode and up: factors on the model's frequencies, and the frequencies themselves."""
    guide_v, guide_hz, reach_hz = _RIDGES[number]
    rate = next(iter(runs)).sample_rate_hz
    frequency = np.fft.rfftfreq(_RIDGE_BINS, 1.0 / rate)
    near = np.abs(frequency - np.median(guide_hz)) < np.ptp(guide_hz) + 2 * reach_hz
    found = [(place, spectrum[near]) for run in runs for place, spectrum in _windows(run)]
    places = np.array([place for place, _ in found])
    spectra = np.stack([spectrum for _, spectrum in found])
    at_v, at_hz = [], []
    for centre_v in np.arange(1.2, _HIGH_V, 0.1):
        expected = float(np.interp(centre_v, guide_v, guide_hz))
        band = np.flatnonzero(np.abs(frequency[near] - expected) < reach_hz)
        own = (np.abs(places - centre_v) < 0.06) & (spectra[:, band].mean(axis=1) > _RIDGE_POWER)
        if centre_v < guide_v[0] - 0.02 or own.sum() < 10:
            continue
        mean = np.log(spectra[own] + 1e-9).mean(axis=0)
        best = int(band[np.argmax(mean[band])])
        if best in (band[0], band[-1]):
            continue
        before, here, after = mean[best - 1 : best + 2]
        at_v.append(float(places[own].mean()))
        at_hz.append(
            float(frequency[near][best] + 0.5 * (before - after) / (before - 2 * here + after) * rate / _RIDGE_BINS)
        )
    calm_hz = _median_of_three(np.array(at_hz))
    factors = calm_hz / np.interp(at_v, _BEAM_KNOTS_V, model_hz)
    return _curve(np.array(at_v), factors), _curve(np.array(at_v), calm_hz)


def _median_of_three(values: DoubleArray) -> DoubleArray:
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))


def _fast_decay(runs: Runs, frequency: Curve) -> Curve:
    """One rate for the whole track: the median over dwells that begin loud enough in the mode's band."""
    rates = []
    for run in runs:
        rate = run.sample_rate_hz
        position_v, speed = _speed(run)
        values = run.acceleration_v - float(run.acceleration_v.mean())
        first, last = (round(seconds * rate) for seconds in _FAST_DECAY_S)
        for begin, end in _dwells(speed, 0.5):
            if end - begin < 0.2 * rate or begin < 0.2 * rate:
                continue
            expected = float(frequency.at(np.median(position_v[begin:end])))
            part = values[begin - round(0.2 * rate) : end].astype(np.float64)
            envelope = np.abs(_band(part, 0.9 * expected, 1.1 * expected, rate))[round(0.2 * rate) :][first:last]
            if envelope[0] < _FAST_DECAY_V or envelope.min() < 0.003:
                continue
            rates.append(-np.polyfit(np.arange(envelope.size) / rate, np.log(envelope), 1)[0])
    return _curve(np.array([_LOW_V, _HIGH_V]), np.full(2, float(np.median(rates)) if rates else _HIGHEST_DECAY_PER_S))
