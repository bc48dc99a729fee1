"""The window form that a Keras model's JSON describes: its architecture, to be trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ntorc.errors import DataError
from ntorc.estimator.forms import ConvLayer, WindowForm
from ntorc.network.importers.keras_json import read_config

_ORDER = ("Conv1D", "MaxPooling1D", "LSTM", "Flatten", "Dense")
_HINT = (
    "a form that is trained here has an input of [samples, 1], Conv1D (relu) each with or without MaxPooling1D, LSTM"
    " layers (return_sequences), Flatten, Dense (relu) and a last linear Dense of one unit; train others with Keras and"
    " give the result to `ntorc deploy --model`"
)


def form_of_json(path: Path) -> WindowForm:
    """The form of a sequential Keras model's JSON, of Keras 3 or older.

    Args:
        path: what ``model.to_json()`` gives.

    Raises:
        DataError: it cannot be read, or is no window form; says which layer is in the way.
        UsageError: layers that leave nothing of the window.
    """
    window = 0
    conv: list[ConvLayer] = []
    lstm: list[int] = []
    dense: list[tuple[str, dict[str, Any]]] = []
    left = 0  # samples that reach the next layer
    at = "InputLayer"
    for item in read_config(path)["config"]["layers"]:
        kind, config = str(item["class_name"]), item["config"]
        name = str(config.get("name", kind))
        if kind == "InputLayer":
            window = left = _window(path, config)
            continue
        if kind not in _ORDER:
            raise DataError(f"{path.name}: layer '{name}' is a {kind}, which no window form has", _HINT)
        _in_order(path, name, at, kind)
        if kind == "Conv1D":
            layer = _convolution(path, name, config)
            conv.append(layer)
            left = -(-left // layer.stride) if layer.padding == "same" else (left - layer.kernel) // layer.stride + 1
        elif kind == "MaxPooling1D":
            pool = _pool(path, name, config, left, follows=at)
            conv[-1] = ConvLayer(conv[-1].filters, conv[-1].kernel, conv[-1].stride, pool, conv[-1].padding)
            left //= pool
        elif kind == "LSTM":
            _require(path, name, config, activation="tanh", recurrent_activation="sigmoid", return_sequences=True)
            lstm.append(int(config["units"]))
        elif kind == "Dense":
            dense.append((name, config))
        at = kind
    return WindowForm(window, tuple(conv), _dense(path, dense), tuple(lstm))


def _window(path: Path, config: dict[str, Any]) -> int:
    shape = list(config.get("batch_shape") or [])
    if len(shape) != 3 or not shape[1] or shape[2] != 1:
        raise DataError(f"{path.name} takes {shape}", "its input must be [batch, samples, 1], fixed in length")
    return int(shape[1])


def _in_order(path: Path, name: str, at: str, kind: str) -> None:
    """A layer may follow its own kind or an earlier one; a pool, convolutions alone."""
    steps = ("InputLayer", *_ORDER)
    convolutions = ("Conv1D", "MaxPooling1D")
    follows = steps.index(at) <= steps.index(kind) or (at in convolutions and kind in convolutions)
    if not follows or (kind == "MaxPooling1D" and at != "Conv1D"):
        raise DataError(f"{path.name}: layer '{name}' ({kind}) follows a layer of kind {at}", _HINT)


def _require(path: Path, name: str, config: dict[str, Any], **wanted: object) -> None:
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise DataError(f"{path.name}: layer '{name}' has {key} {config[key]!r}, not {value!r}", _HINT)


def _one(value: Any) -> int:
    return int(value[0] if isinstance(value, list | tuple) else value)


def _convolution(path: Path, name: str, config: dict[str, Any]) -> ConvLayer:
    _require(path, name, config, activation="relu", use_bias=True, groups=1, data_format="channels_last")
    if _one(config.get("dilation_rate", 1)) != 1:
        raise DataError(f"{path.name}: layer '{name}' is dilated", _HINT)
    padding = config.get("padding", "valid")
    if padding not in ("valid", "same"):
        raise DataError(f"{path.name}: layer '{name}' has padding {padding!r}", _HINT)
    kernel, stride = _one(config["kernel_size"]), _one(config.get("strides", 1))
    return ConvLayer(int(config["filters"]), kernel, stride, padding=padding)


def _pool(path: Path, name: str, config: dict[str, Any], length: int, follows: str) -> int:
    pool = _one(config.get("pool_size", 2))
    stride = _one(config.get("strides") or pool)
    if stride != pool or (config.get("padding", "valid") == "same" and length % pool):
        raise DataError(
            f"{path.name}: layer '{name}' pools {pool} of {length} samples by steps of {stride}, padded: behind"
            f" {follows} a form has pools that do not overlap and are not padded",
            _HINT,
        )
    return pool


def _dense(path: Path, layers: list[tuple[str, dict[str, Any]]]) -> tuple[int, ...]:
    if not layers or int(layers[-1][1]["units"]) != 1:
        raise DataError(f"{path.name} does not end with a Dense of one unit, the position", _HINT)
    for name, config in layers[:-1]:
        _require(path, name, config, activation="relu", use_bias=True)
    _require(path, *layers[-1], activation="linear", use_bias=True)
    return tuple(int(config["units"]) for _, config in layers[:-1])
