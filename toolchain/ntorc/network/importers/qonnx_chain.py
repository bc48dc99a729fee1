"""Layers of a QONNX model one after another, each closed into integers when its Quant comes.

A sum S of products is a whole number of units 2**-a.  Where bits are cut from it, its bias may be any real number b:
floor((S + b) / q + 1/2) = floor((S + floor(b)) / q + 1/2) for a q of two units or more, since all else is whole.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ntorc.errors import DataError
from ntorc.network.activations import Activation
from ntorc.network.exporters.qonnx import unquantised_format
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.importers.qonnx_constants import power_of_two
from ntorc.network.layers import AveragePool1D, Conv1D, Dense, MaxPool1D, Pool
from ntorc.network.network import Network

_WIDEST_WEIGHT = 18
_WIDEST_WORD = 32
_PLACEHOLDER = FixedFormat(32, 0)


@dataclass
class _Open:
    """A weighted layer whose result is not quantised yet."""

    layer: Conv1D | Dense
    weights: IntArray
    bias: Any  # real values, one for each output channel
    pools: list[MaxPool1D] = field(default_factory=list)


class Chain:
    """What has been read so far.

    Args:
        name: of the network.
        length, channels: of the frame.
        annotated: the format that the input is said to have, or None.
    """

    def __init__(self, name: str, length: int, channels: int, annotated: FixedFormat | None) -> None:
        self.length, self.channels = length, channels
        self.notes: list[str] = []
        self._name, self._frame = name, (length, channels)
        self._input = self._word = annotated
        self._open: _Open | None = None
        self._mean: str = ""  # the average pool whose word is still to come
        self._layers: list[Conv1D | Dense | MaxPool1D | AveragePool1D] = []
        self._weights: dict[str, IntArray] = {}
        self._biases: dict[str, IntArray] = {}

    def convolution(
        self, label: str, taps: Any, word: FixedFormat, bias: Any, stride: int, dilation: int, left: int, right: int
    ) -> None:
        """Weights ``[kernel, channels, filters]``."""
        self._begin(label)
        if taps.shape[1] != self.channels:
            raise DataError(f"node '{label}' takes {taps.shape[1]} channels, but gets {self.channels}")
        if min(stride, dilation) < 1 or min(left, right) < 0:
            raise DataError(f"node '{label}' has strides, dilations or pads out of range", "use positive ones")
        shape = (self._label(label), self.length, self.channels, taps.shape[2], taps.shape[0], word, _PLACEHOLDER)
        self._opened(Conv1D(*shape, stride, dilation, left, right), taps, bias)

    def dense(self, label: str, rows: Any, word: FixedFormat, bias: Any) -> None:
        """Weights ``[inputs, units]`` in the order of time."""
        self._begin(label)
        shape = (self._label(label), self.length, self.channels, rows.shape[1], word, _PLACEHOLDER)
        self._opened(Dense(*shape), rows, bias)

    def pool(self, label: str, size: int, *, maximum: bool) -> None:
        """The maximum of whole pools commutes with what is monotone, so a layer may stay open over it."""
        if self._word is None:
            raise DataError(f"'{self._name}' does not say what its frames are", _INPUT_HINT)
        if size < 1 or size > self.length:
            raise DataError(f"pool '{label}' takes {size} of {self.length} vectors", "use smaller pools")
        if not maximum:
            self._begin(label)
        kind = MaxPool1D if maximum else AveragePool1D
        layer = kind(self._label(label), self.length, self.channels, size)
        if self._open is not None and isinstance(layer, MaxPool1D):
            self._open.pools.append(layer)
        else:
            self._layers.append(layer)
        self._mean = "" if maximum else layer.name
        self.length = layer.output_length

    def add(self, label: str, values: Any) -> None:
        """To the bias of the open layer; or a nudge that takes an average off its ties."""
        if self._mean and self._word is not None and values.ndim == 0:
            pool = self._layers[-1]
            if isinstance(pool, AveragePool1D) and 0 < float(values) < self._word.step / pool.pool:
                self._mean = "nudged"
                return
        if self._open is None or self._open.pools or self._open.layer.activation != "linear":
            raise DataError(f"node '{label}' adds a constant where no layer takes it", "add it right behind a layer")
        self._open.bias = self._open.bias + values

    def scale(self, label: str, values: Any) -> None:
        """A constant factor, which must leave the weights whole."""
        if self._open is None:
            self._scale_word(label, values)
            return
        if self._open.pools or self._open.layer.activation != "linear":
            raise DataError(f"node '{label}' scales behind an activation", "scale right behind a layer")
        layer = self._open.layer
        factors = np.broadcast_to(np.asarray(values, np.float64), (layer.output_channels,))
        fraction = _fraction_of(factors)
        whole = factors * 2.0**fraction
        if fraction > 64 or not factors.any() or np.abs(whole).max() >= 1 << _WIDEST_WEIGHT:
            raise DataError(
                f"node '{label}' does not fold into whole weights of layer '{layer.name}'",
                "fold it before the weights are quantised (in training), or use factors that are powers of two",
            )
        weights = self._open.weights * whole.astype(np.int64)
        self._open.weights = weights
        self._open.bias = self._open.bias * factors
        bits = max(int(np.abs(weights).max()).bit_length() + 1, 2)
        if (whole == 1).all():
            bits = layer.weight_format.bits
        word = FixedFormat(self._weight_bits(bits, label), layer.weight_format.fraction + fraction)
        self._open.layer = replace(layer, weight_format=word)

    def _scale_word(self, label: str, values: Any) -> None:
        """A power of two only moves binary points: of the word before, and of the weights that made it."""
        exponent = power_of_two(float(values)) if np.ndim(values) == 0 else None
        if exponent is None or self._word is None or self._mean:
            raise DataError(f"node '{label}' scales a quantised tensor", "scale by one power of two, or in the weights")
        self._word = replace(self._word, fraction=self._word.fraction - exponent)
        last = self._last_weighted()
        if last is None:
            self._input = self._word
        else:
            weights = replace(last[1].weight_format, fraction=last[1].weight_format.fraction - exponent)
            self._layers[last[0]] = replace(last[1], weight_format=weights, output_format=self._word)

    def activate(self, label: str, kind: Activation) -> None:
        """Relu, on sums or on words: it commutes with rounding, saturation and the maximum of a pool."""
        if self._open is not None:
            self._open.layer = replace(self._open.layer, activation=kind)
            return
        last = self._last_weighted()
        if last is None or self._mean or self._averaged_since(last[0]):
            raise DataError(f"node '{label}' is a {kind} where no layer takes it", "put it right behind a layer")
        self._layers[last[0]] = replace(last[1], activation=kind)

    def quantise(self, label: str, word: FixedFormat, signed: bool, mode: str) -> None:
        """The result of what comes before in a word."""
        if self._open is not None:
            if not signed:
                self._open.layer = replace(self._open.layer, activation="relu")
            self._note_ties(label, word, mode)
            self._close(word)
        elif self._word is None:
            if not signed:
                self.notes.append(f"frames below zero, which Quant '{label}' would clip, are taken as they are")
            self._input = self._word = replace(word, rounding="half_up")
        elif self._mean:
            self._quantise_mean(label, word, signed, mode)
        else:
            self._requantise(label, word, signed)

    def _quantise_mean(self, label: str, word: FixedFormat, signed: bool, mode: str) -> None:
        assert self._word is not None
        pool = self._layers[-1]
        kept = (word.bits, word.fraction, word.rounding) == (self._word.bits, self._word.fraction, "half_up")
        if not kept or not (signed or self._is_nonnegative()):
            raise DataError(
                f"Quant '{label}' behind average pool '{pool.name}' is of another word than the pool's input",
                f"use {self._word.bits} bits and scale 2**{-self._word.fraction} there, rounding to nearest",
            )
        if isinstance(pool, Pool) and pool.pool % 2 == 0 and self._mean != "nudged":
            self._tie_note(label, mode)
        self._mean = ""

    def _requantise(self, label: str, word: FixedFormat, signed: bool) -> None:
        """A second Quant of the same scale: no more than a narrower range."""
        before = self._word
        if before is None or word.fraction != before.fraction:
            raise DataError(f"Quant '{label}' follows another of a different scale", "use one Quant behind each layer")
        if not signed and not self._is_nonnegative():
            self.activate(label, "relu")
        if word.bits < before.bits:
            last = self._last_weighted()
            if last is None or self._averaged_since(last[0]):
                raise DataError(f"Quant '{label}' narrows what no layer made", "use one Quant")
            self._word = replace(before, bits=word.bits)
            self._layers[last[0]] = replace(last[1], output_format=self._word)

    def finish(self) -> Network:
        """The network; sums without a Quant keep all their bits.

        Raises:
            DataError: no layers, or an input of unknown format.
        """
        if self._input is None:
            raise DataError(f"'{self._name}' does not say what its frames are", _INPUT_HINT)
        self._begin("the output")
        return Network(self._name, self._input, *self._frame, tuple(self._layers), self._weights, self._biases)

    def _begin(self, label: str) -> None:
        """Before another layer: what is open keeps its sums whole."""
        if self._word is None:
            raise DataError(f"'{self._name}' does not say what its frames are", _INPUT_HINT)
        if self._mean:
            raise DataError(
                f"average pool '{self._layers[-1].name}' has no Quant behind it", "put one of its input's word there"
            )
        if self._open is not None:
            self._close(None)

    def _opened(self, layer: Conv1D | Dense, weights: Any, bias: Any) -> None:
        if layer.output_length < 1 or layer.output_channels < 1:
            raise DataError(f"layer '{layer.name}' has no output", "use a longer window or fewer pools and strides")
        if not np.isfinite(bias).all():
            raise DataError(f"layer '{layer.name}' has a bias that is not finite", "train it again")
        self._open = _Open(layer, np.ascontiguousarray(weights, np.int64), np.asarray(bias, np.float64))
        self.length, self.channels = layer.output_length, layer.output_channels

    def _close(self, word: FixedFormat | None) -> None:
        """Bias and result of the open layer in integers; None: the word that its sums fill."""
        opened, before = self._open, self._word
        assert opened is not None
        assert before is not None
        layer, weights = opened.layer, opened.weights
        if word is not None:
            finer = word.fraction - layer.weight_format.fraction - before.fraction
            if finer > 0 and _has_fraction(opened.bias * 2.0 ** (word.fraction - finer)):
                layer, weights = self._refined(layer, weights, finer)
        fraction = layer.weight_format.fraction + before.fraction
        units = opened.bias * 2.0**fraction
        if np.abs(units).max(initial=0.0) >= 2.0**53:
            raise DataError(f"layer '{layer.name}' has a bias out of range", "train it again with smaller ones")
        cut = word is not None and (fraction > word.fraction or word.rounding == "truncate")
        bias = np.floor(units if cut else units + 0.5).astype(np.int64)
        if not cut and word is None and _has_fraction(units):
            self.notes.append(f"the bias of '{layer.name}' is rounded to the last place of its sums, 2**{-fraction}")
        if word is None:
            word = unquantised_format(layer, before, weights, bias)
            if word.bits > _WIDEST_WORD:
                raise DataError(f"layer '{layer.name}' gives words of {word.bits} bits", "put a Quant node behind it")
        self._word = word
        self._weights[layer.name], self._biases[layer.name] = weights, bias
        self._layers += [replace(layer, output_format=word), *opened.pools]
        self._open = None

    def _refined(self, layer: Conv1D | Dense, weights: IntArray, bits: int) -> tuple[Conv1D | Dense, IntArray]:
        """The same weights with more fraction bits, so that the bias finds room below their last place."""
        wide = self._weight_bits(layer.weight_format.bits + bits, layer.name)
        word = FixedFormat(wide, layer.weight_format.fraction + bits)
        return replace(layer, weight_format=word), weights << bits

    def _weight_bits(self, bits: int, label: str) -> int:
        if bits > _WIDEST_WEIGHT:
            raise DataError(
                f"'{label}' needs weights of {bits} bits", f"use scales and biases that leave at most {_WIDEST_WEIGHT}"
            )
        return bits

    def _note_ties(self, label: str, word: FixedFormat, mode: str) -> None:
        """Whether a sum can lie half-way between two words, and QONNX would take another one than half up."""
        opened, before = self._open, self._word
        if opened is None or before is None:
            return
        fraction = opened.layer.weight_format.fraction + before.fraction
        whole = not _has_fraction(opened.bias * 2.0**fraction, every=True)
        away = mode == "HALF_UP" and opened.layer.activation == "relu"  # from zero is up there
        if fraction > word.fraction and whole and word.rounding == "half_up" and not away:
            self._tie_note(label, mode)

    def _tie_note(self, label: str, mode: str) -> None:
        to = "to even" if mode != "HALF_UP" else "away from zero"
        self.notes.append(f"Quant '{label}' takes ties {to}; here, as in FINN's hardware, they go up")

    def _is_nonnegative(self) -> bool:
        last = self._last_weighted()
        return last is not None and last[1].activation == "relu"

    def _last_weighted(self) -> tuple[int, Conv1D | Dense] | None:
        """The newest closed layer with weights, and its place."""
        for index in range(len(self._layers) - 1, -1, -1):
            layer = self._layers[index]
            if isinstance(layer, Conv1D | Dense):
                return index, layer
        return None

    def _averaged_since(self, index: int) -> bool:
        return any(isinstance(layer, AveragePool1D) for layer in self._layers[index:])

    def _label(self, label: str) -> str:
        name = re.sub(r"\W+", "_", label).strip("_") or "layer"
        name = name if name[0].isalpha() else f"n_{name}"
        taken = {layer.name for layer in self._layers}
        if self._open is not None:
            taken |= {self._open.layer.name, *(pool.name for pool in self._open.pools)}
        unique, count = name, 2
        while unique in taken:
            unique, count = f"{name}_{count}", count + 1
        return unique


_INPUT_HINT = "put a Quant node behind the input, or annotate it with FINN's data type (finn_datatype INT8)"


def _has_fraction(units: Any, *, every: bool = False) -> bool:
    """Whether some (or every) value is not whole."""
    odd = units != np.floor(units)
    return bool(odd.all() if every else odd.any())


def _fraction_of(factors: Any) -> int:
    """Fraction bits that make all factors whole; the largest number of which some factor is a multiple, negative."""
    found = [math.frexp(float(value)) for value in np.ravel(factors) if value]
    if not found or not all(math.isfinite(mantissa) for mantissa, _ in found):
        return 65
    bits = []
    for mantissa, exponent in found:
        numerator = int(abs(mantissa) * 2.0**53)
        trailing = (numerator & -numerator).bit_length() - 1
        bits.append(53 - trailing - exponent)
    return max(bits)
