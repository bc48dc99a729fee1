"""What the accelerations of runs are like: regimes, kurtosis, bands, natural frequencies; recorded beside simulated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.estimator.beam import Beam
from ntorc.estimator.metrics import REGIMES, regimes_of
from ntorc.estimator.runs import Run, Runs

DoubleArray = npt.NDArray[np.float64]

BANDS_HZ = ((1, 15), (15, 60), (60, 140), (140, 300), (300, 450), (450, 800), (800, 2500))
_FRAME = 16
_SPECTRUM_SAMPLES = 4096
_DWELL_SAMPLES = 2500
_STEP_V = 0.25
_SEARCH_HZ = ((20.0, 48.0), (140.0, 290.0))  # where the rig's first two frequencies lie


@dataclass(frozen=True)
class DwellFrequencies:
    """Natural frequencies at one position, in Hz: medians over its dwells, and the beam model's."""

    position_v: float
    dwells: int
    measured_hz: tuple[float, float]
    model_hz: tuple[float, float]


@dataclass(frozen=True)
class SignalCard:
    """Figures of a set of runs.

    Attributes:
        runs, duration_s: how much.
        regime_share, regime_rms_v: by regime: share of the frames, and the acceleration's RMS in them.
        kurtosis: smallest, median and largest of the runs' accelerations (3 for Gaussian noise).
        band_share: share of the acceleration's power in each band of `BANDS_HZ`.
        frequencies: by position.
        deviation_percent: RMS deviation of the model's first and second frequency from the measured ones.
        spectrum_hz, spectrum_v2_per_hz: the runs' median power spectral density.
    """

    runs: int
    duration_s: float
    regime_share: dict[str, float]
    regime_rms_v: dict[str, float]
    kurtosis: tuple[float, float, float]
    band_share: dict[str, float]
    frequencies: tuple[DwellFrequencies, ...]
    deviation_percent: tuple[float, float]
    spectrum_hz: tuple[float, ...]
    spectrum_v2_per_hz: tuple[float, ...]


def signal_card(runs: Runs, beam: Beam | None = None) -> SignalCard:
    """Look at all runs; a few seconds for half an hour of data."""
    from scipy.signal import welch

    beam = beam or Beam()
    squares, counts = np.zeros(len(REGIMES)), np.zeros(len(REGIMES), np.int64)
    spectra, kurtosis = [], []
    for run in runs:
        regimes = regimes_of(run, _FRAME)
        power = _frame_power(run, len(regimes))
        for index in range(len(REGIMES)):
            own = regimes == index
            counts[index] += int(own.sum())
            squares[index] += float(power[own].sum())
        values = run.acceleration_v.astype(np.float64) - float(run.acceleration_v.mean())
        kurtosis.append(float(np.mean(values**4) / max(float(np.mean(values**2)) ** 2, 1e-30)))
        nperseg = min(_SPECTRUM_SAMPLES, run.samples)
        frequency, density = welch(values, run.sample_rate_hz, nperseg=nperseg)
        spectra.append(np.interp(_grid(run), frequency, density))
    grid, median = _grid(next(iter(runs))), np.median(spectra, axis=0)
    mean = np.mean(spectra, axis=0)
    bands = {f"{low}-{high} Hz": float(mean[(grid >= low) & (grid < high)].sum()) for low, high in BANDS_HZ}
    whole = max(sum(bands.values()), 1e-30)
    found = dwell_frequencies(runs, beam)
    off = np.array([np.array(row.model_hz) / np.array(row.measured_hz) - 1.0 for row in found]).reshape(-1, 2)
    rms = 100.0 * np.sqrt(np.mean(off**2, axis=0)) if len(off) else np.zeros(2)
    return SignalCard(
        len(runs),
        runs.duration_s,
        {name: float(counts[index] / counts.sum()) for index, name in enumerate(REGIMES)},
        {name: float(np.sqrt(squares[i] / counts[i])) for i, name in enumerate(REGIMES) if counts[i]},
        (min(kurtosis), float(np.median(kurtosis)), max(kurtosis)),
        {name: value / whole for name, value in bands.items()},
        found,
        (float(rms[0]), float(rms[1])),
        tuple(float(value) for value in grid),
        tuple(float(value) for value in median),
    )


def _grid(run: Run) -> DoubleArray:
    return np.arange(1.0, run.sample_rate_hz / 2 / 2.5, 1.0)


