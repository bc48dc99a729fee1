"""The Keras model of a streaming form, behind its front end's features, and its way to a float network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntorc.estimator.forms import BankFront, FilterFront, StreamingForm
from ntorc.estimator.runs import FloatArray
from ntorc.estimator.untrained import filter_layer
from ntorc.network.floating import FloatDense, FloatLayer, FloatNetwork, FloatResonatorBank
from ntorc.network.importers.keras_model import recurrent_layer


@dataclass(frozen=True)
class Scales:
    """Constants between the network's words and what trains well; all of them end up in weights.

    Attributes:
        shift, scale: the model is trained on (features - shift) * scale, one each a feature.
        mean_v, std_v: and on (position - mean_v) / std_v.
    """

    shift: tuple[float, ...]
    scale: tuple[float, ...]
    mean_v: float
    std_v: float

    def scaled(self, features: FloatArray) -> FloatArray:
        """Features [..., features] as the model is trained on them."""
        shift, scale = np.array(self.shift, np.float32), np.array(self.scale, np.float32)
        return np.asarray((features - shift) * scale, np.float32)


_SHARE_SCALE = 0.25
_TOTAL_SCALE = 0.125


def choose_scales(form: StreamingForm, features: FloatArray, target_v: FloatArray) -> Scales:
    """Means from training data; a bank's scales are powers of two, its shares being alike by construction."""
    count = features.shape[1]
    scale = [1.0] * count
    shift = [0.0] * count
    if isinstance(form.front, BankFront):
        scale = [_SHARE_SCALE] * (count - 1) + [_TOTAL_SCALE]
        shift = [float(mean) for mean in features.mean(axis=0)]
    return Scales(tuple(shift), tuple(scale), float(target_v.mean()), max(float(target_v.std()), 1e-3))


def build_streaming(form: StreamingForm, seed: int) -> Any:
    """The untrained model: features [batch, frames, inputs] to scaled positions [batch, frames, 1]."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = form.frame_samples if isinstance(form.front, FilterFront) else form.front.features
    layers: list[Any] = [keras.Input((None, inputs), name="features")]
    if isinstance(form.front, FilterFront):
        layers.append(keras.layers.Dense(form.front.filters, activation="relu", name="filters"))
    layers.append(keras.layers.GRU(form.units, return_sequences=True, name="gru"))
    for number, units in enumerate(form.dense, start=1):
        layers.append(keras.layers.Dense(units, activation="relu", name=f"dense{number}"))
    layers.append(keras.layers.Dense(1, name="position"))
    return keras.Sequential(layers)


def merge_members(form: StreamingForm, models: Sequence[Any]) -> Any:
    """One model whose GRU holds the members' side by side and whose output is the mean of theirs, exactly."""
    if form.members == 1:
        return models[0]
    merged = build_streaming(form, 0)
    kernels, fed_back, biases = zip(*(model.get_layer("gru").get_weights() for model in models), strict=True)
    gates = [np.split(kernel, 3, axis=1) for kernel in kernels]
    own = [np.split(matrix, 3, axis=1) for matrix in fed_back]
    offsets = [np.split(bias, 3, axis=1) for bias in biases]
    merged.get_layer("gru").set_weights(
        [
            np.concatenate([part[gate] for gate in range(3) for part in gates], axis=1),
            np.concatenate([_block_diagonal([part[gate] for part in own]) for gate in range(3)], axis=1),
            np.concatenate([part[gate] for gate in range(3) for part in offsets], axis=1),
        ]
    )
    outs, shifts = zip(*(model.get_layer("position").get_weights() for model in models), strict=True)
    merged.get_layer("position").set_weights([np.concatenate(outs) / len(models), np.mean(shifts, axis=0)])
    return merged


def _block_diagonal(blocks: Sequence[FloatArray]) -> FloatArray:
    size, count = len(blocks[0]), len(blocks)
    result = np.zeros((size * count, size * count), np.float32)
    for index, block in enumerate(blocks):
        part = slice(index * size, (index + 1) * size)
        result[part, part] = block
    return result


def fold_scales(model: Any, scales: Scales) -> None:
    """Make a model of scaled features and positions one of features and volts, by its weights alone."""
    first, last = model.layers[0], model.layers[-1]
    kernel, *others = first.get_weights()
    bias = others[-1]
    scale, shift = np.array(scales.scale), np.array(scales.shift)
    folded = kernel * scale[:, None]
    moved = shift @ folded
    # of a GRU's two rows the first is added to the inputs' sums
    bias = np.stack([bias[0] - moved, bias[1]]) if bias.ndim == 2 else bias - moved
    first.set_weights([folded, *others[:-1], bias])
    kernel, bias = last.get_weights()
    last.set_weights([kernel * scales.std_v, bias * scales.std_v + scales.mean_v])


def to_float_network(form: StreamingForm, model: Any, sample_rate_hz: float, name: str) -> FloatNetwork:
    """The trained, folded model with its front end, as layers on frames of samples."""
    layers: list[FloatLayer | FloatResonatorBank] = []
    if isinstance(form.front, BankFront):
        layers.append(form.front.real(sample_rate_hz))
    for layer in model.layers:
        if type(layer).__name__ == "GRU":
            layers.append(replace(recurrent_layer(layer, "GRU", layer.name), return_sequences=False, stateful=True))
            continue
        weights, bias = (np.asarray(array, np.float64) for array in layer.get_weights())
        if isinstance(form.front, FilterFront) and not layers:
            layers.append(filter_layer(form.front, weights, bias))
        else:
            layers.append(FloatDense(layer.name, weights, bias, "linear" if layer is model.layers[-1] else "relu"))
    return FloatNetwork(name, form.frame_samples, 1, tuple(layers))
