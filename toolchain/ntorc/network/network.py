"""The integer network: layers, shapes, formats and integer weights; no framework.

Frames are ``[length, channels]``.  Dense takes the frame flattened in time-major order
(``t * channels + c``), as Keras' Flatten does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.network import resonators, widths
from ntorc.network.activations import HARD_SIGMOID_CLIP_BITS, Table
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import Conv1D, Feedforward, Layer, Pool, Recurrent, WeightedLayer
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.npz import read_arrays
from ntorc.records import digest_of, load, save, storage_errors

_MAX_WARM_UP = 65535  # the shell's counter


@dataclass(frozen=True)
class _Description:
    name: str
    input_format: FixedFormat
    input_length: int
    input_channels: int
    layers: tuple[Layer, ...]
    warm_up: int = 0
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
        warm_up: results after a reset that are not yet valid; only of a network that keeps state.
    """

    name: str
    input_format: FixedFormat
    input_length: int
    input_channels: int
    layers: tuple[Layer, ...]
    weights: Mapping[str, IntArray] = field(repr=False, default_factory=dict)
    biases: Mapping[str, IntArray] = field(repr=False, default_factory=dict)
    warm_up: int = 0

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

    def before(self, layer: Layer) -> FixedFormat:
        """Format of a layer's input."""
        return self.formats[self.layers.index(layer)]

    @property
    def stateful(self) -> bool:
        """Whether a result depends on earlier frames: some layer keeps its state."""
        return any(
            isinstance(layer, ResonatorBank) or (isinstance(layer, Recurrent) and layer.stateful)
            for layer in self.layers
        )

    @property
    def weighted_layers(self) -> tuple[WeightedLayer, ...]:
        """The layers with a matrix of weights, in order."""
        return tuple(layer for layer in self.layers if not isinstance(layer, Pool | ResonatorBank))

    @property
    def multiplies(self) -> int:
        """Multiplies for one result: every product, input channels and padding counted."""
        return sum(layer.multiplies for layer in self.layers)

    @property
    def widths(self) -> tuple[int, int]:
        """Bits of the widest weights, and of the widest words between layers (the result's not)."""
        weights = max((layer.weight_format.bits for layer in self.weighted_layers), default=0)
        return weights, max(layer.output_format.bits for layer in self.weighted_layers[:-1] or self.weighted_layers)

    @property
    def digest(self) -> str:
        """SHA-256 of description and integers."""
        arrays = {name: [self.weights[name].tolist(), self.biases[name].tolist()] for name in sorted(self.weights)}
        return digest_of({"network": digest_of(self._description), "arrays": digest_of(arrays)})

    @property
    def _description(self) -> _Description:
        shape = (self.input_length, self.input_channels)
        return _Description(self.name, self.input_format, *shape, self.layers, self.warm_up)

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
            description.warm_up,
        )


def accumulator_bits(network: Network, layer: WeightedLayer) -> int:
    """See `widths.accumulator_bits`, for a layer of a network."""
    return widths.accumulator_bits(
        layer, network.before(layer), network.weights[layer.name], network.biases[layer.name]
    )


def widest_bits(network: Network, layer: WeightedLayer) -> int:
    """See `widths.widest_bits`, for a layer of a network."""
    weights, bias = network.weights[layer.name], network.biases[layer.name]
    return widths.widest_bits(layer, network.before(layer), weights, bias)


def used_length(layers: Sequence[Layer]) -> int:
    """Vectors of a frame that the result needs: fewer than the frame where pools or strides leave some over."""
    used = layers[-1].output_length
    for layer in reversed(layers):
        if isinstance(layer, Conv1D):
            used = min((used - 1) * layer.stride + layer.span - layer.padding_left, layer.input_length)
        elif isinstance(layer, Pool):
            used *= layer.pool
        elif not (isinstance(layer, Recurrent) and layer.return_sequences):
            used = layer.input_length
    return used


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
    _check_streaming(network)


