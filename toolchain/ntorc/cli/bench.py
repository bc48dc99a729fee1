"""``ntorc bench``: rerun what docs/results.md states."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def bench(
    name: Annotated[str, typer.Argument(help="gateware (exactness), simulator (accuracy) or timing (clock).")],
    count: Annotated[int, typer.Option("--count", min=1, help="Networks to draw.")] = 60,
    seed: options.Seed = 1,
    json: options.Json = False,
) -> None:
    """Rerun a benchmark of docs/results.md.

    \b
    ntorc bench gateware --count 60    gateware against reference and closed form, random networks
    ntorc bench simulator              natural frequencies of the beam model against the rig's
    ntorc bench timing                 the gateware's clock by open place and route (minutes)
    """
    from ntorc.errors import GateError, UsageError
    from ntorc.pipeline.bench import gateware_exactness, simulator_accuracy
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.timing_bench import placed_clock

    flow = open_flow(options.progress())
    if name == "gateware":
        result = gateware_exactness(flow, seed, count)
        text = (
            f"{result['networks']} random networks, {result['frames']} frames: {result['output_mismatches']} outputs"
            f" and {result['latency_mismatches']} latencies differ from reference and closed form"
        )
        if result["output_mismatches"] or result["latency_mismatches"]:
            raise GateError(text, "keep the seed: it makes the network again", result)
    elif name == "simulator":
        result = simulator_accuracy(flow, seed)
        text = (
            f"{result['dwells']} dwells: f1 off by {result['f1_rms_percent']} %, f2 by {result['f2_rms_percent']} %"
            f" (RMS), at most {result['worst_percent']} %;"
            f" {result['simulated_s']:.0f} s of runs in {result['cpu_s']} s of CPU"
        )
    elif name == "timing":
        result = placed_clock(flow, seed)
        text = (
            f"{result['fmax_hz'] / 1e6:.1f} MHz of {result['wanted_hz'] / 1e6:.0f} wanted on {result['device']}, a"
            f" stand-in for vendor timing; longest path {result['path_s'] * 1e9:.2f} ns"
            f" ({result['routing_s'] * 1e9:.2f} of it wires), from {result['from_module']} to {result['to_module']};"
            f" {result['lut4']} LUT4, {result['ff']} FF, {result['mult18']} MULT18, {result['ebr']} EBR"
        )
    else:
        raise UsageError(f"there is no benchmark '{name}'", "known benchmarks: gateware, simulator, timing")
    options.show(result, as_json=json, text=text)
