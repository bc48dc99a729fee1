"""An integer network as an hls4ml project, gated: its C++ emulation must equal the reference bit by bit."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ntorc.backends.hls4ml.emulate import hls4ml_version
from ntorc.errors import GateError
from ntorc.network import reference
from ntorc.network.formats import IntArray
from ntorc.network.network import Network
from ntorc.npz import read_arrays
from ntorc.processes import run_tool
from ntorc.records import digest_of, digest_of_sources, load, save, storage_errors, write_atomically

NAME = "ntorc_hls"
"""The project's and its top function's name."""
TIME_LIMIT_S = 600.0
GATE_WINDOWS = 128
_KEPT = (".cpp", ".h", ".txt")


@dataclass(frozen=True)
class ConvertRequest:
    """What the process is asked.

    Attributes:
        backend: hls4ml's: ``Vitis`` or ``Vivado`` (for installations with ``vivado_hls``).
        part, clock_hz: that HLS is asked for.
        reuse_factors: by layer.
    """

    backend: str
    part: str
    clock_hz: float
    reuse_factors: dict[str, int]


@dataclass(frozen=True)
class Converted:
    """What hls4ml made of it.

    Attributes:
        input_port, output_port: names of the top function's streams.
        output_bits, output_fraction: of a result.
        indices: hls4ml's number of each layer, as in ``config<number>`` of its modules' names.
        tool: hls4ml's version.
    """

    input_port: str
    output_port: str
    output_bits: int
    output_fraction: int
    indices: dict[str, int]
    tool: str


@dataclass(frozen=True)
class HlsSources:
    """A gated conversion: its texts by path below the project's folder, and what it is."""

    files: Mapping[str, str]
    converted: Converted


def convert(network: Network, request: ConvertRequest, cache: Path) -> HlsSources:
    """Convert, compile and compare; kept in the cache, addressed by all that goes into it.

    Args:
        network: one that `ntorc.backends.hls4ml.expressible` has nothing against.
        request: how.
        cache: folder for finished conversions.

    Raises:
        GateError: an output of the emulation is not the reference's.
        ToolError: hls4ml is missing, failed, aborted, changed what it was told, or took more than `TIME_LIMIT_S`.
    """
    here = Path(__file__).parent
    code = digest_of_sources(*(here / name for name in ("convert.py", "conversion_process.py", "expressible.py")))
    key = digest_of({"network": network.digest, "request": digest_of(request), "tool": hls4ml_version(), "code": code})
    folder = cache / "hls4ml-projects" / key[:32]
    if not (folder / "converted.json").is_file():
        _convert(network, request, folder)
    texts = {
        str(path.relative_to(folder / "source")): path.read_text(encoding="utf-8")
        for path in sorted((folder / "source").rglob("*"))
        if path.is_file()
    }
    return HlsSources(texts, load(Converted, folder / "converted.json"))


def gate_windows(network: Network) -> IntArray:
    """Frames ``[n, window, 1]`` for the comparison: from small values to the whole range of the input's word."""
    draw, word = np.random.default_rng(11), network.input_format
    scale = 2.0 ** draw.uniform(-8, 0, (GATE_WINDOWS, 1, 1))
    values = draw.uniform(-1, 1, (GATE_WINDOWS, network.input_length, network.input_channels)) * scale
    return word.fit(np.floor(values * (word.maximum + 1)).astype(np.int64))


def gate(network: Network, windows: IntArray, emulated: IntArray, converted: Converted) -> None:
    """Compare what hls4ml's emulation gave for windows with the reference, the result's word included.

    Raises:
        GateError: they differ.
    """
    wrong = int((emulated != reference.run(network, windows)).any(axis=1).sum())
    word = network.output_format
    if wrong or (converted.output_bits, converted.output_fraction) != (word.bits, word.fraction):
        raise GateError(
            f"gate failed: hls4ml's emulation differs from the reference in {wrong} of {len(windows)} windows"
            f" (its results have {converted.output_bits} bits, {converted.output_fraction} of them fraction)",
            "the design must not be built; please report the network",
            {"gate": {"vectors": len(windows), "mismatches": wrong}},
        )


def _convert(network: Network, request: ConvertRequest, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ntorc-hls4ml-") as name:
        work = Path(name)
        windows = gate_windows(network)
        network.save(work / "network")
        save(request, work / "request.json")
        np.savez(work / "windows.npz", windows=windows)
        run_tool(
            [sys.executable, "-m", "ntorc.backends.hls4ml.conversion_process", work],
            timeout_s=TIME_LIMIT_S, log=work / "hls4ml.log", what="hls4ml",
        )  # fmt: skip
        converted = load(Converted, work / "converted.json")
        emulated = read_arrays(work / "outputs.npz", ["outputs"], "run it again")["outputs"].astype(np.int64)
        gate(network, windows, emulated, converted)
        with storage_errors(folder):
            source = work / "source" / "firmware"
            for path in sorted(source.rglob("*")):
                inside = path.relative_to(source)
                if path.is_file() and path.suffix in _KEPT and inside.parts[0] != "ap_types":
                    write_atomically(folder / "source" / inside, path.read_bytes())
        write_atomically(folder / "converted.json", (work / "converted.json").read_bytes())
