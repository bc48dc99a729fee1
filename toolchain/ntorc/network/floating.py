"""A trained network before quantisation: layers with real weights, free of any framework."""

from __future__ import annotations

from collections.abc import Iterator
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


RecurrentActivation = Literal["hard_sigmoid", "sigmoid", "tanh"]


@dataclass(frozen=True)
class _FloatRecurrent:
    """Kernel ``[channels, gates * units]``, recurrent kernel ``[units, gates * units]``, bias ``[4 * units]``."""

    name: str
    kernel: FloatArray
    recurrent_kernel: FloatArray
    bias: FloatArray
    return_sequences: bool = False
    stateful: bool = False
    recurrent_activation: RecurrentActivation = "sigmoid"
    activation: RecurrentActivation = "tanh"

    @property
    def units(self) -> int:
        """Elements of the output."""
        return int(self.recurrent_kernel.shape[0])


@dataclass(frozen=True)
class FloatLSTM(_FloatRecurrent):
    """Gates i, f, o and candidate g in the columns' order i, f, g, o, as in Keras."""


@dataclass(frozen=True)
class FloatGRU(_FloatRecurrent):
    """Gates z, r and candidate in this order; bias: z, r (Keras' two added), candidate's input and recurrent one."""


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
        return np.stack(list(self._each(samples)))

    def ends(self, samples: FloatArray, frame: int) -> npt.NDArray[np.complex128]:
        """Of `states` those at the frames' ends alone, so that hours of samples fit the memory."""
        return np.stack([row[..., frame - 1 :: frame] for row in self._each(samples)])

    def largest(self, samples: FloatArray) -> float:
        """The largest magnitude of all `states`."""
        return max(float(np.abs(row).max()) for row in self._each(samples))

    def _each(self, samples: FloatArray) -> Iterator[npt.NDArray[np.complex128]]:
        from scipy.signal import lfilter  # costs .3 s, and most networks have no bank

        blocked = lfilter([1.0, -1.0], [1.0, 2.0**-self.dc_shift - 1.0], samples)
        for pole in self.poles:
            yield lfilter([1.0 + 0.0j], [1.0, -pole], blocked)

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
        return self.features(self.ends(frames.reshape(-1), length))[:, None, :]


FloatWeighted = FloatConv1D | FloatDense
FloatRecurrent = FloatLSTM | FloatGRU
FloatPool = FloatMaxPool1D | FloatAveragePool1D
FloatLayer = FloatWeighted | FloatRecurrent | FloatPool  # what importers make; a bank comes from its description


@dataclass(frozen=True)
class FloatNetwork:
    """Layers in order, for frames of ``[input_length, input_channels]``."""

    name: str
    input_length: int
    input_channels: int
    layers: tuple[FloatLayer | FloatResonatorBank, ...]

    def run(self, frames: npt.ArrayLike, streams: int = 1) -> list[FloatArray]:
        """Every layer's output for frames ``[n, input_length, input_channels]``, in double precision.

        In their order of arrival where a layer keeps its state; ``streams``: see `ntorc.network.reference.run`.
        """
        values = np.asarray(frames, np.float64)
        outputs = []
        for layer in self.layers:
            values = _apply(layer, values, streams)
            outputs.append(values)
        return outputs


def recurrent_steps(layer: FloatRecurrent, values: FloatArray, streams: int = 1) -> tuple[FloatArray, float]:
    """Outputs ``[n, steps, units]`` of a recurrent layer, and its inner value's largest magnitude.

    The inner value is an LSTM's cell state, a GRU's recurrent sum of the candidate.
    """
    batch = streams if layer.stateful else len(values)
    steps = values.reshape(batch, -1, layer.kernel.shape[0])
    output, state = np.zeros((batch, layer.units)), np.zeros((batch, layer.units))
    outputs, largest = np.empty((batch, steps.shape[1], layer.units)), 0.0
    for index in range(steps.shape[1]):
        driven, fed_back = steps[:, index] @ layer.kernel, output @ layer.recurrent_kernel
        if isinstance(layer, FloatLSTM):
            i, f, g, o = np.split(driven + fed_back + layer.bias, 4, axis=1)
            i, f, o = (activated(layer.recurrent_activation, gate) for gate in (i, f, o))
            inner = state = f * state + i * activated(layer.activation, g)
            output = o * activated(layer.activation, state)
        else:
            z_bias, r_bias, x_bias, n_bias = np.split(layer.bias, 4)
            z_sum, r_sum, x = np.split(driven, 3, axis=1)
            z_fed, r_fed, n = np.split(fed_back, 3, axis=1)
            z = activated(layer.recurrent_activation, z_sum + z_fed + z_bias)
            inner = n + n_bias
            r = activated(layer.recurrent_activation, r_sum + r_fed + r_bias)
            candidate = activated(layer.activation, x + x_bias + r * inner)
            output = candidate + z * (output - candidate)
        largest = max(largest, float(np.abs(inner).max()))
        outputs[:, index] = output
    return outputs.reshape(len(values), -1, layer.units), largest


def _apply(layer: FloatLayer | FloatResonatorBank, values: FloatArray, streams: int) -> FloatArray:
    if isinstance(layer, FloatRecurrent):
        outputs, _ = recurrent_steps(layer, values, streams)
        return outputs if layer.return_sequences else outputs[:, -1:]
    if isinstance(layer, FloatResonatorBank):
        parts = np.split(values, streams)
        return np.concatenate([layer.run(part) for part in parts])
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
