"""Random networks over the gateware's whole range, for campaigns and property tests."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np

from ntorc.network.activations import Activation, LeakyRelu, Table
from ntorc.network.formats import FixedFormat, Overflow, Rounding
from ntorc.network.layers import GRU, LSTM, AveragePool1D, Conv1D, Dense, Layer, MaxPool1D, Pool, Recurrent
from ntorc.network.network import Network, random_network, used_length
from ntorc.network.resonator_layer import ResonatorBank


def draw_network(seed: int) -> Network:
    """Convolutions, pools and dense layers of random shapes, formats and order; never two maxima in a row."""
    draw = random.Random(seed)
    variant = random.Random(f"variants {seed}")  # kinds within a shape; shapes stay when a kind is added
    recurrent = random.Random(f"recurrent {seed}")
    start = length = draw.randint(4, 48)
    word = before = FixedFormat(recurrent.randint(8, 16), recurrent.randint(0, 8))
    channels = 1
    layers: list[Layer] = []
    for index in range(draw.randint(1, 5)):
        if recurrent.random() < 0.2:
            layers.append(_draw_recurrent(recurrent, f"l{index}", length, channels, before))
        else:
            layers.append(_draw_layer(draw, variant, f"l{index}", length, channels, layers))
        before = before if isinstance(layers[-1], Pool) else layers[-1].output_format
        length, channels = layers[-1].output_length, layers[-1].output_channels
        if length * channels > 600 or (isinstance(layers[-1], Dense) and draw.random() < 0.4):
            break
    if all(isinstance(layer, Pool) for layer in layers) or length * channels > 64:
        layers.append(Dense("last", length, channels, draw.randint(1, 4), FixedFormat(8, 4), _draw_output(draw)))
    if used_length(layers) < start:  # then the result would come before the frame's last sample
        layers = [replace(layer, stateful=False) if isinstance(layer, Recurrent) else layer for layer in layers]
    return random_network(seed, word, start, tuple(layers))


def with_wrapping_sums(network: Network, seed: int) -> Network:
    """The network with hls4ml's arithmetic in most of its layers: wrapping accumulators, tables toward zero.

    GRUs stay as they are; leaky and hard activations become linear.
    """
    draw = random.Random(f"wrapping {seed}")
    layers: list[Layer] = []
    for layer, before in zip(network.layers, network.formats, strict=False):
        if isinstance(layer, Pool | GRU | ResonatorBank) or draw.random() < 0.25:
            layers.append(layer)
            continue
        fraction = before.fraction + layer.weight_format.fraction - draw.randint(0, 6)
        word = FixedFormat(draw.randint(4, 20), fraction, "truncate", "wrap")
        output = replace(layer.output_format, rounding="truncate")
        if isinstance(layer, LSTM):
            inner = replace(layer.inner_format, rounding="truncate")
            gates, tanh = _toward_zero(layer.recurrent_activation), _toward_zero(layer.activation)
            formed = replace(layer, accumulator=word, output_format=output, inner_format=inner)
            layers.append(replace(formed, recurrent_activation=gates, activation=tanh))
            continue
        activation = layer.activation
        if isinstance(activation, Table):
            activation = _toward_zero(activation)
        elif activation != "relu":
            activation = "linear"
        layers.append(replace(layer, accumulator=word, output_format=output, activation=activation))
    return replace(network, layers=tuple(layers))


def _toward_zero(table: Table) -> Table:
    return replace(table, index_rounding="toward_zero")


def draw_bank_network(seed: int) -> Network:
    """A random resonator bank, behind it dense layers or, in two of three, recurrent ones; a stream of its own.

    The recurrent ones are one or two LSTM and GRU layers, most of them stateful, and some GRUs of several members
    that know nothing of each other, with a mean behind them: the forms that estimators are trained in.
    """
    draw = random.Random(f"bank {seed}")
    state_bits = draw.choice([*range(10, 19), *range(14, 26)])
    pole = FixedFormat(bits := draw.randint(8, 18), bits - draw.choice([1, 1, 2]))
    dc_fraction, log_fraction = draw.randint(0, 4), draw.randint(8, 12)
    bank = ResonatorBank(
        "bank",
        draw.choice([1, 2, 5, 16]),
        1,
        draw.choice([1, 2, 3, draw.randint(4, 31)]),
        pole,
        replace(_draw_output(draw), bits=draw.randint(8, 18), fraction=draw.randint(-1, 12)),
        state_bits,
        max(draw.randint(-3, 4), dc_fraction - pole.fraction),  # the coarsest state that a bank may have
        draw.randint(1, 10),
        dc_fraction,
        log_fraction,
        draw.randint(1, 7),
        draw.randint(1, 16),
        -draw.randint(0, 40 << log_fraction),
    )
    layers: list[Layer] = [bank]
    behind, members = random.Random(f"behind bank {seed}"), 1
    if behind.random() < 2 / 3:
        members = _draw_behind(behind, layers)
    for index in range(1 if members > 1 else draw.randint(0, 2)):
        channels = layers[-1].output_channels
        layers.append(Dense(f"d{index}", 1, channels, draw.randint(1, 9), FixedFormat(8, 4), _draw_output(draw)))
    network = random_network(seed, FixedFormat(draw.randint(4, 16), 3), bank.input_length, tuple(layers))
    return _in_members(network, members) if members > 1 else network


def _draw_behind(draw: random.Random, layers: list[Layer]) -> int:
    """Put one or two recurrent layers behind a bank; how many members the only one has."""
    members = draw.choice([1, 1, 2, 3])
    for index in range(1 if members > 1 else draw.randint(1, 2)):
        before = layers[-1]
        word = before.output_format if not isinstance(before, Pool) else FixedFormat(8, 4)
        found = _draw_recurrent(draw, f"r{index}", 1, before.output_channels, word)
        found = replace(found, stateful=draw.random() < 0.85)
        if members > 1 and isinstance(found, GRU):
            found = replace(found, units=members * draw.randint(1, 4))
        else:
            members = 1
        layers.append(found)
    return members


def _in_members(network: Network, members: int) -> Network:
    """The network whose only GRU is made of members: their recurrent kernels are blocks, the rest is zero."""
    layer = next(layer for layer in network.layers if isinstance(layer, GRU))
    weights = network.weights[layer.name].copy()
    own = np.arange(layer.units) // (layer.units // members)
    weights[layer.input_channels :] *= np.tile(own[:, None] == own, 3)
    return replace(network, weights={**network.weights, layer.name: weights})


def _draw_output(draw: random.Random) -> FixedFormat:
    return FixedFormat(
        draw.randint(4, 18),
        draw.randint(-6, 4),
        draw.choice(["truncate", "half_up"]),
        draw.choice(["wrap", "saturate"]),
    )


def _draw_recurrent(draw: random.Random, name: str, length: int, channels: int, before: FixedFormat) -> Recurrent:
    """An LSTM or GRU whose gates are mostly within their tables' range."""
    units, bits = draw.randint(1, 7), draw.randint(4, 16)
    roundings: list[Rounding] = ["truncate", "half_up"]
    overflows: list[Overflow] = ["wrap", "saturate"]
    output = FixedFormat(draw.randint(6, 16), draw.randint(4, 14), draw.choice(roundings), draw.choice(overflows))
    largest = before.bits - 1 + bits - 1 + math.log2(channels + units) / 2  # of a sum, as an integer
    weight = FixedFormat(bits, round(largest) - before.fraction - draw.randint(0, 4))
    gate_bits = draw.randint(6, 16)
    gate = FixedFormat(gate_bits, gate_bits - draw.randint(1, 2))
    inner_bits = draw.randint(8, 20)
    inner = FixedFormat(inner_bits, inner_bits - draw.randint(1, 5), draw.choice(roundings), draw.choice(overflows))
    gates = Table(draw.choice(["sigmoid", "hard_sigmoid"]), draw.randint(1, 3), draw.randint(4, 10))
    activation = Table("tanh", draw.randint(1, 3), draw.randint(4, 10))
    kinds: list[type[LSTM] | type[GRU]] = [LSTM, GRU]
    return draw.choice(kinds)(
        name,
        length,
        channels,
        units,
        weight,
        output,
        gate,
        inner,
        gates,
        activation,
        return_sequences=draw.random() < 0.5,
        stateful=draw.random() < 0.3,
    )


