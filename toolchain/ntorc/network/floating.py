"""A trained network before quantisation: layers with real weights, free of any framework."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
class FloatMaxPool1D:
    """Maximum over ``pool`` vectors, stride ``pool``."""

    name: str
    pool: int


@dataclass(frozen=True)
class FloatAveragePool1D:
    """Mean of ``pool`` vectors, stride ``pool``."""

    name: str
    pool: int


_SMALLEST_POWER = 2.0**-80  # of which a logarithm is still taken


@dataclass(frozen=True)
class FloatResonatorBank:
    """DC blocker, one-pole complex resonators, log2 of their powers at the frame's end (`ntorc.network.resonators`).

    A resonator is z[n] = (1-r) y[n] + r exp(j 2 pi f / fs) z[n-1], r = exp(-1 / (fs tau)).  Features: for each
    log2(p_i / sum p), p = |z|^2, at least ``floor_log2``; then log2(sum p).

    Attributes:
        frequencies_hz, time_constants_s: f and tau, one each a resonator.
        sample_rate_hz: fs.
        dc_shift: the DC blocker is y[n] = x[n] - x[n-1] + (1 - 2**-dc_shift) y[n-1].
        floor_log2: the smallest share.
    """

    name: str
    frequencies_hz: tuple[float, ...]
    time_constants_s: tuple[float, ...]
    sample_rate_hz: float
    dc_shift: int = 8
    floor_log2: float = -13.0

    @cached_property
    def poles(self) -> npt.NDArray[np.complex128]:
        """r exp(j 2 pi f / fs), ``[resonators]``."""
        periods = 1.0 / (self.sample_rate_hz * np.asarray(self.time_constants_s, np.float64))
        turns = 2.0 * np.pi * np.asarray(self.frequencies_hz, np.float64) / self.sample_rate_hz
        return np.exp(-periods + 1j * turns)

    def states(self, samples: FloatArray) -> npt.NDArray[np.complex128]:
        """z / (1-r) after every sample from a zero state: ``[..., n]`` to ``[resonators, ..., n]``."""
        from scipy.signal import lfilter  # costs .3 s, and most networks have no bank

        blocked = lfilter([1.0, -1.0], [1.0, 2.0**-self.dc_shift - 1.0], samples)
        return np.stack([lfilter([1.0 + 0.0j], [1.0, -pole], blocked) for pole in self.poles])

    def features(self, states: npt.NDArray[np.complex128]) -> FloatArray:
        """Features of states ``[resonators, ...]``: ``[..., resonators + 1]``."""
        gains = (1.0 - np.abs(self.poles)) ** 2
        powers = np.moveaxis(np.abs(states) ** 2, 0, -1) * gains
        whole = np.log2(np.maximum(powers.sum(axis=-1, keepdims=True), _SMALLEST_POWER))
        shares = np.log2(np.maximum(powers, _SMALLEST_POWER)) - whole
        return np.concatenate([np.maximum(shares, self.floor_log2), whole], axis=-1)

    def run(self, frames: FloatArray) -> FloatArray:
        """Frames ``[n, frame, 1]`` in their order of arrival, from a zero state, to ``[n, 1, resonators + 1]``."""
        length = frames.shape[1]
        ends = self.states(frames.reshape(-1))[:, length - 1 :: length]
        return self.features(ends)[:, None, :]


FloatWeighted = FloatConv1D | FloatDense
FloatPool = FloatMaxPool1D | FloatAveragePool1D
FloatLayer = FloatWeighted | FloatPool  # what importers make; a bank comes from its description


@dataclass(frozen=True)
class FloatNetwork:
    """Layers in order, for frames of ``[input_length, input_channels]``."""

    name: str
    input_length: int
    input_channels: int
    layers: tuple[FloatLayer | FloatResonatorBank, ...]

    def run(self, frames: npt.ArrayLike) -> list[FloatArray]:
        """Every layer's output for frames ``[n, input_length, input_channels]``, in double precision.

        In their order of arrival where a layer keeps its state.
        """
        values = np.asarray(frames, np.float64)
        outputs = []
        for layer in self.layers:
            values = _apply(layer, values)
            outputs.append(values)
        return outputs


def _apply(layer: FloatLayer | FloatResonatorBank, values: FloatArray) -> FloatArray:
    if isinstance(layer, FloatResonatorBank):
        return layer.run(values)
    if isinstance(layer, FloatPool):
        length = values.shape[1] // layer.pool
        pools = values[:, : length * layer.pool].reshape(len(values), length, layer.pool, -1)
        pooled: FloatArray = pools.max(axis=2) if isinstance(layer, FloatMaxPool1D) else pools.mean(axis=2)
        return pooled
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
