"""``ntorc bench``: rerun what docs/results.md states."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def bench(
    name: Annotated[str, typer.Argument(help="gateware, hls4ml (both exactness) or simulator (accuracy).")],
    count: Annotated[int, typer.Option("--count", min=1, help="Networks to draw.")] = 60,
    seed: options.Seed = 1,
    json: options.Json = False,
) -> None:
    """Rerun a benchmark of docs/results.md.

    \b
    ntorc bench gateware --count 60    gateware against reference and closed form, random networks
    ntorc bench hls4ml --count 30      reference and gateware in hls4ml mode against its C++ emulation
    ntorc bench simulator              natural frequencies of the beam model against the rig's
    """
    from ntorc.errors import GateError, UsageError
    from ntorc.pipeline.bench import gateware_exactness, simulator_accuracy
    from ntorc.pipeline.flow import open_flow

    flow = open_flow(options.progress())
    if name == "gateware":
        result = gateware_exactness(flow, seed, count)
        text = (
            f"{result['networks']} random networks, {result['frames']} frames: {result['output_mismatches']} outputs"
            f" and {result['latency_mismatches']} latencies differ from reference and closed form"
        )
        if result["output_mismatches"] or result["latency_mismatches"]:
            raise GateError(text, "keep the seed: it makes the network again", result)
    elif name == "hls4ml":
        from ntorc.pipeline.hls4ml_bench import hls4ml_exactness

        result = hls4ml_exactness(flow, seed, count)
        found = result["granularities"]
        text = "\n".join(
            f"granularity '{kind}': {one['networks']} random networks ({one['with_lstm']} with LSTM),"
            f" {one['windows']} windows: {one['window_mismatches']} of the reference differ from {result['tool']};"
            f" {one['in_gateware']} networks in gateware: {one['gateware_mismatches']} outputs and"
            f" {one['latency_mismatches']} latencies differ"
            for kind, one in found.items()
        )
        if any(value for one in found.values() for key, value in one.items() if key.endswith("mismatches")):
            raise GateError(text, "keep the seed: it makes the network again", result)
    elif name == "simulator":
        result = simulator_accuracy(flow, seed)
        text = (
            f"{result['dwells']} dwells: f1 off by {result['f1_rms_percent']} %, f2 by {result['f2_rms_percent']} %"
            f" (RMS), at most {result['worst_percent']} %;"
            f" {result['simulated_s']:.0f} s of runs in {result['cpu_s']} s of CPU"
        )
    else:
        raise UsageError(f"there is no benchmark '{name}'", "known benchmarks: gateware, hls4ml, simulator")
    options.show(result, as_json=json, text=text)
