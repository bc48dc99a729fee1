"""What happens to the estimates when the sensor is not as it was: disturbed runs through the same integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ntorc.estimator.flags import NOT_WARMED_UP, OUT_OF_RANGE, SENSOR_FAULT, TOO_QUIET, FlagLimits, flags_of
from ntorc.estimator.judging import integer_estimates_v, warm_up_of
from ntorc.estimator.metrics import measure_errors
from ntorc.estimator.runs import MIN_SAMPLES, Run
from ntorc.estimator.windows import ADC_FULL_SCALE_V, to_counts
from ntorc.network.network import Network

Samples = npt.NDArray[np.float64]
Disturbance = Callable[[Samples, np.random.Generator], Samples]

NOMINAL = "nominal"
FAULT_AT = 0.4
"""A fault begins after this share of a run."""


def _quantised(bits: int) -> Disturbance:
    step = 2 * ADC_FULL_SCALE_V / 2**bits
    return lambda x, _: np.round(x / step) * step


def _from_fault(change: Disturbance) -> Disturbance:
    """Only behind `FAULT_AT`."""

    def disturb(x: Samples, generator: np.random.Generator) -> Samples:
        at = round(FAULT_AT * len(x))
        return np.concatenate([x[:at], change(x[at - 1 :], generator)[1:]])

    return disturb


def _held(x: Samples, generator: np.random.Generator) -> Samples:
    """One sample in a hundred is lost, and the one before it seen again."""
    lost = generator.random(len(x)) < 0.01
    lost[0] = False
    return np.asarray(x[np.maximum.accumulate(np.where(lost, 0, np.arange(len(x))))])


def _gaps(x: Samples, generator: np.random.Generator) -> Samples:
    """Twice a second 20 ms in a row are lost, and the last sample is seen instead."""
    lost = np.zeros(len(x), bool)
    for begin in generator.integers(1, max(len(x) - 100, 2), max(len(x) // 2500, 1)):
        lost[begin : begin + 100] = True
    return np.asarray(x[np.maximum.accumulate(np.where(lost, 0, np.arange(len(x))))])


CHANGES: dict[str, Disturbance] = {
    NOMINAL: lambda x, _: x,
    "gain x2": lambda x, _: 2.0 * x,
    "gain /2": lambda x, _: 0.5 * x,
    "sign": lambda x, _: -x,
    "offset +.1 V": lambda x, _: x + 0.1,
    "noise +5 mV": lambda x, g: x + g.normal(0.0, 0.005, len(x)),
    "noise +20 mV": lambda x, g: x + g.normal(0.0, 0.02, len(x)),
    "clipped at 1 V": lambda x, _: np.clip(x, -1.0, 1.0),
    "ADC of 12 bits": _quantised(12),
    "ADC of 8 bits": _quantised(8),
    "1 % of the samples held": _held,
    "20 ms lost twice a second": _gaps,
}
"""Disturbances that an estimator lives with, of volts [n]."""

FAULTS: dict[str, Disturbance] = {
    "dead": _from_fault(lambda x, _: np.zeros_like(x)),
    "stuck": _from_fault(lambda x, _: np.full_like(x, x[0])),
    "at its limit": _from_fault(lambda x, _: np.full_like(x, ADC_FULL_SCALE_V)),
    "cable off": _from_fault(lambda x, g: g.normal(0.0, 0.0003, len(x))),
    "offset of 1 V": _from_fault(lambda x, _: x + 1.0),
}
"""Faults that it must report."""


@dataclass(frozen=True)
class Detection:
    """How a fault is reported.

    Attributes:
        detected: share of the frames from ``within_s`` behind its begin on that carry the flag; of a run whose flag
            was up before, none.
        runs_detected: share of the runs in which it is reported at all.
        delay_s: from its begin to the first flag, the longest of all runs where it came; None where it never came.
        rmse_v: of the estimates behind its begin, if they were used.
        flagged_before: share of the runs whose flag was up already when it began: no detection.
    """

    detected: float
    runs_detected: float
    delay_s: float | None
    rmse_v: float
    flagged_before: float = 0.0


@dataclass(frozen=True)
class Robustness:
    """The figures.

    Attributes:
        rmse_v: by disturbance.
        false_alarms: share of undisturbed frames with the sensor fault's flag.
        false_out_of_range: share of undisturbed frames with the range's flag although the truth lies within it.
        quiet: share of undisturbed frames that are too quiet.
        rmse_not_quiet_v: undisturbed, over the frames without any flag; None if there are none.
        faults: by fault.
        runs: that were disturbed, which may be fewer than the test runs.
        run_s: at most so much of each, from its begin.
    """

    rmse_v: dict[str, float]
    false_alarms: float
    false_out_of_range: float
    quiet: float
    rmse_not_quiet_v: float | None
    faults: dict[str, Detection]
    runs: tuple[str, ...] = ()
    run_s: float | None = None


_WITHIN_S = 0.15


def robustness_of(
    network: Network,
    runs: Sequence[Run],
    limits: FlagLimits,
    mm_per_v: float,
    seed: int = 1,
    hop: int | None = None,
    most_s: float | None = None,
) -> Robustness:
    """Disturb runs in every way, all side by side through the reference.

    Args:
        network: the network.
        runs: to be disturbed.
        limits: of the flags; the warm-up is the network's.
        mm_per_v: for the metrics.
        seed: of noise and losses.
        hop: samples from one estimate to the next; a frame if left out, and always of a network that keeps state.
        most_s: takes no more than so much of each run, from its begin.

    Raises:
        DataError: no run is longer than the warm-up.
    """
    if most_s is not None:
        runs = [first_of(run, most_s) for run in runs]
    every = {**CHANGES, **FAULTS}
    disturbed: list[Run] = []
    for number, change in enumerate(every.values()):
        for index, run in enumerate(runs):
            changed = change(run.acceleration_v.astype(np.float64), np.random.default_rng([seed, number, index]))
            disturbed.append(replace(run, acceleration_v=changed.astype(np.float32)))
    frame, count = network.input_length if network.stateful else hop or network.input_length, len(runs)
    estimates = integer_estimates_v(network, disturbed, hop=frame)
    pieces = {
        name: (disturbed[begin : begin + count], estimates[begin : begin + count])
        for name, begin in zip(every, range(0, len(disturbed), count), strict=True)
    }
    warm_up, valid = warm_up_of(network, frame), limits.valid_range_v
    limits = replace(limits, warm_up_frames=warm_up)
    rmse = {name: measure_errors(*pieces[name], frame, warm_up, valid, mm_per_v).total.rmse_v for name in CHANGES}
    bits, estimate_v, truth_v = _undisturbed(*pieces[NOMINAL], frame, limits)
    within = (truth_v >= valid[0]) & (truth_v <= valid[1])
    clear = bits == 0
    return Robustness(
        rmse,
        float(np.mean((bits & SENSOR_FAULT) != 0)),
        float(np.mean(((bits & OUT_OF_RANGE) != 0) & within)),
        float(np.mean((bits & TOO_QUIET) != 0)),
        float(np.sqrt(np.mean((estimate_v - truth_v)[clear] ** 2))) if clear.any() else None,
        {name: _detection(*pieces[name], frame, limits) for name in FAULTS},
        tuple(run.name for run in runs),
        most_s,
    )


def first_of(run: Run, most_s: float) -> Run:
    """A run's first ``most_s`` seconds, or all of it."""
    samples = max(round(most_s * run.sample_rate_hz), MIN_SAMPLES)
    return replace(run, acceleration_v=run.acceleration_v[:samples], position_v=run.position_v[:samples])


