"""The backends side by side on known networks; rerun by ``ntorc bench backends``.

Each network is allocated by each backend for each board and deadline.  Nothing is synthesised: LUT, FF, DSP and BRAM18
are predictions (means).  Two networks are made of each: one of words of 16 bits, and one of FINN's widths, which native
gateware, hls4ml and FINN all compute.  Each is gated, with the directives of the row: the native logic by simulation of
some windows, which counts its cycles too, hls4ml by its C++ emulation, FINN by executing its graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ntorc.allocate.allocation import Allocation, allocate
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Backend
from ntorc.backends.finn import environment
from ntorc.backends.hls4ml.convert import GATE_WINDOWS, gate_windows
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.verilate import build_logic
from ntorc.boards import Board, load_board
from ntorc.errors import DataError, InfeasibleError, UsageError
from ntorc.network import reference
from ntorc.network.floating import FloatNetwork
from ntorc.network.hls4ml_mode import hls4ml_network
from ntorc.network.network import Network
from ntorc.network.published import published_networks, seeded
from ntorc.network.quantise import Precision
from ntorc.pipeline.choose import words_of
from ntorc.pipeline.finn import network as finn
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for, costs_for
from ntorc.pipeline.networks import HLS4ML_MODE, integer_network

NETWORKS = ("128_5_16_0_0_4_8", "207_5_16_0_0_5_47", "395_5_16_0_0_5_76")
WINDOW = "window"
"""The default window estimator's form."""
BOARDS = {"pynq-z2": 100e6, "zcu104": 250e6}
"""Boards with the clock that is asked for: the board's own, and the paper's on its ZU7EV."""
DEADLINES_S = (200e-6, 500e-6)
_HOP, _SIMULATED = 16, 8
_WIDTHS = Precision(activation_bits=16, weight_bits=16)

BASIS = {
    "native": "cycles exact and counted in simulated logic; resources by the model of yosys' synthesis, shell included",
    "hls4ml": "an estimate: cycles at most and resources in the mean by the model of published synthesis, whose words"
    " have 16 bits; shell included",
    finn.NAME: "an estimate: FINN's, its gaps filled by the model of yosys' synthesis; without FIFOs and DMA",
}


@dataclass(frozen=True)
class Entry:
    """A column of the table.

    Attributes:
        backend: by name.
        few: of FINN's widths, not of 16 bits.
    """

    backend: str
    few: bool


ENTRIES = (
    Entry("native", few=False), Entry("hls4ml", few=False),
    Entry("native", few=True), Entry("hls4ml", few=True), Entry(finn.NAME, few=True),
)  # fmt: skip


def side_by_side(flow: Flow, names: Sequence[str] = (), seed: int = 1) -> dict[str, Any]:
    """All rows.

    Args:
        flow: for the cache, the store's measurements and progress.
        names: of published networks, or `WINDOW`; `NETWORKS` and `WINDOW` when empty.
        seed: of drawn weights.

    Raises:
        UsageError: there is no such network.
    """
    known: dict[str, Callable[[], FloatNetwork]] = {one.name: partial(seeded, one) for one in published_networks()}
    known[WINDOW] = partial(_window_form, seed)
    asked = names or (WINDOW, *NETWORKS)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise UsageError(f"there is no network '{unknown[0]}'", f"known networks: {', '.join(known)}")
    rows = []
    for number, name in enumerate(asked):
        floating = known[name]()
        for entry in ENTRIES:
            network, reason = _network(entry, floating)
            for board_name, clock_hz in BOARDS.items():
                for deadline_s in DEADLINES_S:
                    row = {"network": name, "backend": entry.backend, "board": board_name, "deadline_s": deadline_s}
                    need = requirement(load_board(board_name), deadline_s, clock_hz)
                    found = {"reason": reason} if network is None else _row(flow, entry.backend, network, need)
                    words = "" if network is None else words_of(network)
                    rows.append({**row, "few": entry.few, "words": words, "clock_hz": clock_hz, **found})
        flow.progress.step("networks", number + 1, len(asked))
    return {"benchmark": "backends", "rows": rows, "basis": BASIS}


def _window_form(seed: int) -> FloatNetwork:
    """The default window estimator's form with weights from a seed: costs depend on the form alone."""
    from ntorc.estimator.forms import DEFAULT_WINDOW
    from ntorc.estimator.models import build_model
    from ntorc.network.importers.keras_model import from_keras

    return from_keras(build_model(DEFAULT_WINDOW, seed), WINDOW)


def _network(entry: Entry, floating: FloatNetwork) -> tuple[Network | None, str]:
    """The network of an entry, or why there is none."""
    if entry.backend == finn.NAME and environment.find() is None:
        return None, f"not installed: {environment.INSTALL}"
    try:
        if entry.few:
            return finn.network_for(finn.NAME, integer_network(floating, finn.PRECISION)), ""
        if entry.backend == "hls4ml":
            return hls4ml_network(floating, HLS4ML_MODE), ""
        return integer_network(floating, _WIDTHS), ""
    except DataError as error:
        return None, error.message


