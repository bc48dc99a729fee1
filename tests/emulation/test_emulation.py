"""The reference in hls4ml mode against hls4ml's own C++ emulation, converted and compiled here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ntorc.backends.hls4ml import emulate as emulation
from ntorc.backends.hls4ml.draw import draw_model, draw_windows
from ntorc.backends.hls4ml.emulate import Strategy, emulate
from ntorc.bench.hls4ml import Compared, compare_with_emulation
from ntorc.errors import DataError, ToolError
from ntorc.network import reference
from ntorc.network.hls4ml_mode import Granularity, Hls4mlMode, hls4ml_format, hls4ml_network
from ntorc.network.importers.keras_model import import_keras
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.networks import ARITHMETICS, open_network
from ntorc.store.local import LocalStore


def recurrent_model(folder: Path) -> Path:
    """Padding, a stride, a pool, LSTMs of both kinds, every activation; weights that make sums wrap."""
    import keras
    from keras import layers

    keras.utils.clear_session()
    model = keras.Sequential(
        [
            layers.Input((12, 2)),
            layers.Conv1D(3, 3, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.Conv1D(2, 2, strides=2, activation="tanh"),
            layers.LSTM(3, return_sequences=True),
            layers.LSTM(2),
            layers.Flatten(),
            layers.Dense(3, activation="sigmoid"),
            layers.Dense(2),
        ]
    )
    generator = np.random.default_rng(5)
    for layer in model.layers:
        layer.set_weights([generator.uniform(-2.5, 2.5, array.shape) for array in layer.get_weights()])
    path = folder / "recurrent.keras"
    model.save(path)
    return path


@pytest.mark.parametrize(
    "mode, strategy",
    [
        (Hls4mlMode("model"), "Resource"),
        (Hls4mlMode("name"), "Resource"),
        (Hls4mlMode("name", hls4ml_format(18, 6), hls4ml_format(14, 7)), "Latency"),
    ],
    ids=["model", "name", "name with a result precision, latency strategy"],
)
def test_every_output_bit_is_the_emulations(
    tmp_path: Path, mode: Hls4mlMode, strategy: Strategy, ntorc_cache: Path
) -> None:
    model = recurrent_model(tmp_path)
    network = hls4ml_network(import_keras(model), mode)
    windows = draw_windows(1, mode, (12, 2), 40)
    emulated, word = emulate(model, windows, mode, ntorc_cache, strategy)
    assert word == network.output_format
    np.testing.assert_array_equal(emulated, reference.run(network, windows))
    assert len(np.unique(emulated[:, 0])) >= 10  # the network tells windows apart


@pytest.mark.parametrize("name", ["hls4ml-name", "hls4ml-model"])
def test_a_native_network_of_that_arithmetic_is_what_hls4ml_computes(
    name: str, tmp_path: Path, ntorc_cache: Path
) -> None:
    """As a user asks for it by name, with an error at which tables have hls4ml's own 1,024 entries."""
    model, mode = recurrent_model(tmp_path), ARITHMETICS[name]
    assert mode is not None
    flow = Flow(LocalStore(tmp_path / "store"), ntorc_cache, tmp_path)
    network = open_network(flow, model, arithmetic=name, table_error=2.0**-7)
    windows = draw_windows(2, mode, (12, 2), 20)
    emulated, word = emulate(model, windows, mode, ntorc_cache)
    assert word == network.output_format
    np.testing.assert_array_equal(emulated, reference.run(network, windows))


def test_the_two_granularities_differ(tmp_path: Path) -> None:
    """Else the tests above could not tell one from the other."""
    model = recurrent_model(tmp_path)
    windows = draw_windows(1, Hls4mlMode(), (12, 2), 40)
    network = import_keras(model)
    values = []
    for mode in (Hls4mlMode("model"), Hls4mlMode("name")):
        converted = hls4ml_network(network, mode)
        values.append(converted.output_format.values(reference.run(converted, windows)))
    assert (np.abs(values[0] - values[1]) > 2**-9).any()


def test_a_drawn_network_is_drawn_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, second = draw_model(2, tmp_path), draw_model(2, tmp_path / "again")
    assert emulation._digest_of_model(first) == emulation._digest_of_model(second)
    assert emulation._digest_of_model(first) != emulation._digest_of_model(draw_model(3, tmp_path))


@pytest.mark.parametrize("seed, granularity", [(3, "model"), (2, "name")])
def test_emulation_reference_and_gateware_are_equal(
    seed: int, granularity: Granularity, ntorc_cache: Path, tmp_path: Path
) -> None:
    found = compare_with_emulation(Flow(LocalStore(tmp_path), ntorc_cache, tmp_path), seed, granularity)
    assert found == Compared(20, 0, True, True, 0, 0)


def test_an_aborting_emulation_is_an_error(tmp_path: Path) -> None:
    """A layer that hls4ml does not know ends its process, not this one."""
    import keras

    model = keras.Sequential([keras.layers.Input((8, 1)), keras.layers.Conv1D(2, 3, dilation_rate=2)])
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1, activation="gelu"))
    path = tmp_path / "unknown.keras"
    model.save(path)
    with pytest.raises(ToolError, match="hls4ml failed"):
        emulate(path, np.zeros((1, 8, 1), np.int64), Hls4mlMode(), tmp_path)


def test_a_slow_emulation_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation, "TIME_LIMIT_S", 0.5)
    with pytest.raises(ToolError, match="more than"):
        emulate(recurrent_model(tmp_path), np.zeros((1, 12, 2), np.int64), Hls4mlMode(), tmp_path)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no model file"):
        emulate(tmp_path / "none.keras", np.zeros((1, 1, 1), np.int64), Hls4mlMode(), tmp_path)
