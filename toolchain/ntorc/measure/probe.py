"""The shell's own count of its latencies against the harness's records: two ways to one figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntorc.measure.records import SKIPPED, TIMEOUT, TORN, Records
from ntorc.measure.report import Probe

NO_DEADLINE = 0xFFFF_FFFF


@dataclass(frozen=True)
class ProbeResult:
    """What the probe counted, and where the records say something else.

    Attributes:
        counted: results that it saw.
        latency_min, latency_max: extremes in cycles.
        deadline_cycles: what it was told, None for none.
        missed: results over that.
        lost: estimates that fell due while another was computed.
        histogram: lower edge in cycles and count of each bin that holds something; a bin is ``width`` cycles wide.
        width: of a bin.
        outside: results below and above the bins.
        differences: what the records say otherwise, for people; empty when both agree.
    """

    counted: int
    latency_min: int
    latency_max: int
    deadline_cycles: int | None
    missed: int
    lost: int
    histogram: tuple[tuple[int, int], ...]
    width: int
    outside: tuple[int, int]
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether records and probe say the same."""
        return not self.differences


def compare_probe(probe: Probe, records: Records) -> ProbeResult:
    """Hold the probe's counts against the records of the same run, from its soft reset to its end."""
    width = 1 << probe.shift
    filled = tuple((probe.lower + i * width, number) for i, number in enumerate(probe.bins) if number)
    counted = sum(probe.bins) + probe.under + probe.over
    return ProbeResult(
        counted,
        probe.latency_min,
        probe.latency_max,
        None if probe.deadline == NO_DEADLINE else probe.deadline,
        probe.missed,
        probe.lost,
        filled,
        width,
        (probe.under, probe.over),
        tuple(_differences(probe, records, counted)),
    )


def _differences(probe: Probe, records: Records, counted: int) -> list[str]:
    cycles = records.table["pl_cycles"][~records.having(TIMEOUT | TORN | SKIPPED)].astype(np.int64)
    if len(cycles) != len(records.table):
        return [
            f"{len(records.table) - len(cycles)} estimates were not seen whole: the probe counted {counted} results"
        ]
    if len(cycles) == 0:
        return []
    width = 1 << probe.shift
    places = (cycles - probe.lower) // width
    inside = (cycles >= probe.lower) & (places < len(probe.bins))
    bins = np.bincount(places[inside], minlength=len(probe.bins)).tolist()
    expected = {
        "results": (counted, len(cycles)),
        "the smallest latency": (probe.latency_min, int(cycles.min())),
        "the largest latency": (probe.latency_max, int(cycles.max())),
        "results over the deadline": (probe.missed, int(np.count_nonzero(cycles > probe.deadline))),
        "results below the bins": (probe.under, int(np.count_nonzero(cycles < probe.lower))),
        "results above the bins": (probe.over, int(np.count_nonzero(places >= len(probe.bins)))),
    }
    found = [f"{what}: probe {a}, records {b}" for what, (a, b) in expected.items() if a != b]
    off = sum(a != b for a, b in zip(probe.bins, bins, strict=True))
    return [*found, f"{off} of its bins differ"] if off else found
