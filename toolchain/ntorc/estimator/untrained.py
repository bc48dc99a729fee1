"""A form as a network before any training: what its hardware will need is known from it."""

from __future__ import annotations

import math

import numpy as np

from ntorc.estimator.forms import BankFront, FilterFront, StreamingForm, TrainableForm, WindowForm
from ntorc.estimator.runs import SAMPLE_RATE_HZ
from ntorc.estimator.windows import ADC_BITS
from ntorc.network.floating import (
    FloatArray,
    FloatConv1D,
    FloatDense,
    FloatGRU,
    FloatLayer,
    FloatLSTM,
    FloatMaxPool1D,
    FloatNetwork,
    FloatResonatorBank,
)
from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise

INPUT_FORMAT = FixedFormat(ADC_BITS, 8)
"""ADC counts with the binary point that recorded runs choose: their RMS is then about 1."""

_STREAM_FRAMES = 64
_BANK_SCALE = 0.25  # of a bank's logarithms where a model is trained; folded into its kernel, it moves binary points
_WINDOWS = 4


def untrained_network(
    form: TrainableForm,
    seed: int = 1,
    precision: Precision | None = None,
    input_format: FixedFormat = INPUT_FORMAT,
    sample_rate_hz: float = SAMPLE_RATE_HZ,
) -> Network:
    """The integer network of a form with seeded weights: its shapes, its words and its costs mean something.

    The words' widths are those that ``precision`` gives a trained network; their binary points follow the
    drawn weights and white noise in place of data.  Equal arguments give equal networks.

    Args:
        form: the form.
        seed: of weights and noise.
        precision: widths.
        input_format: of the samples.
        sample_rate_hz: of the samples.

    Raises:
        UsageError, DataError: the form cannot be computed in integers, with what would be legal.
    """
    generator = np.random.default_rng(seed)
    floating = float_network(form, generator, sample_rate_hz)
    frames = _WINDOWS if isinstance(form, WindowForm) else _STREAM_FRAMES
    samples = input_format.quantise(generator.normal(0.0, 1.0, (frames, form.frame_samples, 1)))
    return quantise(floating, input_format, samples, precision)


def float_network(
    form: TrainableForm, generator: np.random.Generator, sample_rate_hz: float = SAMPLE_RATE_HZ
) -> FloatNetwork:
    """Real weights, drawn as Keras draws them (Glorot, uniform); its layers are those of the trained form."""
    layers: list[FloatLayer | FloatResonatorBank] = []
    if isinstance(form, WindowForm):
        channels, length = _window_layers(form, generator, layers)
        _dense_layers(length * channels, form.dense, generator, layers)
        return FloatNetwork("untrained-window", form.window_samples, 1, tuple(layers))
    layers.append(_front(form, generator, sample_rate_hz))
    channels = form.front.features
    layers.append(
        FloatGRU(
            "gru",
            _drawn(generator, channels, 3 * form.units) * (_BANK_SCALE if isinstance(form.front, BankFront) else 1.0),
            _drawn(generator, form.units, 3 * form.units),
            np.zeros(4 * form.units),
            stateful=True,
        )
    )
    _dense_layers(form.units, form.dense, generator, layers)
    return FloatNetwork("untrained-streaming", form.frame_samples, 1, tuple(layers))


def _front(
    form: StreamingForm, generator: np.random.Generator, sample_rate_hz: float
) -> FloatConv1D | FloatResonatorBank:
    front = form.front
    if isinstance(front, BankFront):
        return front.real(sample_rate_hz)
    return filter_layer(front, _drawn(generator, form.frame_samples, front.filters), np.zeros(front.filters))


def filter_layer(front: FilterFront, weights: FloatArray, bias: FloatArray) -> FloatConv1D:
    """Trained filters as a convolution over the whole frame: weights ``[frame, filters]``."""
    return FloatConv1D("filters", weights[:, None, :], bias, activation="relu")


def _window_layers(
    form: WindowForm, generator: np.random.Generator, layers: list[FloatLayer | FloatResonatorBank]
) -> tuple[int, int]:
    """Convolutions, pools and LSTMs; returns channels and length behind them."""
    channels, left = 1, form.window_samples
    for number, (layer, (convolved, pooled)) in enumerate(zip(form.conv, form.lengths(), strict=True), start=1):
        weights = _drawn(generator, layer.kernel * channels, layer.filters).reshape(layer.kernel, channels, -1)
        total = max((convolved - 1) * layer.stride + layer.kernel - left, 0) if layer.padding == "same" else 0
        layers.append(
            FloatConv1D(
                f"conv{number}",
                weights,
                np.zeros(layer.filters),
                layer.stride,
                padding_left=total // 2,
                padding_right=total - total // 2,
                activation="relu",
            )
        )
        if layer.pool > 1:
            layers.append(FloatMaxPool1D(f"pool{number}", layer.pool))
        channels, left = layer.filters, pooled
    for number, units in enumerate(form.lstm, start=1):
        kernel, fed_back = _drawn(generator, channels, 4 * units), _drawn(generator, units, 4 * units)
        layers.append(FloatLSTM(f"lstm{number}", kernel, fed_back, np.zeros(4 * units), return_sequences=True))
        channels = units
    return channels, left


def _dense_layers(
    inputs: int,
    hidden: tuple[int, ...],
    generator: np.random.Generator,
    layers: list[FloatLayer | FloatResonatorBank],
) -> None:
    for number, units in enumerate(hidden, start=1):
        weights = _drawn(generator, inputs, units)
        layers.append(FloatDense(f"dense{number}", weights, np.zeros(units), "relu"))
        inputs = units
    layers.append(FloatDense("position", _drawn(generator, inputs, 1), np.zeros(1)))


def _drawn(generator: np.random.Generator, inputs: int, outputs: int) -> FloatArray:
    """Glorot and Bengio (AISTATS 2010), uniform: variance 2 / (inputs + outputs)."""
    limit = math.sqrt(6.0 / (inputs + outputs))
    return np.asarray(generator.uniform(-limit, limit, (inputs, outputs)))
