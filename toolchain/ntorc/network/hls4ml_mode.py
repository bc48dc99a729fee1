"""The integer network that computes what hls4ml 1.3 computes, bit by bit.

Source: hls4ml's own generated C++ (templates ``nnet_dense*.h``, ``nnet_conv1d*.h``, ``nnet_recurrent.h``,
``nnet_activation.h``) and its inference of types (``infer_precision.py``), checked against its emulation
by `ntorc.backends.hls4ml`.  Its words truncate and wrap everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ntorc.errors import DataError
from ntorc.network.activations import Activation, Table
from ntorc.network.floating import (
    FloatActivation,
    FloatArray,
    FloatConv1D,
    FloatLayer,
    FloatLSTM,
    FloatMaxPool1D,
    FloatNetwork,
    FloatResonatorBank,
    FloatWeighted,
)
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import LSTM, Conv1D, Dense, Layer, MaxPool1D, Pool
from ntorc.network.network import Network

Granularity = Literal["model", "name"]

_ADDRESS_BITS = 10  # 1,024 entries
_LARGEST_ADDRESS_BITS = 11
"""hls4ml computes entries in single precision.  Cut to `TABLE_ENTRY` they are the exact function's up to 2,048 entries;
of 4,096 and more one or two are not, which the tests show, so that they would depend on a compiler's exponential."""
_RANGE_BITS = {"sigmoid": 3, "tanh": 2}  # nnet_activation.h: over +-8 and +-4


def hls4ml_format(bits: int, integer: int) -> FixedFormat:
    """``fixed<bits, integer>``: the sign counts as an integer bit, it truncates and wraps."""
    return FixedFormat(bits, bits - integer, "truncate", "wrap")


@dataclass(frozen=True)
class Hls4mlMode:
    """How hls4ml is told to convert.

    Attributes:
        granularity: of its configuration.  'model': one word for everything, accumulators too.  'name':
            convolutions and dense layers accumulate exactly, in types that it infers; what has an activation
            is cut behind it, what has none stays as wide as its sums.
        precision: its default precision, of the input, weights, biases and results.
        result: with 'name', the stated result precision of convolutions and dense layers without an
            activation; None: the inferred one.
        table_error: what an activation's table may be off by, which decides its size; None: hls4ml's own 1,024
            entries.
    """

    granularity: Granularity = "model"
    precision: FixedFormat = field(default_factory=lambda: hls4ml_format(16, 6))
    result: FixedFormat | None = None
    table_error: float | None = None

    def __post_init__(self) -> None:
        for word in (self.precision, self.result):
            if word is not None and ((word.rounding, word.overflow) != ("truncate", "wrap") or word.fraction < 0):
                raise DataError(f"hls4ml's precision {word} must truncate, wrap, and have no negative fraction")
        if self.granularity == "model" and self.result is not None:
            raise DataError("with granularity 'model' results cannot have a precision of their own")


TABLE_ENTRY = hls4ml_format(18, 8)
"""``table_t``, whatever the default precision is."""


def hls4ml_network(floating: FloatNetwork, mode: Hls4mlMode) -> Network:
    """The integer network of a float network under a mode.

    Raises:
        DataError: a layer that hls4ml has not, or computes in another way than can be stated.
    """
    conversion = _Conversion(mode)
    length, channels, word = floating.input_length, floating.input_channels, mode.precision
    for source in floating.layers:
        if isinstance(source, FloatResonatorBank):
            raise DataError(f"hls4ml has no resonator bank ('{source.name}')", "use the native arithmetic")
        layer = conversion.layer(source, length, channels, word)
        conversion.layers.append(layer)
        length, channels = layer.output_length, layer.output_channels
        word = word if isinstance(layer, Pool) else layer.output_format
    return Network(
        floating.name,
        mode.precision,
        floating.input_length,
        floating.input_channels,
        tuple(conversion.layers),
        conversion.weights,
        conversion.biases,
    )


def table(function: Literal["sigmoid", "tanh"], address_bits: int = _ADDRESS_BITS) -> Table:
    """hls4ml's table of a function."""
    return Table(function, _RANGE_BITS[function], address_bits, "toward_zero", TABLE_ENTRY)


def address_bits_for(error: float | None, *functions: Literal["sigmoid", "tanh"]) -> int:
    """The size of the smallest tables of all these functions within an error; one size, as an LSTM has one.

    Raises:
        DataError: none of up to 2,048 entries is.
    """
    if error is None:
        return _ADDRESS_BITS
    for bits in range(_ADDRESS_BITS, _LARGEST_ADDRESS_BITS + 1):
        if all(table(function, bits).largest_error <= error for function in functions):
            return bits
    raise DataError(f"no table of hls4ml's of up to {1 << bits} entries is within {error:g}", "allow .004 or more")


