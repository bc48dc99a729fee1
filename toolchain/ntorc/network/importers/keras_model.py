"""Keras models (.keras, .h5) to float networks.  A layer that is not supported is named, with what to do."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from ntorc.errors import DataError
from ntorc.network.floating import (
    FloatActivation,
    FloatAveragePool1D,
    FloatConv1D,
    FloatDense,
    FloatGRU,
    FloatLayer,
    FloatLeakyRelu,
    FloatLSTM,
    FloatMaxPool1D,
    FloatNetwork,
    FloatPool,
    FloatRecurrent,
    RecurrentActivation,
)
from ntorc.network.importers.folding import Affine, Chain

_IGNORED = {"InputLayer", "Flatten", "Dropout", "SpatialDropout1D", "GaussianNoise"}
_ACTIVATION_LAYERS = {"Activation", "ReLU", "LeakyReLU"}
SUPPORTED = frozenset(
    {"Conv1D", "Dense", "LSTM", "GRU", "MaxPooling1D", "AveragePooling1D", "GlobalAveragePooling1D"}
    | {"BatchNormalization"}
    | _IGNORED
    | _ACTIVATION_LAYERS
)
"""Kinds of layers that can be imported."""

_NAMED: dict[str, FloatActivation] = {
    "linear": "linear",
    "relu": "relu",
    "hard_sigmoid": "hard_sigmoid",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}
_KERAS_LEAKY_SLOPE = 0.2  # of the function keras.activations.leaky_relu; the layer states its own


def import_keras(path: Path, name: str = "") -> FloatNetwork:
    """Read a model file.

    Raises:
        DataError: no such file, not a Keras model, or a layer that is not supported.
    """
    return from_keras(open_keras(path), name or path.stem)


def open_keras(path: Path) -> Any:
    """The Keras model of a file, of Keras 3 or, in .h5, older.

    Raises:
        DataError: no such file, or not a Keras model.
    """
    if not path.is_file():
        raise DataError(f"there is no model file {path}", "give a .keras or .h5 file")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from ntorc.network.importers.keras_h5 import is_old, load_old

    if is_old(path):
        return load_old(path)
    if path.suffix.lower() == ".keras" and not zipfile.is_zipfile(path):  # Keras would say that there is no file
        raise DataError(f"{path} is not a Keras model: no archive, as .keras files are", "save it with model.save()")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is not a Keras model: {str(error).splitlines()[0]}", "save it with model.save()"
        ) from error


def from_keras(model: Any, name: str) -> FloatNetwork:
    """A sequential Keras model as a float network; layer names become identifiers."""
    shape = model.input_shape
    if len(shape) != 3 or shape[1] is None or shape[2] is None:
        raise DataError(f"'{name}' takes {shape}", "its input must be [batch, length, channels] with a fixed length")
    chain = Chain()
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in _IGNORED:
            continue
        if kind in _ACTIVATION_LAYERS:
            chain.activate(_layer_activation(layer, kind), layer.name)
        elif kind == "BatchNormalization":
            chain.scale(_normalisation(layer))
        else:
            chain.add(_convert(layer, kind, len(chain.layers)))
    return FloatNetwork(name, int(shape[1]), int(shape[2]), chain.finish())


def _convert(layer: Any, kind: str, index: int) -> FloatLayer:
    name = f"l{index}_" + re.sub(r"\W+", "_", layer.name)
    if kind in ("MaxPooling1D", "AveragePooling1D"):
        return _pool(layer, kind, name)
    if kind == "GlobalAveragePooling1D":
        _require_channels_last(layer)
        return FloatAveragePool1D(name, int(layer.input.shape[1]))
    if kind == "Dense":
        weights, bias = _weights(layer)
        if len(layer.input.shape) == 3 and layer.input.shape[1] != 1:  # without Flatten: each vector by itself
            return FloatConv1D(name, weights[None], bias, activation=_activation(layer))
        return FloatDense(name, weights, bias, _activation(layer))
    if kind == "Conv1D":
        return _convolution(layer, name)
    if kind in ("LSTM", "GRU"):
        return recurrent_layer(layer, kind, name)
    raise DataError(
        f"layer '{layer.name}' is a {kind}, which is not supported",
        "supported: Conv1D, LSTM, GRU, Dense, Flatten, MaxPooling1D, AveragePooling1D, GlobalAveragePooling1D,"
        " BatchNormalization, Activation, ReLU, LeakyReLU; Dropout is left out",
    )


def _require_channels_last(layer: Any) -> None:
    if layer.data_format != "channels_last":
        raise DataError(f"layer '{layer.name}' has data_format {layer.data_format}", "use channels_last")


def _pool(layer: Any, kind: str, name: str) -> FloatPool:
    _require_channels_last(layer)
    pool, stride = int(layer.pool_size[0]), int(layer.strides[0])
    padded = layer.padding != "valid" and int(layer.input.shape[1]) % pool  # else 'same' adds nothing
    if pool != stride or padded:
        raise DataError(
            f"pooling layer '{layer.name}' has stride {stride}, padding {layer.padding}",
            f"use strides={pool} and padding='valid'",
        )
    return FloatMaxPool1D(name, pool) if kind == "MaxPooling1D" else FloatAveragePool1D(name, pool)


def _convolution(layer: Any, name: str) -> FloatConv1D:
    if layer.groups != 1:
        raise DataError(f"layer '{layer.name}' has {layer.groups} groups", "use groups=1")
    weights, bias = _weights(layer)
    kernel, stride, dilation = weights.shape[0], int(layer.strides[0]), int(layer.dilation_rate[0])
    span = (kernel - 1) * dilation + 1
    left = right = 0
    if layer.padding == "causal":
        left = span - 1
    elif layer.padding == "same":
        length = int(layer.input.shape[1])
        outputs = -(-length // stride)
        total = max((outputs - 1) * stride + span - length, 0)
        left, right = total // 2, total - total // 2
    return FloatConv1D(name, weights, bias, stride, dilation, left, right, _activation(layer))


def recurrent_layer(layer: Any, kind: str, name: str) -> FloatRecurrent:
    """An LSTM or GRU with its weights.

    Raises:
        DataError: an option of it is not supported.
    """
    if layer.go_backwards or layer.return_state:
        raise DataError(
            f"layer '{layer.name}' has go_backwards={layer.go_backwards}, return_state={layer.return_state}",
            "an estimator sees its samples in order and keeps its state to itself: set both to False",
        )
    if kind == "GRU" and not layer.reset_after:
        raise DataError(f"layer '{layer.name}' has reset_after=False", "use reset_after=True, Keras' default")
    gates, inner = (_gate_activation(layer, what) for what in (layer.recurrent_activation, layer.activation))
    kernel, recurrent_kernel, bias = _recurrent_weights(layer)
    sequences, stateful = bool(layer.return_sequences), bool(layer.stateful)
    if kind == "LSTM":
        return FloatLSTM(name, kernel, recurrent_kernel, bias.reshape(-1), sequences, stateful, gates, inner)
    split, rows = 2 * recurrent_kernel.shape[0], bias.reshape(2, -1)
    # z and r add both biases; the candidate's recurrent one meets r first
    merged = np.concatenate([rows.sum(axis=0)[:split], rows[0, split:], rows[1, split:]])
    return FloatGRU(name, kernel, recurrent_kernel, merged, sequences, stateful, gates, inner)


def _recurrent_weights(layer: Any) -> tuple[Any, Any, Any]:
    arrays = [np.asarray(array, np.float64) for array in layer.get_weights()]
    if not arrays:
        raise DataError(f"layer '{layer.name}' has no weights", "train or load the model first")
    if len(arrays) == 2:
        arrays.append(np.zeros((1 if type(layer).__name__ == "LSTM" else 2, arrays[0].shape[1])))
    return arrays[0], arrays[1], arrays[2]


def _gate_activation(layer: Any, function: Any) -> RecurrentActivation:
    name = getattr(function, "__name__", str(function))
    for known in get_args(RecurrentActivation):
        if name == known:
            return cast(RecurrentActivation, known)
    raise DataError(
        f"layer '{layer.name}' has activation '{name}'", "in a recurrent layer: sigmoid, hard_sigmoid, tanh"
    )


def _weights(layer: Any) -> tuple[Any, Any]:
    arrays = [np.asarray(array, np.float64) for array in layer.get_weights()]
    if not arrays:
        raise DataError(f"layer '{layer.name}' has no weights", "train or load the model first")
    return arrays[0], arrays[1] if len(arrays) > 1 else np.zeros(arrays[0].shape[-1])


def _normalisation(layer: Any) -> Affine:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, over the last axis."""
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if axes not in ([-1], [len(layer.input.shape) - 1]):
        raise DataError(f"layer '{layer.name}' normalises axis {layer.axis}", "use axis=-1")
    variance = np.asarray(layer.moving_variance, np.float64)
    scale = 1.0 / np.sqrt(variance + float(layer.epsilon))
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, np.float64)
    shift = -np.asarray(layer.moving_mean, np.float64) * scale
    if layer.center:
        shift = shift + np.asarray(layer.beta, np.float64)
    return Affine(layer.name, scale, shift)


def _layer_activation(layer: Any, kind: str) -> FloatActivation:
    if kind == "Activation":
        return _activation(layer)
    if kind == "LeakyReLU":
        return _leaky(float(layer.negative_slope))
    if layer.max_value is not None or float(layer.threshold) != 0:
        raise DataError(f"layer '{layer.name}' has a maximum or a threshold", "use ReLU with a slope at most")
    return _leaky(float(layer.negative_slope))


def _leaky(slope: float) -> FloatActivation:
    return FloatLeakyRelu(slope) if slope else "relu"


def _activation(layer: Any) -> FloatActivation:
    if type(layer.activation).__name__ in ("ReLU", "LeakyReLU"):  # a layer object given as activation=
        return _layer_activation(layer.activation, type(layer.activation).__name__)
    name = getattr(layer.activation, "__name__", str(layer.activation))
    if name in _NAMED:
        return _NAMED[name]
    if name == "leaky_relu":
        return FloatLeakyRelu(_KERAS_LEAKY_SLOPE)
    raise DataError(
        f"layer '{layer.name}' has activation '{name}'",
        "supported: linear, relu, leaky_relu, hard_sigmoid, sigmoid, tanh",
    )
