"""``ntorc build``: a network to simulated logic, or to a bitstream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ntorc.cli import options


def build(
    network: Annotated[
        Path | None,
        typer.Argument(help=f"{options.NETWORK_FORMS}; none with --collect."),
    ] = None,
    board: options.Board = "",
    deadline: options.Deadline = "",
    backend: options.BackendName = "native",
    tool: Annotated[
        str,
        typer.Option(
            "--tool", help="virtual (simulated logic), vivado or openxc7 (a bitstream); the backend's own if left out."
        ),
    ] = "",
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Write the project for a machine that has the tools; run nothing.")
    ] = False,
    project: Annotated[
        Path | None, typer.Option("--project", help="Where --plan-only writes; below NTORC_HOME if left out.")
    ] = None,
    collect: Annotated[
        Path | None, typer.Option("--collect", help="Take the products of a project that was run elsewhere.")
    ] = None,
    host: options.Host = "",
    ssh_config: options.SshConfig = None,
    hls: options.Hls = "",
    dtbo: options.DeviceTree = None,
    dma: options.Dma = False,
    clock_hz: options.ClockHz = None,
    ceiling: options.Ceiling = 0.8,
    objective: options.Objective = "weighted",
    solver: options.Solver = "CBC",
    hop: options.Hop = None,
    sample_rate_hz: options.SampleRate = 5000.0,
    arithmetic: options.Arithmetic = "",
    table_error: options.TableError = None,
    json: options.Json = False,
) -> None:
    """Allocate and build: simulated logic for the virtual board, or a bitstream for a real one; signed as a bundle.

    \b
    ntorc build my_network/ --board pynq-z2 --deadline 200us
    ntorc build my_network/ --board pynq-z2 --deadline 200us --tool vivado
    ntorc build my_network/ --board pynq-z2 --deadline 200us --tool vivado --dma
    ntorc build my_network/ --board zcu104 --deadline 200us --tool vivado --plan-only --project my_project/
    ntorc build --collect my_project/
    ntorc build model.onnx --board pynq-z2 --deadline 500us --backend finn --plan-only --project plan/
    ntorc build my_network/ --board pynq-z2 --deadline 200us --tool vivado --host ssh://me@builder
    ntorc build model.keras --board zcu104 --deadline 500us --backend hls4ml --hls vivado --plan-only

    A project is complete: `sh run.sh` in it, with the tools on PATH, goes on where it ended.  After Ctrl-C, a crash or
    a missing licence the same command goes on with the step that was not done.  Exit 3 when the clock is not met.
    """
    from ntorc.bundle.device_tree import check_device_tree
    from ntorc.errors import UsageError
    from ntorc.pipeline.bitstream.build import PROJECTS, build_bitstream, collect_bitstream, plan_bitstream
    from ntorc.pipeline.bitstream.logic import Way
    from ntorc.pipeline.finn import network as finn
    from ntorc.pipeline.finn import plan as finn_plan
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.standalone import NetworkRequest, build_network

    flow = open_flow(options.progress())
    if collect is not None:
        if network is not None or plan_only or host or dma or dtbo is not None:
            raise UsageError("--collect takes a project alone", "ntorc build --collect DIR")
        options.show(found := collect_bitstream(flow, collect), as_json=json, text=_bitstream(found))
        return
    if network is None or not board or not deadline:
        raise UsageError("NETWORK, --board and --deadline are needed", "ntorc build my_network/ --board pynq-z2 ...")
    check_device_tree(dtbo)
    if dtbo is not None and backend == finn.NAME:
        raise UsageError("FINN makes its own bitstreams, without bundles", "leave out --dtbo")
    tool = tool or ("virtual" if backend in ("native", "auto") and not (plan_only or host) else "vivado")
    request = NetworkRequest(
        network, board, deadline, backend, clock_hz, ceiling, solver, hop, sample_rate_hz, objective,
        tool=tool, arithmetic=arithmetic, table_error=table_error, device_tree=dtbo,
        dma=dma,
    )  # fmt: skip
    way = Way(tool, host, ssh_config, options.hls(hls, backend), dma)
    if tool == "virtual":
        if plan_only or host or project is not None:
            raise UsageError("simulated logic is built here", "take --tool vivado or openxc7 for a project")
        options.show(found := build_network(flow, request), as_json=json, text=_virtual(found))
    elif plan_only and backend == finn.NAME:
        where = project or flow.root / PROJECTS / f"{network.stem}-{board}-finn"
        options.show(plan := finn_plan.write_plan(flow, request, where), as_json=json, text=finn_plan.as_text(plan))
    elif plan_only:
        options.show(found := plan_bitstream(flow, request, way, project), as_json=json, text=_project(found))
    else:
        if project is not None:
            raise UsageError("--project is where --plan-only writes", "add --plan-only, or leave it out")
        found = build_bitstream(flow, request, way)
        options.show(found, as_json=json, text=_bitstream(found))


def _virtual(result: dict[str, Any]) -> str:
    return (
        f"bundle {result['bundle']} (virtual board; no vendor tool ran)\n"
        f"gateware {result['gateware']}\n"
        f"design {result['design_id']}: {result['latency_cycles']} cycles; synthesised"
        f" {options.resources_text(result['synthesised'])}"
    )


def _project(result: dict[str, Any]) -> str:
    lines = [
        f"project {result['project']} ({result['files']} files, digest {result['digest'][:16]}); nothing was run",
        *(f"  {number}. {what}" for number, what in enumerate(result["steps"], start=1)),
        *(f"note: {note}" for note in result["notes"]),
        f"design {result['design_id']} for {result['part']} at {result['clock_hz'] / 1e6:g} MHz:"
        f" {result['latency_cycles']} cycles; predicted {options.resources_text(result['predicted'])}",
        f"run `sh run.sh` there with the tools on PATH, then `ntorc build --collect {result['project']}`",
    ]
    return "\n".join(lines)


def _bitstream(result: dict[str, Any]) -> str:
    timing = result["timing"]
    return "\n".join(
        [
            f"bundle {result['bundle']} (bitstream by {result['tool']})",
            f"project {result['project']} (logs, reports)",
            f"design {result['design_id']}: {result['latency_cycles']} cycles at {result['clock_hz'] / 1e6:g} MHz, met"
            f" with {timing['setup_slack_ns']:.3f} ns to spare; routed {options.resources_text(result['routed'])}",
            f"worst path {timing['worst_path']}",
            f"{result['observations']} new measurements for the cost models",
        ]
    )
