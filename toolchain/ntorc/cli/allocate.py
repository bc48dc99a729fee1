"""``ntorc allocate``: the exact directives of a network under a deadline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options

NetworkArgument = Annotated[
    Path,
    typer.Argument(help="Folder of an ntorc network, a Keras model (.keras, .h5), or a model's JSON (costs only)."),
]
Hop = Annotated[
    int | None,
    typer.Option("--hop", min=1, help="Samples from one estimate to the next: 16, or the frame if state is kept."),
]
SampleRate = Annotated[float, typer.Option("--sample-rate-hz", min=1e-3, help="Of the sensor.")]


def allocate(
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
    """Choose every layer's directive: least resources such that the deadline holds, within the device.

    \b
    ntorc train my_network/
    ntorc allocate my_network/ --board pynq-z2 --deadline 200us
    ntorc allocate my_network/ --board pynq-z2 --deadline 200us --objective dsp --solver HIGHS
    ntorc allocate model.json --board pynq-z2 --deadline 1ms --objective latency

    Exit 3 when it is infeasible: says why, the smallest reachable deadline, and the smallest device that would do.
    """
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.standalone import NetworkRequest, allocate_network

    flow = open_flow(options.progress())
    request = NetworkRequest(
        network, board, deadline, backend, clock_hz, ceiling, solver, hop, sample_rate_hz, objective
    )
    result = allocate_network(flow, request)
    table = [
        f"{'layer':24} {'multipliers':>11} {'reuse':>7} {'weights':>8} {'kind':>5}"
        f" {'LUT':>7} {'FF':>7} {'DSP':>5} {'BRAM18':>6}  basis"
    ]
    for item in result.layers:
        chosen, need = item.directive, item.resources
        table.append(
            f"{item.layer:24} {chosen.multipliers:11} {chosen.reuse_factor:7} {chosen.weight_storage:>8}"
            f" {chosen.multiplier_kind if chosen.multipliers else '-':>5}"
            f" {need.lut:7.0f} {need.ff:7.0f} {need.dsp:5.0f} {need.bram18:6.0f}  {item.basis}"
        )
    total = result.predicted
    table.append(f"{'with the shell':58} {total.lut:7.0f} {total.ff:7.0f} {total.dsp:5.0f} {total.bram18:6.0f}")
    table.append(f"latency {result.latency_cycles} of {result.budget_cycles} cycles; proven optimal by {result.solver}")
    options.show(result, as_json=json, text="\n".join(table))
