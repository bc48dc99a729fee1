"""``ntorc bench``: rerun what docs/results.md states."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ntorc.cli import options


def bench(
    name: Annotated[str, typer.Argument(help="gateware, published or simulator.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Networks to draw.")] = 60,
    only: Annotated[list[str] | None, typer.Option("--only", help="Of the published networks, by name.")] = None,
    seed: options.Seed = 1,
    json: options.Json = False,
) -> None:
    """Rerun a benchmark of docs/results.md.

    \b
    ntorc bench gateware --count 60    gateware against reference and closed form, random networks
    ntorc bench published              the paper's networks: LUTs and DSPs against its own (takes long)
    ntorc bench simulator              natural frequencies of the beam model against the rig's
    """
    from ntorc.errors import GateError, UsageError
    from ntorc.pipeline.bench import gateware_exactness, simulator_accuracy
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.published import published_sizes

    flow = open_flow(options.progress())
    if name == "gateware":
        result = gateware_exactness(flow, seed, count)
        text = (
            f"{result['networks']} random networks, {result['frames']} frames: {result['output_mismatches']} outputs"
            f" and {result['latency_mismatches']} latencies differ from reference and closed form"
        )
        if result["output_mismatches"] or result["latency_mismatches"]:
            raise GateError(text, "keep the seed: it makes the network again", result)
    elif name == "published":
        result = published_sizes(flow, only or ())
        text = published_text(result)
    elif name == "simulator":
        result = simulator_accuracy(flow, seed)
        text = (
            f"{result['dwells']} dwells: f1 off by {result['f1_rms_percent']} %, f2 by {result['f2_rms_percent']} %"
            f" (RMS), at most {result['worst_percent']} %;"
            f" {result['simulated_s']:.0f} s of runs in {result['cpu_s']} s of CPU"
        )
    else:
        raise UsageError(f"there is no benchmark '{name}'", "known benchmarks: gateware, published, simulator")
    options.show(result, as_json=json, text=text)


def published_text(result: dict[str, Any]) -> str:
    """The rows as a table, and what they say together."""
    lines = ["network               budget  cycles    LUT (paper, ratio)      DSP (paper)  BRAM18  FF"]
    for row in result["rows"]:
        lut = f"{row['lut']:5} ({row['paper_lut']}, {row['lut_ratio']:5.1f})"
        lines.append(
            f"{row['network']:20}  {row['budget_cycles']:6}  {row['latency_cycles']:6}  {lut}  {row['dsp']:4}"
            f" ({row['paper_dsp']:3})  {row['bram18']:6}  {row['ff']}"
        )
    for part in result["summary"]:
        lines.append(
            f"{part['budget_cycles']} cycles: {part['lut_ratio_geometric_mean']} times fewer LUTs in the geometric"
            f" mean, at least {part['lut_ratio_least']}; {len(part['more_dsp_than_paper'])} of {part['networks']} with"
            f" more DSPs than the paper's; {part['outputs_off']} outputs and {part['latencies_off']} latencies differ"
        )
    return "\n".join(lines)
