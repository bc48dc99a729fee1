"""Convolutions beyond hls4ml's synthesis data: how far their costs may be off, and whether hls4ml computes them right.

Rerun by ``ntorc bench convolutions`` and ``ntorc bench hls4ml-convolutions``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ntorc.backends.hls4ml.backend import Hls4mlBackend
from ntorc.backends.hls4ml.convert import GATE_WINDOWS
from ntorc.backends.hls4ml.draw import draw_convolutions
from ntorc.backends.hls4ml.emulate import hls4ml_version
from ntorc.boards import load_board
from ntorc.cost.hls4ml_extension import trials
from ntorc.cost.synthesis_data import KINDS, load_synthesis, synthesis_folder
from ntorc.errors import GateError
from ntorc.network.layers import Conv1D
from ntorc.pipeline.flow import Flow


def convolution_trials(folder: Path | None) -> dict[str, Any]:
    """Every trial of `ntorc.cost.hls4ml_extension`.

    Args:
        folder: of the synthesis data; where it is looked for when left out.
    """
    data = load_synthesis(synthesis_folder(folder))
    rows = [one.as_dict() for one in trials({kind: data.layers(kind) for kind in KINDS})]
    return {"benchmark": "convolutions", "data_digest": data.digest, "rows": rows}


def as_text(rows: Sequence[dict[str, Any]]) -> str:
    """A table."""
    lines = [f"{'known':34} {'predicted':>9}  mean error and largest truth over prediction of LUT, FF, latency"]
    for row in rows:
        cells = (row.get(name) for name in ("lut", "ff", "latency_cycles"))
        text = "; ".join(f"{one['mape_percent']:5.2f} % x{one['largest_factor']:.2f}" if one else "-" for one in cells)
        lines.append(f"{row['known']:34} {row['designs']:9}  {text}")
    return "\n".join(lines)


def gated_projects(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """Random convolutions as hls4ml projects under random legal reuse factors: emulation against reference.

    Args:
        flow: for the cache and progress.
        seed: of the first network; the others follow.
        count: networks.
    """
    board = load_board("pynq-z2")
    backend = Hls4mlBackend(board.part, board.default_clock_hz, cache=flow.cache)
    kinds, mismatches = set(), 0
    for done in range(count):
        network, draw = draw_convolutions(seed + done), random.Random(seed + done)
        directives = [draw.choice(backend.legal_directives(network, layer)) for layer in network.layers]
        kinds |= {
            (layer.kernel, layer.stride, layer.input_channels, layer.padding_left + layer.padding_right)
            for layer in network.layers
            if isinstance(layer, Conv1D)
        }
        try:
            backend.plan(network, directives, board.default_clock_hz, 4)
        except GateError as error:
            gate: Any = error.result["gate"]
            mismatches += int(gate["mismatches"])
            flow.progress.message(f"  seed {seed + done}: {error.message}")
        flow.progress.step("networks", done + 1, count)
    return {
        "benchmark": "hls4ml-convolutions",
        "tool": hls4ml_version(),
        "seed": seed,
        "networks": count,
        "convolutions": len(kinds),
        "windows": count * GATE_WINDOWS,
        "mismatches": mismatches,
    }
