"""Windows of ADC counts: what the network sees, on the host and in hardware.

The hardware takes the converter's counts as they are.  The network's input is
``x = counts * 2**-input_fraction_bits``: the same integers with a binary point, no multiplication.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.estimator.runs import FloatArray, Run

CountArray = npt.NDArray[np.int16]
IndexArray = npt.NDArray[np.int64]

ADC_BITS = 14
ADC_FULL_SCALE_V = 10.0
ADC_COUNTS = 2 ** (ADC_BITS - 1)
ADC_LSB_V = ADC_FULL_SCALE_V / ADC_COUNTS
"""1.2207 mV: the rig's 14-bit converter of +-10 V."""

_SPIKE_V = 0.15
_SPIKE_SAMPLES = 25


def to_counts(acceleration_v: FloatArray, adc_lsb_v: float = ADC_LSB_V) -> CountArray:
    """The converter's counts for accelerations in volts, shape kept, clipped to 14 bits."""
    counts = np.round(acceleration_v.astype(np.float64) / adc_lsb_v)
    return np.asarray(np.clip(counts, -ADC_COUNTS, ADC_COUNTS - 1), dtype=np.int16)


def to_input(counts: CountArray, input_fraction_bits: int) -> FloatArray:
    """The network's input for counts, shape kept: exact in float32."""
    return np.asarray(np.ldexp(counts.astype(np.float32), -input_fraction_bits))


def choose_fraction_bits(counts: Sequence[CountArray]) -> int:
    """The power of two that brings the spread (RMS) of the counts nearest to 1.

    Raises:
        DataError: the signal is zero everywhere.
    """
    squares = sum(float(np.square(series.astype(np.float64)).sum()) for series in counts)
    total = sum(series.size for series in counts)
    if squares == 0.0:
        raise DataError(
            "the acceleration is zero in all runs that are trained on",
            "check the accelerometer, its cable and the channel order",
        )
    return max(round(math.log2(math.sqrt(squares / total))), 0)


def window_ends(samples: int, window_samples: int, hop_samples: int) -> IndexArray:
    """Index of the last sample of every window: the first full window, then each hop."""
    return np.arange(window_samples - 1, samples, hop_samples, dtype=np.int64)


def spikes(position_v: FloatArray) -> npt.NDArray[np.bool_]:
    """Samples at which the position sensor jumps away from its neighbours, shape [n].

    A sample farther than .15 V from the median of the 25 around it; the roller itself moves
    less than .05 V in that time.
    """
    from scipy.ndimage import median_filter

    return np.asarray(np.abs(position_v - median_filter(position_v, _SPIKE_SAMPLES)) > _SPIKE_V)


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of several runs over one series of counts.

    Attributes:
        counts: the runs' counts one after the other, shape [n].
        ends: index into ``counts`` of each window's last sample, shape [m].
        target_v: position at that sample, shape [m].
        run: number of the run that each window is from, shape [m].
        names: the runs' names by number.
        window_samples: length of a window.
    """

    counts: CountArray
    ends: IndexArray
    target_v: FloatArray
    run: IndexArray
    names: tuple[str, ...]
    window_samples: int

    def inputs(self, input_fraction_bits: int, which: slice | IndexArray | None = None) -> FloatArray:
        """Network inputs, shape [m, window_samples, 1], oldest sample first."""
        ends = self.ends if which is None else self.ends[which]
        offsets = np.arange(1 - self.window_samples, 1)
        return to_input(self.counts[ends[:, None] + offsets], input_fraction_bits)[..., None]


def cut(runs: Sequence[Run], window_samples: int, hop_samples: int, *, skip_spikes: bool = False) -> Windows:
    """Cut runs into windows that never reach over the end of a run.

    Args:
        runs: the runs, in order.
        window_samples: W.
        hop_samples: samples between windows.
        skip_spikes: leave out windows whose target is a spike of the position sensor (for
            training; evaluation keeps them all).

    Raises:
        DataError: no run is as long as a window.
    """
    counts, ends, targets, numbers = [], [], [], []
    start = 0
    for number, run in enumerate(runs):
        own = window_ends(run.samples, window_samples, hop_samples)
        if skip_spikes:
            own = own[~spikes(run.position_v)[own]]
        counts.append(to_counts(run.acceleration_v))
        ends.append(own + start)
        targets.append(run.position_v[own])
        numbers.append(np.full(own.size, number, dtype=np.int64))
        start += run.samples
    if not runs or sum(own.size for own in ends) == 0:
        raise DataError(
            f"no run is as long as a window of {window_samples} samples", "use longer runs or a shorter window"
        )
    return Windows(
        np.concatenate(counts),
        np.concatenate(ends),
        np.concatenate(targets),
        np.concatenate(numbers),
        tuple(run.name for run in runs),
        window_samples,
    )
