"""The integer network: layers, shapes, formats and integer weights; no framework.

Frames are ``[length, channels]``.  Dense takes the frame flattened in time-major order
(``t * channels + c``), as Keras' Flatten does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.network.activations import (
    HARD_SIGMOID_CLIP_BITS,
    HARD_SIGMOID_NUMERATOR,
    HARD_SIGMOID_SHIFT,
    Activation,
    LeakyRelu,
    Table,
)
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.npz import read_arrays
from ntorc.records import digest_of, load, save, storage_errors


@dataclass(frozen=True)
class Conv1D:
    """One-dimensional convolution (cross-correlation, as in Keras) with zero padding.

    Weights: ``[kernel, input_channels, filters]`` in ``weight_format``; bias ``[filters]`` in the
    accumulator's fraction (that of input plus weights).
    """

    name: str
    input_length: int
    input_channels: int
    filters: int
    kernel: int
    weight_format: FixedFormat
    output_format: FixedFormat
    stride: int = 1
    dilation: int = 1
    padding_left: int = 0
    padding_right: int = 0
    activation: Activation = "linear"
    kind: Literal["conv1d"] = "conv1d"

    @property
    def span(self) -> int:
        """Input vectors from a position's first tap to its last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def output_length(self) -> int:
        """Output positions."""
        padded = self.input_length + self.padding_left + self.padding_right
        return (padded - self.span) // self.stride + 1

    @property
    def output_channels(self) -> int:
        """Elements of an output vector."""
        return self.filters

    @property
    def inputs(self) -> int:
        """Products summed for one output element."""
        return self.kernel * self.input_channels

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.kernel, self.input_channels, self.filters)

    @property
    def multiplies(self) -> int:
        """Multiplies for one frame, padding counted."""
        return self.output_length * self.inputs * self.filters


@dataclass(frozen=True)
class Dense:
    """Fully connected layer on the flattened frame.  Weights: ``[inputs, units]``; bias ``[units]``."""

    name: str
    input_length: int
    input_channels: int
    units: int
    weight_format: FixedFormat
    output_format: FixedFormat
    activation: Activation = "linear"
    kind: Literal["dense"] = "dense"

    @property
    def output_length(self) -> int:
        """Always one vector."""
        return 1

    @property
    def output_channels(self) -> int:
        """Elements of the output vector."""
        return self.units

    @property
    def inputs(self) -> int:
        """Products summed for one output element."""
        return self.input_length * self.input_channels

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.inputs, self.units)

    @property
    def multiplies(self) -> int:
        """Multiplies for one frame."""
        return self.inputs * self.units


@dataclass(frozen=True)
class _Pool:
    name: str
    input_length: int
    input_channels: int
    pool: int

    @property
    def output_length(self) -> int:
        """Whole pools."""
        return self.input_length // self.pool

    @property
    def output_channels(self) -> int:
        """Elements of an output vector."""
        return self.input_channels

    @property
    def multiplies(self) -> int:
        """None."""
        return 0


@dataclass(frozen=True)
class MaxPool1D(_Pool):
    """Maximum over ``pool`` consecutive vectors, stride ``pool``, no padding; keeps the format."""

    kind: Literal["maxpool1d"] = "maxpool1d"


@dataclass(frozen=True)
class AveragePool1D(_Pool):
    """Mean of ``pool`` consecutive vectors, stride ``pool``, no padding; keeps the format, rounds half up."""

    kind: Literal["averagepool1d"] = "averagepool1d"


WeightedLayer = Conv1D | Dense
Pool = MaxPool1D | AveragePool1D
Layer = WeightedLayer | Pool


@dataclass(frozen=True)
class _Description:
    name: str
    input_format: FixedFormat
    input_length: int
    input_channels: int
    layers: tuple[Layer, ...]
    format: Literal[1] = 1


