"""``ntorc bench finn``: published networks on the backends side by side, in one arithmetic where it can be one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ntorc.boards import load_board
from ntorc.errors import InfeasibleError, UsageError
from ntorc.network.network import Network
from ntorc.paths import recorded_data
from ntorc.pipeline import finn
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.networks import open_network
from ntorc.pipeline.standalone import NetworkRequest, allocate_opened

_NETWORKS = ("128_5_16_0_0_0_0", "128_5_16_0_0_3_18", "395_5_16_0_0_5_76")  # first, fifth and last of Table III
_DEADLINES = ("200us", "500us")
_BOARD = "pynq-z2"


def side_by_side(flow: Flow, data: Path | None, only: Sequence[str]) -> dict[str, Any]:
    """Each network under each deadline by each backend.

    Native and FINN get one network, of FINN's widths; hls4ml's costs are of 16 bits.  All figures are predictions.

    Args:
        flow: the walk.
        data: folder with ``networks/``; NTORC_DATA if left out.
        only: of the networks, by name; three of Table III if left out.

    Raises:
        UsageError: no such networks.
    """
    folder = (data or recorded_data() or Path()) / "networks"
    board, rows = load_board(_BOARD), []
    for name in only or _NETWORKS:
        path = folder / f"network_{name}.json"
        if not path.is_file():
            raise UsageError(f"there is no {path}", "say where the published networks are: --data DIR")
        shared = open_network(flow, path, finn.precision_for(finn.NAME))
        network = finn.network_for(finn.NAME, shared)
        for deadline in _DEADLINES:
            for backend in ("native", "hls4ml", finn.NAME):
                request = NetworkRequest(path, _BOARD, deadline, backend)
                asked = open_network(flow, path) if backend == "hls4ml" else network
                rows.append({"network": name, "deadline": deadline, "backend": backend, **_row(flow, request, asked)})
        gate = finn.prepare(flow, network, board.part, board.default_clock_hz)
        rows[-1] = {**rows[-1], "gate_vectors": gate.gate_frames, "gate_mismatches": gate.gate_mismatches}
    return {"board": _BOARD, "rows": rows}


def _row(flow: Flow, request: NetworkRequest, network: Network) -> dict[str, Any]:
    try:
        found = allocate_opened(flow, request, network)
    except InfeasibleError as error:
        return {"infeasible": error.message}
    return {
        "latency_cycles": found.latency_cycles,
        "latency_us": round(1e6 * found.latency_cycles / found.clock_hz, 1),
        "predicted": found.predicted.as_dict(),
        "bound": found.bound.as_dict(),
        "basis": sorted({item.basis for item in found.layers}),
    }


def as_text(result: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{'network':20} deadline {'backend':8} {'us':>6} {'LUT':>6} {'FF':>6} {'DSP':>4} BRAM18  basis"]
    for row in result["rows"]:
        start = f"{row['network']:20} {row['deadline']:>8} {row['backend']:8}"
        if "infeasible" in row:
            lines.append(f"{start} {row['infeasible']}")
            continue
        need = row["predicted"]
        lines.append(
            f"{start} {row['latency_us']:6} {need['lut']:6} {need['ff']:6} {need['dsp']:4} {need['bram18']:6}"
            f"  {'; '.join(row['basis'])}"
        )
    gates = [row for row in result["rows"] if "gate_vectors" in row]
    vectors, wrong = (sum(row[f"gate_{name}"] for row in gates) for name in ("vectors", "mismatches"))
    lines.append(f"{vectors} frames through each of FINN's graphs: {wrong} results differ from the reference")
    return "\n".join(lines)
