"""Whether a run's polls form a grid (`ntorc.polls`), and which."""

from __future__ import annotations

import numpy as np

from ntorc.measure.records import Records
from ntorc.measure.report import Polling
from ntorc.polls import PollGrid

REGULAR_SHARE = 0.5
"""Of a poll's period: within it, 98 % of the driver's times must lie for the polls to count as a grid."""


def grid_of(told: Polling | None, records: Records, clock_hz: float) -> PollGrid | None:
    """The grid that a run's polls form; None where they do not.

    Args:
        told: the harness's counts.
        records: of estimates that were all delivered.
        clock_hz: of the logic, by the clock that the records' times are of.
    """
    if told is None or told.gaps == 0 or told.waits == 0 or records.table.size == 0:
        return None
    period_s = told.gap_ns / told.gaps * 1e-9
    low_ns, usual_ns, high_ns = np.quantile(records.driver_ns, [0.01, 0.5, 0.99], method="inverted_cdf")
    cycles = records.table["pl_cycles"]
    if period_s <= 0 or (high_ns - low_ns) * 1e-9 > REGULAR_SHARE * period_s or cycles.min() != cycles.max():
        return None
    span_ns = told.span_ns / told.waits - (records.driver_ns.mean() - usual_ns)  # of an undisturbed estimate
    polls = round(span_ns * 1e-9 / period_s) + 1
    latency_s = float(cycles[0]) / clock_hz
    high_s = latency_s - (polls - 1) * period_s
    return PollGrid(period_s, polls, latency_s, high_s - period_s, high_s)
