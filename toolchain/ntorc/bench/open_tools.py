"""What is allocated for the open tools against what their yosys makes of the whole design, flattened."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ntorc.allocate.allocation import allocate
from ntorc.backends.base import Resources
from ntorc.backends.bitstream.openxc7 import CELLS, read_cells
from ntorc.backends.bitstream.project import LOGS, REPORTS, write_project
from ntorc.backends.native.synth import run_yosys
from ntorc.boards import load_board
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import LSTM, Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for, costs_for, requirement_for
from ntorc.store.local import LocalStore
from ntorc.units import Duration

TOOL, BOARD, DEADLINE_S, HOP = "openxc7", "pynq-z2", 500e-6, 16


def window_network(seed: int) -> Network:
    """A 16-bit network over 64 samples: a convolution with a pool, an LSTM, two dense layers; weights of ``seed``."""
    weight, word, unit = FixedFormat(16, 12), FixedFormat(16, 8), FixedFormat(16, 15)
    layers = (
        Conv1D("conv", 64, 1, 8, 3, weight, word, activation="relu"),
        MaxPool1D("pool", 62, 8, 2),
        LSTM("lstm", 31, 8, 6, weight, unit, unit, FixedFormat(18, 13), Table("sigmoid", 3, 10), Table("tanh", 2, 11)),
        Dense("dense", 1, 6, 8, weight, word, activation="relu"),
        Dense("out", 1, 8, 1, weight, word),
    )
    return random_network(seed, word, 64, layers)


def open_allocation(flow: Flow, seed: int, network: Network | None = None) -> dict[str, Any]:
    """Allocate a network for the open tools, nothing measured, and synthesise its project as they do.

    Args:
        flow: for the cache and progress.
        seed: of the weights.
        network: what is allocated; `window_network` when left out.
    """
    network, board = network or window_network(seed), load_board(BOARD)
    with tempfile.TemporaryDirectory(prefix="ntorc-open-tools-") as name:
        root = Path(name)
        fresh = Flow(LocalStore(root / "store"), flow.cache, root, flow.progress)
        clock_hz = board.default_clock_hz
        need = requirement_for(board, Duration(DEADLINE_S), clock_hz, HOP, 0.8, "MERGE")
        backend = backend_for(fresh, "native", board, clock_hz, TOOL)
        found = allocate(network, backend, costs_for(fresh, backend, board), need)
        plan = backend.plan(network, found.directives, clock_hz, HOP)
        folder = write_project(backend.project(network, plan, board, TOOL), root / "project")
        flow.progress.message("  allocated; yosys now synthesises the whole design (minutes)")
        for inside in (LOGS, REPORTS):  # as the project's run.sh makes them
            (folder / inside).mkdir(exist_ok=True)
        run_yosys(["-q", "-l", "logs/yosys.log", "-s", f"{TOOL}/synthesis.ys"], folder)
        made = read_cells((folder / CELLS).read_text(encoding="utf-8"))
    return {
        "benchmark": "open-tools",
        "seed": seed,
        "network": network.name,
        "latency_cycles": found.latency_cycles,
        "predicted": found.predicted.as_dict(),
        "synthesised": made.as_dict(),
        "off_percent": {name: _off(found.predicted, made, name) for name in ("lut", "ff")},
        "block_mismatches": round(made.dsp + made.bram18),
    }


def _off(predicted: Resources, made: Resources, name: str) -> float:
    before, after = float(getattr(predicted, name)), float(getattr(made, name))
    return round(100.0 * (before / after - 1.0), 1)
