"""The HGQ2 model of a window network and the integer network that computes the same bits.  This module imports HGQ2.

Every tensor has one width and one binary point, as the words of our gateware and of hls4ml's streams have.  Roundings
are half up; words saturate, as `ntorc.network.reference` computes them; the widths and binary points are trained
(Sun et al., arXiv:2405.00645), except those of the input, which is the converter's, and of biases, which cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from hgq.config import QuantizerConfig
from hgq.constraints import MinMax
from hgq.layers import QConv1D, QDense

from ntorc.network.exporters.qonnx import unquantised_format
from ntorc.network.floating import FloatConv1D, FloatDense, FloatMaxPool1D, FloatNetwork
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import Conv1D, Dense, Layer
from ntorc.network.network import Network
from ntorc.network.widths import product_fraction

_MOST_WEIGHT_BITS, _MOST_WORD_BITS = 11, 15  # signs not counted: words of 12 and 16 bits
_BIAS_INTEGER_BITS, _BIAS_FRACTION = 8, 20  # while it is trained; see `settle_biases`


@dataclass(frozen=True)
class HgqModel:
    """A model that is trained, and its layers with weights in order."""

    keras: Any
    layers: tuple[Any, ...]

    @property
    def widths(self) -> list[Any]:
        """Its trained widths and binary points."""
        return [variable for variable in self.keras.trainable_variables if variable.name in ("b", "i")]

    @property
    def weights(self) -> list[Any]:
        """Its other trained variables."""
        return [variable for variable in self.keras.trainable_variables if variable.name not in ("b", "i")]

    @property
    def operations(self) -> float:
        """HGQ2's own count of effective bit operations at its last training step, biases included."""
        return float(sum(int(layer.ebops) for layer in self.layers))


def build(floating: FloatNetwork, start: Network, penalty: float) -> HgqModel:
    """The model with the weights of ``floating`` and the formats of ``start``, in Keras' default float type.

    Args:
        floating: of convolutions, max pools and dense layers; gives volts.
        start: its integer network.
        penalty: of the loss for an effective bit operation.
    """
    inputs = keras.Input((floating.input_length, floating.input_channels), name="samples")
    last, made, flat = inputs, list[Any](), False
    words = dict(zip((layer.name for layer in start.layers), start.formats, strict=False))
    formats = {layer.name: layer.weight_format for layer in start.weighted_layers}
    for source in floating.layers:
        if isinstance(source, FloatMaxPool1D):
            last = keras.layers.MaxPooling1D(source.pool, name=source.name)(last)
        elif isinstance(source, FloatConv1D | FloatDense):
            if isinstance(source, FloatConv1D):
                last = keras.layers.ZeroPadding1D((source.padding_left, source.padding_right))(last)
            elif not flat:
                last, flat = keras.layers.Flatten()(last), True
            behind_relu = bool(made) and made[-1].activation is keras.activations.relu
            given = _word(words[source.name], signed=not behind_relu, trainable=bool(made))
            layer = _layer(source, given, _weight(formats[source.name]), penalty)
            last = layer(last)
            layer.kernel.assign(source.weights)
            layer.bias.assign(source.bias)
            made.append(layer)
    return HgqModel(keras.Model(inputs, last), tuple(made))


def _layer(source: FloatConv1D | FloatDense, word: Any, weight: Any, penalty: float) -> Any:
    common = {
        "activation": source.activation, "name": source.name, "beta0": penalty, "iq_conf": word, "kq_conf": weight,
        "bq_conf": QuantizerConfig(
            "kif", "bias", k0=True, i0=_BIAS_INTEGER_BITS, f0=_BIAS_FRACTION, overflow_mode="SAT", trainable=False,
            ir=None, fr=None, homogeneous_axis=None, heterogeneous_axis=(),
        ),
    }  # fmt: skip
    if isinstance(source, FloatDense):
        return QDense(source.weights.shape[1], **common)
    kernel, _, filters = source.weights.shape
    return QConv1D(filters, kernel, strides=source.stride, dilation_rate=source.dilation, **common)