def written_weights(weights: FloatArray, word: FixedFormat) -> IntArray:
    """Weights as the C++ reads them: written with as many decimals as the word has fraction bits, then cut."""
    written = [float(f"{value:.{max(word.fraction, 0)}f}") for value in weights.ravel()]
    return word.quantise(np.array(written).reshape(weights.shape))


def inferred_result(layer_inputs: int, before: FixedFormat, word: FixedFormat) -> FixedFormat:
    """The type that hls4ml infers for the sum of products with a bias: too wide to overflow."""
    growth = (layer_inputs - 1).bit_length()
    integer = max((before.bits - before.fraction) + (word.bits - word.fraction) + growth, word.bits - word.fraction) + 1
    fraction = max(before.fraction + word.fraction, word.fraction)
    return hls4ml_format(integer + fraction, integer)


class _Conversion:
    """What has been converted so far."""

    def __init__(self, mode: Hls4mlMode) -> None:
        self.mode = mode
        self.layers: list[Layer] = []
        self.weights: dict[str, IntArray] = {}
        self.biases: dict[str, IntArray] = {}

    def layer(self, source: FloatLayer, length: int, channels: int, before: FixedFormat) -> Layer:
        """The next layer; its integers are put away."""
        if isinstance(source, FloatMaxPool1D):
            return MaxPool1D(source.name, length, channels, source.pool)
        if isinstance(source, FloatLSTM):
            return self._lstm(source, length, channels, before)
        if not isinstance(source, FloatWeighted):
            raise DataError(
                f"layer '{source.name}' has no equal in hls4ml mode", "it has Conv1D, Dense, LSTM and MaxPooling1D"
            )
        return self._weighted(source, length, channels, before)

    def _put(self, name: str, weights: FloatArray, bias: FloatArray, bias_shift: int = 0) -> None:
        word = self.mode.precision
        self.weights[name] = written_weights(weights, word)
        self.biases[name] = written_weights(bias, word) << bias_shift

    def _weighted(self, source: FloatWeighted, length: int, channels: int, before: FixedFormat) -> Layer:
        word = self.mode.precision
        activation = _activation(source.activation, source.name, self.mode)
        accumulator, output = word, word
        exact = self.mode.granularity == "name"
        self._put(source.name, source.weights, source.bias, before.fraction if exact else 0)
        if exact and activation == "linear":
            products = int(np.prod(source.weights.shape[:-1]))
            output = self.mode.result or inferred_result(products, before, word)
        shape = (source.name, length, channels, source.weights.shape[-1])
        if not isinstance(source, FloatConv1D):
            return Dense(*shape, word, output, activation, None if exact else accumulator)
        if source.dilation != 1:
            raise DataError(f"layer '{source.name}' is dilated, which hls4ml does not convert", "use dilation_rate=1")
        return Conv1D(
            *shape,
            source.weights.shape[0],
            word,
            output,
            source.stride,
            1,
            source.padding_left,
            source.padding_right,
            activation,
            None if exact else accumulator,
        )

    def _lstm(self, source: FloatLSTM, length: int, channels: int, before: FixedFormat) -> LSTM:
        """It accumulates in the default precision in both granularities."""
        word = self.mode.precision
        if before.fraction != word.fraction:
            raise DataError(
                f"LSTM '{source.name}' gets {before}, its recurrent input is {word}",
                "give the layer before it an activation, or a result precision",
            )
        if (source.recurrent_activation, source.activation) != ("sigmoid", "tanh"):
            raise DataError(f"LSTM '{source.name}' has unusual activations", "use sigmoid gates and tanh")
        if source.stateful:
            raise DataError(f"LSTM '{source.name}' is stateful, which hls4ml does not emulate", "use stateful=False")
        size = address_bits_for(self.mode.table_error, "sigmoid", "tanh")
        self._put(source.name, np.concatenate([source.kernel, source.recurrent_kernel]), source.bias)
        return LSTM(
            source.name,
            length,
            channels,
            source.units,
            word,
            word,
            word,
            word,
            table("sigmoid", size),
            table("tanh", size),
            source.return_sequences,
            accumulator=word,
        )


def _activation(activation: FloatActivation, name: str, mode: Hls4mlMode) -> Activation:
    if activation == "sigmoid" or activation == "tanh":
        return table(activation, address_bits_for(mode.table_error, activation))
    if activation == "linear" or activation == "relu":
        return activation
    raise DataError(f"layer '{name}' has an activation that hls4ml mode does not have", "use relu, tanh or sigmoid")
