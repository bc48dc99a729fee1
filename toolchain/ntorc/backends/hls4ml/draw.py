"""Random models and networks within what hls4ml converts, for comparisons of arithmetic."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.hls4ml_mode import Granularity, Hls4mlMode, hls4ml_format
from ntorc.network.layers import Conv1D, Dense, Layer
from ntorc.network.network import Network, random_network

_CURVES = ["relu", "relu", "tanh", "sigmoid"]


def draw_mode(seed: int, granularity: Granularity) -> Hls4mlMode:
    """The default precision for most, another one or a stated result precision for some."""
    draw = random.Random(f"mode {seed}")
    precision = draw.choice([hls4ml_format(16, 6), hls4ml_format(16, 6), hls4ml_format(14, 5), hls4ml_format(18, 6)])
    stated = granularity == "name" and draw.random() < 0.5
    return Hls4mlMode(granularity, precision, precision if stated else None)


def draw_model(seed: int, folder: Path, *, linear_inside: bool = True) -> Path:
    """A model file: convolutions, pools, LSTMs and dense layers, weights large enough for sums to wrap at times.

    Args:
        seed: of shapes and weights.
        folder: where ``drawn-<seed>.keras`` is written.
        linear_inside: layers without an activation may stand before others.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras.utils.clear_session()  # layers are numbered from 1 again: the same file whenever it is drawn
    draw = random.Random(f"model {seed}")
    activations = [*_CURVES, "linear"] if linear_inside else _CURVES
    stack = _Stack(keras.Input((draw.randint(8, 20), 1)))  # one channel, as the shell of the gateware takes it
    for _ in range(draw.randint(1, 2)):
        _add_convolution(draw, stack, draw.choice(activations))
    if stack.activation != "linear" and stack.length > 1:
        _add_recurrent(draw, stack)
    stack.add(keras.layers.Flatten())
    if draw.random() < 0.6:
        stack.add(keras.layers.Dense(draw.randint(2, 6), activation=draw.choice(activations)))
    stack.add(keras.layers.Dense(draw.randint(1, 3), activation=draw.choice(["linear", "linear", "tanh", "sigmoid"])))
    model = keras.Model(stack.first, stack.last)
    generator = np.random.default_rng(seed)
    largest = draw.choice([0.5, 1.0, 2.5])
    for layer in model.layers:
        layer.set_weights([generator.uniform(-largest, largest, array.shape) for array in layer.get_weights()])
    path = folder / f"drawn-{seed}.keras"
    model.save(path)
    return path


def draw_convolutions(seed: int) -> Network:
    """An integer network of one to three convolutions: 1 to 9 taps, strides to 5, to 12 channels, both paddings."""
    draw, weights = random.Random(f"convolutions {seed}"), FixedFormat(8, 6)
    length = first = draw.randint(24, 60)
    layers: list[Layer] = []
    channels = 1
    for number in range(draw.randint(1, 3)):
        taps, stride, filters = draw.randint(1, min(9, length)), draw.randint(1, 5), draw.randint(1, 12)
        total = 0
        if draw.random() < 0.5:  # as Keras pads 'same'
            total = max((-(-length // stride) - 1) * stride + taps - length, 0)
        layer = Conv1D(
            f"conv{number}", length, channels, filters, taps, weights, FixedFormat(12, 8), stride,
            padding_left=total // 2, padding_right=total - total // 2, activation="relu",
        )  # fmt: skip
        layers.append(layer)
        length, channels = layer.output_length, filters
        if length < 3:
            break
    layers.append(Dense("dense", length, channels, 1, weights, FixedFormat(18, 12)))
    return random_network(seed, FixedFormat(14, 10), first, tuple(layers))


class _Stack:
    """Layers one on the other."""

    def __init__(self, first: Any) -> None:
        self.first = self.last = first
        self.activation = ""

    @property
    def length(self) -> int:
        return int(self.last.shape[1])

    def add(self, layer: Any) -> None:
        self.last = layer(self.last)


def _add_convolution(draw: random.Random, stack: _Stack, activation: str) -> None:
    import keras

    kernel, padding = draw.randint(1, min(4, stack.length)), draw.choice(["valid", "same"])
    strides = draw.choice([1, 1, 2])
    stack.add(keras.layers.Conv1D(draw.randint(1, 4), kernel, strides, padding, activation=activation))
    stack.activation = activation
    if draw.random() < 0.5 and stack.length >= 4:
        stack.add(keras.layers.MaxPooling1D(draw.choice([2, 2, 3])))


def _add_recurrent(draw: random.Random, stack: _Stack) -> None:
    import keras

    kind = draw.choice(["none", "last", "all", "all, last"])
    if kind.startswith("all"):
        stack.add(keras.layers.LSTM(draw.randint(2, 5), return_sequences=True))
    if kind.endswith("last"):
        stack.add(keras.layers.LSTM(draw.randint(2, 5)))


def draw_windows(seed: int, mode: Hls4mlMode, shape: tuple[int, ...], count: int) -> IntArray:
    """Windows in the mode's precision, from small values to the whole range."""
    generator = np.random.default_rng(seed)
    scale: npt.NDArray[np.float64] = 2.0 ** generator.uniform(-8, 0, (count, 1, 1))
    values = generator.uniform(-1, 1, (count, *shape)) * scale * (mode.precision.maximum + 1)
    return mode.precision.fit(np.floor(values).astype(np.int64))
