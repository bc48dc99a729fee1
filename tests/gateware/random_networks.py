"""Random networks in the gateware's whole range, for property tests and campaigns."""

from __future__ import annotations

import random

from ntorc.network.formats import FixedFormat
from ntorc.network.network import Conv1D, Dense, Layer, MaxPool1D, Network, random_network


def _output(draw: random.Random) -> FixedFormat:
    return FixedFormat(
        draw.randint(4, 18), draw.randint(-6, 4),
        draw.choice(["truncate", "half_up"]), draw.choice(["wrap", "saturate"]),
    )


def _convolution(draw: random.Random, name: str, length: int, channels: int) -> Conv1D | None:
    kernel, dilation = draw.randint(1, 5), draw.choice([1, 1, 1, 2, 3])
    span = (kernel - 1) * dilation + 1
    left, right = draw.choice([(0, 0), ((span - 1) // 2, span - 1 - (span - 1) // 2), (span - 1, 0)])
    if length + left + right < span:
        return None
    return Conv1D(
        name, length, channels, draw.randint(1, 9), kernel, FixedFormat(draw.randint(2, 12), 4), _output(draw),
        draw.choice([1, 1, 2, 3]), dilation, left, right, draw.choice(["linear", "relu"]),
    )


def draw_network(seed: int) -> Network:
    """Convolutions, pools and dense layers of random shapes, formats and order; never two pools in a row."""
    draw = random.Random(seed)
    start = length = draw.randint(4, 48)
    channels = 1
    layers: list[Layer] = []
    for index in range(draw.randint(1, 5)):
        kind = draw.choice(["conv", "conv", "pool", "dense"])
        if kind == "pool" and length >= 2 and not (layers and isinstance(layers[-1], MaxPool1D)):
            layers.append(MaxPool1D(f"l{index}", length, channels, draw.randint(1, min(4, length))))
        elif kind == "conv" and (layer := _convolution(draw, f"l{index}", length, channels)) is not None:
            layers.append(layer)
        else:
            layers.append(Dense(
                f"l{index}", length, channels, draw.randint(1, 9), FixedFormat(draw.randint(2, 12), 4),
                _output(draw), draw.choice(["linear", "relu"]),
            ))
        length, channels = layers[-1].output_length, layers[-1].output_channels
        if length * channels > 600 or isinstance(layers[-1], Dense) and draw.random() < 0.4:
            break
    if not any(not isinstance(layer, MaxPool1D) for layer in layers) or length * channels > 200:
        layers.append(Dense("last", length, channels, draw.randint(1, 4), FixedFormat(8, 4), _output(draw)))
    return random_network(seed, FixedFormat(draw.randint(8, 16), draw.randint(0, 8)), start, tuple(layers))


