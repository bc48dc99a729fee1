"""The ONE definition of the network's arithmetic, in integers.

Products are accumulated exactly (or, in a layer with an ``accumulator``, each one cut to that word and the
sums wrapped in it), the bias is added in the accumulator's fraction, the activation is applied to the sum,
then the result is brought to the output format by that format's rounding and overflow.  Gateware, emulations
of other backends and board outputs are all gated against this module.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import cache

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
    TableFunction,
)
from ntorc.network.formats import FixedFormat, IntArray, requantise
from ntorc.network.layers import LSTM, AveragePool1D, Conv1D, Feedforward, MaxPool1D, Recurrent, WeightedLayer
from ntorc.network.network import Network, accumulator_bits
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.network.resonators import run_bank
from ntorc.network.widths import accumulator_fraction, combined_fraction, gate_matrix, product_shift


def run(network: Network, frames: npt.ArrayLike, streams: int = 1) -> IntArray:
    """Results of a batch of frames.

    Args:
        network: the network.
        frames: integers ``[n, input_length, input_channels]`` within the input format; in their order of
            arrival where the network keeps state.
        streams: independent sequences of n / streams frames one after another, each from a reset.

    Returns:
        Integers ``[n, outputs]`` in the network's output format.

    Raises:
        DataError: wrong shape, or an element outside the input format.
    """
    values = np.asarray(frames, np.int64)
    if values.ndim != 3 or values.shape[1:] != (network.input_length, network.input_channels):
        raise DataError(
            f"frames of shape {values.shape} given, [n, {network.input_length}, {network.input_channels}] expected"
        )
    word = network.input_format
    if values.size and not (word.minimum <= int(values.min()) and int(values.max()) <= word.maximum):
        raise DataError(f"an input element lies outside {word}")
    if len(values) % streams:
        raise DataError(f"{len(values)} frames are not {streams} sequences of one length")
    for index, layer in enumerate(network.layers):
        if isinstance(layer, MaxPool1D):
            values = max_pool(layer, values)
        elif isinstance(layer, AveragePool1D):
            values = average_pool(layer, values)
        elif isinstance(layer, ResonatorBank):
            values = run_bank(layer, network.weights[layer.name], network.biases[layer.name], values, streams)
        elif isinstance(layer, Recurrent):
            values = recurrent(network, layer, network.formats[index], values, streams)
        else:
            values = weighted(network, layer, network.formats[index], values)
    return values.reshape(len(values), -1)


def max_pool(layer: MaxPool1D, values: IntArray) -> IntArray:
    """``[n, length, channels]`` to ``[n, length // pool, channels]``."""
    used = values[:, : layer.output_length * layer.pool]
    result: IntArray = used.reshape(len(values), layer.output_length, layer.pool, -1).max(axis=2)
    return result


def average_pool(layer: AveragePool1D, values: IntArray) -> IntArray:
    """``[n, length, channels]`` to ``[n, length // pool, channels]``: floor(sum / pool + 1/2), exactly."""
    used = values[:, : layer.output_length * layer.pool]
    sums = used.reshape(len(values), layer.output_length, layer.pool, -1).sum(axis=2)
    result: IntArray = (sums + layer.pool // 2) // layer.pool  # for an odd pool no mean lies half-way
    return result


def weighted(network: Network, layer: Feedforward, input_format: FixedFormat, values: IntArray) -> IntArray:
    """One convolution or dense layer: sums, bias, activation, output format."""
    rows = convolution_rows(layer, values) if isinstance(layer, Conv1D) else values.reshape(len(values), 1, -1)
    weights = network.weights[layer.name].reshape(-1, layer.output_channels)
    sums = summed(layer, input_format, rows, weights, accumulator_bits(network, layer))
    sums = wrapped(layer, sums + network.biases[layer.name])
    return activate(layer.activation, sums, accumulator_fraction(layer, input_format), layer.output_format)


def recurrent(
    network: Network, layer: Recurrent, input_format: FixedFormat, values: IntArray, streams: int = 1
) -> IntArray:
    """LSTM or GRU: ``[n, steps, channels]`` to ``[n, output_length, units]``.

    The sums of all gates are exact, or wrap in the layer's accumulator; a gate is a table's word in the
    gate format.
    """
    frames = len(values)
    batch = streams if layer.stateful else frames
    steps = values.reshape(batch, -1, layer.input_channels)
    gates = gate_matrix(layer, network.weights[layer.name]).reshape(layer.inputs, -1)
    bits = accumulator_bits(network, layer)
    driven = summed(layer, input_format, steps, gates[: layer.input_channels], bits) + network.biases[layer.name]
    output = np.zeros((batch, layer.units), np.int64)
    inner = np.zeros_like(output)
    outputs = np.empty((batch, steps.shape[1], layer.units), np.int64)
    step = _lstm_step if isinstance(layer, LSTM) else _gru_step
    for index in range(steps.shape[1]):
        sums = driven[:, index] + summed(layer, input_format, output, gates[layer.input_channels :], bits)
        sums = wrapped(layer, sums)
        output, inner = step(layer, input_format, sums.reshape(batch, 4, layer.units), output, inner)
        outputs[:, index] = output
    outputs = outputs.reshape(frames, layer.input_length, layer.units)
    return outputs if layer.return_sequences else outputs[:, -1:]


def _lstm_step(
    layer: Recurrent, input_format: FixedFormat, sums: IntArray, _: IntArray, state: IntArray
) -> tuple[IntArray, IntArray]:
    """c' = f c + i g, rounded once to the state's format; h = o tanh(c'), rounded once to the output's."""
    fraction, gate, word = accumulator_fraction(layer, input_format), layer.gate_format, layer.inner_format
    i, f, o = (activate(layer.recurrent_activation, sums[:, column], fraction, gate) for column in (0, 1, 3))
    g = activate(layer.activation, sums[:, 2], fraction, gate)
    combined = combined_fraction(layer, input_format)
    kept = f * state << combined - gate.fraction - word.fraction
    state = requantise((i * g << combined - 2 * gate.fraction) + kept, combined, word)
    through = activate(layer.activation, state, word.fraction, gate)
    return requantise(o * through, 2 * gate.fraction, layer.output_format), state


def _gru_step(
    layer: Recurrent, input_format: FixedFormat, sums: IntArray, output: IntArray, inner: IntArray
) -> tuple[IntArray, IntArray]:
    """n = tanh(x + r q), q the recurrent sum in its format; h' = n + z (h - n), rounded once to the output's."""
    fraction, gate, word = accumulator_fraction(layer, input_format), layer.gate_format, layer.inner_format
    z, r = (activate(layer.recurrent_activation, sums[:, column], fraction, gate) for column in (0, 1))
    q = requantise(sums[:, 3], fraction, word)
    combined = combined_fraction(layer, input_format)
    total = (sums[:, 2] << combined - fraction) + (r * q << combined - gate.fraction - word.fraction)
    n = activate(layer.activation, total, combined, layer.output_format)
    mixed = (n << gate.fraction) + z * (output - n)
    return requantise(mixed, gate.fraction + layer.output_format.fraction, layer.output_format), inner


def activate(activation: Activation, sums: IntArray, fraction: int, word: FixedFormat) -> IntArray:
    """Exact sums of ``fraction`` fraction bits through an activation, to the format ``word``.

    - linear, relu: the sum, or 0 where it is negative; then `requantise`.
    - leaky relu: the sum, or numerator / 2**shift times it where it is negative, with ``shift`` more
      fraction bits: exact until `requantise`.
    - hard sigmoid: the sum clipped to +-8, times 1365 / 2**13 with 13 more fraction bits, plus 1/2,
      clipped to [0, 1]: exact until `requantise`.
    - sigmoid, tanh: the sum rounded half up (or toward zero) to the table's step, saturated to its range,
      gives the index into `table_words`.
    """
    if isinstance(activation, Table):
        index = table_index(activation, sums, fraction)
        found: IntArray = table_words(activation, word)[index + activation.entries // 2]
        return found
    if isinstance(activation, LeakyRelu):
        scaled = np.where(sums < 0, sums * activation.numerator, sums << activation.shift)
        return requantise(scaled, fraction + activation.shift, word)
    if activation == "hard_sigmoid":
        limit = 1 << (fraction + HARD_SIGMOID_CLIP_BITS)
        one = 1 << (fraction + HARD_SIGMOID_SHIFT)
        line = np.clip(sums, -limit, limit - 1) * HARD_SIGMOID_NUMERATOR + one // 2
        return requantise(np.clip(line, 0, one), fraction + HARD_SIGMOID_SHIFT, word)
    return requantise(np.maximum(sums, 0) if activation == "relu" else sums, fraction, word)


def table_index(table: Table, sums: IntArray, fraction: int) -> IntArray:
    """The index of the entry that a sum takes, ``-entries / 2 .. entries / 2 - 1``."""
    if table.index_rounding == "half_up":
        return requantise(sums, fraction, FixedFormat(table.address_bits, table.index_fraction))
    below = (1 << max(fraction - table.index_fraction, 0)) - 1  # floor(x + below) is the ceiling of a negative sum
    towards = np.where(sums < 0, sums + below, sums)
    return requantise(towards, fraction, FixedFormat(table.address_bits, table.index_fraction, "truncate"))


@cache
def table_words(table: Table, word: FixedFormat) -> IntArray:
    """The table's integers in the format ``word``, from the most negative index to the largest.

    Where the table has an entry format, first in that, then brought to ``word``.

    By decimal arithmetic of 60 digits, whose exponential is correctly rounded: the same on every
    machine, unlike a C library's.
    """
    with localcontext() as context:
        context.prec = 60
        entry = table.entry_format or word
        step, scale = Decimal(2) ** -table.index_fraction, Decimal(2) ** entry.fraction
        half = Decimal("0.5") if entry.rounding == "half_up" else Decimal(0)
        indices = range(-table.entries // 2, table.entries // 2)
        words = [math.floor(_function(table.function, index * step) * scale + half) for index in indices]
    result = requantise(entry.fit(np.array(words, np.int64)), entry.fraction, word)
    result.flags.writeable = False
    return result


def _function(name: TableFunction, x: Decimal) -> Decimal:
    """sigmoid(x) = 1 / (1 + exp(-x)), tanh(x) = 2 sigmoid(2x) - 1, hard_sigmoid(x) = x / 6 + 1/2 in [0, 1]."""
    if name == "hard_sigmoid":
        return min(max(x / 6 + Decimal("0.5"), Decimal(0)), Decimal(1))
    if name == "tanh":
        return 2 / (1 + (-2 * x).exp()) - 1
    return 1 / (1 + (-x).exp())


def convolution_rows(layer: Conv1D, values: IntArray) -> IntArray:
    """The inputs of every position: ``[n, output_length, kernel * input_channels]``, tap-major."""
    padded = np.pad(values, ((0, 0), (layer.padding_left, layer.padding_right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.span, axis=1)
    taps = windows[:, :: layer.stride, :, :: layer.dilation].swapaxes(2, 3)  # [n, position, kernel, channel]
    result: IntArray = taps.reshape(len(values), layer.output_length, layer.inputs)
    return result


def summed(layer: WeightedLayer, input_format: FixedFormat, rows: IntArray, weights: IntArray, bits: int) -> IntArray:
    """The products of ``rows @ weights`` added up: exactly, or each one floored to the accumulator's fraction.

    Sums are not wrapped yet: `wrapped` once at the end gives the same as wrapping after every step.
    """
    if layer.accumulator is None:
        return exact_matmul(rows, weights, bits)
    shift = product_shift(layer, input_format)
    total = np.zeros((*rows.shape[:-1], weights.shape[1]), np.int64)
    for index, row in enumerate(weights):
        total += rows[..., index, None] * row >> shift
    return total


def wrapped(layer: WeightedLayer, sums: IntArray) -> IntArray:
    """Sums with their bias, in the layer's accumulator where it has one."""
    return sums if layer.accumulator is None else layer.accumulator.fit(sums)


def exact_matmul(rows: IntArray, weights: IntArray, bits: int) -> IntArray:
    """``rows @ weights`` without any rounding.

    Where every partial sum fits the 53-bit significand of a double, the product of doubles is exact
    in any order of summation, and much faster than the integer one.
    """
    if bits <= 53:
        result: IntArray = (rows.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
        return result
    return rows @ weights
