"""The process that converts, compiles and runs one emulation: ``python -m ... FOLDER`` (see `emulate`)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.backends.hls4ml.emulate import Built, Request
from ntorc.errors import NtorcError, ToolError
from ntorc.network.formats import FixedFormat
from ntorc.npz import read_arrays
from ntorc.records import load, save

_NAME = "emulated"
_BUILT = "built.json"


def main(folder: Path) -> None:
    """Answer the request in ``folder``."""
    request = load(Request, folder / "request.json")
    windows = read_arrays(folder / "windows.npz", ["windows"], "run it again")["windows"].astype(np.float64)
    project = Path(request.project)
    with (project / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes may want the same project
        if not (project / _BUILT).is_file():
            save(_build(request, project), project / _BUILT)
        built = load(Built, project / _BUILT)
    outputs = predict(project / built.library, windows, built.outputs)
    integers = outputs * 2.0**built.output_format.fraction
    if (integers != np.floor(integers)).any():
        raise ToolError(f"hls4ml's outputs are not of {built.output_format}")
    np.savez(folder / "outputs.npz", outputs=integers.astype(np.int64))
    save(built, folder / "emulation.json")


def predict(
    library: Path, windows: npt.NDArray[np.float64], outputs: int, name: str = _NAME
) -> npt.NDArray[np.float64]:
    """One call a window through the generated bridge; doubles, since wide sums do not fit a float."""
    top = getattr(ctypes.CDLL(str(library)), f"{name}_double")
    pointer = np.ctypeslib.ndpointer(ctypes.c_double, flags="C_CONTIGUOUS")
    top.restype, top.argtypes = None, [pointer, pointer]
    results = np.zeros((len(windows), outputs))
    for window, result in zip(windows, results, strict=True):
        top(np.ascontiguousarray(window), result)
    return results


def _build(request: Request, project: Path) -> Built:
    """Convert and compile; check that hls4ml kept what it was told."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import hls4ml
    import keras

    model = keras.models.load_model(request.model, compile=False, safe_mode=True)
    converted = hls4ml.converters.convert_from_keras_model(
        model,
        hls_config=_configuration(model, request),
        output_dir=str(project / "source"),
        project_name=_NAME,
        backend="Vitis",
        io_type="io_stream",
        part="xc7z020clg400-1",
    )
    _check_kept(converted, request)
    converted.compile()
    library = Path(converted._top_function_lib._name)
    output = converted.get_output_variables()[0]
    word = output.type.precision
    elements = int(np.prod(output.shape))
    return Built(str(library.absolute().relative_to(project.absolute())), elements, word.width, word.integer)


def _type_name(word: FixedFormat) -> str:
    return f"fixed<{word.bits},{word.bits - word.fraction}>"


def _configuration(model: Any, request: Request) -> dict[str, Any]:
    import hls4ml

    mode = request.mode
    configuration: dict[str, Any] = hls4ml.utils.config_from_keras_model(
        model, granularity=mode.granularity, backend="Vitis", default_precision=_type_name(mode.precision)
    )
    configuration["Model"]["Strategy"] = request.strategy
    layers = configuration.get("LayerName", {})
    for layer in model.layers:
        if mode.result is None or type(layer).__name__ not in ("Conv1D", "Dense"):
            continue
        if layer.activation.__name__ == "linear":
            layers[layer.name]["Precision"]["result"] = _type_name(mode.result)
    return configuration


def _check_kept(converted: Any, request: Request) -> None:
    """hls4ml replaces what it does not like with a printed warning only."""
    for layer in converted.get_layers():
        if layer.class_name not in ("Conv1D", "PointwiseConv1D", "Dense", "LSTM"):
            continue
        kept = (layer.get_attr("strategy"), layer.get_attr("reuse_factor"))
        if kept != (request.strategy.lower(), 1):
            raise ToolError(f"hls4ml changed strategy and reuse factor of layer '{layer.name}' to {kept}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except NtorcError as failure:
        sys.exit(str(failure))