@dataclass(frozen=True)
class Network:
    """A network in integers.

    Attributes:
        name: for people.
        input_format: format of the input elements; their integers enter the gateware unchanged.
        input_length, input_channels: shape of a frame.
        layers: in order, each one's input shape the output shape of the one before.
        weights, biases: int64 arrays by layer name.
    """

    name: str
    input_format: FixedFormat
    input_length: int
    input_channels: int
    layers: tuple[Layer, ...]
    weights: Mapping[str, IntArray] = field(repr=False, default_factory=dict)
    biases: Mapping[str, IntArray] = field(repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def outputs(self) -> int:
        """Elements of one result."""
        return self.layers[-1].output_length * self.layers[-1].output_channels

    @property
    def output_format(self) -> FixedFormat:
        """Format of the result's elements."""
        return self.formats[-1]

    @property
    def formats(self) -> tuple[FixedFormat, ...]:
        """Formats of the elements before the first layer and after each one."""
        formats = [self.input_format]
        for layer in self.layers:
            formats.append(formats[-1] if isinstance(layer, Pool) else layer.output_format)
        return tuple(formats)

    @property
    def weighted_layers(self) -> tuple[WeightedLayer, ...]:
        """The layers that multiply, in order."""
        return tuple(layer for layer in self.layers if not isinstance(layer, Pool))

    @property
    def multiplies(self) -> int:
        """Multiplies for one result: every product, input channels and padding counted."""
        return sum(layer.multiplies for layer in self.layers)

    @property
    def digest(self) -> str:
        """SHA-256 of description and integers."""
        arrays = {name: [self.weights[name].tolist(), self.biases[name].tolist()] for name in sorted(self.weights)}
        return digest_of({"network": digest_of(self._description), "arrays": digest_of(arrays)})

    @property
    def _description(self) -> _Description:
        return _Description(self.name, self.input_format, self.input_length, self.input_channels, self.layers)

    def save(self, folder: Path) -> Path:
        """Write ``network.json`` and ``weights.npz`` into ``folder``."""
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            arrays = {f"{name}.weights": array for name, array in self.weights.items()}
            arrays |= {f"{name}.bias": array for name, array in self.biases.items()}
            np.savez(folder / "weights.npz", **arrays)
        save(self._description, folder / "network.json")
        return folder

    @staticmethod
    def load(folder: Path) -> Network:
        """Read a saved network.

        Raises:
            StorageError, DataError: not a network, or damaged.
        """
        description = load(_Description, folder / "network.json")
        weighted = [layer.name for layer in description.layers if not isinstance(layer, Pool)]
        names = [f"{name}.{part}" for name in weighted for part in ("weights", "bias")]
        file = folder / "weights.npz"
        arrays = read_arrays(file, names, "make the network again: ntorc train FOLDER")
        if any(array.dtype.kind not in "iu" for array in arrays.values()):
            raise DataError(f"{file} holds arrays that are not whole numbers", "make the network again")
        weights = {name: arrays[f"{name}.weights"].astype(np.int64) for name in weighted}
        biases = {name: arrays[f"{name}.bias"].astype(np.int64) for name in weighted}
        return Network(
            description.name,
            description.input_format,
            description.input_length,
            description.input_channels,
            description.layers,
            weights,
            biases,
        )


def accumulator_fraction(layer: WeightedLayer, input_format: FixedFormat) -> int:
    """Fraction bits of a layer's products and sums."""
    return input_format.fraction + layer.weight_format.fraction


def rounding_shift(layer: WeightedLayer, input_format: FixedFormat) -> int:
    """Bits that are cut from the sum itself, where half of the last of them is added with the bias.

    Down to the output format, or to a table's index; none where the sum is multiplied first.
    """
    fraction = accumulator_fraction(layer, input_format)
    if isinstance(layer.activation, Table):
        return fraction - layer.activation.index_fraction
    if layer.activation in ("linear", "relu"):
        return fraction - layer.output_format.fraction
    return 0


def widest_bits(network: Network, layer: WeightedLayer) -> int:
    """Bits of the widest integer between a layer's products and its output format."""
    input_format = network.formats[network.layers.index(layer)]
    fraction, bits = accumulator_fraction(layer, input_format), accumulator_bits(network, layer)
    if isinstance(layer.activation, Table):
        return bits + max(-rounding_shift(layer, input_format), 0)
    if isinstance(layer.activation, LeakyRelu):
        fraction += layer.activation.shift
        bits += max(layer.activation.shift, layer.activation.numerator.bit_length())
    elif layer.activation == "hard_sigmoid":
        bits = fraction + HARD_SIGMOID_CLIP_BITS + 1 + HARD_SIGMOID_NUMERATOR.bit_length()
        fraction += HARD_SIGMOID_SHIFT
        bits = max(bits, fraction + 1) + 1
    else:
        return bits
    return max(bits, fraction - layer.output_format.fraction) + 1  # with the rounding constant


def accumulator_bits(network: Network, layer: WeightedLayer) -> int:
    """Bits that hold every partial sum, bias and rounding constant of a layer exactly.

    From the weights themselves: max over outputs of sum |w| times the largest input, plus |bias|; at
    least a whole product.
    """
    input_format = network.formats[network.layers.index(layer)]
    weights = network.weights[layer.name].reshape(-1, layer.output_channels)
    absolute = [int(value) for value in np.abs(weights).sum(axis=0)]
    largest = max(
        -input_format.minimum * total + abs(int(bias))
        for total, bias in zip(absolute, network.biases[layer.name], strict=True)
    )
    largest += 1 << max(rounding_shift(layer, input_format) - 1, 0)
    return max(largest.bit_length() + 1, input_format.bits + layer.weight_format.bits)


def _check(network: Network) -> None:
    length, channels = network.input_length, network.input_channels
    names = [layer.name for layer in network.layers]
    if not network.layers or len(set(names)) != len(names):
        raise DataError(f"network '{network.name}' needs at least one layer, each with its own name")
    for layer in network.layers:
        where = f"layer '{layer.name}' of network '{network.name}'"
        if (layer.input_length, layer.input_channels) != (length, channels):
            raise DataError(
                f"{where} takes [{layer.input_length}, {layer.input_channels}], but gets [{length}, {channels}]"
            )
        length, channels = layer.output_length, layer.output_channels
        if length < 1 or channels < 1:
            raise DataError(f"{where} has no output", "use a longer window or fewer pools and strides")
        if not isinstance(layer, Pool):
            _check_weights(network, layer, where)


def _check_weights(network: Network, layer: WeightedLayer, where: str) -> None:
    if layer.name not in network.weights or layer.name not in network.biases:
        raise DataError(f"{where} has no weights")
    weights, bias = network.weights[layer.name], network.biases[layer.name]
    if weights.shape != layer.weights_shape or bias.shape != (layer.output_channels,):
        raise DataError(f"{where} has weights of shape {weights.shape}, expected {layer.weights_shape}")
    word = layer.weight_format
    if weights.size and not (word.minimum <= int(weights.min()) and int(weights.max()) <= word.maximum):
        raise DataError(f"{where} has weights outside {word}")
    if isinstance(layer, Conv1D) and min(layer.kernel, layer.stride, layer.dilation) < 1:
        raise DataError(f"{where} needs kernel, stride and dilation of at least 1")
    input_format = network.formats[network.layers.index(layer)]
    if layer.activation == "hard_sigmoid" and accumulator_fraction(layer, input_format) < 1 - HARD_SIGMOID_CLIP_BITS:
        raise DataError(f"{where} has sums too coarse for a hard sigmoid", "give inputs or weights more fraction bits")
    if widest_bits(network, layer) > 62:
        raise DataError(f"{where} needs sums of more than 62 bits", "use narrower formats")


def random_network(seed: int, input_format: FixedFormat, input_length: int, layers: tuple[Layer, ...]) -> Network:
    """A network of the given layers with uniformly drawn weights; for tests and characterisation."""
    generator = np.random.default_rng(seed)
    weights: dict[str, npt.NDArray[np.int64]] = {}
    biases: dict[str, npt.NDArray[np.int64]] = {}
    for layer in layers:
        if not isinstance(layer, Pool):
            word = layer.weight_format
            weights[layer.name] = generator.integers(word.minimum, word.maximum + 1, layer.weights_shape)
            biases[layer.name] = generator.integers(-(1 << 20), 1 << 20, layer.output_channels)
    channels = layers[0].input_channels
    return Network(f"random-{seed}", input_format, input_length, channels, layers, weights, biases)
