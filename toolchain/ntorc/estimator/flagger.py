"""The flags of `ntorc.estimator.flags` in a loop: one call a frame, the same bits as for a whole recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntorc.errors import DataError
from ntorc.estimator.flags import HOLD, CountsArray, FlagLimits, Sums, at_limit, bits_of, run_lengths
from ntorc.estimator.windows import ADC_LSB_V


@dataclass(frozen=True)
class Judged:
    """What is said of a frame's estimate.

    Attributes:
        flags: an OR of the flags, 0 for none.
        usable_v: what a loop may use, volts: clamped to the valid range; where it is too quiet or the sensor is at
            fault, the last estimate that was neither.
    """

    flags: int
    usable_v: float


class Flagger:
    """Judges the estimates of a loop, frame by frame, from a reset on.

    Equal to `flags_of` and `held_and_clamped` on the whole recording.  It keeps the samples of the longest of the
    limits' times: 4,096 at 5 kHz.

    Args:
        frame: samples from one estimate to the next.
        limits: when flags rise; those of a network are in its card (`card.json`).
        sample_rate_hz: of the samples.
        adc_lsb_v: volts a count.
    """

    def __init__(
        self, frame: int, limits: FlagLimits, sample_rate_hz: float = 5000.0, adc_lsb_v: float = ADC_LSB_V
    ) -> None:
        self._frame, self._limits = frame, limits
        self._rate_hz, self._lsb_v = sample_rate_hz, adc_lsb_v
        self._short = round(limits.energy_s * sample_rate_hz)
        self._long = round(limits.mean_s * sample_rate_hz)
        self.reset()

    def reset(self) -> None:
        """Forget all samples, as the logic does at a reset."""
        self._recent = np.zeros(0, np.int64)
        self._seen = self._frames = self._constant = 0
        self._held_v: float | None = None

    def judge(self, counts: CountsArray, estimate_v: float) -> Judged:
        """Judge the estimate that a frame's last sample gave.

        Args:
            counts: the frame's samples as the converter gave them, [frame].
            estimate_v: volts.

        Raises:
            DataError: not a frame of samples.
        """
        new = np.asarray(counts, np.int64)
        if new.shape != (self._frame,):
            raise DataError(f"samples of shape {new.shape} are no frame", f"give {self._frame} counts a call")
        self._count_constant(new)
        self._recent = np.concatenate([self._recent, new])[-max(self._short, self._long, 1) :]
        self._seen += len(new)
        short, long = self._recent[-self._short :], self._recent[-self._long :]
        sums = (
            self._seen, len(short), short.sum(), (short**2).sum(), at_limit(short).sum(), long.sum(), self._constant,
        )  # fmt: skip
        estimate = np.array([estimate_v], np.float64)
        frames = np.array([self._frames], np.int64)
        made = Sums(*(np.array([value], np.int64) for value in sums))
        flags = int(bits_of(frames, made, estimate, self._limits, self._rate_hz, self._lsb_v)[0])
        self._frames += 1
        if self._held_v is None or not flags & HOLD:
            self._held_v = float(np.clip(estimate_v, *self._limits.valid_range_v))
        return Judged(flags, self._held_v)

    def _count_constant(self, new: CountsArray) -> None:
        """For how many samples the last value has been the same."""
        within = int(run_lengths(new)[-1])
        goes_on = within == len(new) and self._recent.size and self._recent[-1] == new[0]
        self._constant = within + (self._constant if goes_on else 0)