def _undisturbed(
    runs: Sequence[Run], estimates: Sequence[Samples], frame: int, limits: FlagLimits
) -> tuple[npt.NDArray[np.uint8], Samples, Samples]:
    """Flags, estimates and truth of the frames behind the warm-up, of all runs."""
    flags = np.concatenate([_flags(run, one, frame, limits) for run, one in zip(runs, estimates, strict=True)])
    truth = [run.position_v[frame - 1 :: frame][: len(one)] for run, one in zip(runs, estimates, strict=True)]
    warm = (flags & NOT_WARMED_UP) == 0
    return flags[warm], np.concatenate(estimates)[warm], np.concatenate(truth)[warm].astype(np.float64)


def _flags(run: Run, estimate: Samples, frame: int, limits: FlagLimits) -> npt.NDArray[np.uint8]:
    return flags_of(to_counts(run.acceleration_v), estimate, frame, limits, run.sample_rate_hz)


def _detection(runs: Sequence[Run], estimates: Sequence[Samples], frame: int, limits: FlagLimits) -> Detection:
    shares, delays, off, before = [], [], [], 0
    for run, estimate in zip(runs, estimates, strict=True):
        begin_s = FAULT_AT * run.duration_s
        raised = (_flags(run, estimate, frame, limits) & SENSOR_FAULT) != 0
        time_s = (np.arange(len(estimate)) + 1) * frame / run.sample_rate_hz
        earlier = raised[time_s < begin_s]
        if earlier.size and earlier[-1]:  # says nothing of the fault
            before += 1
            raised = np.zeros_like(raised)
        shares.append(raised[time_s >= begin_s + _WITHIN_S])
        first = np.flatnonzero(raised & (time_s >= begin_s))
        if first.size:
            delays.append(float(time_s[first[0]] - begin_s))
        truth = run.position_v[frame - 1 :: frame][: len(estimate)]
        off.append((estimate - truth)[time_s >= begin_s])
    late = np.concatenate(shares)
    return Detection(
        float(np.mean(late)) if late.size else 0.0,
        len(delays) / len(runs),
        max(delays, default=None),
        float(np.sqrt(np.mean(np.concatenate(off) ** 2))),
        before / len(runs),
    )
