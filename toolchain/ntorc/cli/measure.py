"""``ntorc measure``: measure the deployed design again."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def measure(
    run: Annotated[str, typer.Argument(help="A finished run; the newest one if left out.")] = "",
    estimates: Annotated[int, typer.Option("--estimates", min=1, help="How many to measure.")] = 10_000,
    json: options.Json = False,
) -> None:
    """Power the virtual board up again with its confirmed design, and measure it against the run's deadline.

    \b
    ntorc measure
    ntorc measure --estimates 300000
    """
    from ntorc.errors import VerdictError
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.standalone import measure_run

    result = measure_run(open_flow(options.progress()), run, estimates)
    measured = result["measured"]
    if result["verdict"] != "met":
        raise VerdictError(f"deadline missed: {result['verdict_basis']}", "allow a longer deadline", result)
    text = (
        f"{result['verdict']}: {measured['pl_cycles_min']}..{measured['pl_cycles_max']} cycles on"
        f" {measured['samples']} estimates, {measured['misses']} misses\n  {result['verdict_basis']}"
    )
    options.show(result, as_json=json, text=text)
