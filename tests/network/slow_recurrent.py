"""Recurrent layers evaluated value by value with exact fractions: an oracle that shares only the tables' words."""

from __future__ import annotations

import math
from fractions import Fraction

from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import LSTM, Recurrent
from ntorc.network.network import Network
from ntorc.network.reference import table_words

HALF = Fraction(1, 2)


def value_of(integer: int, word: FixedFormat) -> Fraction:
    return Fraction(int(integer)) / Fraction(2) ** word.fraction


def word_of(value: Fraction, word: FixedFormat) -> int:
    """A real value in a format, by its rounding and overflow."""
    total = math.floor(value * Fraction(2) ** word.fraction + (HALF if word.rounding == "half_up" else 0))
    if word.overflow == "saturate":
        return min(max(total, word.minimum), word.maximum)
    return (total - word.minimum) % (1 << word.bits) + word.minimum


def looked_up(table: Table, value: Fraction, word: FixedFormat) -> Fraction:
    """The table's entry next to a value."""
    half = table.entries // 2
    index = min(max(math.floor(value * Fraction(2) ** table.index_fraction + HALF), -half), half - 1)
    return value_of(table_words(table, word)[index + half], word)


def slow_recurrent(network: Network, layer: Recurrent, before: FixedFormat, frame: list[list[int]]) -> list[list[int]]:
    """One frame ``[steps][channels]`` from a zero state, as integers of the output format."""
    weights, bias, units = network.weights[layer.name], network.biases[layer.name], layer.units
    kernel, fed_back = layer.weight_format, layer.recurrent_format(before)
    fraction = Fraction(2) ** (before.fraction + kernel.fraction)
    output, inner = [Fraction(0)] * units, [Fraction(0)] * units
    outputs = []
    for vector in frame:
        inputs = [value_of(item, before) for item in vector]

        def driven(column: int, inputs: list[Fraction] = inputs) -> Fraction:
            return sum((x * value_of(weights[row, column], kernel) for row, x in enumerate(inputs)), Fraction(0))

        def returned(column: int, output: list[Fraction] = output) -> Fraction:
            rows = weights[layer.input_channels :, column]
            return sum((h * value_of(w, fed_back) for h, w in zip(output, rows, strict=True)), Fraction(0))

        next_output = []
        for unit in range(units):
            shares = [Fraction(int(bias[gate * units + unit])) / fraction for gate in range(4)]
            columns = range(unit, weights.shape[1], units)
            if isinstance(layer, LSTM):
                sums = [
                    driven(column) + returned(column) + share for column, share in zip(columns, shares, strict=True)
                ]
                h, inner[unit] = _lstm(layer, sums, inner[unit])
            else:
                gates = [driven(columns[gate]) + returned(columns[gate]) + shares[gate] for gate in range(2)]
                h = _gru(layer, gates, driven(columns[2]) + shares[2], returned(columns[2]) + shares[3], output[unit])
            next_output.append(h)
        output = next_output
        outputs.append([int(h * Fraction(2) ** layer.output_format.fraction) for h in output])
    return outputs if layer.return_sequences else outputs[-1:]


def _lstm(layer: Recurrent, sums: list[Fraction], state: Fraction) -> tuple[Fraction, Fraction]:
    i, f, o = (looked_up(layer.recurrent_activation, sums[gate], layer.gate_format) for gate in (0, 1, 3))
    g = looked_up(layer.activation, sums[2], layer.gate_format)
    state = value_of(word_of(f * state + i * g, layer.inner_format), layer.inner_format)
    h = o * looked_up(layer.activation, state, layer.gate_format)
    return value_of(word_of(h, layer.output_format), layer.output_format), state


def _gru(layer: Recurrent, gates: list[Fraction], x: Fraction, n: Fraction, output: Fraction) -> Fraction:
    z, r = (looked_up(layer.recurrent_activation, gate, layer.gate_format) for gate in gates)
    q = value_of(word_of(n, layer.inner_format), layer.inner_format)
    candidate = looked_up(layer.activation, x + r * q, layer.output_format)
    return value_of(word_of(z * output + (1 - z) * candidate, layer.output_format), layer.output_format)
