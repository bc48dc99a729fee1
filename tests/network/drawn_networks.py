"""Random feed-forward networks that QONNX has a form for, for properties of its writer and importer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from ntorc.network.exporters.qonnx import unquantised_format
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import AveragePool1D, Conv1D, Dense, Layer, MaxPool1D
from ntorc.network.network import Network, random_network


@st.composite
def networks(draw: st.DrawFn, averages: bool = True, widest: int = 8) -> Network:
    """One to three convolutions and pools, one or two dense layers; sums stay below 24 bits."""
    length, channels = draw(st.integers(4, 14)), draw(st.integers(1, 3))
    first = FixedFormat(draw(st.integers(3, 9)), draw(st.integers(-1, 8)))
    shape, word, layers = (length, channels), first, list[Layer]()
    for index in range(draw(st.integers(0, 3))):
        layer = draw(_inner(f"l{index}", shape, word, averages, widest))
        if layer.output_length < 1:
            continue
        word = getattr(layer, "output_format", word)
        shape, layers = (layer.output_length, layer.output_channels), [*layers, layer]
    for index in range(draw(st.integers(0 if layers else 1, 2))):
        after = draw(_word(widest, word))
        activation = draw(st.sampled_from(["linear", "relu"]))
        layers.append(Dense(f"d{index}", *shape, draw(st.integers(1, 4)), draw(_weights()), after, activation))
        shape, word = (1, layers[-1].output_channels), after
    drawn = random_network(draw(st.integers(0, 1 << 30)), first, length, tuple(layers))
    small = {name: bias // draw(st.sampled_from([1 << 8, 1 << 14])) for name, bias in drawn.biases.items()}
    network = replace(drawn, input_channels=channels, biases=small)
    last = layers[-1]
    if draw(st.booleans()) and isinstance(last, Conv1D | Dense) and last.activation == "linear":
        before = network.before(last)
        whole = unquantised_format(last, before, network.weights[last.name], small[last.name])
        network = replace(network, layers=(*layers[:-1], replace(last, output_format=whole)))
    return network


def _weights() -> st.SearchStrategy[FixedFormat]:
    return st.builds(FixedFormat, st.integers(2, 6), st.integers(0, 7))


def _word(widest: int, before: FixedFormat) -> st.SearchStrategy[FixedFormat]:
    fractions = st.integers(before.fraction - 4, before.fraction + 6)
    return st.builds(FixedFormat, st.integers(3, widest), fractions)


@st.composite
def _inner(
    draw: st.DrawFn, name: str, shape: tuple[int, int], word: FixedFormat, averages: bool, widest: int
) -> Layer:
    kind = draw(st.sampled_from(["conv", "conv", "max", "average"] if averages else ["conv", "conv", "max"]))
    if kind != "conv":
        pool = draw(st.integers(1, min(4, shape[0])))
        return (MaxPool1D if kind == "max" else AveragePool1D)(name, *shape, pool)
    return Conv1D(
        name,
        *shape,
        draw(st.integers(1, 4)),
        draw(st.integers(1, 3)),
        draw(_weights()),
        draw(_word(widest, word)),
        draw(st.integers(1, 2)),
        draw(st.integers(1, 2)),
        draw(st.integers(0, 2)),
        draw(st.integers(0, 2)),
        draw(st.sampled_from(["linear", "relu"])),
    )


def frames_of(network: Network, count: int, seed: int = 1) -> np.ndarray:  # type: ignore[type-arg]
    """Frames over the whole input range, its ends among them ``[count, length, channels]``."""
    word, generator = network.input_format, np.random.default_rng(seed)
    shape = (count, network.input_length, network.input_channels)
    frames = generator.integers(word.minimum, word.maximum + 1, shape)
    frames[0], frames[-1] = word.minimum, word.maximum
    return frames
