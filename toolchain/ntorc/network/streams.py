"""Whole recordings through the reference, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.formats import IntArray
from ntorc.network.network import Network


def run_recordings(network: Network, recordings: Sequence[IntArray]) -> list[IntArray]:
    """Results of a network that keeps state on recordings of any lengths, each from a reset.

    All go through `ntorc.network.reference.run` at once, the shorter ones followed by zeros, whose results are left
    out: a result depends on earlier samples alone.  So an hour of runs takes little longer than the longest one.

    Args:
        network: with one input channel.
        recordings: samples within the input format, ``[n]`` each, of at least one frame.

    Returns:
        Integers ``[frames]`` for each recording: the first output of each whole frame.

    Raises:
        DataError: a network without state, or a recording shorter than a frame.
    """
    frame = network.input_length
    lengths = [len(samples) // frame for samples in recordings]
    if not network.stateful or network.input_channels != 1:
        raise DataError(f"'{network.name}' does not keep state over one channel", "cut its recordings into windows")
    if min(lengths, default=0) < 1:
        raise DataError(f"a recording is shorter than a frame of {frame} samples", "leave it out")
    longest = max(lengths)
    padded = np.zeros((len(recordings), longest * frame), np.int64)
    for row, samples, length in zip(padded, recordings, lengths, strict=True):
        row[: length * frame] = samples[: length * frame]
    results = reference.run(network, padded.reshape(-1, frame, 1), streams=len(recordings))[:, 0]
    return [row[:length] for row, length in zip(results.reshape(-1, longest), lengths, strict=True)]
