"""Records of any length summed up in bounded memory: histograms, counts and block maxima."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.measure.histograms import HistogramBuilder, LogHistogram
from ntorc.measure.records import SKIPPED, TIMEOUT, TORN, Records

_FIRST_BLOCK, _MOST_BLOCKS = 64, 256  # as firmware/harness/summary.h


@dataclass(frozen=True)
class Totals:
    """What records come to.  Histograms are of the estimates that were delivered whole.

    Attributes:
        records: all of them.
        misses: over the deadline by the loop, or not delivered whole.
        pl_cycles, driver_ns, loop_ns: the three intervals.
        block_records, block_max_ns: the largest loop_ns of each block of so many estimates.
    """

    records: int
    misses: int
    pl_cycles: LogHistogram
    driver_ns: LogHistogram
    loop_ns: LogHistogram
    block_records: int
    block_max_ns: tuple[int, ...]


def total_of(blocks: Iterable[Records], deadline_ns: int = 0) -> Totals:
    """Sum up blocks of records; ``deadline_ns`` 0 counts only what was not delivered as missed."""
    builders = {name: HistogramBuilder() for name in ("pl_cycles", "driver_ns", "loop_ns")}
    maxima = _BlockMaxima()
    count = misses = 0
    for records in blocks:
        whole = ~records.having(TORN | TIMEOUT | SKIPPED)
        loop_ns = records.loop_ns
        late = (loop_ns > deadline_ns) if deadline_ns else np.zeros(len(whole), bool)
        misses += int(np.count_nonzero(late | ~whole))
        count += len(whole)
        maxima.add(loop_ns)
        builders["pl_cycles"].add(records.table["pl_cycles"][whole])
        builders["driver_ns"].add(records.driver_ns[whole])
        builders["loop_ns"].add(loop_ns[whole])
    made = {name: builder.histogram() for name, builder in builders.items()}
    return Totals(count, misses, **made, block_records=maxima.size, block_max_ns=tuple(maxima.values))


class _BlockMaxima:
    """Blocks whose size doubles when there are too many of them, as in the harness."""

    def __init__(self) -> None:
        self.size = _FIRST_BLOCK
        self.values: list[int] = []
        self._in_last = _FIRST_BLOCK

    def add(self, values: npt.NDArray[np.uint64]) -> None:
        start = 0
        while start < len(values):
            if self._in_last == self.size:
                if len(self.values) == _MOST_BLOCKS:
                    self.values = [max(pair) for pair in zip(self.values[::2], self.values[1::2], strict=True)]
                    self.size *= 2
                self.values.append(0)
                self._in_last = 0
            taken = min(self.size - self._in_last, len(values) - start)
            self.values[-1] = max(self.values[-1], int(values[start : start + taken].max()))
            self._in_last += taken
            start += taken
