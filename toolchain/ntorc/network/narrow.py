"""Layers with fewer bits a weight, made from the integers of a network, and what that does to its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ntorc.errors import DataError
from ntorc.network.formats import IntArray
from ntorc.network.layers import Feedforward, Layer, Recurrent, WeightedLayer
from ntorc.network.network import Network
from ntorc.network.reference import run

_LEAST_BITS = 2


def narrowed(network: Network, weight_bits: Mapping[str, int]) -> Network:
    """The network with the weights of some layers cut to fewer bits; all words between layers stay as they are.

    The bits dropped are those of the fraction, rounded half up; the largest weights saturate.  Among the positions of
    the binary point that give that many bits the one with the least squared error of the weights is taken.  Biases
    follow the sums' fraction.

    Args:
        network: the network.
        weight_bits: by layer name; a layer that has no more bits than that already is left as it is.

    Raises:
        DataError: no such layer, fewer than two bits, or sums too coarse for the layer's activation.
    """
    layers: list[Layer] = []
    weights, biases = dict(network.weights), dict(network.biases)
    names = [layer.name for layer in narrowable(network)]
    for name, bits in weight_bits.items():
        if name not in names:
            raise DataError(
                f"'{network.name}' has no layer '{name}' whose weights can be narrowed",
                f"it has: {', '.join(names) or 'none'}; sums that another tool's accumulator cuts stay as they are",
            )
        if bits < _LEAST_BITS:
            raise DataError(f"weights of {bits} bits are not supported", f"use {_LEAST_BITS} bits or more")
    for layer in network.layers:
        if not isinstance(layer, Feedforward | Recurrent):
            layers.append(layer)
            continue
        old, bits = layer.weight_format, weight_bits.get(layer.name, layer.weight_format.bits)
        shift = 0
        if bits < old.bits:
            shift, weights[layer.name] = _fewer_bits(weights[layer.name], old.bits, bits)
            biases[layer.name] = _rounded(biases[layer.name], shift)
        kept = replace(old, bits=min(bits, old.bits), fraction=old.fraction - shift)
        layers.append(replace(layer, weight_format=kept))
    return replace(network, layers=tuple(layers), weights=weights, biases=biases)


def narrowable(network: Network) -> tuple[WeightedLayer, ...]:
    """The layers with weights and exact sums."""
    return tuple(layer for layer in network.weighted_layers if layer.accumulator is None)


def _rounded(integers: IntArray, shift: int) -> IntArray:
    """Half up, without the last ``shift`` bits."""
    return (integers + ((1 << shift) >> 1)) >> shift


def _fewer_bits(integers: IntArray, before: int, bits: int) -> tuple[int, IntArray]:
    """Dropped fraction bits and the integers left: the best of all positions of the binary point."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    best: tuple[float, int, IntArray] | None = None
    for shift in range(before - bits + 1):
        kept = np.clip(_rounded(integers, shift), low, high)
        error = float((((kept << shift) - integers).astype(float) ** 2).sum())
        if best is None or error < best[0]:
            best = (error, shift, kept)
    assert best is not None
    return best[1], best[2]


@dataclass(frozen=True)
class Versions:
    """A network's layers in several widths of weights.

    Attributes:
        network: as it was given; its own widths are the first version of every layer.
        bits: of the others, falling.
        deviation: mean square of what narrower weights of one layer alone change in the first result, in the square of
            its unit, by layer and bits; what it is measured on were frames of the user's.
    """

    network: Network
    bits: tuple[int, ...]
    deviation: Mapping[str, Mapping[int, float]]

    def uniform(self, bits: int) -> Network:
        """Every layer that has such a version with weights of so many bits."""
        return narrowed(self.network, {name: bits for name, row in self.deviation.items() if bits in row})


def measured_versions(network: Network, bits: tuple[int, ...], frames: IntArray, streams: int = 1) -> Versions:
    """Every layer narrowed by itself, and what that changes in the results.

    Deviations by the roundings of different layers are nearly independent, so that their squares add up.

    Args:
        network: the network.
        bits: widths of weights to offer.
        frames: integers ``[n, input_length, input_channels]`` as the sensor gives them.
        streams: independent sequences among them, where the network keeps state.

    Raises:
        DataError: no frames.
    """
    if not len(frames):
        raise DataError("there are no frames to measure narrower weights on", "give longer runs")
    widths = tuple(sorted(set(bits), reverse=True))
    truth = run(network, frames, streams)
    step = network.output_format.step
    deviation: dict[str, dict[int, float]] = {}
    for layer in narrowable(network):
        for width in widths:
            if width < layer.weight_format.bits:
                try:
                    narrow = narrowed(network, {layer.name: width})
                except DataError:  # too coarse for its activation
                    continue
                found = run(narrow, frames, streams)
                square = float(np.mean(((found - truth)[:, 0] * step) ** 2))
                deviation.setdefault(layer.name, {})[width] = square
    return Versions(network, widths, deviation)
