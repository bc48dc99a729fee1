"""An integer network of few bits: formats by least square error, then held while weights change.

With few bits the format that nothing saturates in wastes most of its steps: a finer one that cuts the few largest
values is nearer to all others.  The first and the last layer keep weights of 8 bits, as is usual: they are small, and
errors at the ends cost most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.network.exporters.qonnx import unquantised_format
from ntorc.network.floating import FloatConv1D, FloatDense, FloatNetwork
from ntorc.network.formats import FixedFormat, IntArray, format_for_range
from ntorc.network.layers import Conv1D, Dense, Layer
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.network.widths import accumulator_fraction

_OUTER_BITS = 8
_FINER = 3  # formats with up to so many fraction bits more are tried


def few_bits_network(floating: FloatNetwork, word: FixedFormat, frames: npt.ArrayLike, bits: int) -> Network:
    """A network of ``bits`` for weights and for words behind a relu (whose sign costs none).

    Args:
        floating: convolutions, pools and dense layers.
        word: the input's.
        frames: integers ``[n, length, channels]`` from the training data.
        bits: 2 to 8.
    """
    weighted = [layer for layer in floating.layers if isinstance(layer, FloatConv1D | FloatDense)]
    outer = (weighted[0].name, weighted[-1].name)
    widths = {
        layer.name: (
            _OUTER_BITS if layer.name in outer else bits, bits + 1 if layer.activation == "relu" else bits,
        )
        for layer in weighted
    }  # fmt: skip
    return network_of_widths(floating, word, frames, widths)


def network_of_widths(
    floating: FloatNetwork,
    word: FixedFormat,
    frames: npt.ArrayLike,
    widths: Mapping[str, tuple[int, int]],
    finer: int = _FINER,
) -> Network:
    """A network of given bits of weights and of words behind them, by layer, with formats of least square error.

    Args:
        floating, word, frames: see `few_bits_network`.
        widths: of every layer with weights.
        finer: formats with up to so many fraction bits more than what nothing saturates in; 0 for that one.
    """
    network = quantise(floating, word, frames, Precision(activation_bits=_OUTER_BITS + 1, weight_bits=_OUTER_BITS))
    outputs = floating.run(word.values(np.asarray(frames)))
    layers = list[Layer]()
    for source, layer, output in zip(floating.layers, network.layers, outputs, strict=True):
        if isinstance(layer, Conv1D | Dense) and isinstance(source, FloatConv1D | FloatDense):
            weights, after = widths[layer.name]
            weight_format, after_format = _nearest(weights, source.weights, finer), _nearest(after, output, finer)
            layers.append(replace(layer, weight_format=weight_format, output_format=after_format))
        else:
            layers.append(layer)
    return with_weights(network, tuple(layers), floating)


def with_weights(
    network: Network, layers: tuple[Layer, ...], floating: FloatNetwork, *, whole_result: bool = True
) -> Network:
    """The network of these layers with the real weights of ``floating``; the last layer's sums may stay whole.

    Raises:
        DataError: layers that the real network does not have.
    """
    sources = {source.name: source for source in floating.layers}
    weights: dict[str, IntArray] = {}
    biases: dict[str, IntArray] = {}
    before, made = network.input_format, list[Layer]()
    for layer in layers:
        source = sources.get(layer.name)
        if isinstance(layer, Conv1D | Dense):
            if not isinstance(source, FloatConv1D | FloatDense):
                raise DataError(f"layer '{layer.name}' has no real weights")
            weights[layer.name] = layer.weight_format.quantise(source.weights)
            scale = 2.0 ** accumulator_fraction(layer, before)
            biases[layer.name] = np.floor(source.bias * scale + 0.5).astype(np.int64)
            if whole_result and layer is layers[-1] and layer.activation == "linear":
                whole = unquantised_format(layer, before, weights[layer.name], biases[layer.name])
                layer = replace(layer, output_format=whole)
            before = layer.output_format
        made.append(layer)
    return replace(network, layers=tuple(made), weights=weights, biases=biases)


def _nearest(bits: int, values: npt.NDArray[np.float64], most_finer: int) -> FixedFormat:
    """The format of least square error."""
    coarsest = format_for_range(bits, float(np.abs(values).max()))
    tried = [replace(coarsest, fraction=coarsest.fraction + finer) for finer in range(most_finer + 1)]
    errors = [float(np.square(word.values(word.quantise(values)) - values).mean()) for word in tried]
    return tried[int(np.argmin(errors))]
