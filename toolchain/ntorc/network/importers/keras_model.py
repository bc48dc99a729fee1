"""Keras models (.keras, .h5) to float networks.  A layer that is not supported is named, with what to do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import DataError
from ntorc.network.floating import FloatConv1D, FloatDense, FloatLayer, FloatMaxPool1D, FloatNetwork
from ntorc.network.network import Activation

_IGNORED = {"InputLayer", "Flatten", "Dropout", "SpatialDropout1D", "GaussianNoise"}


def import_keras(path: Path, name: str = "") -> FloatNetwork:
    """Read a model file.

    Raises:
        DataError: no such file, not a Keras model, or a layer that is not supported.
    """
    if not path.is_file():
        raise DataError(f"there is no model file {path}", "give a .keras or .h5 file")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is not a Keras model: {str(error).splitlines()[0]}", "save it with model.save()"
        ) from error
    return from_keras(model, name or path.stem)


def from_keras(model: Any, name: str) -> FloatNetwork:
    """A sequential Keras model as a float network; layer names become identifiers."""
    shape = model.input_shape
    if len(shape) != 3 or shape[1] is None or shape[2] is None:
        raise DataError(f"'{name}' takes {shape}", "its input must be [batch, length, channels] with a fixed length")
    layers: list[FloatLayer] = []
    for layer in model.layers:
        converted = _convert(layer, len(layers))
        if isinstance(converted, FloatMaxPool1D) and converted.pool == 1:
            continue
        if isinstance(converted, FloatMaxPool1D) and layers and isinstance(layers[-1], FloatMaxPool1D):
            # two pools in a row are one pool of their product, also where lengths do not divide
            layers[-1] = FloatMaxPool1D(layers[-1].name, layers[-1].pool * converted.pool)
        elif converted is not None:
            layers.append(converted)
    return FloatNetwork(name, int(shape[1]), int(shape[2]), tuple(layers))


def _convert(layer: Any, index: int) -> FloatLayer | None:
    kind = type(layer).__name__
    name = f"l{index}_" + re.sub(r"\W+", "_", layer.name)
    if kind in _IGNORED:
        return None
    if kind == "MaxPooling1D":
        return _pool(layer, name)
    if kind == "Dense":
        weights, bias = _weights(layer)
        return FloatDense(name, weights, bias, _activation(layer))
    if kind == "Conv1D":
        return _convolution(layer, name)
    raise DataError(
        f"layer '{layer.name}' is a {kind}, which is not supported",
        "supported: Conv1D, MaxPooling1D, Flatten, Dense with linear or relu; Dropout is left out",
    )


def _pool(layer: Any, name: str) -> FloatMaxPool1D:
    pool, stride = int(layer.pool_size[0]), int(layer.strides[0])
    if pool != stride or layer.padding != "valid":
        raise DataError(
            f"pooling layer '{layer.name}' has stride {stride}, padding {layer.padding}",
            f"use strides={pool} and padding='valid'",
        )
    return FloatMaxPool1D(name, pool)


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


def _weights(layer: Any) -> tuple[Any, Any]:
    arrays = [np.asarray(array, np.float64) for array in layer.get_weights()]
    if not arrays:
        raise DataError(f"layer '{layer.name}' has no weights", "train or load the model first")
    return arrays[0], arrays[1] if len(arrays) > 1 else np.zeros(arrays[0].shape[-1])


def _activation(layer: Any) -> Activation:
    name = getattr(layer.activation, "__name__", str(layer.activation))
    if name == "linear":
        return "linear"
    if name == "relu":
        return "relu"
    raise DataError(f"layer '{layer.name}' has activation '{name}'", "supported: linear and relu")
