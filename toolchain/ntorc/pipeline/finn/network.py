"""The FINN backend within the pipeline: a network through FINN once, held against the reference, kept by content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.backends.finn import environment, limits, vendor_free
from ntorc.backends.finn.backend import FinnBackend
from ntorc.backends.finn.client import FinnProcess
from ntorc.backends.finn.prepared import Folding, NodeEstimate, Prepared
from ntorc.boards import Board
from ntorc.errors import DataError, GateError, ToolError
from ntorc.network import reference
from ntorc.network.exporters.qonnx import write_qonnx
from ntorc.network.formats import IntArray
from ntorc.network.network import Network
from ntorc.network.quantise import Precision
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, load, save

NAME = "finn"
PRECISION = limits.PRECISION
GRAPHS = ("streamlined.onnx", "operators.onnx")
"""What FINN makes of a network and executes in Python: its streamlined graph, and its hardware operators."""

GATE_FRAMES = 24


def finn_backend(flow: Flow, board: Board, clock_hz: float) -> FinnBackend:
    """The backend for a board's part at a clock."""
    return FinnBackend(lambda network: prepare(flow, network, board.part, clock_hz))


def precision_for(backend: str) -> Precision | None:
    """How models without formats of their own are quantised for a backend; None for the default."""
    return PRECISION if backend == NAME else None


def network_for(backend: str, network: Network) -> Network:
    """A network as a backend has it: FINN's results leave as whole sums."""
    return limits.with_whole_result(network) if backend == NAME and not limits.unsupported(network) else network


def prepare(flow: Flow, network: Network, part: str, clock_hz: float) -> Prepared:
    """What FINN makes of a network, from the store or now.

    Raises:
        ToolError: FINN is missing or failed.
        GateError: a graph of FINN's gives other results than the reference.
    """
    return load(Prepared, folder_of(flow, network, part, clock_hz) / "prepared.json")


def folder_of(flow: Flow, network: Network, part: str, clock_hz: float) -> Path:
    """The folder with FINN's graphs of a network, the QONNX model and `Prepared`."""
    code = code_of("backends/finn/vendor_free.py", "network/exporters", "pipeline/finn/network.py")
    identity = {"network": network.digest, "part": part, "clock_hz": clock_hz, "version": vendor_free.WRITTEN_FOR}
    key = digest_of({**identity, "code": code})

    def make(work: Path) -> None:
        python = environment.require()
        flow.progress.message("  FINN: estimates only, no vendor tool runs")
        with FinnProcess(python, work / "finn.log", flow.progress) as finn:
            save(_prepared(finn, network, work, part, clock_hz), work / "prepared.json")

    return flow.once("finn", key, make)


def _prepared(finn: FinnProcess, network: Network, work: Path, part: str, clock_hz: float) -> Prepared:
    model = write_qonnx(network, work / "network.onnx", for_finn=True)
    about = finn.ask("prepare", model=str(model), folder=str(work), part=part, clock_hz=clock_hz)
    left = sorted(set(about["outside"]) - set(vendor_free.MOVES))
    if left:
        raise DataError(
            f"FINN leaves {', '.join(left)} of '{network.name}' to software",
            "use chains of Conv1D, max pools and Dense",
        )
    if len(about["groups"]) != len(network.layers):
        raise ToolError(
            f"FINN made {len(about['groups'])} groups of the {len(network.layers)} layers of '{network.name}'",
            "please report this network",
        )
    frames, mismatches = gate(finn, network, work, GATE_FRAMES)
    layers = finn.ask("options", folder=str(work), part=part)
    return Prepared(
        vendor_free.WRITTEN_FOR,
        part,
        clock_hz,
        tuple(tuple(_folding(row) for row in rows) for rows in layers),
        tuple(about["outside"]),
        frames,
        mismatches,
    )


def _folding(row: dict[str, dict[str, dict[str, int]]]) -> Folding:
    nodes = {
        name: NodeEstimate(
            str(one["kind"]), int(one["cycles"]), one["LUT"], one["DSP"], one["BRAM_18K"], one["URAM"],
            int(one["in_bits"]), int(one["out_bits"]), int(one["sum_bits"]),
        )
        for name, one in row["nodes"].items()
    }  # fmt: skip
    return Folding(row["settings"], nodes)


def gate(finn: FinnProcess, network: Network, work: Path, count: int) -> tuple[int, int]:
    """Frames executed in each of FINN's graphs, and how many results differ from the reference: always 0.

    Raises:
        GateError: some differ.
    """
    frames = gate_frames(network, count)
    expected = reference.run(network, frames)
    np.save(work / "frames.npy", frames, allow_pickle=False)
    for graph in GRAPHS:
        finn.ask("execute", model=str(work / graph), frames=str(work / "frames.npy"), outputs=str(work / "results.npy"))
        found: npt.NDArray[np.float64] = np.load(work / "results.npy", allow_pickle=False)
        wrong = int((found != expected).any(axis=1).sum()) if found.shape == expected.shape else count
        if wrong:
            raise GateError(
                f"{wrong} of {count} results of FINN's {graph} of '{network.name}' differ from the reference",
                f"do not build it; please report this network: {work}",
                {"verdict": "gate", "backend": NAME, "gate": {"vectors": count, "mismatches": wrong}},
            )
    return count, 0


def gate_frames(network: Network, count: int, seed: int = 1) -> IntArray:
    """Frames over the whole input range: the extremes, noise of growing size, walks ``[count, length, channels]``."""
    word, generator = network.input_format, np.random.default_rng(seed)
    shape = (count, network.input_length, network.input_channels)
    largest: npt.NDArray[np.float64] = word.maximum * 2.0 ** generator.uniform(-6, 0, (count, 1, 1))
    frames = np.floor(generator.normal(0, 0.5, shape) * largest).astype(np.int64)
    frames[::3] = np.floor(np.cumsum(generator.normal(0, 0.1, shape), axis=1) * largest)[::3].astype(np.int64)
    frames[0], frames[-1] = word.minimum, word.maximum
    kept: IntArray = np.clip(frames, word.minimum, word.maximum)
    return kept
