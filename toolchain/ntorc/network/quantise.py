"""From real weights to the integer network: formats chosen from data, so that nothing saturates on it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.network.activations import Activation, bounds, leaky_relu, table_within
from ntorc.network.floating import (
    FloatActivation,
    FloatAveragePool1D,
    FloatConv1D,
    FloatDense,
    FloatGRU,
    FloatLeakyRelu,
    FloatMaxPool1D,
    FloatNetwork,
    FloatRecurrent,
    FloatResonatorBank,
    recurrent_steps,
)
from ntorc.network.formats import FixedFormat, IntArray, format_for_range
from ntorc.network.layers import GRU, LSTM, AveragePool1D, Conv1D, Dense, Layer, MaxPool1D, Recurrent
from ntorc.network.network import Network
from ntorc.network.resonator_design import BankPrecision, integer_bank, warm_up_frames
from ntorc.network.resonator_layer import ResonatorBank

_NARROW_BITS = 18  # of a DSP48E1's narrower operand


@dataclass(frozen=True)
class Precision:
    """Widths of the words.

    Attributes:
        activation_bits: words between layers.
        weight_bits: weights.
        headroom: activations may grow by this factor over the calibration data before they saturate.
        table_error: what a sigmoid's or tanh's table may be off, before the output format's rounding.
        bank: words of a resonator bank.
    """

    activation_bits: int = 16
    weight_bits: int = 12
    headroom: float = 1.5
    table_error: float = 2.0**-9
    bank: BankPrecision = field(default_factory=BankPrecision)


@dataclass
class _Built:
    layers: list[Layer] = field(default_factory=list)
    weights: dict[str, IntArray] = field(default_factory=dict)
    biases: dict[str, IntArray] = field(default_factory=dict)
    warm_up: int = 0


def quantise(
    network: FloatNetwork,
    input_format: FixedFormat,
    calibration: npt.ArrayLike,
    precision: Precision | None = None,
    streams: int = 1,
) -> Network:
    """Choose every format and round the weights.

    Fraction bits of activations come from the largest magnitude over the calibration frames (times the
    headroom; bounded activations take their bound), those of weights from the layer's largest weight;
    biases take the accumulator's fraction, where they cost no precision.

    Args:
        network: real weights.
        input_format: the format in which frames arrive; fixed by the sensor.
        calibration: integer frames ``[n, input_length, input_channels]`` from the training data.
        precision: widths.
        streams: independent sequences among the calibration frames, where the network keeps state.

    Raises:
        DataError: no calibration frames, or weights that are not finite.
    """
    precision = precision or Precision()
    frames = np.asarray(calibration)
    if frames.ndim != 3 or not len(frames):
        raise DataError("formats cannot be chosen without calibration frames", "give training windows")
    values = input_format.values(frames)
    outputs = network.run(values, streams)
    built = _Built()
    length, channels, word = network.input_length, network.input_channels, input_format
    for source, before, output in zip(network.layers, [values, *outputs], outputs, strict=False):
        if isinstance(source, FloatMaxPool1D):
            layer: Layer = MaxPool1D(source.name, length, channels, source.pool)
        elif isinstance(source, FloatAveragePool1D):
            layer = AveragePool1D(source.name, length, channels, source.pool)
        elif isinstance(source, FloatRecurrent):
            layer = _recurrent(source, before, word, precision, streams, built)
            word = layer.output_format
        elif isinstance(source, FloatResonatorBank):
            layer = _bank(source, word, before, precision.bank, built)
            word = layer.output_format
        else:
            if not (np.isfinite(source.weights).all() and np.isfinite(source.bias).all()):
                raise DataError(f"layer '{source.name}' has weights that are not finite", "train it again")
            activation = integer_activation(source.activation, precision.table_error)
            after = _output_format(activation, output, precision)
            layer = _weighted(source, activation, length, channels, word, after, precision.weight_bits, built)
            word = after
        values = output
        built.layers.append(layer)
        length, channels = layer.output_length, layer.output_channels
    return Network(
        network.name,
        input_format,
        network.input_length,
        network.input_channels,
        tuple(built.layers),
        built.weights,
        built.biases,
        built.warm_up,
    )


def _recurrent(
    source: FloatRecurrent,
    values: npt.NDArray[np.float64],
    before: FixedFormat,
    precision: Precision,
    streams: int,
    built: _Built,
) -> Recurrent:
    """Gates and output take all bits but the sign as fraction; both kernels share the sum's fraction.

    The kernel that would lose fraction bits by that keeps them: the weights get wider instead, up to what
    a DSP48E1 multiplies.
    """
    if not all(np.isfinite(array).all() for array in (source.kernel, source.recurrent_kernel, source.bias)):
        raise DataError(f"layer '{source.name}' has weights that are not finite", "train it again")
    unit = FixedFormat(precision.activation_bits, precision.activation_bits - 1)
    _, largest = recurrent_steps(source, values, streams)
    inner = format_for_range(min(precision.activation_bits + 2, _NARROW_BITS), largest, precision.headroom)
    own = format_for_range(precision.weight_bits, float(np.abs(source.kernel).max())).fraction
    fed_back = format_for_range(precision.weight_bits, float(np.abs(source.recurrent_kernel).max())).fraction
    fed_back += unit.fraction - before.fraction  # as a fraction of the kernel
    bits = min(precision.weight_bits + abs(own - fed_back), _NARROW_BITS)
    weight = FixedFormat(bits, min(own, fed_back) + bits - precision.weight_bits)
    kind = GRU if isinstance(source, FloatGRU) else LSTM
    layer = kind(
        source.name,
        values.shape[1],
        values.shape[2],
        source.units,
        weight,
        unit,
        unit,
        inner,
        table_within(source.recurrent_activation, precision.table_error),
        table_within(source.activation, precision.table_error),
        source.return_sequences,
        source.stateful,
    )
    recurrent_weight = layer.recurrent_format(before)
    rows = [weight.quantise(source.kernel), recurrent_weight.quantise(source.recurrent_kernel)]
    built.weights[source.name] = np.concatenate(rows)
    built.biases[source.name] = _bias(source.bias, before, weight)
    return layer


def _bias(bias: npt.NDArray[np.float64], before: FixedFormat, weight: FixedFormat) -> IntArray:
    """In the accumulator's fraction, nearest."""
    rounded: IntArray = np.floor(bias * 2.0 ** (before.fraction + weight.fraction) + 0.5).astype(np.int64)
    return rounded


