"""Old .h5 model files (Keras 1 and 2): their configuration is brought to Keras 3's form, their weights are as ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ntorc.errors import DataError
from ntorc.network.importers.keras_json import modern_config

_LARGEST_BYTES = 512 << 20
_HINT = "save it again with model.save() in Keras 3, or give its .keras file"


def is_old(path: Path) -> bool:
    """Whether a file is HDF5 of a Keras before 3, by what it says of itself."""
    return path.suffix.lower() in (".h5", ".hdf5") and not _version(path).startswith("3")


def load_old(path: Path) -> Any:
    """The Keras model of an old file, with its weights.

    Raises:
        DataError: no such model, or a layer that is not supported, by name.
    """
    import keras

    text = _attribute(path, "model_config")
    if not text:
        raise DataError(f"{path} holds weights without a model", "save it with model.save(), not save_weights()")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} has a configuration that is no JSON: {error}", _HINT) from error
    made = json.dumps(modern_config(config, path))
    try:
        model = keras.models.model_from_json(made)
        model.load_weights(str(path))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OSError) as error:
        raise DataError(
            f"{path} is not a model that Keras {keras.__version__} reads: {str(error).splitlines()[0][:200]}", _HINT
        ) from error
    return model


def _version(path: Path) -> str:
    return _attribute(path, "keras_version")


def _attribute(path: Path, name: str) -> str:
    import h5py

    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise DataError(f"{path} is larger than any model that fits a board", _HINT)
        with h5py.File(path, "r") as file:
            value = file.attrs.get(name, b"")
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise DataError(f"{path} is not a Keras model: {str(error).splitlines()[0]}", _HINT) from error
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
