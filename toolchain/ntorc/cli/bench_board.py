"""The benchmarks of boards, harness, recalibration and open tools: how their results are said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntorc.pipeline.flow import Flow


def deployments(flow: Flow, seed: int, count: int) -> tuple[dict[str, Any], str]:
    """``ntorc bench deployments``."""
    from ntorc.bench.deployments import deployments as run

    result = run(flow, seed, count)
    return result, (
        f"{result['exact']} of {result['deployments']} random deployments take the predicted cycles in every estimate;"
        f" {result['output_mismatches']} outputs differ, the probe disagrees with the records in"
        f" {result['probe_mismatches']}"
    )


def harness(flow: Flow, seed: int, count: int) -> tuple[dict[str, Any], str]:
    """``ntorc bench harness``; ``count`` hundreds of estimates."""
    from ntorc.bench.harness import harness_overhead

    result = harness_overhead(flow, count * 100)
    rows = "\n".join(f"  {name:14} {value:8.1f} ns" for name, value in result["own_ns_per_loop"].items())
    short = ", ".join(result["short"])
    asked = f"at most {result['asked_ns']:.0f} ns asked on the virtual board"
    return result, (
        f"the harness's own time of one turn of the loop, {result['estimates']} estimates each; {asked}\n{rows}"
        + (f"\nshort: {short}; a busy machine makes it longer" if short else "")
    )


def day(flow: Flow, seed: int, count: int) -> tuple[dict[str, Any], str]:
    """``ntorc bench day``; ``count`` millions of records."""
    from ntorc.bench.harness import day_of_records

    result = day_of_records(flow, count * 1_000_000)
    return result, (
        f"{result['records']} records ({result['hours_at_5_khz']} hours at 5 kHz) in {result['written_s']} s through"
        f" harness and Parquet ({result['parquet_bytes'] / 1e9:.2f} GB), read back and summed up in"
        f" {result['read_s']} s; at most {result['peak_memory_bytes'] / 2**20:.0f} MiB of memory in both processes;"
        f" {result['total_mismatches']} totals differ{_broken(result)}"
    )


def recalibration(flow: Flow, seed: int, count: int) -> tuple[dict[str, Any], str]:
    """``ntorc bench recalibration``; ``count`` hundreds of estimates a round."""
    from ntorc.bench.recalibration import recalibration as run

    result = run(flow, seed, count * 100)
    hidden, found = result["hidden"], result["found"]
    lines = [f"deadline {result['deadline_s'] * 1e6:.1f} us, {result['estimates']} estimates a round"]
    rows = [(f"deployment {number}", row) for number, row in enumerate(result["rounds"], start=1)]
    if result["next_cheaper"] is not None:
        rows.append(("next cheaper", result["next_cheaper"]))
    for name, row in rows:
        lines.append(
            f"{name}: assumed {row['assumed_overhead_s'] * 1e6:.1f} us, clock {row['assumed_clock_ratio']:.5f},"
            f" {row['assumed_offset_cycles']:+d} cycles; area {row['area']:.5f}, {row['predicted']['lut']:.0f} LUT,"
            f" {row['predicted']['dsp']:.0f} DSP; largest loop {row['loop_max_s'] * 1e6:.1f} us,"
            f" {row['misses']} misses: {row['verdict']}"
        )
    lines.append(
        f"hidden: at most {hidden['overhead_s'] * 1e6:.1f} us, clock {hidden['clock_ratio']:.5f},"
        f" {hidden['offset_cycles']:+d} cycles; found: {found['overhead_s'] * 1e6:.1f} us,"
        f" {found['clock_ratio']:.5f}, {found['offset_cycles']:+d} cycles; polls each {hidden['poll_s'] * 1e6:.4f} us,"
        f" found: {(found['poll_s'] or 0.0) * 1e6:.4f} us"
    )
    cheaper = "meets the deadline too: short of the smallest area" if result["short"] else "misses, or there is none"
    lines.append(f"the next cheaper allocation {cheaper}{_broken(result)}")
    return result, "\n".join(lines)


def _broken(result: dict[str, Any]) -> str:
    return "".join(f"\nnot as asked: {one}" for one in result["broken_bounds"])


def ssh(flow: Flow, seed: int, count: int) -> tuple[dict[str, Any], str]:
    """``ntorc bench ssh``; ``count`` deployments."""
    from ntorc.bench.ssh import deployment_time

    result = deployment_time(flow, seed, count)
    return result, (
        f"{result['deployments']} deployments over SSH on loopback, agent and programs there already:"
        f" {result['median_s']} s in the median, {result['longest_s']} s at most;"
        f" {result['confirmed_mismatches']} not confirmed"
    )


def open_tools(flow: Flow, seed: int, count: int) -> tuple[dict[str, Any], str]:
    """``ntorc bench open-tools``."""
    from ntorc.bench.open_tools import open_allocation
    from ntorc.cli.options import resources_text

    result = open_allocation(flow, seed)
    off = result["off_percent"]
    return result, (
        f"{result['latency_cycles']} cycles; predicted {resources_text(result['predicted'])}; yosys, whole design"
        f" flattened: {resources_text(result['synthesised'])}; LUT {off['lut']:+} %, FF {off['ff']:+} %"
    )