def _bank(
    source: FloatResonatorBank,
    word: FixedFormat,
    frames: npt.NDArray[np.float64],
    precision: BankPrecision,
    built: _Built,
) -> ResonatorBank:
    largest = source.largest(frames.reshape(-1)) / word.step
    layer, weights, bias = integer_bank(source, frames.shape[1], word, largest, precision)
    built.weights[source.name], built.biases[source.name] = weights, bias
    built.warm_up = warm_up_frames(source.poles, source.dc_shift, frames.shape[1], precision.log2_error)
    return layer


def integer_activation(activation: FloatActivation, table_error: float) -> Activation:
    """The integer network's form of a real activation: slopes rounded, tables sized by their error."""
    if isinstance(activation, FloatLeakyRelu):
        return leaky_relu(activation.slope)
    if activation == "sigmoid" or activation == "tanh":
        return table_within(activation, table_error)
    return activation


def _output_format(activation: Activation, output: npt.NDArray[np.float64], precision: Precision) -> FixedFormat:
    known = bounds(activation)
    if known is not None:
        return format_for_range(precision.activation_bits, max(abs(value) for value in known))
    return format_for_range(precision.activation_bits, float(np.abs(output).max()), precision.headroom)


def _weighted(
    source: FloatConv1D | FloatDense,
    activation: Activation,
    length: int,
    channels: int,
    before: FixedFormat,
    after: FixedFormat,
    weight_bits: int,
    built: _Built,
) -> Layer:
    weight = format_for_range(weight_bits, float(np.abs(source.weights).max()))
    built.weights[source.name] = weight.quantise(source.weights)
    built.biases[source.name] = _bias(source.bias, before, weight)
    if isinstance(source, FloatDense):
        return Dense(source.name, length, channels, source.weights.shape[1], weight, after, activation)
    kernel, _, filters = source.weights.shape
    return Conv1D(
        source.name,
        length,
        channels,
        filters,
        kernel,
        weight,
        after,
        source.stride,
        source.dilation,
        source.padding_left,
        source.padding_right,
        activation,
    )