def _check_streaming(network: Network) -> None:
    if not 0 <= network.warm_up <= _MAX_WARM_UP or (network.warm_up and not network.stateful):
        raise DataError(
            f"'{network.name}' has a warm-up of {network.warm_up} results",
            f"give 0 to {_MAX_WARM_UP}, and 0 to a network that keeps no state: its first result is whole",
        )
    used = used_length(network.layers)
    if network.stateful and used < network.input_length:
        raise DataError(
            f"the last {network.input_length - used} samples of each frame reach no result of '{network.name}'",
            f"a network that keeps state has its result behind its last sample: use frames of {used} samples",
        )


def _check_weights(network: Network, layer: WeightedLayer | ResonatorBank, where: str) -> None:
    if layer.name not in network.weights or layer.name not in network.biases:
        raise DataError(f"{where} has no weights")
    weights, bias = network.weights[layer.name], network.biases[layer.name]
    if isinstance(layer, ResonatorBank):
        resonators.check_bank(layer, weights, bias, network.before(layer), where)
        return
    if weights.shape != layer.weights_shape or bias.shape != layer.bias_shape:
        raise DataError(f"{where} has weights of shape {weights.shape}, expected {layer.weights_shape}")
    word = layer.weight_format
    if weights.size and not (word.minimum <= int(weights.min()) and int(weights.max()) <= word.maximum):
        raise DataError(f"{where} has weights outside {word}")
    if isinstance(layer, Recurrent) and not 0 < layer.gate_format.fraction < layer.gate_format.bits:
        raise DataError(
            f"{where} has gates of {layer.gate_format}", "gates lie between -1 and 1: use most bits as fraction"
        )
    if isinstance(layer, Conv1D) and min(layer.kernel, layer.stride, layer.dilation) < 1:
        raise DataError(f"{where} needs kernel, stride and dilation of at least 1")
    fraction = widths.accumulator_fraction(layer, network.before(layer))
    hard = isinstance(layer, Feedforward) and layer.activation == "hard_sigmoid"
    if hard and fraction < 1 - HARD_SIGMOID_CLIP_BITS:
        raise DataError(f"{where} has sums too coarse for a hard sigmoid", "give inputs or weights more fraction bits")
    _check_accumulator(network, layer, where)
    if widest_bits(network, layer) > 62:
        raise DataError(f"{where} needs sums of more than 62 bits", "use narrower formats")


def _check_accumulator(network: Network, layer: WeightedLayer, where: str) -> None:
    """A wrapping accumulator takes no rounding constants: they would wrap with the sum."""
    word = layer.accumulator
    if word is None:
        return
    if (word.rounding, word.overflow) != ("truncate", "wrap"):
        raise DataError(f"{where} has an accumulator that does not truncate and wrap")
    if widths.product_shift(layer, network.before(layer)) < 0:
        raise DataError(f"{where} has an accumulator finer than its products", "give it fewer fraction bits")
    if isinstance(layer, Recurrent):
        tables, words = [layer.recurrent_activation, layer.activation], [layer.inner_format, layer.output_format]
    else:
        if not (isinstance(layer.activation, Table) or layer.activation in ("linear", "relu")):
            raise DataError(f"{where} has activation {layer.activation} behind a wrapping accumulator")
        tables = [layer.activation] if isinstance(layer.activation, Table) else []
        words = [] if tables else [layer.output_format]
    rounded = any(found.rounding != "truncate" for found in words)
    if rounded or any(table.index_rounding == "half_up" for table in tables):
        raise DataError(f"{where} rounds half up behind a wrapping accumulator", "truncate, or accumulate exactly")


def random_network(seed: int, input_format: FixedFormat, input_length: int, layers: tuple[Layer, ...]) -> Network:
    """A network of the given layers with uniformly drawn weights; for tests and characterisation."""
    generator = np.random.default_rng(seed)
    weights: dict[str, npt.NDArray[np.int64]] = {}
    biases: dict[str, npt.NDArray[np.int64]] = {}
    for layer in layers:
        if isinstance(layer, ResonatorBank):
            weights[layer.name], biases[layer.name] = resonators.draw_bank(generator, layer)
        elif not isinstance(layer, Pool):
            word = layer.weight_format
            weights[layer.name] = generator.integers(word.minimum, word.maximum + 1, layer.weights_shape)
            biases[layer.name] = generator.integers(-(1 << 20), 1 << 20, layer.bias_shape)
    channels = layers[0].input_channels
    return Network(f"random-{seed}", input_format, input_length, channels, layers, weights, biases)