def _word(word: FixedFormat, *, signed: bool, trainable: bool) -> Any:
    """Of a layer's input: width without sign, integer bits without sign."""
    most = _MOST_WORD_BITS if trainable else word.bits - 1
    return QuantizerConfig(
        "kbi", "datalane", k0=signed, b0=word.bits - 1, i0=word.bits - 1 - word.fraction, overflow_mode="SAT",
        round_mode="RND", bc=MinMax(1, most), br=None, ir=None, trainable=trainable,
        homogeneous_axis=None, heterogeneous_axis=(),
    )  # fmt: skip


def _weight(word: FixedFormat) -> Any:
    return QuantizerConfig(
        "kbi", "weight", k0=True, b0=word.bits - 1, i0=word.bits - 1 - word.fraction, overflow_mode="SAT_SYM",
        round_mode="RND", bc=MinMax(1, _MOST_WEIGHT_BITS), br=None, ir=None,
        homogeneous_axis=None, heterogeneous_axis=(),
    )  # fmt: skip


def settle_biases(model: HgqModel) -> None:
    """Give each bias the fraction of its layer's products, which sums have anyway: no bit of them is then cut."""
    for layer in model.layers:
        fraction = _fraction(layer.iq) + _fraction(layer.kq)
        for variable in layer.bq.quantizer.variables:
            if variable.name == "f":
                variable.assign(np.full(variable.shape, fraction))


def _fraction(quantiser: Any) -> int:
    return int(np.asarray(quantiser.quantizer.f).item())


def network_of(model: HgqModel, start: Network) -> Network:
    """The integer network of a model, whose biases are rounded to the fractions of its sums.

    Weights get the narrowest word that holds them all; the last layer's sums stay whole.
    """
    given = [_fixed(layer.iq) for layer in model.layers]
    behind = dict(zip((layer.name for layer in model.layers), given[1:], strict=False))
    own = {layer.name: layer for layer in model.layers}
    weights, biases, made = dict[str, IntArray](), dict[str, IntArray](), list[Layer]()
    word = start.input_format
    for layer in start.layers:
        if isinstance(layer, Conv1D | Dense):
            source = own[layer.name]
            fraction = _fraction(source.kq)
            integers = np.rint(np.asarray(source.qkernel, np.float64) * 2.0**fraction).astype(np.int64)
            weights[layer.name] = integers
            layer = replace(layer, weight_format=narrowest(integers, fraction))
            scale = 2.0 ** product_fraction(layer, word)
            biases[layer.name] = np.floor(np.asarray(source.bias, np.float64) * scale + 0.5).astype(np.int64)
            after = behind.get(layer.name)
            if after is None:
                after = unquantised_format(layer, word, weights[layer.name], biases[layer.name])
            layer = replace(layer, output_format=after)
            word = after
        made.append(layer)
    return replace(start, name=f"{start.name}-hgq", layers=tuple(made), weights=weights, biases=biases)


def _fixed(quantiser: Any) -> FixedFormat:
    """Our words have a sign, needed or not."""
    bits = int(np.asarray(quantiser.quantizer.b).item())
    return FixedFormat(bits + 1, _fraction(quantiser))


def narrowest(integers: IntArray, fraction: int) -> FixedFormat:
    """The narrowest word that holds integers of a fraction."""
    reach = max(int(integers.max(initial=0)), -int(integers.min(initial=0)) - 1)
    return FixedFormat(max(reach.bit_length() + 1, 2), fraction)


def values_of(model: HgqModel) -> list[Any]:
    """All its variables, to be put into another of the same layers."""
    return [np.asarray(variable) for variable in model.keras.variables]


def assign(model: HgqModel, values: Sequence[Any]) -> None:
    """Put in what `values_of` gave."""
    for variable, value in zip(model.keras.variables, values, strict=True):
        variable.assign(value)
