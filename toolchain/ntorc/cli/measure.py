"""``ntorc measure``: measure the deployed design again."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def measure(
    run: Annotated[str, typer.Argument(help="A finished run; the newest one if left out.")] = "",
    samples: Annotated[int, typer.Option("--samples", "--estimates", min=1, help="Estimates to measure.")] = 10_000,
    miss: options.Miss = None,
    load: options.Load = "",
    fifo: options.Fifo = None,
    cpu: options.Cpu = None,
    json: options.Json = False,
) -> None:
    """Start the confirmed design again, as after power-up, and measure it against the run's deadline.

    Leaves records (Parquet), JSON, JUnit XML, a picture of the histograms and the machine's description in a folder
    of its own. Without --miss the run's share counts. Exit: 0 met, 3 missed.

    \b
    ntorc measure
    ntorc measure --samples 300000 --miss 1e-5
    ntorc measure --samples 20000 --load cpu,io
    ntorc measure --samples 20000 --fifo 90 --cpu 1
    """
    from ntorc.errors import VerdictError
    from ntorc.pipeline.board.realtime import RealTime
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.measured.flagged import flags_text
    from ntorc.pipeline.prove import verdict_text
    from ntorc.pipeline.standalone import measure_run

    share = options.miss_probability(miss)
    result = measure_run(open_flow(options.progress()), run, samples, share, load, RealTime(fifo, cpu))
    measured = result["measured"]
    if result["verdict"] != "met":
        raise VerdictError(f"deadline missed: {result['verdict_basis']}", "allow a longer deadline", result)
    text = (
        f"{verdict_text(result, is_miss_asked=share is not None)}:"
        f" {measured['pl_cycles_min']}..{measured['pl_cycles_max']} cycles on"
        f" {measured['samples']} estimates, {measured['misses']} misses\n  {result['verdict_basis']}\n"
        f"  {measured['statement']}\n"
        f"  {flags_text(measured['flags'], measured['samples'])}\n"
        + "\n".join(f"  {kind}: {path}" for kind, path in result["outputs"].items())
    )
    options.show(result, as_json=json, text=text)
