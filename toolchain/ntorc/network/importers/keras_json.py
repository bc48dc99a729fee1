"""Keras model JSONs: layers without weights.  Weights are drawn from a seed, so only costs mean anything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import DataError
from ntorc.network.floating import FloatNetwork
from ntorc.network.importers.keras_model import SUPPORTED, from_keras

_DRAWN = {"Conv1D", "Dense", "LSTM", "GRU"}
_LARGEST_BYTES = 16 << 20
_OLD_NAMES = {"batch_input_shape": "batch_shape"}  # of an input layer, before Keras 3
_RECURRENT = ("time_major", "implementation")
_DROPPED = {"InputLayer": ("ragged",), "LSTM": _RECURRENT, "GRU": _RECURRENT}  # what Keras 3 no longer has
_HINT = "give a model's JSON (model.to_json()), a .keras or .h5 file, or the folder of an ntorc network"

SEEDED = "_seeded"
"""Ends the name of every network whose weights were drawn."""


def import_keras_json(path: Path, seed: int = 1) -> FloatNetwork:
    """Read a model's JSON, of Keras 3 or older, and draw its weights with variance 2 / inputs.

    The network's name ends with `SEEDED`.

    Raises:
        DataError: no JSON of a sequential Keras model, or a layer that is not supported.
    """
    config = read_config(path)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    try:
        model = keras.models.model_from_json(json.dumps(config))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError) as error:
        raise DataError(
            f"{path} is not a model that Keras {keras.__version__} reads: {str(error).splitlines()[0][:200]}",
            "save it with model.to_json(), or give the model's .keras or .h5 file",
        ) from error
    if not model.built:
        raise DataError(f"{path} states no input shape", "begin the model with keras.Input((length, channels))")
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if type(layer).__name__ in _DRAWN:
            shapes = [tuple(array.shape) for array in layer.get_weights()]
            layer.set_weights([_drawn(generator, shape) for shape in shapes])
    return from_keras(model, path.stem + SEEDED)


def _drawn(generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
    if len(shape) == 1:
        return generator.normal(0.0, 0.1, shape)
    return generator.normal(0.0, np.sqrt(2.0 / np.prod(shape[:-1])), shape)


def read_config(path: Path) -> dict[str, Any]:
    """The model's configuration, of known layers alone, in the form of Keras 3.

    Raises:
        DataError: no JSON of a sequential Keras model, or a layer that is not supported.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise DataError(f"{path} is too large for a model's JSON", _HINT)
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}", _HINT) from error
    return modern_config(config, path)


def modern_config(config: Any, path: Path) -> dict[str, Any]:
    """A sequential model's configuration of any Keras in the form of Keras 3.

    Raises:
        DataError: another model, or a layer that is not supported.
    """
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else inner  # a list before Keras 2.2.3
    if not isinstance(config, dict) or config.get("class_name") != "Sequential" or not isinstance(layers, list):
        raise DataError(f"{path} is not the JSON of a sequential Keras model", _HINT)
    content = dict(inner) if isinstance(inner, dict) else {"name": path.stem}
    made = [_layer(path, item) for item in layers]
    if made and made[0]["class_name"] != "InputLayer" and (shape := layers[0]["config"].get("batch_input_shape")):
        made.insert(0, _layer(path, {"class_name": "InputLayer", "config": {"batch_input_shape": shape}}))
    content["layers"] = made
    return {"module": "keras", "class_name": "Sequential", "config": content, "registered_name": "Sequential"}


def _layer(path: Path, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or not isinstance(item.get("config"), dict):
        raise DataError(f"{path} holds a layer without a configuration", "save it again with model.to_json()")
    kind = item.get("class_name")
    if kind not in SUPPORTED:
        raise DataError(f"{path} has a layer of kind {kind!r}", f"supported: {', '.join(sorted(SUPPORTED))}")
    if "batch_input_shape" in item["config"] and kind != "InputLayer":  # said again by the input layer
        item = {**item, "config": {k: v for k, v in item["config"].items() if k != "batch_input_shape"}}
    fields = {_OLD_NAMES.get(name, name): value for name, value in item["config"].items()}
    for name in _DROPPED.get(str(kind), ()):
        if not fields.get(name) or name == "implementation":
            fields.pop(name, None)
    return {"module": "keras.layers", "class_name": kind, "config": fields, "registered_name": None}
