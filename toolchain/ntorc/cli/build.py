"""``ntorc build``: an allocated network to simulated logic and utilisation."""

from __future__ import annotations

from ntorc.cli import options
from ntorc.cli.allocate import Hop, NetworkArgument, SampleRate


def build(
    network: NetworkArgument,
    board: options.Board,
    deadline: options.Deadline,
    backend: options.BackendName = "native",
    clock_hz: options.ClockHz = None,
    ceiling: options.Ceiling = 0.8,
    objective: options.Objective = "weighted",
    solver: options.Solver = "CBC",
    hop: Hop = None,
    sample_rate_hz: SampleRate = 5000.0,
    json: options.Json = False,
) -> None:
    """Allocate, generate the gateware, simulate and synthesise it, and sign a bundle for the virtual board.

    \b
    ntorc build my_network/ --board pynq-z2 --deadline 200us
    """
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.standalone import NetworkRequest, build_network

    flow = open_flow(options.progress())
    request = NetworkRequest(
        network, board, deadline, backend, clock_hz, ceiling, solver, hop, sample_rate_hz, objective
    )
    result = build_network(flow, request)
    lines = [
        f"bundle {result['bundle']} (virtual board; no vendor tool ran)",
        f"gateware {result['gateware']}",
        f"design {result['design_id']}: {result['latency_cycles']} cycles; synthesised {result['synthesised']}",
    ]
    options.show(result, as_json=json, text="\n".join(lines))
