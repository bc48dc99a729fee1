"""Tables III and IV for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ntorc.bench.reproduce_tables import BUDGET_CYCLES, CLOCK_HZ


def table3_text(result: dict[str, Any]) -> str:
    """Both blocks for people."""
    return _both(result["rows"])


def table4_text(result: dict[str, Any]) -> str:
    """Both blocks, then every method on the paper's tables."""
    lines = [_both(result["rows"])]
    for row in result["rows"]:
        lines.append(f"\n{row['network']}, {row['options']} options, on the published tables:")
        for name, one in row["searches"].items():
            extra = f", {one['trials']} trials in {one['seconds']:.3g} s" if "trials" in one else ""
            lines.append(
                f"  {name:14} cost {one['cost']:.3f} (+{abs(one['over_optimum_percent']):.3f} %), {one['lut']:.0f} LUT,"
                f" {one['dsp']:.0f} DSP{extra}"
            )
        for name, paper in row["paper_searches"].items():
            dsp = f", {paper['dsp']} DSP" if "dsp" in paper else ""
            lines.append(f"  the paper's {name}: {paper['lut']} LUT{dsp}, {paper['seconds']:.0f} s")
    return "\n".join(lines)


def _both(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "As published: forests and labels as they are (paper / here)",
        f"{'network':20} {'LUT':>16} {'DSP':>9} {'us':>15} {'cycles':>10}  equal",
    ]
    for row in rows:
        paper, here = row["paper"], row["reproduced"]
        lines.append(
            f"{row['network']:20} {paper['lut']:7} / {here['lut']:<7.0f}{paper['dsp']:4} / {here['dsp']:<4.0f}"
            f"{paper['latency_us']:7.2f} / {here['latency_us']:<7.2f}{here['latency_cycles']:9.0f}"
            f"  {'yes' if row['equal_to_paper'] else 'NO'}"
        )
    equal = sum(row["equal_to_paper"] for row in rows)
    lines.append(f"{equal} of {len(rows)} equal the paper's figures")
    lines.append("")
    lines.append("What these allocations cost in models that hold, and ours for 200 us within 80 % of the device")
    lines.append(
        f"{'network':20} {'claimed':>8} {'relabelled':>10} {'honest':>8} {'at best':>8} {'LUT':>8} {'DSP':>5} fits |"
        f" {'ours us':>8} {'<= 99 %':>8} {'LUT':>8} {'FF':>7} {'DSP':>5} {'BRAM18':>6}"
    )
    for row in rows:
        honest, ours = row["honest"], row["ours"]
        line = (
            f"{row['network']:20} {row['reproduced']['latency_us']:8.1f} {row['repaired_labels']['latency_us']:10.1f}"
            f" {honest['latency_us']:8.1f} {row['honest_fastest_of_equal']['latency_us']:8.1f} {honest['lut']:8.0f}"
            f" {honest['dsp']:5.0f}"
            f" {'yes ' if honest['fits_device'] else 'NO  '} |"
        )
        if ours is None:
            line += f" none: at least {row['smallest_latency_us']:.1f} us"
        else:
            line += (
                f" {ours['latency_us']:8.1f} {ours['latency_bound_us']:8.1f} {ours['lut']:8.0f} {ours['ff']:7.0f}"
                f" {ours['dsp']:5.0f} {ours['bram18']:6.0f}{'' if row['ours_within_device'] else '  DOES NOT FIT'}"
            )
        lines.append(line)
    limit_us = BUDGET_CYCLES / CLOCK_HZ * 1e6
    missed = sum(row["honest_fastest_of_equal"]["latency_us"] > limit_us for row in rows)
    lines += [
        f"{missed} of {len(rows)} published allocations miss the {limit_us:.0f} us they were made for, also at best",
        "claimed: the published forests; relabelled: the same recipe on true lengths; honest: our model's mean, with",
        "the largest of the reuse factors that the forests call equal, as the paper prints them; at best: with the",
        "smallest of those; <= 99 %: upper bound",
    ]
    return "\n".join(lines)