def _draw_activation(variant: random.Random, plain: Activation) -> Activation:
    """The plain one, or for half of the layers one of the others with any legal constant."""
    kind = variant.choice(["plain", "plain", "plain", "leaky", "hard", "table"])
    if kind == "leaky":
        shift = variant.randint(1, 10)
        return LeakyRelu(variant.randint(1, min(255, (1 << shift) - 1)), shift)
    if kind == "hard":
        return "hard_sigmoid"
    if kind == "table":
        return Table(variant.choice(["sigmoid", "tanh"]), variant.randint(1, 4), variant.randint(2, 10))
    return plain


def _draw_layer(
    draw: random.Random, variant: random.Random, name: str, length: int, channels: int, before: list[Layer]
) -> Layer:
    kind = draw.choice(["conv", "conv", "pool", "dense"])
    weight = FixedFormat(draw.randint(2, 12), 4)
    plain: list[Activation] = ["linear", "relu"]
    activation = _draw_activation(variant, draw.choice(plain))
    last = before[-1] if before else None
    if kind == "pool" and length >= 2 and not (isinstance(last, Pool) and variant.random() < 0.5):
        pool = draw.randint(1, min(4, length))
        if isinstance(last, MaxPool1D) or variant.random() < 0.4:
            return AveragePool1D(name, length, channels, min(length, pool * variant.choice([1, 1, 2, 3])))
        return MaxPool1D(name, length, channels, pool)
    kernel, dilation = draw.randint(1, 5), draw.choice([1, 1, 1, 2, 3])
    span = (kernel - 1) * dilation + 1
    left, right = draw.choice([(0, 0), ((span - 1) // 2, span - 1 - (span - 1) // 2), (span - 1, 0)])
    if kind == "conv" and length + left + right >= span:
        return Conv1D(
            name,
            length,
            channels,
            draw.randint(1, 9),
            kernel,
            weight,
            _draw_output(draw),
            draw.choice([1, 1, 2, 3]),
            dilation,
            left,
            right,
            activation,
        )
    return Dense(name, length, channels, draw.randint(1, 9), weight, _draw_output(draw), activation)
