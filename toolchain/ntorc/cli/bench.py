"""``ntorc bench``: rerun what docs/results.md states."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def bench(
    name: Annotated[str, typer.Argument(help="gateware (exactness), simulator or resonators (accuracy).")],
    count: Annotated[int, typer.Option("--count", min=1, help="Networks to draw.")] = 60,
    seed: options.Seed = 1,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Rerun a benchmark of docs/results.md.

    \b
    ntorc bench gateware --count 60    gateware against reference and closed form, random networks
    ntorc bench simulator              natural frequencies of the beam model against the rig's
    ntorc bench resonators --data DIR  fixed-point features of the resonator bank against double precision
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
    elif name == "simulator":
        result = simulator_accuracy(flow, seed)
        text = (
            f"{result['dwells']} dwells: f1 off by {result['f1_rms_percent']} %, f2 by {result['f2_rms_percent']} %"
            f" (RMS), at most {result['worst_percent']} %;"
            f" {result['simulated_s']:.0f} s of runs in {result['cpu_s']} s of CPU"
        )
    elif name == "resonators":
        from ntorc.estimator.readers import load_runs
        from ntorc.pipeline.bench_resonators import resonator_accuracy

        if data is None:
            raise UsageError("the resonators are measured on runs", "say where they are: --data DIR")
        result = resonator_accuracy(load_runs(data, progress=flow.progress), flow.progress)
        text = "\n".join(
            f"{row['state_bits']}-bit state: log2 of shares off by {row['all_share_rms']} RMS,"
            f" {row['all_share_max']} at most; above 30 mV {row['loud_share_rms']}, {row['loud_share_max']}"
            for row in result["log2_errors"]
        )
    else:
        raise UsageError(f"there is no benchmark '{name}'", "known benchmarks: gateware, simulator, resonators")
    options.show(result, as_json=json, text=text)
