"""``ntorc allocate``: the exact directives of a network under a deadline."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ntorc.cli import options

if TYPE_CHECKING:
    from ntorc.allocate.allocation import Allocation
    from ntorc.backends.base import Directive

WeightBits = Annotated[
    str, typer.Option("--weight-bits", help="Widths of weights to offer besides the network's own: 12,8,6.")
]
AccuracyBudget = Annotated[
    float | None,
    typer.Option("--accuracy-budget", min=0.0, help="How far narrower weights may move the result: RMS, in its unit."),
]
Save = Annotated[Path | None, typer.Option("--save", help="Folder for the network with the chosen widths.")]


def allocate(
    network: options.NetworkArgument,
    board: options.Board,
    deadline: options.Deadline,
    backend: options.BackendName = "native",
    clock_hz: options.ClockHz = None,
    ceiling: options.Ceiling = 0.8,
    objective: options.Objective = "weighted",
    solver: options.Solver = "CBC",
    hop: options.Hop = None,
    sample_rate_hz: options.SampleRate = 5000.0,
    target: options.MeasuredTarget = "virtual",
    tool: options.CostedTool = "",
    arithmetic: options.Arithmetic = "",
    weight_bits: WeightBits = "",
    accuracy_budget: AccuracyBudget = None,
    data: options.Data = None,
    save: Save = None,
    table_error: options.TableError = None,
    dma: options.Dma = False,
    json: options.Json = False,
) -> None:
    """Choose every layer's directive: least resources such that the deadline holds, within the device.

    \b
    ntorc train my_network/
    ntorc allocate my_network/ --board pynq-z2 --deadline 200us
    ntorc allocate my_network/ --board pynq-z2 --deadline 200us --objective dsp --solver HIGHS
    ntorc allocate model.json --board pynq-z2 --deadline 1ms --objective latency
    ntorc allocate my_network/ --board pynq-z2 --deadline 200us --tool openxc7
    ntorc allocate my_network/ --board pynq-z2 --deadline 200us --weight-bits 8,6 --accuracy-budget 0.005 \\
        --data my_runs/ --save narrow/

    Exit 3 when it is infeasible: says why, the smallest reachable deadline, and the smallest device that would do.
    """
    from ntorc.paths import check_folder
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.standalone import NetworkRequest, allocate_network, narrow_network

    if save is not None:
        check_folder(save)
    flow = open_flow(options.progress())
    request = NetworkRequest(
        network, board, deadline, backend, clock_hz, ceiling, solver, hop, sample_rate_hz, objective,
        weight_bits, accuracy_budget, data, target, tool, arithmetic=arithmetic, table_error=table_error,
        dma=dma,
    )  # fmt: skip
    if not weight_bits:
        result = allocate_network(flow, request)
        options.show(result, as_json=json, text=_table(result))
        return
    narrowed = narrow_network(flow, request)
    if save is not None:
        narrowed.network.save(save)
    text = _table(narrowed.allocation) + (
        f"\nresult moved by {narrowed.measured_rms:.3g} RMS ({narrowed.predicted_rms:.3g} by adding up layers),"
        f" on {narrowed.frames} frames {narrowed.source}"
    )
    rest = {name: getattr(narrowed, name) for name in ("predicted_rms", "measured_rms", "frames", "source")}
    rest["weight_bits"] = {layer.name: layer.weight_format.bits for layer in narrowed.network.weighted_layers}
    options.show({"allocation": asdict(narrowed.allocation), **rest}, as_json=json, text=text)


def _kind(chosen: Directive, dsp: float) -> str:
    """Where the multipliers lie; a tool may put into logic what a directive leaves to it."""
    if not chosen.multipliers:
        return "-"
    return chosen.multiplier_kind if dsp else "logic"


def _table(result: Allocation) -> str:
    width = max([24, *(len(item.layer) for item in result.layers)])
    table = [
        f"{'layer':{width}} {'multipliers':>11} {'reuse':>7} {'weights':>8} {'kind':>5}"
        f" {'LUT':>7} {'FF':>7} {'DSP':>5} {'BRAM18':>6}  basis"
    ]
    for item in result.layers:
        chosen, need = item.directive, item.resources
        table.append(
            f"{item.layer:{width}} {chosen.multipliers:11} {chosen.reuse_factor:7} {chosen.weight_storage:>8}"
            f" {_kind(chosen, need.dsp):>5}"
            f" {need.lut:7.0f} {need.ff:7.0f} {need.dsp:5.0f} {need.bram18:6.0f}  {item.basis}"
            + (f", {item.version}" if item.version else "")
        )
    total = result.predicted
    fixed = "with the shell" if result.backend == "native" else "in all"
    table.append(f"{fixed:{width + 35}} {total.lut:7.0f} {total.ff:7.0f} {total.dsp:5.0f} {total.bram18:6.0f}")
    table.append(f"latency {result.latency_cycles} of {result.budget_cycles} cycles; proven optimal by {result.solver}")
    return "\n".join(table)
