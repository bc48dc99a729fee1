"""Recurrent layers: the state's rules, against Keras, and quantised from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.activations import Table
from ntorc.network.floating import FloatNetwork
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.keras_model import from_keras
from ntorc.network.layers import GRU, LSTM, Dense, MaxPool1D, Recurrent
from ntorc.network.network import Network, accumulator_bits, random_network
from ntorc.network.quantise import Precision, quantise
from ntorc.network.widths import gate_matrix

UNIT, WEIGHT = FixedFormat(16, 15), FixedFormat(10, 12)
INPUT = FixedFormat(14, 10)


def layer(kind: type[LSTM] | type[GRU], **changes: Any) -> Recurrent:
    tables = Table("sigmoid", 3, 8), Table("tanh", 2, 8)
    return replace(kind("r", 12, 2, 5, WEIGHT, UNIT, UNIT, FixedFormat(18, 14), *tables), **changes)


def network_of(*layers: Recurrent, seed: int = 1) -> Network:
    return random_network(seed, INPUT, layers[0].input_length, layers)


def frames_for(network: Network, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    generator = np.random.default_rng(count)
    return generator.integers(INPUT.minimum, INPUT.maximum + 1, (count, network.input_length, network.input_channels))


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_state_goes_on_from_frame_to_frame_only_when_stateful(kind: type[LSTM] | type[GRU]) -> None:
    whole = network_of(layer(kind, input_length=48, return_sequences=True))
    pieces = replace(whole, input_length=12, layers=(layer(kind, return_sequences=True, stateful=True),))
    frames = frames_for(pieces, 4)
    long = reference.run(whole, frames.reshape(1, 48, 2)).reshape(4, -1)
    np.testing.assert_array_equal(reference.run(pieces, frames), long)
    forgetful = replace(pieces, layers=(layer(kind, return_sequences=True),))
    alone = np.concatenate([reference.run(forgetful, frame[None]) for frame in frames])
    np.testing.assert_array_equal(reference.run(forgetful, frames), alone)
    assert (alone[1:] != long[1:]).any(axis=1).all()
    np.testing.assert_array_equal(alone[0], long[0])


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_streams_begin_at_zero_each(kind: type[LSTM] | type[GRU]) -> None:
    network = network_of(layer(kind, stateful=True))
    frames = frames_for(network, 6)
    together = reference.run(network, frames, streams=2)
    np.testing.assert_array_equal(together[:3], reference.run(network, frames[:3]))
    np.testing.assert_array_equal(together[3:], reference.run(network, frames[3:]))
    with pytest.raises(DataError, match="sequences"):
        reference.run(network, frames, streams=4)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_accumulator_holds_the_worst_inputs(kind: type[LSTM] | type[GRU]) -> None:
    for seed in range(20):
        one = layer(kind)
        network = network_of(one, seed=seed)
        matrix = gate_matrix(one, network.weights["r"]).reshape(7, -1)
        smallest = np.array([INPUT.minimum] * 2 + [UNIT.minimum] * 5)[:, None]
        largest = np.array([INPUT.maximum] * 2 + [UNIT.maximum] * 5)[:, None]
        sums = (np.where(matrix > 0, smallest, largest) * matrix).sum(axis=0) + network.biases["r"]
        assert int(np.abs(sums).max()) < 1 << (accumulator_bits(network, one) - 1)


def test_saved_and_loaded(tmp_path: Path) -> None:
    network = network_of(layer(LSTM, return_sequences=True), replace(layer(GRU), name="g", input_channels=5))
    again = Network.load(network.save(tmp_path / "network"))
    assert (again.digest, again.layers) == (network.digest, network.layers)
    assert [type(item) for item in again.layers] == [LSTM, GRU]


def keras_network(*layers: Any, length: int = 20) -> tuple[Any, FloatNetwork]:
    import keras

    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((length, 1)), *layers])
    for one in model.layers:  # biases begin at zero, which would hide a wrong order
        one.set_weights([array + np.random.default_rng(3).normal(0, 0.2, array.shape) for array in one.get_weights()])
    return model, from_keras(model, "net")


def recurrent_stacks() -> list[list[Any]]:
    from keras.layers import GRU as KerasGRU
    from keras.layers import LSTM as KerasLSTM
    from keras.layers import BatchNormalization, Conv1D, Dense

    return [
        [KerasLSTM(6), Dense(1)],
        [KerasGRU(6), Dense(1)],
        [KerasLSTM(5, return_sequences=True), KerasGRU(4), Dense(2)],
        [Conv1D(4, 3, activation="relu"), KerasGRU(5, return_sequences=True), Dense(1)],
        [KerasLSTM(5, recurrent_activation="hard_sigmoid", use_bias=False), Dense(1)],
        [KerasGRU(5, use_bias=False, return_sequences=True), BatchNormalization(), KerasLSTM(4), Dense(1)],
        [Conv1D(4, 3, activation="relu"), BatchNormalization(), KerasGRU(5), Dense(1)],
    ]


@pytest.mark.parametrize("index", range(7))
def test_imports_equal_keras(index: int) -> None:
    model, network = keras_network(*recurrent_stacks()[index])
    frames = np.random.default_rng(1).normal(0, 1, (16, 20, 1))
    wanted = np.asarray(model(frames.astype(np.float32)))
    np.testing.assert_allclose(network.run(frames)[-1].reshape(wanted.shape), wanted, atol=2e-5)


@pytest.mark.parametrize("index", range(7))
def test_quantised_stays_near(index: int) -> None:
    """Raw counts in, as from a sensor: the input's fraction is far from the output's."""
    _, network = keras_network(*recurrent_stacks()[index])
    word = FixedFormat(14, 11)
    counts = word.quantise(np.random.default_rng(1).normal(0, 1, (64, 20, 1)))
    wanted = network.run(word.values(counts))[-1].reshape(64, -1)
    got = quantise(network, word, counts, Precision(table_error=2.0**-11))
    error = got.output_format.values(reference.run(got, counts)) - wanted
    assert np.sqrt(np.mean(error**2)) < 0.01 * np.sqrt(np.mean(wanted**2)) + 0.002
    coarse = quantise(network, word, counts, Precision(table_error=2.0**-5))
    worse = coarse.output_format.values(reference.run(coarse, counts)) - wanted
    assert np.mean(worse**2) > np.mean(error**2)


def test_quantised_stateful_network_follows_its_streams() -> None:
    from keras.layers import GRU as KerasGRU
    from keras.layers import Dense

    _, network = keras_network(KerasGRU(6, name="g"), Dense(1), length=8)
    stateful = replace(network, layers=(replace(network.layers[0], stateful=True), network.layers[1]))
    word = FixedFormat(14, 11)
    counts = word.quantise(np.random.default_rng(1).normal(0, 1, (60, 8, 1)))
    got = quantise(stateful, word, counts, Precision(table_error=2.0**-11), streams=3)
    assert got.stateful
    wanted = stateful.run(word.values(counts), streams=3)[-1].reshape(60, -1)
    values = got.output_format.values(reference.run(got, counts, streams=3))
    assert np.abs(values - wanted).max() < 0.02
    assert np.abs(wanted - network.run(word.values(counts))[-1].reshape(60, -1)).max() > 0.02


def test_what_is_not_supported_is_named() -> None:
    from keras.layers import GRU as KerasGRU
    from keras.layers import LSTM as KerasLSTM

    for one, words in (
        (KerasGRU(3, reset_after=False), "reset_after"),
        (KerasLSTM(3, go_backwards=True), "go_backwards"),
        (KerasLSTM(3, activation="relu"), "relu"),
    ):
        with pytest.raises(DataError, match=words):
            keras_network(one)


def test_gates_without_fraction_are_refused() -> None:
    with pytest.raises(DataError, match="gates"):
        network_of(layer(LSTM, gate_format=FixedFormat(16, 16)))


def test_dense_after_sequences_takes_all_of_them() -> None:
    first = layer(LSTM, return_sequences=True)
    network = random_network(1, INPUT, 12, (first, Dense("d", 12, 5, 1, WEIGHT, UNIT)))
    assert reference.run(network, frames_for(network, 3)).shape == (3, 1)
    assert network.multiplies == 12 * 5 * (4 * 7 + 3) + 60


def test_a_frame_whose_last_samples_reach_no_result_is_refused_with_state() -> None:
    keeping = layer(GRU, input_length=13, return_sequences=True, stateful=True)
    pool = MaxPool1D("p", 13, 5, 2)
    with pytest.raises(DataError, match="last 1 samples"):
        random_network(1, INPUT, 13, (keeping, pool))
    random_network(1, INPUT, 13, (replace(keeping, stateful=False), pool))
