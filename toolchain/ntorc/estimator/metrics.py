"""How good estimates are, and where: by regime of the motion and of the vibration, with their delay.

Regimes of a frame: *moving*, the roller travels faster than .15 V/s; else a dwell, *vibrating* or *quiet* by
whether the acceleration of the last 102 ms has an RMS of 30 mV, below which the sensor sees mostly its own noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.estimator.runs import Run

DoubleArray = npt.NDArray[np.float64]

REGIMES = ("moving", "vibrating dwell", "quiet dwell")
QUIET_V = 0.03
ENERGY_S = 0.1024
_MOVING_V_PER_S = 0.15
_SPEED_S = 0.05  # over which the speed is taken
_MOST_DELAY_S = 0.1


@dataclass(frozen=True)
class Errors:
    """Errors over some frames.

    Attributes:
        frames: how many.
        rmse_v, p95_v, max_v, bias_v: of the estimate less the truth; p95 and max of its magnitude.
    """

    frames: int
    rmse_v: float
    p95_v: float
    max_v: float
    bias_v: float


@dataclass(frozen=True)
class Metrics:
    """All that is said of an estimator's error on some runs; sensor spikes count, the warm-up does not.

    Attributes:
        total: over all frames.
        by_regime: over the frames of each regime that occurs.
        rmse_by_run_v: of each run.
        rmse_mm, mm_per_v: the total's RMSE by the scale that the runs come with.
        delay_s: by how much the estimates lag: the shift that makes the error smallest, to a fraction of a frame.
        rmse_undelayed_v: the error at that shift.
        clamped_rmse_v: the RMSE of estimates held within the valid range.
    """

    total: Errors
    by_regime: dict[str, Errors]
    rmse_by_run_v: dict[str, float]
    rmse_mm: float
    mm_per_v: float
    delay_s: float
    rmse_undelayed_v: float
    clamped_rmse_v: float


def regimes_of(run: Run, frame: int) -> npt.NDArray[np.int64]:
    """Index into `REGIMES` of every whole frame."""
    rate, ends = run.sample_rate_hz, np.arange(frame - 1, run.samples, frame)
    reach = round(_SPEED_S * rate / 2)
    position = run.position_v.astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(position)])
    late, early = np.minimum(ends + reach, run.samples), np.maximum(ends - reach, 0)

    def mean(begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> DoubleArray:
        return np.asarray((sums[end] - sums[begin]) / np.maximum(end - begin, 1))

    travel = mean(np.minimum(ends, late - 1), late) - mean(early, np.maximum(ends, early + 1))
    speed = np.abs(travel) * rate / reach
    moving = speed > _MOVING_V_PER_S
    energy = np.concatenate([[0.0], np.cumsum(run.acceleration_v.astype(np.float64) ** 2)])
    since = np.maximum(ends + 1 - round(ENERGY_S * rate), 0)
    quiet = np.sqrt((energy[ends + 1] - energy[since]) / (ends + 1 - since)) < QUIET_V
    return np.where(moving, 0, np.where(quiet, 2, 1))


def measure_errors(
    runs: Sequence[Run],
    estimates_v: Sequence[DoubleArray],
    frame: int,
    warm_up: int,
    valid_range_v: tuple[float, float],
    mm_per_v: float,
) -> Metrics:
    """Judge the estimates of whole runs.

    Args:
        runs: the runs.
        estimates_v: of every whole frame of each, volts.
        frame: samples of a frame.
        warm_up: frames at each run's start that are left out.
        valid_range_v: what `Metrics.clamped_rmse_v` holds the estimates within.
        mm_per_v: scale.

    Raises:
        DataError: no frame is left behind the warm-up.
    """
    off, regimes, clamped = [], [], []
    by_run: dict[str, float] = {}
    for run, estimate in zip(runs, estimates_v, strict=True):
        truth = run.position_v[frame - 1 :: frame][: len(estimate)].astype(np.float64)
        error = (estimate - truth)[warm_up:]
        if not len(error):
            continue
        off.append(error)
        clamped.append((np.clip(estimate, *valid_range_v) - truth)[warm_up:])
        regimes.append(regimes_of(run, frame)[: len(estimate)][warm_up:])
        by_run[run.name] = _rms(error)
    if not off:
        raise DataError(f"no run is longer than the warm-up of {warm_up} frames", "give longer runs")
    errors, regime = np.concatenate(off), np.concatenate(regimes)
    present = {name: errors[regime == index] for index, name in enumerate(REGIMES) if (regime == index).any()}
    delay, best = _delay_frames(runs, estimates_v, frame, warm_up)
    total = errors_of(errors)
    return Metrics(
        total,
        {name: errors_of(part) for name, part in present.items()},
        by_run,
        total.rmse_v * mm_per_v,
        mm_per_v,
        delay * frame / runs[0].sample_rate_hz,
        best,
        _rms(np.concatenate(clamped)),
    )


def errors_of(errors: DoubleArray) -> Errors:
    """Figures of a series of errors in volts."""
    magnitudes = np.abs(errors)
    return Errors(
        len(errors),
        _rms(errors),
        float(np.quantile(magnitudes, 0.95)),
        float(magnitudes.max()),
        float(errors.mean()),
    )


def _rms(values: DoubleArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _delay_frames(
    runs: Sequence[Run], estimates_v: Sequence[DoubleArray], frame: int, warm_up: int
) -> tuple[float, float]:
    """The lag in frames and the RMSE there: the lag with the smallest spread of the error, whatever its mean.

    Lags are tried in steps of an eighth of a frame, by shifting the truth; then a parabola through the best three.
    """
    step = max(frame // 8, 1)
    lags = np.arange(0, round(_MOST_DELAY_S * runs[0].sample_rate_hz) + 1, step)
    squares, sums = np.zeros(len(lags)), np.zeros(len(lags))
    for run, estimate in zip(runs, estimates_v, strict=True):
        ends = (np.arange(len(estimate)) + 1) * frame - 1
        ends, late = ends[warm_up:], estimate[warm_up:]
        for index, lag in enumerate(lags):
            truth = run.position_v[np.maximum(ends - lag, 0)]
            squares[index] += float(((late - truth) ** 2).sum())
            sums[index] += float((late - truth).sum())
    frames = sum(max(len(estimate) - warm_up, 0) for estimate in estimates_v)
    spread = squares - sums**2 / frames
    best = int(spread.argmin())
    shift = 0.0
    if 0 < best < len(lags) - 1:
        before, at, after = spread[best - 1 : best + 2]
        shift = 0.5 * (before - after) / max(before - 2 * at + after, 1e-12)
    return float((lags[best] + shift * step) / frame), float(np.sqrt(squares[best] / frames))
