"""hls4ml's C++ emulation behind a process of its own: it may abort (a failed assertion ends the process).

The protocol is a folder: ``request.json`` and ``windows.npz`` go in, ``emulation.json`` and ``outputs.npz``
come out.  A compiled project is kept in the cache, addressed by the model's bytes, the request and
hls4ml's version.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError, ToolError
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.hls4ml_mode import Hls4mlMode, hls4ml_format
from ntorc.npz import read_arrays
from ntorc.processes import run_tool
from ntorc.records import digest_of, digest_of_file, load, save

TIME_LIMIT_S = 300.0
Strategy = Literal["Resource", "Latency"]


@dataclass(frozen=True)
class Request:
    """What the process is asked.

    Attributes:
        model: path of the Keras model.
        project: folder of the compiled project, made when it is not there.
        mode: granularity and precision.
        strategy: hls4ml's.
    """

    model: str
    project: str
    mode: Hls4mlMode
    strategy: Strategy


@dataclass(frozen=True)
class Built:
    """What the compiled project is.

    Attributes:
        library: file name within the project.
        outputs: elements of a result.
        output_bits, output_integer: hls4ml's type of an output element.
    """

    library: str
    outputs: int
    output_bits: int
    output_integer: int

    @property
    def output_format(self) -> FixedFormat:
        """Format of an output element."""
        return hls4ml_format(self.output_bits, self.output_integer)


def hls4ml_version() -> str:
    """For records: ``hls4ml 1.3.0``.

    Raises:
        ToolError: it is not installed.
    """
    try:
        return f"hls4ml {metadata.version('hls4ml')}"
    except metadata.PackageNotFoundError as error:
        raise ToolError("hls4ml is not installed beside this Python", "pip install hls4ml==1.3.0") from error


def _digest_of_model(model: Path) -> str:
    """Of what the file holds: a .keras archive also states when it was written, and numbers of that process."""
    if not zipfile.is_zipfile(model):
        return digest_of_file(model)
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}
    stripped = re.sub(rb'"shared_object_id": \d+', b"", members.get("config.json", b""))
    members["config.json"] = stripped
    return digest_of({name: hashlib.sha256(content).hexdigest() for name, content in members.items()})


def emulate(
    model: Path, windows: npt.ArrayLike, mode: Hls4mlMode, cache: Path, strategy: Strategy = "Resource"
) -> tuple[IntArray, FixedFormat]:
    """Results of hls4ml's emulation (Vitis backend, io_stream, reuse factor 1).

    Args:
        model: Keras model file.
        windows: integers ``[n, length, channels]`` in the mode's precision.
        mode: granularity and precision.
        cache: folder for compiled projects.
        strategy: hls4ml's.

    Returns:
        Integers ``[n, outputs]``, and their format.

    Raises:
        ToolError: hls4ml is missing, failed, aborted, or took more than `TIME_LIMIT_S`.
        DataError: no such model.
    """
    if not model.is_file():
        raise DataError(f"there is no model file {model}", "give a .keras or .h5 file")
    frames = np.asarray(windows, np.int64)
    identity = {
        "model": _digest_of_model(model),
        "mode": digest_of(mode),
        "strategy": strategy,
        "tool": hls4ml_version(),
    }
    project = cache / "hls4ml" / digest_of(identity)[:32]
    project.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ntorc-hls4ml-") as name:
        folder = Path(name)
        save(Request(str(model.absolute()), str(project.absolute()), mode, strategy), folder / "request.json")
        np.savez(folder / "windows.npz", windows=mode.precision.values(frames))
        log = project / "hls4ml.log"
        command: list[str | Path] = [sys.executable, "-m", "ntorc.backends.hls4ml.emulation_process", folder]
        run_tool(command, timeout_s=TIME_LIMIT_S, log=log, what="hls4ml")
        built = load(Built, folder / "emulation.json")
        outputs = read_arrays(folder / "outputs.npz", ["outputs"], "run it again")["outputs"]
    return np.asarray(outputs, np.int64), built.output_format
