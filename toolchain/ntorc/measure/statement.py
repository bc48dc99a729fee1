"""What a measurement shows about the probability of a miss, in words that claim no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.measure.statistics import Dependence, dependence, miss_bound, samples_needed
from ntorc.units import format_seconds

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Statement:
    """About misses.

    Attributes:
        text: one paragraph for people.
        shown: whether the allowed probability is shown at 95 %.
        needed: estimates without a miss that would show it.
        latency: how much the latencies depend on their neighbours.
        effective_bound: the bound if only that many estimates counted as independent.
        longest_run: most misses one behind the other.
        max_s: the largest latency that was seen.
    """

    text: str
    shown: bool
    needed: int
    latency: Dependence
    effective_bound: float
    longest_run: int
    max_s: float


def state(latency_s: npt.ArrayLike, missed: npt.ArrayLike, allowed: float) -> Statement:
    """Put a measurement into words.

    Args:
        latency_s: [n] what the verdict judges, of the estimates that were delivered whole, n > 0.
        missed: [m] whether each estimate missed, those that were not delivered too.
        allowed: probability of a miss that is allowed.
    """
    series = np.asarray(latency_s, dtype=np.float64)
    flags = np.asarray(missed, dtype=bool)
    misses, samples = int(np.count_nonzero(flags)), int(flags.size)
    bound = miss_bound(misses, samples, CONFIDENCE)
    needed = samples_needed(allowed, 0, CONFIDENCE)
    linked = dependence(series)
    counted = max(1, min(samples, int(linked.effective)))
    few = min(misses, counted)
    effective = max(bound, miss_bound(few, counted, CONFIDENCE))
    largest = float(series.max())
    parts = [
        f"{misses} misses in {samples} estimates: at 95 % confidence the probability of a miss is at most"
        f" {bound:.3g} (exact binomial), if estimates are independent; {allowed:g} is allowed",
        f"largest latency seen: {format_seconds(largest)}; a longer one may come",
    ]
    if bound > allowed and misses == 0:
        parts.append(f"to show {allowed:g} takes {needed} estimates without a miss")
    parts.append(_said(linked, effective, samples))
    run = longest_run(flags)
    if misses > 1:
        parts.append(f"at most {run} misses followed one another")
    return Statement("; ".join(parts), bound <= allowed, needed, linked, effective, run, largest)


def _said(linked: Dependence, effective: float, samples: int) -> str:
    if linked.is_constant:
        return "all latencies are equal, so that nothing can be said about their dependence"
    if linked.time < 1.05:
        return f"neighbouring latencies are hardly correlated ({linked.lag1:+.2f})"
    return (
        f"neighbouring latencies are correlated ({linked.lag1:+.2f}), so that the {samples} are worth about"
        f" {linked.effective:.0f} independent ones, which alone would show {effective:.3g}"
    )


def longest_run(flags: npt.ArrayLike) -> int:
    """The most true values one behind the other in a series [n]."""
    padded = np.concatenate(([False], np.asarray(flags, dtype=bool), [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(padded))
    return int(np.max(edges[1::2] - edges[::2], initial=0))
