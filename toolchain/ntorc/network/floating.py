"""A trained network before quantisation: layers with real weights, free of any framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FloatLeakyRelu:
    """x for x >= 0, else ``slope`` * x."""

    slope: float


FloatActivation = Literal["linear", "relu", "hard_sigmoid", "sigmoid", "tanh"] | FloatLeakyRelu


@dataclass(frozen=True)
class FloatConv1D:
    """Convolution: weights ``[kernel, input_channels, filters]``, bias ``[filters]``."""

    name: str
    weights: FloatArray
    bias: FloatArray
    stride: int = 1
    dilation: int = 1
    padding_left: int = 0
    padding_right: int = 0
    activation: FloatActivation = "linear"


@dataclass(frozen=True)
class FloatDense:
    """Dense layer on the flattened frame: weights ``[inputs, units]``, bias ``[units]``."""

    name: str
    weights: FloatArray
    bias: FloatArray
    activation: FloatActivation = "linear"


@dataclass(frozen=True)
class FloatLSTM:
    """LSTM as in Keras, sigmoid gates and tanh.

    Weights ``[input_channels + units, 4 * units]``, columns i, f, g, o in turn, the recurrent kernel's rows
    last; bias ``[4 * units]``.
    """

    name: str
    weights: FloatArray
    bias: FloatArray
    return_sequences: bool = False
    stateful: bool = False

    @property
    def units(self) -> int:
        """Elements of the output."""
        return self.bias.size // 4


@dataclass(frozen=True)
class FloatMaxPool1D:
    """Maximum over ``pool`` vectors, stride ``pool``."""

    name: str
    pool: int


@dataclass(frozen=True)
class FloatAveragePool1D:
    """Mean of ``pool`` vectors, stride ``pool``."""

    name: str
    pool: int


FloatWeighted = FloatConv1D | FloatDense
FloatPool = FloatMaxPool1D | FloatAveragePool1D
FloatLayer = FloatWeighted | FloatLSTM | FloatPool


@dataclass(frozen=True)
class FloatNetwork:
    """Layers in order, for frames of ``[input_length, input_channels]``."""

    name: str
    input_length: int
    input_channels: int
    layers: tuple[FloatLayer, ...]

    def run(self, frames: npt.ArrayLike) -> list[FloatArray]:
        """Every layer's output for frames ``[n, input_length, input_channels]``, in double precision."""
        values = np.asarray(frames, np.float64)
        outputs = []
        for layer in self.layers:
            values = _apply(layer, values)
            outputs.append(values)
        return outputs


def _apply(layer: FloatLayer, values: FloatArray) -> FloatArray:
    if isinstance(layer, FloatPool):
        length = values.shape[1] // layer.pool
        pools = values[:, : length * layer.pool].reshape(len(values), length, layer.pool, -1)
        pooled: FloatArray = pools.max(axis=2) if isinstance(layer, FloatMaxPool1D) else pools.mean(axis=2)
        return pooled
    if isinstance(layer, FloatLSTM):
        return _lstm(layer, values)
    if isinstance(layer, FloatDense):
        result = (values.reshape(len(values), -1) @ layer.weights + layer.bias)[:, None, :]
    else:
        kernel = layer.weights.shape[0]
        span = (kernel - 1) * layer.dilation + 1
        padded = np.pad(values, ((0, 0), (layer.padding_left, layer.padding_right), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, span, axis=1)[:, :: layer.stride]
        taps = windows[..., :: layer.dilation].swapaxes(2, 3)
        flat = taps.reshape(len(values), taps.shape[1], -1)
        result = flat @ layer.weights.reshape(-1, layer.weights.shape[2]) + layer.bias
    return activated(layer.activation, result)


def _lstm(layer: FloatLSTM, values: FloatArray) -> FloatArray:
    output = np.zeros((len(values), layer.units))
    state = np.zeros_like(output)
    outputs = []
    for step in values.swapaxes(0, 1):
        sums = np.concatenate([step, output], axis=1) @ layer.weights + layer.bias
        i, f, g, o = np.split(sums, 4, axis=1)
        i, f, o = (activated("sigmoid", gate) for gate in (i, f, o))
        state = f * state + i * np.tanh(g)
        output = o * np.tanh(state)
        outputs.append(output)
    return np.stack(outputs if layer.return_sequences else outputs[-1:], axis=1)


def activated(activation: FloatActivation, values: FloatArray) -> FloatArray:
    """An activation in double precision, as Keras 3 defines it."""
    result: FloatArray
    if isinstance(activation, FloatLeakyRelu):
        result = np.where(values < 0, activation.slope * values, values)
    elif activation == "relu":
        result = np.maximum(values, 0.0)
    elif activation == "hard_sigmoid":
        result = np.clip(values / 6 + 0.5, 0.0, 1.0)
    elif activation == "sigmoid":
        result = 0.5 * np.tanh(0.5 * values) + 0.5  # never overflows
    elif activation == "tanh":
        result = np.tanh(values)
    else:
        result = values
    return result
