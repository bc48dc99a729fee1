"""Keras models of forms."""

from __future__ import annotations

from typing import Any

from ntorc.estimator.forms import WindowForm


def build_model(form: WindowForm, seed: int) -> Any:
    """The untrained Keras model of a form, initialised from a seed; input [window_samples, 1]."""
    import keras

    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.Input((form.window_samples, 1), name="window")]
    for number, layer in enumerate(form.conv, start=1):
        layers.append(
            keras.layers.Conv1D(
                layer.filters,
                layer.kernel,
                strides=layer.stride,
                padding=layer.padding,
                activation="relu",
                name=f"conv{number}",
            )
        )
        if layer.pool > 1:
            layers.append(keras.layers.MaxPooling1D(layer.pool, name=f"pool{number}"))
    for number, units in enumerate(form.lstm, start=1):
        layers.append(keras.layers.LSTM(units, return_sequences=True, name=f"lstm{number}"))
    layers.append(keras.layers.Flatten(name="flatten"))
    for number, units in enumerate(form.dense, start=1):
        layers.append(keras.layers.Dense(units, activation="relu", name=f"dense{number}"))
    layers.append(keras.layers.Dense(1, name="position"))
    return keras.Sequential(layers)


def fold_label_scale(model: Any, mean_v: float, std_v: float) -> None:
    """Make a model that gives (V - mean) / std give volts: the scale moves into its last layer."""
    last = model.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel * std_v, bias * std_v + mean_v])
