"""What an estimate must not be trusted for: flags of every frame, from the samples and the estimate alone.

- *not warmed up*: too few frames since the reset; the gateware says this one itself.
- *too quiet*: the acceleration of the last 102 ms has an RMS below 30 mV, so that sensor noise is what is judged:
  hold the last estimate that was not quiet.
- *sensor fault*: one value for too long (dead or stuck), as good as no noise at all, many samples at the
  converter's limits, or a mean that an AC-coupled sensor cannot have.
- *out of range*: the estimate lies outside the positions that were trained on: clamp it.

All of them look backwards only, from a frame's last sample, and need a few adders and counters a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.estimator.metrics import ENERGY_S, QUIET_V
from ntorc.estimator.windows import ADC_COUNTS, ADC_LSB_V

BitArray = npt.NDArray[np.uint8]
CountsArray = npt.NDArray[np.int16] | npt.NDArray[np.int64]

NOT_WARMED_UP, TOO_QUIET, SENSOR_FAULT, OUT_OF_RANGE = 1, 2, 4, 8
HOLD = TOO_QUIET | SENSOR_FAULT
"""Flags of frames at which a loop holds the last estimate that had neither."""

FLAG_NAMES = {
    NOT_WARMED_UP: "not warmed up",
    TOO_QUIET: "too quiet",
    SENSOR_FAULT: "sensor fault",
    OUT_OF_RANGE: "out of range",
}


@dataclass(frozen=True)
class FlagLimits:
    """When the flags rise.

    Attributes:
        warm_up_frames: of the network.
        valid_range_v: of the estimates, and how far beyond is still accepted.
        range_margin_v: how far beyond.
        quiet_v: RMS below which it is quiet.
        energy_s: over which RMS and mean are taken.
        constant_s: one value for so long is a fault; on the recorded runs none lasts 3 ms.
        dead_v: an RMS about the mean below this over ``energy_s`` is a fault; the recorded runs' is 1.1 mV or more.
        rail_share: samples of the last ``energy_s`` at the converter's limits; the rig touches them once in a run.
        mean_v: magnitude of the mean over ``mean_s`` that an AC-coupled sensor does not reach; recorded: 8 mV.
        mean_s: see there.
    """

    warm_up_frames: int
    valid_range_v: tuple[float, float]
    range_margin_v: float = 0.05
    quiet_v: float = QUIET_V
    energy_s: float = ENERGY_S
    constant_s: float = 0.012
    dead_v: float = 0.0006
    rail_share: float = 0.01
    mean_v: float = 0.05
    mean_s: float = 0.8192


def flags_of(
    counts: CountsArray,
    estimates_v: npt.NDArray[np.float64],
    frame: int,
    limits: FlagLimits,
    sample_rate_hz: float,
    adc_lsb_v: float = ADC_LSB_V,
    lead: int = 0,
) -> BitArray:
    """Flags of every frame of a recording that begins at a reset; a loop takes `ntorc.estimator.flagger.Flagger`.

    Args:
        counts: the converter's counts, [n].
        estimates_v: estimates of its whole frames, volts.
        frame: samples of a frame.
        limits: when flags rise.
        sample_rate_hz, adc_lsb_v: of the samples.
        lead: samples before the first frame, which a window longer than its hop has seen too.

    Returns:
        An OR of `NOT_WARMED_UP`, `TOO_QUIET`, `SENSOR_FAULT` and `OUT_OF_RANGE`, [frames].
    """
    samples = np.asarray(counts, np.int64)
    frames = np.arange(len(estimates_v))
    ends = lead + (frames + 1) * frame
    window, long = round(limits.energy_s * sample_rate_hz), round(limits.mean_s * sample_rate_hz)
    sums = Sums(
        ends,
        np.minimum(ends, window),
        trailing_sum(samples, ends, window),
        trailing_sum(samples**2, ends, window),
        trailing_sum(at_limit(samples), ends, window),
        trailing_sum(samples, ends, long),
        run_lengths(samples)[ends - 1],
    )
    return bits_of(frames, sums, np.asarray(estimates_v, np.float64), limits, sample_rate_hz, adc_lsb_v)


@dataclass(frozen=True)
class Sums:
    """What the flags of frames are made from, integers [frames]; all look backwards from a frame's last sample.

    Attributes:
        seen: samples so far.
        taken: samples of the short window, fewer at a recording's begin.
        total, squares, limited: of the short window's counts: their sum, that of their squares, and how many lie at the
            converter's limits.
        long_total: sum of the long window's counts.
        constant: for how many samples the last value has been the same.
    """

    seen: npt.NDArray[np.int64]
    taken: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]
    squares: npt.NDArray[np.int64]
    limited: npt.NDArray[np.int64]
    long_total: npt.NDArray[np.int64]
    constant: npt.NDArray[np.int64]


def bits_of(
    frames: npt.NDArray[np.int64],
    sums: Sums,
    estimates_v: npt.NDArray[np.float64],
    limits: FlagLimits,
    sample_rate_hz: float,
    adc_lsb_v: float = ADC_LSB_V,
) -> BitArray:
    """The flags that sums of integers say, so that a loop and a whole recording agree to the last bit.

    Args:
        frames: numbers of the frames since the reset, [frames].
        sums: of each.
        estimates_v: of each, volts.
        limits, sample_rate_hz, adc_lsb_v: see `flags_of`.
    """
    window, long = round(limits.energy_s * sample_rate_hz), round(limits.mean_s * sample_rate_hz)
    mean, square = sums.total / sums.taken, sums.squares / sums.taken
    spread_v = np.sqrt(np.maximum(square - mean**2, 0.0)) * adc_lsb_v
    full = sums.seen >= window  # before that a short window says little about noise
    fault = sums.constant >= limits.constant_s * sample_rate_hz
    fault |= full & (spread_v < limits.dead_v)
    fault |= full & (sums.limited / sums.taken > limits.rail_share)
    fault |= (sums.seen >= long) & (np.abs(sums.long_total / long) * adc_lsb_v > limits.mean_v)
    low, high = limits.valid_range_v
    outside = (estimates_v < low - limits.range_margin_v) | (estimates_v > high + limits.range_margin_v)
    flags = np.where(frames < limits.warm_up_frames, NOT_WARMED_UP, 0)
    flags |= np.where(np.sqrt(square) * adc_lsb_v < limits.quiet_v, TOO_QUIET, 0)
    flags |= np.where(fault, SENSOR_FAULT, 0) | np.where(outside, OUT_OF_RANGE, 0)
    return np.asarray(flags, np.uint8)


def at_limit(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """1 where a count lies at the converter's limits, else 0."""
    return np.asarray((counts >= ADC_COUNTS - 1) | (counts <= -ADC_COUNTS), np.int64)


def trailing_sum(values: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], window: int) -> npt.NDArray[np.int64]:
    """Sum of the last ``window`` values before each end, or of as many as there are."""
    sums: npt.NDArray[np.int64] = np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])
    found: npt.NDArray[np.int64] = sums[ends] - sums[np.maximum(ends - window, 0)]
    return found


def run_lengths(values: CountsArray) -> npt.NDArray[np.int64]:
    """For how many samples in a row each value has been the same, itself included."""
    index = np.arange(len(values))
    changed = np.concatenate([[True], values[1:] != values[:-1]])
    return np.asarray(index - np.maximum.accumulate(np.where(changed, index, 0)) + 1, np.int64)


def held_and_clamped(
    estimates_v: npt.NDArray[np.float64], flags: BitArray, valid_range_v: tuple[float, float]
) -> npt.NDArray[np.float64]:
    """What a loop may use: clamped to the valid range, and held where it is too quiet or the sensor is at fault.

    Held is the last estimate that was neither; before there is one, the first.
    """
    clamped = np.clip(estimates_v, *valid_range_v)
    good = (flags & HOLD) == 0
    index = np.maximum.accumulate(np.where(good, np.arange(len(clamped)), 0))
    return np.asarray(clamped[index])
