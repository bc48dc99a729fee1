"""An integer network of few bits: formats by least square error, then held while weights change.

With few bits the format that nothing saturates in wastes most of its steps: a finer one that cuts the few largest
values is nearer to all others.  The first and the last layer keep weights of 8 bits, as is usual: they are small, and
errors at the ends cost most.
"""

from __future__ import annotations

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
    network = quantise(floating, word, frames, Precision(activation_bits=_OUTER_BITS + 1, weight_bits=_OUTER_BITS))
    outputs = floating.run(word.values(np.asarray(frames)))
    weighted = [layer.name for layer in network.weighted_layers]
    layers = list[Layer]()
    for source, layer, output in zip(floating.layers, network.layers, outputs, strict=True):
        if isinstance(layer, Conv1D | Dense) and isinstance(source, FloatConv1D | FloatDense):
            width = _OUTER_BITS if layer.name in (weighted[0], weighted[-1]) else bits
            after = _nearest(bits + 1 if layer.activation == "relu" else bits, output)
            layers.append(replace(layer, weight_format=_nearest(width, source.weights), output_format=after))
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


def _nearest(bits: int, values: npt.NDArray[np.float64]) -> FixedFormat:
    """The format of least square error."""
    coarsest = format_for_range(bits, float(np.abs(values).max()))
    tried = [replace(coarsest, fraction=coarsest.fraction + finer) for finer in range(_FINER + 1)]
    errors = [float(np.square(word.values(word.quantise(values)) - values).mean()) for word in tried]
    return tried[int(np.argmin(errors))]
