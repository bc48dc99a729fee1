"""The networks that N-TORC (FCCM 2025) published, as facts: their layers, and what the paper estimates for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ntorc.network.floating import (
    FloatArray,
    FloatConv1D,
    FloatDense,
    FloatLayer,
    FloatLSTM,
    FloatMaxPool1D,
    FloatNetwork,
)
from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.paths import project_root
from ntorc.records import load

_KERNEL, _POOL = 3, 2
_PRECISION = Precision(activation_bits=16, weight_bits=16)  # as wide as the paper's


@dataclass(frozen=True)
class Published:
    """One of the paper's networks.

    Attributes:
        name: of its file in the authors' repository.
        window: samples of a frame.
        convolutions: each of ``filters`` filters of 3 taps, zero-padded to its input's length, rectified,
            and followed by a maximum over two.
        lstm: units of the LSTM layers behind them, which give whole sequences.
        dense: units of the rectified dense layers behind those; a linear one of one unit ends the network.
        lut, dsp, latency_us: the paper's HLS estimates.
    """

    name: str
    window: int
    convolutions: int
    filters: int
    lstm: tuple[int, ...]
    dense: tuple[int, ...]
    lut: int
    dsp: int
    latency_us: float


@dataclass(frozen=True)
class Table3Row:
    """What the paper's Table III says of a network.

    Attributes:
        name: of the network.
        rmse_v: in volts on the paper's test runs, replicas of which it was trained on.
        stated_multiplies: as the paper counts them: without the input channels of the convolutions.
    """

    name: str
    rmse_v: float
    stated_multiplies: int


@dataclass(frozen=True)
class _Table3:
    source: str
    rows: tuple[Table3Row, ...]


@cache
def table3() -> tuple[Table3Row, ...]:
    """Table III, by falling error."""
    return load(_Table3, project_root() / "models" / "networks" / "table3.json").rows


@dataclass(frozen=True)
class _File:
    source: str
    networks: tuple[Published, ...]


@cache
def published_networks() -> tuple[Published, ...]:
    """All of them, in the paper's order."""
    return load(_File, project_root() / "models" / "networks" / "published.json").networks


def seeded(published: Published, seed: int = 1) -> FloatNetwork:
    """The network with drawn weights of variance 2 / inputs, so that values keep their size from layer to layer."""
    generator = np.random.default_rng(seed)
    layers: list[FloatLayer] = []

    def drawn(*shape: int) -> FloatArray:
        return generator.normal(0.0, np.sqrt(2.0 / np.prod(shape[:-1])), shape)

    length, channels = published.window, 1
    for index in range(published.convolutions):
        weights, bias = drawn(_KERNEL, channels, published.filters), generator.normal(0, 0.1, published.filters)
        layers.append(FloatConv1D(f"conv{index}", weights, bias, 1, 1, _KERNEL // 2, _KERNEL // 2, "relu"))
        layers.append(FloatMaxPool1D(f"pool{index}", _POOL))
        length, channels = length // _POOL, published.filters
    for index, units in enumerate(published.lstm):
        kernel, fed_back = drawn(channels, 4 * units), drawn(units, 4 * units)
        bias = generator.normal(0, 0.1, 4 * units)
        layers.append(FloatLSTM(f"lstm{index}", kernel, fed_back, bias, return_sequences=True))
        channels = units
    inputs = length * channels
    for index, units in enumerate(published.dense):
        layers.append(FloatDense(f"dense{index}", drawn(inputs, units), generator.normal(0, 0.1, units), "relu"))
        inputs = units
    layers.append(FloatDense("estimate", drawn(inputs, 1), generator.normal(0, 0.1, 1)))
    return FloatNetwork(published.name, published.window, 1, tuple(layers))


def published_network(item: Published) -> Network:
    """A published network with seeded weights in 16-bit words."""
    word = FixedFormat(14, 11)
    counts = word.quantise(np.random.default_rng(1).normal(0.0, 1.0, (32, item.window, 1)))
    return quantise(seeded(item), word, counts, _PRECISION)
