"""Frames of runs as a streaming network sees them: one vector of features and one position each.

A frame's estimate is due at its last sample, and so is its target: nothing in it comes later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.estimator.forms import BankFront, StreamingForm
from ntorc.estimator.runs import FloatArray, Run
from ntorc.estimator.windows import spikes, to_counts, to_input


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of several runs, one run behind the other.

    Attributes:
        features: what the GRU gets, shape [n, features].
        target_v: position at each frame's last sample, shape [n].
        usable: False where that sample is a spike of the position sensor, shape [n].
        starts: where each run begins, and the end, shape [runs + 1].
        names: the runs' names.
    """

    features: FloatArray
    target_v: FloatArray
    usable: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.target_v)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Frames of each run."""
        return np.diff(self.starts)

    def padded(self) -> FloatArray:
        """Features as [runs, longest run, features], zeros behind a shorter one's end."""
        result = np.zeros((len(self.names), int(self.lengths.max()), self.features.shape[1]), np.float32)
        for row, begin, end in zip(result, self.starts, self.starts[1:], strict=False):
            row[: end - begin] = self.features[begin:end]
        return result

    def joined(self, padded: FloatArray) -> FloatArray:
        """Values [runs, longest run, ...] back in a row, [n, ...]: the inverse of `padded`."""
        return np.concatenate([row[:length] for row, length in zip(padded, self.lengths, strict=True)])

    def of(self, names: Sequence[str]) -> Frames:
        """The frames of some of the runs, in the given order."""
        places = [self.names.index(name) for name in names]
        rows = np.concatenate([np.arange(self.starts[place], self.starts[place + 1]) for place in places])
        starts = np.concatenate([[0], np.cumsum(self.lengths[places])])
        return Frames(self.features[rows], self.target_v[rows], self.usable[rows], starts, tuple(names))


def frames_of(runs: Sequence[Run], form: StreamingForm, input_fraction_bits: int) -> Frames:
    """Cut runs into whole frames and compute their features from a reset at each run's start.

    A bank's features are those of its real design, in base-2 logarithms; trained filters get the samples.

    Raises:
        DataError: a run is shorter than a frame.
    """
    features, targets, usable, lengths = [], [], [], []
    for run in runs:
        count = run.samples // form.frame_samples
        if not count:
            raise DataError(f"run {run.name} is shorter than a frame of {form.frame_samples} samples", "leave it out")
        used = count * form.frame_samples
        samples = to_input(to_counts(run.acceleration_v[:used]), input_fraction_bits)
        features.append(frame_features(samples, form, run.sample_rate_hz))
        last = slice(form.frame_samples - 1, used, form.frame_samples)
        targets.append(run.position_v[last])
        usable.append(~spikes(run.position_v)[last])
        lengths.append(count)
    return Frames(
        np.concatenate(features),
        np.concatenate(targets),
        np.concatenate(usable),
        np.concatenate([[0], np.cumsum(lengths)]),
        tuple(run.name for run in runs),
    )


def frame_features(samples: FloatArray, form: StreamingForm, sample_rate_hz: float) -> FloatArray:
    """Features [frames, features] of one run's input samples [frames * frame_samples], or each frame's samples."""
    frames = samples.reshape(-1, form.frame_samples)
    if not isinstance(form.front, BankFront):
        return frames
    features = form.front.real(sample_rate_hz).run(frames[..., None].astype(np.float64))
    return np.asarray(features[:, 0], np.float32)
