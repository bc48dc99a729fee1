"""Widths of the exact integers between a layer's products and its output."""

from __future__ import annotations

import numpy as np

from ntorc.network.activations import (
    HARD_SIGMOID_CLIP_BITS,
    HARD_SIGMOID_NUMERATOR,
    HARD_SIGMOID_SHIFT,
    LeakyRelu,
    Table,
)
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import LSTM, Feedforward, Recurrent, WeightedLayer


def accumulator_fraction(layer: WeightedLayer, input_format: FixedFormat) -> int:
    """Fraction bits of a layer's sums and bias."""
    if layer.accumulator is not None:
        return layer.accumulator.fraction
    return product_fraction(layer, input_format)


def product_fraction(layer: WeightedLayer, input_format: FixedFormat) -> int:
    """Fraction bits of a layer's exact products."""
    return input_format.fraction + layer.weight_format.fraction


def product_shift(layer: WeightedLayer, input_format: FixedFormat) -> int:
    """Bits cut from every product before it is added; 0 where products are exact."""
    return product_fraction(layer, input_format) - accumulator_fraction(layer, input_format)


def rounding_shift(layer: Feedforward, input_format: FixedFormat) -> int:
    """Bits that are cut from the sum itself, where half of the last of them is added with the bias.

    Down to the output format, or to a table's index; none where the sum is multiplied first.
    """
    fraction = accumulator_fraction(layer, input_format)
    if isinstance(layer.activation, Table):
        return fraction - layer.activation.index_fraction
    if layer.activation in ("linear", "relu"):
        return fraction - layer.output_format.fraction
    return 0


def gate_shifts(layer: Recurrent, input_format: FixedFormat) -> tuple[int, int, int, int]:
    """Bits cut from the sums of the four gate columns (see `gate_matrix`): to a table's index or a word."""
    fraction = accumulator_fraction(layer, input_format)
    gate = fraction - layer.recurrent_activation.index_fraction
    if isinstance(layer, LSTM):
        return gate, gate, fraction - layer.activation.index_fraction, gate
    return gate, gate, 0, fraction - layer.inner_format.fraction


def gate_matrix(layer: Recurrent, weights: IntArray) -> IntArray:
    """Weights as ``[inputs, 4, units]``: LSTM i, f, g, o; GRU z, r, and the candidate's input and recurrent part."""
    columns = weights.reshape(layer.inputs, -1, layer.units)
    if isinstance(layer, LSTM):
        return columns
    split = layer.input_channels
    expanded = np.zeros((layer.inputs, 4, layer.units), np.int64)
    expanded[:, :2] = columns[:, :2]
    expanded[:split, 2] = columns[:split, 2]
    expanded[split:, 3] = columns[split:, 2]
    return expanded


def combined_fraction(layer: Recurrent, input_format: FixedFormat) -> int:
    """Fraction bits of the exact sum that the elementwise part adds up: LSTM i*g + f*c; GRU x + r*q."""
    gate, inner = layer.gate_format.fraction, layer.inner_format.fraction
    if isinstance(layer, LSTM):
        return gate + max(gate, inner)
    return max(accumulator_fraction(layer, input_format), gate + inner)


def combined_bits(layer: Recurrent, input_format: FixedFormat, accumulator: int) -> int:
    """Bits of that sum, its rounding constant included."""
    fraction = combined_fraction(layer, input_format)
    gate, inner = layer.gate_format, layer.inner_format
    product = gate.bits + inner.bits + fraction - gate.fraction - inner.fraction
    if isinstance(layer, LSTM):
        other = 2 * gate.bits + fraction - 2 * gate.fraction
        return max(product, other, fraction - inner.fraction) + 2
    other = accumulator + fraction - accumulator_fraction(layer, input_format)
    return max(product, other, fraction - layer.activation.index_fraction) + 2


def widest_bits(layer: WeightedLayer, input_format: FixedFormat, weights: IntArray, bias: IntArray) -> int:
    """Bits of the widest integer between a layer's products and its output format."""
    fraction, bits = accumulator_fraction(layer, input_format), accumulator_bits(layer, input_format, weights, bias)
    if layer.accumulator is not None:
        bits = max(bits, exact_bits(layer, input_format, weights, bias))
    if isinstance(layer, Recurrent):
        left = max(0, *(-shift for shift in gate_shifts(layer, input_format)))
        after = layer.gate_format.bits + max(layer.gate_format.bits, layer.output_format.bits + 1) + 1
        return max(bits + left, combined_bits(layer, input_format, bits), after)
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


def accumulator_bits(layer: WeightedLayer, input_format: FixedFormat, weights: IntArray, bias: IntArray) -> int:
    """Bits of a layer's sums: those of its accumulator, or what holds every sum exactly."""
    if layer.accumulator is not None:
        return layer.accumulator.bits
    return exact_bits(layer, input_format, weights, bias)


def exact_bits(layer: WeightedLayer, input_format: FixedFormat, weights: IntArray, bias: IntArray) -> int:
    """Bits that hold every partial sum, bias and rounding constant of a layer exactly.

    From the weights themselves: max over outputs of sum |w| times the largest input, plus |bias|; at
    least a whole product.
    """
    if isinstance(layer, Recurrent):
        absolute = np.abs(gate_matrix(layer, weights)).reshape(layer.inputs, -1)
        largest_inputs = [-input_format.minimum] * layer.input_channels + [-layer.output_format.minimum] * layer.units
        cut = max(gate_shifts(layer, input_format))
        operand = max(input_format.bits, layer.output_format.bits)
    else:
        absolute = np.abs(weights.reshape(-1, layer.output_channels))
        largest_inputs = [-input_format.minimum] * len(absolute)
        cut, operand = rounding_shift(layer, input_format), input_format.bits
    totals = np.asarray(largest_inputs, object) @ absolute.astype(object)  # Python's integers: never too narrow
    largest = max(int(total) + abs(int(value)) for total, value in zip(totals, bias, strict=True))
    largest += 1 << max(cut - 1, 0)
    return max(largest.bit_length() + 1, operand + layer.weight_format.bits)
