"""NETWORK of the command line: a folder of ours, a Keras model, or a model's JSON, as an integer network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ntorc.errors import DataError, UsageError
from ntorc.network.floating import FloatNetwork
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.hls4ml_mode import Hls4mlMode, hls4ml_format, hls4ml_network
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, digest_of_file

_MODELS = (".keras", ".h5", ".hdf5")
_QONNX = ".onnx"
_INPUT = FixedFormat(14, 11)
"""Of samples of unit variance, where nothing is known of the sensor."""

HLS4ML_MODE = Hls4mlMode("name", hls4ml_format(16, 6), hls4ml_format(16, 6), table_error=2.0**-8)
"""hls4ml's default precision, layers stated by name; tables as large as the error asks for."""

ARITHMETICS: dict[str, Hls4mlMode | None] = {
    "ntorc": None,
    "hls4ml-name": HLS4ML_MODE,
    "hls4ml-model": Hls4mlMode("model", HLS4ML_MODE.precision, table_error=HLS4ML_MODE.table_error),
}
"""By name: formats chosen on samples, rounded and saturated; or hls4ml's own, in either granularity."""

_FRAMES = 32


def load_network(path: Path) -> Network:
    """A saved network.

    Raises:
        UsageError: there is none at ``path``.
    """
    if not (path / "network.json").is_file():
        raise UsageError(
            f"{path} holds no network (no network.json)",
            "make one: ntorc train FOLDER; or give a Keras (.keras, .h5) or QONNX model (.onnx), or a model's JSON",
        )
    return Network.load(path)


def mode_of(arithmetic: str, backend: str = "", table_error: float | None = None) -> Hls4mlMode | None:
    """hls4ml's mode under an arithmetic by name; None: ntorc's own.

    Args:
        arithmetic: of `ARITHMETICS`; empty for the backend's own.
        backend: that the network is for; empty for any.
        table_error: what an activation's table may be off by, as a number; None for the default.

    Raises:
        UsageError: no such arithmetic.
        DataError: the backend cannot have it.
    """
    name = arithmetic or ("hls4ml-name" if backend == "hls4ml" else "ntorc")
    if name not in ARITHMETICS:
        raise UsageError(f"there is no arithmetic '{name}'", f"--arithmetic is {' or '.join(ARITHMETICS)}")
    mode = ARITHMETICS[name]
    if mode is not None and backend == "finn":
        raise DataError("FINN has no words that wrap, as hls4ml's do", "take --arithmetic ntorc or --backend native")
    if mode is None or table_error is None:
        return mode
    return replace(mode, table_error=table_error)


def brings_formats(path: Path) -> bool:
    """Whether a network's file fixes its words: a network of ours or a QONNX model, not a Keras model."""
    return path.name == "network.json" or path.suffix.lower() not in (*_MODELS, ".json")


def open_network(
    flow: Flow,
    path: Path,
    precision: Precision | None = None,
    backend: str = "",
    arithmetic: str = "",
    table_error: float | None = None,
) -> Network:
    """The integer network of any of the known forms.

    A Keras model for the backend ``hls4ml`` becomes a network in hls4ml's own arithmetic, `HLS4ML_MODE`, and one for
    the native backend where ``arithmetic`` asks for it (`mode_of`).

    A Keras model brings its weights, a JSON none: those are drawn, and the network's name says so.  Both come without
    data, so that formats are chosen on drawn samples of unit variance.  A QONNX model brings its formats too.

    Raises:
        UsageError: nothing of these forms is at ``path``, or it brings its words and others are asked for.
        DataError: no table of hls4ml's is within ``table_error``.
    """
    if not path.exists():
        raise UsageError(
            f"there is no network {path}",
            "give an ntorc network (`ntorc train FOLDER` makes one), a Keras model (.keras, .h5), a QONNX model (.onnx)"
            " or a model's JSON",
        )
    mode = mode_of(arithmetic, backend, table_error)
    if (arithmetic or table_error is not None) and brings_formats(path):
        raise UsageError(
            f"{path} brings its words and tables", "leave --arithmetic and --table-error out, or give a Keras model"
        )
    if path.name == "network.json" or path.is_dir():
        return load_network(path.parent if path.name == "network.json" else path)
    if path.suffix.lower() == _QONNX:
        return _qonnx_network(flow, path)
    if path.suffix.lower() not in (*_MODELS, ".json"):
        raise UsageError(
            f"{path} is no form of a network that is known",
            "give an ntorc network (a folder), a Keras model (.keras, .h5), a QONNX model (.onnx) or a model's JSON",
        )
    precision = precision or Precision()
    if table_error is not None:
        precision = replace(precision, table_error=table_error)
    sources = ("network/importers", "network/quantise.py", "network/formats.py", "network/hls4ml_mode.py",
               "pipeline/networks.py")  # fmt: skip
    code = code_of(*sources)
    arithmetic = digest_of(precision if mode is None else mode)
    key = digest_of({"file": digest_of_file(path), "name": path.stem, "precision": arithmetic, "code": code})

    def make(work: Path) -> None:
        flow.progress.message(f"  reading {path.name} with Keras")
        floating = float_network(path)
        network = integer_network(floating, precision) if mode is None else hls4ml_network(floating, mode)
        network.save(work / "network")

    network = Network.load(flow.once("imported", key, make) / "network")
    if path.suffix.lower() == ".json":
        flow.progress.message(f"  {path.name} has no weights: they are drawn from a seed, so only costs mean anything")
    if mode is not None:
        sums = "sums exact" if mode.granularity == "name" else "sums too"
        flow.progress.message(f"  its arithmetic is hls4ml's: fixed<16,6>, truncated and wrapped, {sums}")
        return network
    flow.progress.message("  formats are chosen on drawn samples of unit variance, as no data comes with the file")
    return network


def _qonnx_network(flow: Flow, path: Path) -> Network:
    """Exact, so that there is nothing to choose; read in a moment."""
    from ntorc.network.importers.qonnx_model import import_qonnx

    found = import_qonnx(path)
    for note in found.notes:
        flow.progress.message(f"  {path.name}: {note}")
    return found.network


def float_network(path: Path) -> FloatNetwork:
    """A Keras model with its weights, or a JSON with drawn ones."""
    from ntorc.network.importers.keras_json import import_keras_json
    from ntorc.network.importers.keras_model import import_keras

    return import_keras_json(path) if path.suffix.lower() == ".json" else import_keras(path)


def integer_network(floating: FloatNetwork, precision: Precision) -> Network:
    """Quantised on drawn frames."""
    return quantise(floating, _INPUT, drawn_counts(floating.input_length, floating.input_channels), precision)


def drawn_counts(length: int, channels: int, frames: int = _FRAMES) -> IntArray:
    """Frames of unit variance as integers of the input's format ``[frames, length, channels]``."""
    return _INPUT.quantise(np.random.default_rng(1).normal(0.0, 1.0, (frames, length, channels)))
