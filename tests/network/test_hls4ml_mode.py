"""hls4ml mode: wrapping accumulators and tables against independent evaluations (emulation: tests/emulation)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.activations import Table
from ntorc.network.floating import FloatAveragePool1D, FloatConv1D, FloatDense, FloatLSTM, FloatNetwork
from ntorc.network.formats import FixedFormat
from ntorc.network.hls4ml_mode import (
    TABLE_ENTRY,
    Hls4mlMode,
    address_bits_for,
    hls4ml_format,
    hls4ml_network,
    inferred_result,
    table,
    written_weights,
)
from ntorc.network.layers import LSTM, Dense
from ntorc.network.network import Network, random_network

WORD = hls4ml_format(16, 6)


def wrap(value: int, bits: int) -> int:
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


@settings(deadline=None, max_examples=60)
@given(st.integers(4, 12), st.integers(0, 6), st.integers(0, 2**32), st.integers(1, 9))
def test_products_are_floored_and_every_partial_sum_wraps(bits: int, cut: int, seed: int, inputs: int) -> None:
    weight, word = FixedFormat(8, 3, "truncate", "wrap"), FixedFormat(7, 4, "truncate", "wrap")
    accumulator = FixedFormat(bits, 7 - cut, "truncate", "wrap")
    output = FixedFormat(bits, 7 - cut, "truncate", "wrap")
    network = random_network(seed, word, 1, (Dense("d", 1, inputs, 3, weight, output, accumulator=accumulator),))
    frames = np.random.default_rng(seed).integers(word.minimum, word.maximum + 1, (4, 1, inputs))
    found = reference.run(network, frames)
    for frame, result in zip(frames.tolist(), found.tolist(), strict=True):
        for unit, value in enumerate(result):
            total = wrap(int(network.biases["d"][unit]), bits)
            for x, row in zip(frame[0], network.weights["d"].tolist(), strict=True):
                total = wrap(total + wrap(x * row[unit] >> cut, bits), bits)
            assert value == total


@given(st.integers(-(2**20), 2**20), st.integers(-3, 14))
def test_an_index_toward_zero_is_the_quotient_without_its_remainder(value: int, fraction: int) -> None:
    quotient = abs(value) * 2**7 // 2**fraction if fraction >= 0 else abs(value) * 2 ** (7 - fraction)
    expected = min(max(quotient if value >= 0 else -quotient, -512), 511)
    assert reference.table_index(table("tanh"), np.array([value]), fraction).tolist() == [expected]


@pytest.mark.parametrize("bits,off", [(11, 0), (12, 1), (14, 2)])
def test_larger_tables_are_offered_while_single_precision_gives_the_exact_entries(bits: int, off: int) -> None:
    one, half = np.float32(1), 1 << (bits - 1)
    index = np.arange(-half, half)
    sigmoid = one / (one + np.exp(-(index * np.float32(8 / half)).astype(np.float32)))
    curves = {"sigmoid": sigmoid, "tanh": np.tanh((index * np.float32(4 / half)).astype(np.float32))}
    differing = 0
    for name, values in curves.items():
        exact = reference.table_words(table("tanh" if name == "tanh" else "sigmoid", bits), TABLE_ENTRY)
        differing += int((np.floor(values.astype(np.float64) * 2.0**TABLE_ENTRY.fraction) != exact).sum())
    assert differing == off


def test_a_tables_size_follows_from_the_error() -> None:
    assert address_bits_for(None, "tanh") == 10
    assert address_bits_for(2.0**-8, "sigmoid") == 10
    assert address_bits_for(2.0**-8, "sigmoid", "tanh") == 11
    with pytest.raises(DataError, match="up to 2048 entries"):
        address_bits_for(2.0**-9, "tanh")


@pytest.mark.parametrize("fraction", range(4, 14))
def test_exact_entries_equal_those_of_single_precision(fraction: int) -> None:
    """hls4ml computes its entries in float32; cut to their words they are those of exact arithmetic."""
    one = np.float32(1)
    index = np.arange(-512, 512)
    word = FixedFormat(fraction + 8, fraction, "truncate", "wrap")
    curves = {
        "sigmoid": one / (one + np.exp(-(index / np.float32(64)).astype(np.float32))),
        "tanh": np.tanh((index / np.float32(128)).astype(np.float32)),
    }
    for name, values in curves.items():
        assert values.dtype == np.float32
        expected = np.floor(values.astype(np.float64) * 2.0**TABLE_ENTRY.fraction).astype(np.int64)
        shift = TABLE_ENTRY.fraction - fraction
        expected = expected >> shift if shift >= 0 else expected << -shift
        exact = reference.table_words(table("tanh" if name == "tanh" else "sigmoid"), word)
        np.testing.assert_array_equal(exact, expected)


def test_a_table_toward_zero_states_the_error_it_has() -> None:
    for rounding in ("half_up", "toward_zero"):
        curve = Table("tanh", 2, 6, "half_up" if rounding == "half_up" else "toward_zero")
        sums = np.arange(-(2**14), 2**14)
        wide = FixedFormat(30, 28)
        found = wide.values(reference.activate(curve, sums, 11, wide))
        worst = np.abs(found - np.tanh(sums / 2.0**11)).max()
        assert 0.5 * curve.largest_error < worst <= curve.largest_error + wide.step


def test_weights_are_cut_from_their_decimals() -> None:
    values = np.array([0.9999, -0.0001, -1e-12, 31.9999, 32.0, 5e-4])
    assert written_weights(values, WORD).tolist() == [1023, -1, 0, 32767, -32768, 0]


def test_the_inferred_type_never_overflows() -> None:
    word = inferred_result(9, WORD, WORD)
    assert (word.bits, word.fraction) == (37, 20)
    largest = 9 * WORD.minimum**2 + (-WORD.minimum << WORD.fraction)
    assert largest <= word.maximum


def lstm_network() -> Network:
    weights = np.random.default_rng(1).normal(size=(2 + 3, 12))
    layer = FloatLSTM("l", weights[:2], weights[2:], np.zeros(12))
    return hls4ml_network(FloatNetwork("n", 6, 2, (layer,)), Hls4mlMode())


def test_a_network_with_accumulators_is_stored_whole(tmp_path: Path) -> None:
    network = lstm_network()
    loaded = Network.load(network.save(tmp_path))
    assert loaded.layers[0].accumulator == WORD  # type: ignore[union-attr]
    assert loaded.digest == network.digest


def test_an_lstm_follows_its_real_network() -> None:
    """With 10 fraction bits and tables of 1,024 words the outputs stay near; a wrong gate would not."""
    weights, bias = np.random.default_rng(3).normal(0, 0.5, (2 + 3, 12)), np.linspace(-1, 1, 12)
    floating = FloatNetwork("n", 6, 2, (FloatLSTM("l", weights[:2], weights[2:], bias, return_sequences=True),))
    network = hls4ml_network(floating, Hls4mlMode())
    frames = np.random.default_rng(4).integers(-2000, 2000, (30, 6, 2))
    wanted = floating.run(WORD.values(frames))[-1].reshape(30, -1)
    np.testing.assert_allclose(WORD.values(reference.run(network, frames)), wanted, atol=0.03)


@pytest.mark.parametrize("change", ["rounding", "overflow", "finer", "half_up_table"])
def test_accumulators_that_cannot_be_are_refused(change: str) -> None:
    network = lstm_network()
    layer = network.layers[0]
    assert isinstance(layer, LSTM)
    changed = {
        "rounding": lambda: replace(layer, accumulator=replace(WORD, rounding="half_up")),
        "overflow": lambda: replace(layer, accumulator=replace(WORD, overflow="saturate")),
        "finer": lambda: replace(layer, accumulator=replace(WORD, fraction=21)),
        "half_up_table": lambda: replace(layer, activation=replace(layer.activation, index_rounding="half_up")),
    }[change]()
    with pytest.raises(DataError, match="accumulator"):
        replace(network, layers=(changed,))


def test_what_hls4ml_computes_otherwise_is_refused() -> None:
    one = np.ones((1, 1))
    refused = [
        FloatAveragePool1D("p", 2),
        FloatConv1D("c", np.ones((2, 1, 1)), np.zeros(1), dilation=2),
        FloatDense("d", np.ones((4, 1)), np.zeros(1), "hard_sigmoid"),
        FloatLSTM("l", np.ones((1, 4)), np.ones((1, 4)), np.zeros(4), stateful=True),
        FloatLSTM("l", np.ones((1, 4)), np.ones((1, 4)), np.zeros(4), activation="sigmoid"),
    ]
    for layer in refused:
        with pytest.raises(DataError, match=f"'{layer.name}'"):
            hls4ml_network(FloatNetwork("n", 4, 1, (layer,)), Hls4mlMode())
    wide = (FloatConv1D("c", one[None], np.zeros(1)), FloatLSTM("l", np.ones((1, 4)), np.ones((1, 4)), np.zeros(4)))
    with pytest.raises(DataError, match="result precision"):
        hls4ml_network(FloatNetwork("n", 4, 1, wide), Hls4mlMode("name"))
    assert hls4ml_network(FloatNetwork("n", 4, 1, wide), Hls4mlMode("name", result=WORD)).output_format == WORD