def requirement(board: Board, deadline_s: float, clock_hz: float) -> Requirement:
    """A deadline on a board of which nothing was measured."""
    overhead = board.io_overhead
    return Requirement(board, deadline_s, clock_hz, _HOP, 5000.0, overhead.total_s, overhead.source)


def _row(flow: Flow, name: str, network: Network, need: Requirement) -> dict[str, Any]:
    backend = backend_for(flow, name, need.board, need.clock_hz)
    try:
        allocation = allocate(network, backend, costs_for(flow, backend, need.board), need)
        gated = _gate(flow, backend, network, allocation)
    except InfeasibleError as error:
        return {"reason": "infeasible", "smallest_deadline_s": error.result.get("smallest_deadline_s")}
    except DataError as error:
        return {"reason": error.hint}
    return {
        "latency_cycles": allocation.latency_cycles,
        "predicted": allocation.predicted.as_dict(),
        "measured_layers": allocation.measured_layers,
        **gated,
    }


def _gate(flow: Flow, backend: Backend, network: Network, allocation: Allocation) -> dict[str, int]:
    """Outputs that differ from the reference, of how many windows; for others than native it is an error."""
    flow.progress.message(f"  gate: {backend.name}, {network.name} ({words_of(network)} bits), {allocation.board}")
    if backend.name == finn.NAME:
        prepared = finn.prepare(flow, network, allocation.part, allocation.clock_hz)
        return {"windows": prepared.gate_frames, "mismatches": prepared.gate_mismatches}
    plan = backend.plan(network, allocation.directives, allocation.clock_hz, allocation.hop)
    if backend.name == "hls4ml":
        return {"windows": GATE_WINDOWS, "mismatches": 0}
    windows = gate_windows(network)[:_SIMULATED]
    with SimulatedLogic(build_logic(plan.files, flow.cache)) as logic:
        results, cycles = logic.estimates(windows.reshape(-1), network.input_length)
    wrong = (results != reference.run(network, windows)).any(axis=1)
    return {
        "windows": len(windows),
        "mismatches": int(np.count_nonzero(wrong)),
        "latency_mismatches": int(np.count_nonzero(cycles != allocation.latency_cycles)),
    }


def as_text(result: dict[str, Any]) -> str:
    """A table in Markdown: a line for a network on a board under a deadline, a column for a backend and its words."""
    rows, reasons = result["rows"], dict[str, int]()
    heads = [f"{entry.backend}, {'few bits' if entry.few else '16 bits'}" for entry in ENTRIES]
    lines = [f"| network | board | deadline | {' | '.join(heads)} |", "|---" * (3 + len(heads)) + "|"]
    for place in dict.fromkeys((row["network"], row["board"], row["deadline_s"]) for row in rows):
        here = {
            (row["backend"], row["few"]): _cell(row, reasons)
            for row in rows
            if (row["network"], row["board"], row["deadline_s"]) == place
        }
        cells = " | ".join(here[entry.backend, entry.few] for entry in ENTRIES)
        lines.append(f"| {place[0]} | {place[1]} | {place[2] * 1e6:.0f} us | {cells} |")
    lines += ["", "LUT, FF, DSP, BRAM18; latency, the I/O not counted."]
    lines += [f"({number}) {reason}" for reason, number in reasons.items()]
    for entry in ENTRIES:
        done = [row for row in rows if (row["backend"], row["few"]) == (entry.backend, entry.few) and "windows" in row]
        if done:
            wrong, windows = (sum(row[name] for row in done) for name in ("mismatches", "windows"))
            bits = " and ".join(sorted({row["words"] for row in done}))
            text = f"{entry.backend}, {bits} bits: {wrong} of {windows} outputs differ from the reference"
            known = sum(row["measured_layers"] for row in done)
            lines.append(f"{text}; {result['basis'][entry.backend]}; {known or 'no'} layers' resources measured before")
    return "\n".join(lines)


def _cell(row: dict[str, Any], reasons: dict[str, int]) -> str:
    """A row's figures, or the number of its reason."""
    if "smallest_deadline_s" in row:
        least = row["smallest_deadline_s"]
        return f"infeasible below {least * 1e6:.1f} us" if least else "infeasible at any deadline"
    if "reason" in row:
        return f"({reasons.setdefault(row['reason'], len(reasons) + 1)})"
    need = ", ".join(f"{row['predicted'][name]:,}" for name in ("lut", "ff", "dsp", "bram18"))
    return f"{need}; {row['latency_cycles'] / row['clock_hz'] * 1e6:.1f} us"
