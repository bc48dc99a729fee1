"""From Keras to integers: the float network equals Keras, the integer network is close and does not saturate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.keras_model import from_keras, import_keras
from ntorc.network.layers import MaxPool1D
from ntorc.network.quantise import Precision, quantise


@pytest.fixture(scope="module")
def model() -> Any:
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((48, 1)),
            layers.Conv1D(6, 5, strides=2, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.MaxPooling1D(2),
            layers.Conv1D(4, 3, dilation_rate=2, padding="causal", activation="relu"),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(2),
        ]
    )


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    return np.random.default_rng(1).integers(-4000, 4000, (300, 48, 1))


def test_float_network_equals_keras(model: Any, counts: np.ndarray) -> None:
    word = FixedFormat(14, 10)
    ours = from_keras(model, "m").run(word.values(counts))[-1].reshape(300, -1)
    theirs = model.predict(word.values(counts).astype(np.float32), verbose=0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_two_pools_become_one(model: Any) -> None:
    pools = [layer for layer in from_keras(model, "m").layers if type(layer).__name__ == "FloatMaxPool1D"]
    assert [pool.pool for pool in pools] == [4]


def test_integer_network_is_close_and_unsaturated(model: Any, counts: np.ndarray) -> None:
    word = FixedFormat(14, 10)
    floating = from_keras(model, "m")
    network = quantise(floating, word, counts[:200], Precision(16, 12))
    truth = floating.run(word.values(counts))[-1].reshape(300, -1)
    got = network.output_format.values(reference.run(network, counts))
    assert np.abs(got - truth).max() < 0.02 * np.abs(truth).max()
    values = counts
    for layer, before in zip(network.layers, network.formats, strict=False):
        if isinstance(layer, MaxPool1D):
            values = reference.max_pool(layer, values)
            continue
        values = reference.weighted(network, layer, before, values)
        assert np.abs(values).max() < layer.output_format.maximum


def test_fewer_bits_cost_accuracy(model: Any, counts: np.ndarray) -> None:
    word, floating = FixedFormat(14, 10), from_keras(model, "m")
    truth = floating.run(word.values(counts))[-1].reshape(300, -1)
    errors = []
    for bits in (4, 8, 12):
        network = quantise(floating, word, counts, Precision(16, bits))
        errors.append(float(np.abs(network.output_format.values(reference.run(network, counts)) - truth).mean()))
    assert errors[0] > errors[1] > errors[2]


def test_unsupported_layers_are_named(tmp_path: Path) -> None:
    import keras

    recurrent = keras.Sequential([keras.Input((8, 1)), keras.layers.SimpleRNN(3, name="memory")])
    with pytest.raises(DataError, match="'memory' is a SimpleRNN"):
        from_keras(recurrent, "m")
    odd = keras.Sequential(
        [keras.Input((8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, activation="gelu", name="odd")]
    )
    with pytest.raises(DataError, match="'odd' has activation"):
        from_keras(odd, "m")
    (tmp_path / "no.keras").write_bytes(b"not a model")
    with pytest.raises(DataError, match="not a Keras model"):
        import_keras(tmp_path / "no.keras")
    with pytest.raises(DataError, match="no model file"):
        import_keras(tmp_path / "missing.keras")


def test_calibration_data_is_required(model: Any) -> None:
    with pytest.raises(DataError, match="calibration"):
        quantise(from_keras(model, "m"), FixedFormat(14, 10), np.zeros((0, 48, 1)))
