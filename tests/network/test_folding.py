"""Keras layers that merge into their neighbours: the float network equals Keras, or the model is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.activations import LeakyRelu, Table
from ntorc.network.floating import FloatAveragePool1D, FloatLeakyRelu
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.keras_model import from_keras, import_keras
from ntorc.network.quantise import Precision, quantise

WORD = FixedFormat(14, 11)
LENGTH = 30


def frames(count: int = 120) -> np.ndarray:
    return np.random.default_rng(8).integers(-8000, 8000, (count, LENGTH, 1))


def sequential(*layers: Any) -> Any:
    """A model of random weights, its normalisations far from the identity."""
    import keras

    keras.utils.set_random_seed(11)
    model = keras.Sequential([keras.Input((LENGTH, 1)), *layers])
    generator = np.random.default_rng(2)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights(
                [
                    generator.uniform(0.3, 2.0, w.shape)
                    if any(part in w.path for part in ("gamma", "variance"))
                    else generator.normal(0, 0.7, w.shape)
                    for w in layer.weights
                ]
            )
        elif layer.get_weights():
            layer.set_weights([w + generator.normal(0, 0.1, w.shape) for w in layer.get_weights()])
    return model


def keras_layers() -> Any:
    import keras

    return keras.layers


def check_equal(model: Any, kinds: list[str]) -> None:
    floating = from_keras(model, "m")
    assert [type(layer).__name__.removeprefix("Float") for layer in floating.layers] == kinds
    values = WORD.values(frames())
    theirs = model.predict(values.astype(np.float32), verbose=0).reshape(len(values), -1)
    np.testing.assert_allclose(floating.run(values)[-1].reshape(len(values), -1), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu", "hard_sigmoid", "sigmoid", "tanh"])
def test_activations_equal_keras(name: str) -> None:
    k = keras_layers()
    for merged in (k.Dense(4, activation=name), None):
        layers = [merged] if merged is not None else [k.Dense(4), k.Activation(name)]
        check_equal(sequential(k.Conv1D(3, 5), k.Activation(name), k.Flatten(), *layers), ["Conv1D", "Dense"])


def test_activation_layers_equal_keras() -> None:
    k = keras_layers()
    model = sequential(
        k.Conv1D(3, 5),
        k.LeakyReLU(negative_slope=0.3),
        k.Conv1D(3, 3),
        k.MaxPooling1D(2),
        k.ReLU(),
        k.Flatten(),
        k.Dense(5, activation=k.LeakyReLU(negative_slope=0.1)),
        k.Dense(2),
        k.ReLU(negative_slope=0.25),
    )
    check_equal(model, ["Conv1D", "Conv1D", "MaxPool1D", "Dense", "Dense"])


def test_average_pools_equal_keras() -> None:
    k = keras_layers()
    model = sequential(k.Conv1D(3, 4), k.AveragePooling1D(2), k.AveragePooling1D(3), k.Flatten(), k.Dense(2))
    check_equal(model, ["Conv1D", "AveragePool1D", "Dense"])
    whole = sequential(k.Conv1D(3, 4, activation="tanh"), k.GlobalAveragePooling1D(), k.Dense(2))
    check_equal(whole, ["Conv1D", "AveragePool1D", "Dense"])
    pool = from_keras(whole, "m").layers[1]
    assert isinstance(pool, FloatAveragePool1D)
    assert pool.pool == LENGTH - 3


def test_normalisation_folds_into_the_layer_before() -> None:
    k = keras_layers()
    model = sequential(
        k.Conv1D(3, 5, padding="same"),
        k.BatchNormalization(),
        k.ReLU(),
        k.Conv1D(4, 3),
        k.AveragePooling1D(2),
        k.BatchNormalization(scale=False),
        k.MaxPooling1D(2),
        k.BatchNormalization(center=False, axis=2),
        k.Flatten(),
        k.Dense(4, use_bias=False),
        k.BatchNormalization(),
        k.Activation("sigmoid"),
        k.Dense(2),
    )
    check_equal(model, ["Conv1D", "Conv1D", "AveragePool1D", "MaxPool1D", "Dense", "Dense"])


def test_normalisation_folds_into_the_layer_behind() -> None:
    k = keras_layers()
    model = sequential(
        k.BatchNormalization(),
        k.Conv1D(3, 5, activation="relu"),
        k.BatchNormalization(),
        k.MaxPooling1D(2),
        k.BatchNormalization(),
        k.Conv1D(4, 3, activation="tanh", dilation_rate=2),
        k.BatchNormalization(),
        k.AveragePooling1D(2),
        k.Flatten(),
        k.BatchNormalization(),
        k.Dense(2),
    )
    check_equal(model, ["Conv1D", "MaxPool1D", "Conv1D", "AveragePool1D", "Dense"])


def test_negative_scales_go_through_no_maximum() -> None:
    k = keras_layers()
    model = sequential(k.Conv1D(3, 5), k.MaxPooling1D(2), k.BatchNormalization(), k.Flatten(), k.Dense(2))
    gamma, *others = model.layers[2].get_weights()
    model.layers[2].set_weights([-gamma, *others])
    check_equal(model, ["Conv1D", "MaxPool1D", "Dense"])
    late = sequential(k.Conv1D(3, 5, activation="relu"), k.BatchNormalization(), k.MaxPooling1D(2), k.Dense(2))
    gamma, *others = late.layers[1].get_weights()
    late.layers[1].set_weights([-gamma, *others])
    with pytest.raises(DataError, match="a maximum follows it"):
        from_keras(late, "m")


def test_what_cannot_be_merged_is_named() -> None:
    k = keras_layers()
    refused = {
        "pads with zeros": [k.BatchNormalization(), k.Conv1D(3, 5, padding="same")],
        "no convolution or dense layer follows": [k.Conv1D(3, 5, activation="relu"), k.BatchNormalization()],
        "the activation 'late' follows": [
            k.Conv1D(3, 5, activation="relu"),
            k.BatchNormalization(),
            k.Activation("relu", name="late"),
        ],
        "does not follow a linear": [k.Conv1D(3, 5), k.AveragePooling1D(2), k.Activation("relu")],
        "'twice' does not follow a linear": [k.Conv1D(3, 5, activation="tanh"), k.ReLU(name="twice")],
        "has no layer before it": [k.Activation("tanh"), k.Conv1D(3, 5)],
        "has a maximum": [k.Conv1D(3, 5), k.ReLU(max_value=6)],
        "normalises axis": [k.BatchNormalization(axis=1), k.Conv1D(3, 5)],
        "has stride 1": [k.Conv1D(3, 5), k.AveragePooling1D(2, strides=1)],
    }
    for message, layers in refused.items():
        with pytest.raises(DataError, match=message):
            from_keras(sequential(*layers), "m")


def test_saved_model_to_integers(tmp_path: Path) -> None:
    """From a file to the integer network: close to the float one, with constants from slopes and error budget."""
    k = keras_layers()
    model = sequential(
        k.Conv1D(4, 5),
        k.BatchNormalization(),
        k.LeakyReLU(negative_slope=0.3),
        k.AveragePooling1D(2),
        k.Conv1D(4, 3, activation="hard_sigmoid"),
        k.Conv1D(4, 3, activation="tanh"),
        k.GlobalAveragePooling1D(),
        k.Dense(6, activation="sigmoid"),
        k.Dense(2),
    )
    model.save(tmp_path / "m.keras")
    floating = import_keras(tmp_path / "m.keras")
    assert floating.layers[0].activation == FloatLeakyRelu(pytest.approx(0.3))  # type: ignore[union-attr]
    truth = floating.run(WORD.values(frames()))[-1].reshape(120, -1)
    errors = []
    for budget in (2.0**-4, 2.0**-9):
        network = quantise(floating, WORD, frames(), Precision(16, 14, table_error=budget))
        got = network.output_format.values(reference.run(network, frames()))
        errors.append(float(np.abs(got - truth).max()))
    assert errors[1] < 0.01 < 0.02 < errors[0]
    activations = [layer.activation for layer in network.weighted_layers]
    assert activations[0] == LeakyRelu(77, 8)
    assert activations[1:] == ["hard_sigmoid", Table("tanh", 2, 11), Table("sigmoid", 3, 10), "linear"]
    assert all(layer.output_format.fraction == 14 for layer in network.weighted_layers[1:4])
