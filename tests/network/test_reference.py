"""The reference against an independent evaluation with Python's unbounded integers."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_recurrent import slow_recurrent

from ntorc.backends.native.draw import draw_network
from ntorc.errors import DataError, StorageError
from ntorc.network import reference
from ntorc.network.activations import Activation, LeakyRelu, Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import AveragePool1D, Conv1D, Dense, MaxPool1D, Pool, Recurrent
from ntorc.network.network import Network, accumulator_bits, random_network


def slow(network: Network, frame: list[list[int]]) -> list[int]:
    """One frame, element by element, in Python integers."""
    word = network.input_format
    for layer in network.layers:
        if isinstance(layer, MaxPool1D):
            frame = [
                [max(frame[t * layer.pool + k][c] for k in range(layer.pool)) for c in range(layer.input_channels)]
                for t in range(layer.output_length)
            ]
            continue
        if isinstance(layer, AveragePool1D):
            frame = [
                [
                    math.floor(
                        Fraction(sum(frame[t * layer.pool + k][c] for k in range(layer.pool)), layer.pool)
                        + Fraction(1, 2)
                    )
                    for c in range(layer.input_channels)
                ]
                for t in range(layer.output_length)
            ]
            continue
        if isinstance(layer, Recurrent):
            frame, word = slow_recurrent(network, layer, word, frame), layer.output_format
            continue
        weights = network.weights[layer.name].tolist()
        bias = network.biases[layer.name].tolist()
        fraction = word.fraction + layer.weight_format.fraction
        rows = []
        for position in range(layer.output_length):
            row = []
            for output in range(layer.output_channels):
                total = bias[output]
                if isinstance(layer, Conv1D):
                    for tap in range(layer.kernel):
                        at = position * layer.stride - layer.padding_left + tap * layer.dilation
                        if 0 <= at < layer.input_length:
                            total += sum(frame[at][c] * weights[tap][c][output] for c in range(layer.input_channels))
                else:
                    flat = [value for vector in frame for value in vector]
                    total += sum(value * weights[i][output] for i, value in enumerate(flat))
                value = Fraction(total) / Fraction(2) ** fraction
                row.append(_word(_activated(layer.activation, value), layer.output_format))
            rows.append(row)
        frame, word = rows, layer.output_format
    return [value for vector in frame for value in vector]


def _activated(activation: Activation, value: Fraction) -> Fraction:
    """The function of an exact value; a table's word stands for its float, whose rounding is far from a tie."""
    if isinstance(activation, LeakyRelu):
        return value if value >= 0 else value * Fraction(activation.numerator, 2**activation.shift)
    if isinstance(activation, Table):
        step = Fraction(1, 2) ** activation.index_fraction
        index = math.floor(value / step + Fraction(1, 2))
        half = 2 ** (activation.address_bits - 1)
        at = float(max(-half, min(half - 1, index)) * step)
        return Fraction(math.tanh(at) if activation.function == "tanh" else 1 / (1 + math.exp(-at)))
    if activation == "hard_sigmoid":
        return max(Fraction(0), min(Fraction(1), value * Fraction(1365, 8192) + Fraction(1, 2)))
    return max(value, Fraction(0)) if activation == "relu" else value


def _word(value: Fraction, word: FixedFormat) -> int:
    scaled = value * Fraction(2) ** word.fraction
    total = math.floor(scaled + (Fraction(1, 2) if word.rounding == "half_up" else 0))
    if word.overflow == "saturate":
        return min(max(total, word.minimum), word.maximum)
    return (total - word.minimum) % (1 << word.bits) + word.minimum


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_equals_integers_of_unbounded_size(seed: int) -> None:
    network = draw_network(seed)
    word = network.input_format
    frames = np.random.default_rng(seed).integers(word.minimum, word.maximum + 1, (2, network.input_length, 1))
    got = reference.run(network, frames)
    count = 1 if network.stateful else 2  # the oracle begins each frame at zero
    assert got[:count].tolist() == [slow(network, frame.tolist()) for frame in frames[:count]]


def test_float_product_and_integer_product_agree() -> None:
    generator = np.random.default_rng(5)
    rows = generator.integers(-(2**17), 2**17, (7, 200))
    weights = generator.integers(-(2**15), 2**15, (200, 9))
    np.testing.assert_array_equal(reference.exact_matmul(rows, weights, 53), reference.exact_matmul(rows, weights, 60))


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_accumulator_bits_hold_the_worst_input(seed: int) -> None:
    network = draw_network(seed)
    for layer, word in zip(network.layers, network.formats, strict=False):
        if isinstance(layer, Pool | Recurrent):
            continue
        weights = network.weights[layer.name].reshape(-1, layer.output_channels)
        worst = np.where(weights > 0, word.minimum, word.maximum)
        sums = (worst * weights).sum(axis=0) + network.biases[layer.name]
        limit = 1 << (accumulator_bits(network, layer) - 1)
        assert int(np.abs(sums).max()) < limit


def test_saved_networks_come_back_whole(tmp_path: Path) -> None:
    for seed in range(20):
        network = draw_network(seed)
        again = Network.load(network.save(tmp_path / str(seed)))
        assert again.digest == network.digest
        assert again.layers == network.layers


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = draw_network(3).save(tmp_path / "network")
    text = (folder / "network.json").read_text()
    for damage in (
        "",
        "{",
        "[]",
        text.replace('"bits"', '"bats"'),
        text.replace("dense", "lstm").replace("conv1d", "gru"),
    ):
        (folder / "network.json").write_text(damage)
        with pytest.raises(StorageError):
            Network.load(folder)
    (folder / "network.json").write_text(text)
    whole = (folder / "weights.npz").read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        (folder / "weights.npz").write_bytes(damaged)
        with pytest.raises(DataError):
            Network.load(folder)


def test_layers_must_fit_together() -> None:
    word = FixedFormat(8, 4)
    with pytest.raises(DataError, match="takes"):
        random_network(1, word, 16, (MaxPool1D("a", 16, 1, 2), Dense("b", 9, 1, 1, word, word)))
    with pytest.raises(DataError, match="no output"):
        random_network(1, word, 2, (Conv1D("a", 2, 1, 1, 5, word, word),))


def test_inputs_outside_their_format_are_refused() -> None:
    network = draw_network(1)
    frames = np.zeros((1, network.input_length, 1), np.int64)
    frames[0, 0, 0] = network.input_format.maximum + 1
    with pytest.raises(DataError, match="outside"):
        reference.run(network, frames)
    with pytest.raises(DataError, match="expected"):
        reference.run(network, frames[:, 1:])
