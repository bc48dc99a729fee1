"""``ntorc backend plan finn``, ``ntorc build --backend finn --plan-only``: what a machine with the tools needs."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ntorc.backends.finn import environment
from ntorc.backends.finn.client import FinnProcess
from ntorc.backends.finn.plan import finn_plan
from ntorc.boards import load_board
from ntorc.errors import ToolError
from ntorc.folders import check_own
from ntorc.pipeline.finn.network import NAME, finn_backend, gate_frames
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.standalone import NetworkRequest, allocate_opened, opened
from ntorc.records import save, write_atomically


def write_plan(flow: Flow, request: NetworkRequest, out: Path, *, instrumented: bool = False) -> dict[str, object]:
    """Allocate a network and write the plan of its build into a folder.

    An earlier plan there gives way.

    Raises:
        InfeasibleError, DataError, ToolError, UsageError: see `allocate_network` and `finn_plan`; the folder is a file,
            or holds something else.
    """
    check_own(out, "plan.json", "finn_plus", "plan of FINN's")
    network, board = opened(flow, request), load_board(request.board)
    allocation = allocate_opened(flow, request, network)
    backend = finn_backend(flow, board, allocation.clock_hz)
    files = finn_plan(
        backend, network, allocation.directives, board, allocation.clock_hz, gate_frames(network, 1, seed=2),
        instrumented=instrumented,
    )  # fmt: skip
    for name, content in files.items():
        write_atomically(out / name, content)
    save(allocation, out / "allocation.json")
    checked = _checked(flow, out, allocation.latency_cycles)
    return {
        "backend": NAME,
        "folder": str(out),
        "files": sorted([*files, "allocation.json"]),
        "latency_cycles": allocation.latency_cycles,
        "budget_cycles": allocation.budget_cycles,
        "predicted": allocation.predicted.as_dict(),
        "gate": {
            "vectors": backend.prepared(network).gate_frames, "mismatches": backend.prepared(network).gate_mismatches,
        },
        "checked_steps": checked,
        "vendor_tools": "none ran",
    }


def _checked(flow: Flow, out: Path, latency_cycles: int) -> int:
    """FINN reads the plan and walks its steps as far as they need no vendor tool; how many those are.

    Raises:
        ToolError: it refuses, or comes to another latency than the allocation.
    """
    log = flow.root / "finn-plans.log"
    with (
        tempfile.TemporaryDirectory(prefix="ntorc-finn-plan-") as work,
        FinnProcess(environment.require(), log, flow.progress) as finn,
    ):
        found = finn.ask("check_plan", folder=str(out.absolute()), work=work)
    if found["critical_path_cycles"] != latency_cycles:
        raise ToolError(
            f"FINN comes to {found['critical_path_cycles']} cycles, the allocation to {latency_cycles}",
            "please report this network",
        )
    return int(found["steps"])


def as_text(result: dict[str, object]) -> str:
    """For people."""
    return (
        f"{result['folder']}: {', '.join(str(name) for name in result['files'])}\n"  # type: ignore[attr-defined]
        f"latency {result['latency_cycles']} of {result['budget_cycles']} cycles by FINN's estimate; FINN walked"
        f" {result['checked_steps']} steps of the plan; no vendor tool ran: README.txt says how to build it"
    )
