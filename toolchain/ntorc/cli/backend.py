"""``ntorc backend``: what backends need beside ntorc, and what this machine has of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ntorc.cli import options

app = typer.Typer(
    help="Backends: what they need beside ntorc, and what is here.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def backend() -> None:
    """Backends: what they need beside ntorc, and what is here."""


@app.command("install")
def install_command(
    name: Annotated[str, typer.Argument(help="finn, or hgq; what else there is comes with ntorc.")],
    into: Annotated[Path | None, typer.Option("--into", help="Folder; below NTORC_HOME if left out.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Make it anew.")] = False,
    json: options.Json = False,
) -> None:
    """Make the environment that a backend needs; done once, goes on after Ctrl-C.

    \b
    ntorc backend install finn
    ntorc backend install finn --again
    ntorc backend install hgq

    FINN (finn-plus) has its own environment, since its packages do not go with ntorc's: 2.3 GB where pip finds torch
    built for CPUs alone, else some 6 GB more.  HGQ2, for `ntorc train --qat hgq`, takes under 1 MB; it is under the
    LGPL and kept in a folder of its own.
    """
    from ntorc.pipeline.finn.install import as_text, install_backend

    result = install_backend(name, into, again, options.progress())
    options.show(result, as_json=json, text=as_text(result))


@app.command("plan")
def plan_command(
    name: Annotated[str, typer.Argument(help="finn.")],
    network: options.NetworkArgument,
    board: options.Board,
    deadline: options.Deadline,
    out: Annotated[Path, typer.Option("--out", help="Folder for the plan.")],
    instrumented: Annotated[
        bool, typer.Option("--instrumented", help="The accelerator counts its latency in place of moving data.")
    ] = False,
    clock_hz: options.ClockHz = None,
    ceiling: options.Ceiling = 0.8,
    objective: options.Objective = "weighted",
    solver: options.Solver = "CBC",
    hop: options.Hop = None,
    sample_rate_hz: options.SampleRate = 5000.0,
    json: options.Json = False,
) -> None:
    """Allocate a network and write all that a machine with Vivado and Vitis HLS needs to build it with FINN.

    \b
    ntorc backend plan finn model.keras --board pynq-z2 --deadline 500us --out plan/
    ntorc backend plan finn model.onnx --board pynq-z2 --deadline 500us --out plan/ --instrumented

    No vendor tool runs here: FINN reads the plan and walks its steps as far as it can without.
    """
    from ntorc.errors import UsageError
    from ntorc.pipeline.finn.plan import as_text, write_plan
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.standalone import NetworkRequest

    if name != "finn":
        raise UsageError(f"'{name}' makes its plans with `ntorc build`", "ntorc backend plan finn ...")
    request = NetworkRequest(
        network, board, deadline, name, clock_hz, ceiling, solver, hop, sample_rate_hz, objective
    )  # fmt: skip
    result = write_plan(open_flow(options.progress()), request, out, instrumented=instrumented)
    options.show(result, as_json=json, text=as_text(result))


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="native, hls4ml or finn; all if left out.")] = "",
    json: options.Json = False,
) -> None:
    """Find the tools and their versions, and say what will and won't work.

    \b
    ntorc backend check
    ntorc backend check hls4ml --json

    Exit 3 when the backend that was asked for has no way to a bitstream here.
    """
    from ntorc.pipeline.backends import as_text, check_backends

    result: dict[str, Any] = check_backends(name)
    options.show(result, as_json=json, text=as_text(result))
    if name and not any(way["works"] for way in result["backends"][name]["bitstream"]):
        raise typer.Exit(3)