def _frame_power(run: Run, frames: int) -> DoubleArray:
    squares = run.acceleration_v[: frames * _FRAME].astype(np.float64).reshape(frames, _FRAME) ** 2
    return np.asarray(squares.mean(axis=1))


def dwell_frequencies(runs: Runs, beam: Beam) -> tuple[DwellFrequencies, ...]:
    """Peaks of spectra over half a second of vibrating dwells, gathered by position in steps of .25 V."""
    found: dict[int, list[tuple[float, float, float]]] = {}
    for run in runs:
        vibrating = np.repeat(regimes_of(run, _FRAME) == 1, _FRAME)
        for begin in range(0, len(vibrating) - _DWELL_SAMPLES, _DWELL_SAMPLES // 2):
            part = slice(begin, begin + _DWELL_SAMPLES)
            if not vibrating[part].all():
                continue
            position_v = float(np.median(run.position_v[part]))
            peaks = _peaks(run.acceleration_v[part].astype(np.float64), run.sample_rate_hz)
            found.setdefault(round(position_v / _STEP_V), []).append((position_v, *peaks))
    rows = []
    for _, dwells in sorted(found.items()):
        position_v, first, second = np.median(np.array(dwells), axis=0)
        model = beam.frequencies_hz(float(position_v), 2)
        rows.append(
            DwellFrequencies(
                float(position_v), len(dwells), (float(first), float(second)), (float(model[0]), float(model[1]))
            )
        )
    return tuple(rows)


def _peaks(values: DoubleArray, sample_rate_hz: float) -> tuple[float, float]:
    """The strongest frequency in each of the two ranges, by a parabola through the logarithms around the bin."""
    size = 8 * len(values)
    spectrum = np.abs(np.fft.rfft((values - values.mean()) * np.hanning(len(values)), size))
    step = sample_rate_hz / size
    result = []
    for low, high in _SEARCH_HZ:
        bins = np.arange(int(low / step), int(high / step))
        best = int(bins[np.argmax(spectrum[bins])])
        before, at, after = np.log(np.maximum(spectrum[best - 1 : best + 2], 1e-12))
        result.append((best + 0.5 * (before - after) / min(before - 2 * at + after, -1e-12)) * step)
    return result[0], result[1]


def _share(value: float) -> str:
    """In percent, and in dB of the whole: what lies between the modes is far below a tenth of a percent."""
    return f"{100 * value:.1f} %, {10 * np.log10(max(value, 1e-30)):.0f} dB"


def cards_text(cards: dict[str, SignalCard]) -> str:
    """Cards side by side, one column each."""
    names = list(cards)
    rows: list[tuple[str, list[str]]] = [("", names)]
    rows.append(("runs, seconds", [f"{card.runs}, {card.duration_s:.0f}" for card in cards.values()]))
    for regime in REGIMES:
        rows.append(
            (
                f"{regime}: share, RMS V",
                [f"{100 * c.regime_share[regime]:.0f} %, {c.regime_rms_v.get(regime, 0):.3f}" for c in cards.values()],
            )
        )
    rows.append(
        ("kurtosis: least, median, most", [", ".join(f"{value:.0f}" for value in c.kurtosis) for c in cards.values()])
    )
    for low, high in BANDS_HZ:
        name = f"{low}-{high} Hz"
        rows.append((f"power at {name}", [_share(c.band_share[name]) for c in cards.values()]))
    deviations = [f"{c.deviation_percent[0]:.2f} %, {c.deviation_percent[1]:.2f} %" for c in cards.values()]
    rows.append(("beam model's f1, f2 off by (RMS)", deviations))
    width = [max(len(row[1][i]) for row in rows) for i in range(len(names))]
    lines = [
        f"  {label:36}" + "  ".join(f"{text:>{width[i]}}" for i, text in enumerate(texts)) for label, texts in rows
    ]
    for name, card in cards.items():
        lines.append(f"  natural frequencies, {name} (model):")
        for row in card.frequencies:
            first, second = (f"{m:.2f} ({b:.2f})" for m, b in zip(row.measured_hz, row.model_hz, strict=True))
            lines.append(f"    {row.position_v:.2f} V, {row.dwells} dwells: {first} Hz, {second} Hz")
    return "\n".join(lines)
