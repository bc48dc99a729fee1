"""Closed forms of the latency of hls4ml's io_stream layers; their small offsets are read off the data by regime.

    conv    A (R + 10 + d) + 6 S                             d by regime
    lstm    1 + N max(R + n_in / 2 + a, n_in + c)            a by whether R > n_in
    dense   R + 5 + e + (W + 2 if W > 1)                     e by regime; W stream words of the input frame

with R the reuse factor, N the layer's input length and n_in its channels.  A are a convolution's positions that give an
output and the taps before the first, which with three taps, no stride and padding is all of N + 2, as HLS counts them.
S are those that a stride passes over: they take the 6 cycles of the data's latency_min.  HLS cannot tell them apart and
reports all at the time of the others, which is the figure of the same layer with stride 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ntorc.cost.hls4ml_structure import REGIMES, Structure, is_deep

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

Offsets = Mapping[str, float]

PACKS = (8, 16, 32)
"""Channels that precede a dense layer in the published networks; the data does not name them."""

_CONV_STEP, _CONV_IDLE, _DENSE_STEP = 10, 6, 5
_LSTM = {"looped": 21.0, "summed": 20.0, "streamed": 17.0}  # where a class has no data, and to tell the classes apart


def classes_of(structure: Structure) -> tuple[list[str], IntArray]:
    """Names of the classes that share an offset, and each option's class as an index into them, ``[N]``."""
    item = structure.products[0]
    if structure.kind == "lstm":
        return ["summed", "looped"], (item.reuse > item.inputs).astype(np.int64)
    code = item.regime * 2 + ((item.outputs == 1) if structure.kind == "dense" else 0)
    deep = is_deep(item) > 0 if structure.kind == "dense" else np.zeros(len(code), bool)
    code = np.where(deep, -item.inputs.astype(np.int64), code)
    codes, index = np.unique(code, return_inverse=True)
    names = [
        f"deep {-item}" if item < 0 else REGIMES[item // 2] + (" one output" if item % 2 else "")
        for item in codes.tolist()
    ]
    return names, index.reshape(-1)


def latency_cycles(structure: Structure, offsets: Offsets, *, bound: bool = False) -> FloatArray:
    """Cycles of each option, ``[N]``.

    Args:
        structure: the options.  Where a dense layer's words are unknown, words of 16 channels are assumed from 128
            inputs on, for a bound words of 8 from 16 on.
        offsets: from `fit_offsets`, of this kind.
        bound: take for classes that the data does not show what costs most, not what is usual.
    """
    names, index = classes_of(structure)
    offset = np.array([_offset(structure.kind, name, offsets, bound) for name in names])[index]
    reuse = structure.products[0].reuse
    cycles: FloatArray
    if structure.kind == "conv":
        cycles = structure.active * (reuse + _CONV_STEP + offset) + structure.idle * _CONV_IDLE
        return cycles
    if structure.kind == "lstm":
        streamed = offsets.get("streamed", _LSTM["streamed"])
        cycles = 1 + structure.length * np.maximum(reuse + structure.n_in / 2 + offset, structure.n_in + streamed)
        return cycles
    pack, least = (8, 16) if bound else (16, 128)
    assumed = np.where(structure.n_in >= least, structure.n_in / pack, 1.0)
    words = np.where(structure.words > 0, structure.words, assumed)
    cycles = reuse + _DENSE_STEP + offset + np.where(words > 1, words + 2, 0)
    return cycles


def hls_share(structure: Structure) -> FloatArray:
    """Of the maximum that HLS reports of a layer, what it takes, ``[N]``: 1 where no position is passed over."""
    if structure.kind != "conv":
        return np.ones_like(structure.n_in)
    step = structure.products[0].reuse + _CONV_STEP
    share: FloatArray = (structure.active * step + structure.idle * _CONV_IDLE) / (
        (structure.active + structure.idle) * step
    )
    return share


def _offset(kind: str, name: str, offsets: Offsets, bound: bool) -> float:
    """The offset of a class; of one without data, that of its kin.

    A deep layer takes what deep ones need at most, an unrolled loop (which has no overhead) the least of all.
    """
    if name in offsets:
        return offsets[name]
    if kind == "lstm":
        return _LSTM[name]
    deep = [value for other, value in offsets.items() if other.startswith("deep")]
    if name.startswith("deep") and deep:
        return max(deep)
    kin = [value for other, value in offsets.items() if not other.startswith("deep")] or [0.0]
    if bound:
        return max(kin)
    return min(kin) if name.startswith("unrolled") else float(np.median(kin))


def fit_offsets(structure: Structure, cycles: FloatArray) -> dict[str, float]:
    """The offsets of one kind: the median of what each class leaves, in quarters of a cycle.

    Args:
        structure: synthesised options; the words of dense layers must be known (`words_from_latency`).
        cycles: their latency_max, ``[N]``.
    """
    names, index = classes_of(structure)
    reuse = structure.products[0].reuse
    if structure.kind == "conv":
        return _medians(names, index, cycles / structure.active - reuse - _CONV_STEP)
    if structure.kind == "dense":
        stream = np.where(structure.words > 1, structure.words + 2, 0)
        return _medians(names, index, cycles - reuse - _DENSE_STEP - stream)
    step = (cycles - 1) / structure.length
    paced = reuse + structure.n_in / 2 + _LSTM["summed"] < structure.n_in + _LSTM["streamed"]  # by the stream alone
    offsets = _medians(names, index[~paced], (step - reuse - structure.n_in / 2)[~paced])
    streamed = _medians(["streamed"], np.zeros(int(paced.sum()), np.int64), (step - structure.n_in)[paced])
    return offsets | streamed


def _medians(names: list[str], index: IntArray, rest: FloatArray) -> dict[str, float]:
    return {names[one]: float(np.round(np.median(rest[index == one]) * 4) / 4) for one in np.unique(index).tolist()}


def words_from_latency(n_in: FloatArray, reuse: FloatArray, cycles: FloatArray) -> FloatArray:
    """Stream words of dense layers' frames, which the data does not name: those that explain the latency best.

    A layer behind another dense layer gets its frame as one word; else a word has `PACKS` channels.  Whoever asks a
    model knows the network and so the words.
    """
    candidates = np.stack([np.ones_like(n_in), *(n_in / pack for pack in PACKS)])
    predicted = reuse + _DENSE_STEP + 0.75 + np.where(candidates > 1, candidates + 2, 0)
    words: FloatArray = np.take_along_axis(candidates, np.argmin(np.abs(predicted - cycles), axis=0)[None], axis=0)[0]
    return words
