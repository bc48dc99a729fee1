"""The backends side by side on known networks; rerun by ``ntorc bench backends``.

Each network is allocated by each backend for each board and deadline.  Nothing is synthesised: LUT, FF, DSP and BRAM18
are predictions (means, shell included).  What is gated is said: the native logic by simulation of some windows, hls4ml
by its C++ emulation of `GATE_WINDOWS` windows, each with the very directives of the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntorc.allocate.allocation import Allocation, allocate
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Backend
from ntorc.backends.hls4ml.convert import GATE_WINDOWS, gate_windows
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.verilate import build_logic
from ntorc.boards import load_board
from ntorc.errors import DataError, InfeasibleError
from ntorc.network import reference
from ntorc.network.floating import FloatNetwork
from ntorc.network.hls4ml_mode import hls4ml_network
from ntorc.network.network import Network
from ntorc.network.published import published_networks, seeded
from ntorc.network.quantise import Precision
from ntorc.pipeline.choose import BACKENDS
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for, costs_for
from ntorc.pipeline.networks import HLS4ML_MODE, integer_network

NETWORKS = ("128_5_16_0_0_4_8", "207_5_16_0_0_5_47", "395_5_16_0_0_5_76")
BOARDS = {"pynq-z2": 100e6, "zcu104": 250e6}
"""Boards with the clock that is asked for: the board's own, and the paper's on its ZU7EV."""
DEADLINES_S = (200e-6, 500e-6)
_HOP, _SIMULATED = 16, 8
_WIDTHS = Precision(activation_bits=16, weight_bits=16)


def side_by_side(flow: Flow, names: Sequence[str] = (), seed: int = 1) -> dict[str, Any]:
    """All rows.

    Args:
        flow: for the cache, the store's measurements and progress.
        names: of the networks; `NETWORKS` and the default window form when empty.
        seed: of drawn weights.
    """
    floats = {item.name: seeded(item) for item in published_networks() if item.name in (names or NETWORKS)}
    if not names or "window" in names:
        floats["window"] = _window_form(seed)
    rows = []
    for number, (name, floating) in enumerate(sorted(floats.items())):
        for backend in BACKENDS:
            network, reason = _network(backend, floating)
            for board_name, clock_hz in BOARDS.items():
                for deadline_s in DEADLINES_S:
                    row = {"network": name, "backend": backend, "board": board_name, "deadline_s": deadline_s}
                    found = {"reason": reason} if network is None else _row(flow, backend, network, row, clock_hz)
                    rows.append({**row, "clock_hz": clock_hz, **found})
        flow.progress.step("networks", number + 1, len(floats))
    return {"benchmark": "backends", "rows": rows, "text": as_text(rows)}


def _window_form(seed: int) -> FloatNetwork:
    """The default window estimator's form with weights from a seed: costs depend on the form alone."""
    from ntorc.estimator.forms import DEFAULT_WINDOW
    from ntorc.estimator.models import build_model
    from ntorc.network.importers.keras_model import from_keras

    return from_keras(build_model(DEFAULT_WINDOW, seed), "window")


def _network(backend: str, floating: FloatNetwork) -> tuple[Network | None, str]:
    try:
        if backend == "hls4ml":
            return hls4ml_network(floating, HLS4ML_MODE), ""
        return integer_network(floating, _WIDTHS), ""
    except DataError as error:
        return None, error.message


def _row(flow: Flow, name: str, network: Network, row: dict[str, Any], clock_hz: float) -> dict[str, Any]:
    board = load_board(row["board"])
    backend = backend_for(flow, name, board, clock_hz)
    overhead = board.io_overhead
    need = Requirement(board, row["deadline_s"], clock_hz, _HOP, 5000.0, overhead.total_s, overhead.source)
    try:
        allocation = allocate(network, backend, costs_for(flow, backend, board), need)
    except InfeasibleError as error:
        smallest = error.result.get("smallest_deadline_s")
        return {"reason": "infeasible", "smallest_deadline_s": smallest}
    except DataError as error:
        return {"reason": error.hint}
    mismatches, windows = _gate(flow, backend, network, allocation)
    return {
        "latency_cycles": allocation.latency_cycles,
        "predicted": allocation.predicted.as_dict(),
        "measured_layers": allocation.measured_layers,
        "windows": windows,
        "mismatches": mismatches,
    }


def _gate(flow: Flow, backend: Backend, network: Network, allocation: Allocation) -> tuple[int, int]:
    """Outputs that differ from the reference, of how many windows; hls4ml's difference is an error of the plan."""
    flow.progress.message(f"  gate: {backend.name}, {network.name}, {allocation.board}")
    plan = backend.plan(network, allocation.directives, allocation.clock_hz, allocation.hop)
    if backend.name == "hls4ml":
        return 0, GATE_WINDOWS
    windows = gate_windows(network)[:_SIMULATED]
    with SimulatedLogic(build_logic(plan.files, flow.cache)) as logic:
        results, _ = logic.estimates(windows.reshape(-1), network.input_length)
    wanted = reference.run(network, windows)
    return int(np.count_nonzero((results != wanted).any(axis=1))), len(windows)


def as_text(rows: Sequence[dict[str, Any]]) -> str:
    """A table."""
    lines = [
        f"{'network':18} {'backend':8} {'board':8} {'deadline':>8} {'cycles':>7} {'us':>6} {'LUT':>7} {'FF':>7}"
        f" {'DSP':>5} {'BRAM18':>6}  gate"
    ]
    for row in rows:
        head = f"{row['network']:18} {row['backend']:8} {row['board']:8} {row['deadline_s'] * 1e6:6.0f}us"
        if "reason" in row:
            least = row.get("smallest_deadline_s")
            lines.append(f"{head} {row['reason']}" + (f": at least {least * 1e6:.0f}us" if least else ""))
            continue
        need = row["predicted"]
        lines.append(
            f"{head} {row['latency_cycles']:7} {row['latency_cycles'] / row['clock_hz'] * 1e6:6.1f} {need['lut']:7}"
            f" {need['ff']:7} {need['dsp']:5} {need['bram18']:6}  {row['mismatches']} of {row['windows']} differ"
        )
    return "\n".join(lines)
