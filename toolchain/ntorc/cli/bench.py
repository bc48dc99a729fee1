"""``ntorc bench``: rerun what docs/results.md states."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def bench(
    name: Annotated[str, typer.Argument(help="gateware: exactness over random networks.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Networks to draw.")] = 60,
    seed: options.Seed = 1,
    json: options.Json = False,
) -> None:
    """Compare the gateware with the reference and the closed form on random networks.

    \b
    ntorc bench gateware --count 60
    """
    from ntorc.errors import GateError, UsageError
    from ntorc.pipeline.bench import gateware_exactness
    from ntorc.pipeline.flow import open_flow

    if name != "gateware":
        raise UsageError(f"there is no benchmark '{name}'", "known benchmarks: gateware")
    result = gateware_exactness(open_flow(options.progress()), seed, count)
    text = (
        f"{result['networks']} random networks, {result['frames']} frames: {result['output_mismatches']} outputs and"
        f" {result['latency_mismatches']} latencies differ from reference and closed form"
    )
    if result["output_mismatches"] or result["latency_mismatches"]:
        raise GateError(text, "", result)
    options.show(result, as_json=json, text=text)
