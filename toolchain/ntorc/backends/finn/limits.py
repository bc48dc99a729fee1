"""What FINN's hardware can be, said before any work starts; and an integer network brought within it where possible.

The arithmetic itself is `reference.py`'s with formats that round half up and saturate: FINN's thresholds are that,
exactly.  What is added here: words of 8 bits at most between layers (a threshold a value), sums that float32 holds
(its compiler computes in it), and a result that leaves as the whole sum.
"""

from __future__ import annotations

from dataclasses import replace

from ntorc.network.exporters.qonnx import inexact_layers, unquantised_format, unwritable_layers
from ntorc.network.layers import AveragePool1D, Conv1D, Dense, MaxPool1D, Recurrent
from ntorc.network.network import Network
from ntorc.network.quantise import Precision
from ntorc.network.resonator_layer import ResonatorBank

WIDEST = 8
"""Bits of weights, and of words between layers."""

NARROWEST = 2

PRECISION = Precision(activation_bits=8, weight_bits=6)
"""For models that bring no formats of their own: within `WIDEST`, with sums of most estimators below 24 bits."""


def unsupported(network: Network) -> list[str]:
    """What keeps a network from FINN, with what to do; empty when nothing does."""
    streaming = [layer for layer in network.layers if isinstance(layer, Recurrent | ResonatorBank)]
    if streaming:
        names = ", ".join(f"'{layer.name}' ({layer.kind})" for layer in streaming)
        return [
            f"{names}: FINN has no layers that keep a state; use --backend native (hls4ml for an LSTM), or a window"
            " network of Conv1D, MaxPooling1D and Dense"
        ]
    found = unwritable_layers(network)
    first, last = network.layers[0], network.layers[-1]
    if isinstance(first, MaxPool1D):
        found.append(f"'{first.name}' comes first, which FINN leaves to software: begin with a Conv1D or Dense layer")
    if not isinstance(last, Dense):
        found.append(f"'{last.name}' comes last, which FINN leaves to software: end with a Dense layer")
    for layer in network.layers:
        if isinstance(layer, AveragePool1D):
            found.append(f"'{layer.name}' averages: use max pooling")
        elif isinstance(layer, Conv1D | Dense):
            found += _too_wide(network, layer)
            if isinstance(layer, Conv1D) and layer.input_channels == layer.filters == 1:
                found.append(f"'{layer.name}' has one channel and one filter, a depthwise operator: use more filters")
    return found or inexact_layers(network)


def _too_wide(network: Network, layer: Conv1D | Dense) -> list[str]:
    found = []
    hint = f"quantise to {NARROWEST} to {WIDEST} bits, or give the Keras model"
    if layer.weight_format.bits > WIDEST:
        found.append(f"'{layer.name}' has weights of {layer.weight_format.bits} bits: {hint}")
    last = layer is network.layers[-1] and layer.activation == "linear"
    bits = layer.output_format.bits - (layer.activation == "relu")
    if bits > WIDEST and not last:
        found.append(f"'{layer.name}' gives words of {bits} bits: {hint}")
    return found


def with_whole_result(network: Network) -> Network:
    """The same network, its last layer's sums left whole: nothing is to be rounded behind it.

    Results get finer than they were; where the last layer has an activation, or is a pool, they stay.
    """
    last = network.layers[-1]
    if not isinstance(last, Conv1D | Dense) or last.activation != "linear" or last.accumulator is not None:
        return network
    word = unquantised_format(last, network.before(last), network.weights[last.name], network.biases[last.name])
    return replace(network, layers=(*network.layers[:-1], replace(last, output_format=word)))
