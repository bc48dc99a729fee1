"""What a poll's grid says of other latencies, by measurement of some: never less than is true, in the end exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.allocate.requirement import Requirement
from ntorc.boards import load_board
from ntorc.measure.polling import grid_of
from ntorc.measure.records import RECORD_DTYPE, Records
from ntorc.measure.report import Polling
from ntorc.polls import HANDSHAKE_S, PollGrid

PERIODS_S = st.floats(0.2e-6, 3e-6)
LATENCIES_S = st.floats(5e-6, 500e-6)
SHARES = st.floats(0.02, 0.98)


@dataclass(frozen=True)
class Truth:
    """A board: ``outside_s`` besides the polls, which see latencies of up to a whole number of them and a phase."""

    period_s: float
    phase_s: float
    outside_s: float = 60e-6

    def polls(self, latency_s: float) -> int:
        return max(1, math.ceil((latency_s - self.phase_s) / self.period_s))

    def loop_s(self, latency_s: float) -> float:
        return self.outside_s + self.polls(latency_s) * self.period_s

    def measured(self, latency_s: float) -> tuple[PollGrid, float]:
        polls = self.polls(latency_s)
        high_s = latency_s - (polls - 1) * self.period_s
        grid = PollGrid(self.period_s, polls, latency_s, high_s - self.period_s, high_s)
        return grid, self.loop_s(latency_s) - latency_s


@given(PERIODS_S, st.floats(-0.9, 0.9), LATENCIES_S, LATENCIES_S)
def test_another_latency_is_known_to_one_poll(period_s: float, share: float, one_s: float, other_s: float) -> None:
    truth = Truth(period_s, share * period_s)
    grid, overhead_s = truth.measured(one_s)
    assert grid.phase_low_s - 1e-12 <= truth.phase_s < grid.phase_high_s + 1e-12
    assert abs(grid.polls_for(other_s) - truth.polls(other_s)) <= 1
    assert grid.overhead_s(overhead_s, one_s) == pytest.approx(overhead_s, abs=1e-12)


@given(PERIODS_S, SHARES, LATENCIES_S, st.floats(70e-6, 600e-6))
def test_where_write_and_read_take_alike_the_budget_is_exact(
    period_s: float, share: float, one_s: float, deadline_s: float
) -> None:
    truth = Truth(period_s, -share * HANDSHAKE_S)  # within what is allowed for, so that no deadline is missed
    grid, overhead_s = truth.measured(one_s)
    longest_s = grid.longest_s(overhead_s, deadline_s)
    if longest_s > 0:
        assert truth.loop_s(longest_s) <= deadline_s + 1e-12
        assert truth.loop_s(longest_s + HANDSHAKE_S + 1e-10) > deadline_s - 1e-12
        assert grid.overhead_s(overhead_s, longest_s) + longest_s <= deadline_s + 1e-12
    else:
        assert truth.loop_s(0.0) > deadline_s - 1e-12


@given(PERIODS_S, st.floats(-0.9, 0.9), LATENCIES_S, st.floats(70e-6, 600e-6))
def test_any_other_phase_is_found_by_deploying_what_is_thought_to_be_right(
    period_s: float, share: float, one_s: float, deadline_s: float
) -> None:
    """A budget that misses, or one that may be too small, is measured, and with it known better."""
    truth = Truth(period_s, share * period_s)
    grid, overhead_s = truth.measured(one_s)
    widths = [grid.phase_high_s - grid.phase_low_s]
    for _ in range(4):
        longest_s = grid.longest_s(overhead_s, deadline_s)
        if longest_s <= 0:
            return
        found, overhead_s = truth.measured(longest_s)
        grid = found.after(grid)
        assert grid.phase_low_s - 1e-12 <= truth.phase_s < grid.phase_high_s + 1e-12
        widths.append(grid.phase_high_s - grid.phase_low_s)
        if truth.loop_s(longest_s) <= deadline_s:
            break
    assert widths == sorted(widths, reverse=True)


def test_what_contradicts_it_begins_anew() -> None:
    grid, _ = Truth(1e-6, -0.1e-6).measured(100.5e-6)
    other, _ = Truth(1e-6, 0.8e-6).measured(100.7e-6)
    assert other.after(grid) == other
    slower, _ = Truth(1.1e-6, -0.1e-6).measured(100.5e-6)
    assert slower.after(grid) == slower
    assert slower.after(None) == slower


def records(driver_ns: np.ndarray, cycles: int | np.ndarray = 10_000) -> Records:
    table = np.zeros(len(driver_ns), RECORD_DTYPE)
    table["seq"] = np.arange(1, len(driver_ns) + 1)
    table["pl_cycles"] = cycles
    table["write_ns"] = 3_200_000 * np.arange(len(driver_ns))
    table["done_ns"] = table["write_ns"] + driver_ns.astype(np.uint64)
    return Records(table, 16, 128, 100_000_000, 200_000, "ff")


def test_polls_that_fall_by_chance_are_no_grid() -> None:
    told = Polling(waits=100, polls=100 * 101, span_ns=100 * 100 * 1000, gaps=100 * 100, gap_ns=100 * 100 * 1000)
    even = np.full(100, 104_000)
    grid = grid_of(told, records(even), 1e8)
    assert grid is not None
    assert (grid.period_s, grid.polls, grid.latency_s) == (pytest.approx(1e-6), 101, pytest.approx(100e-6))
    assert (grid.phase_low_s, grid.phase_high_s) == (pytest.approx(-1e-6), pytest.approx(0.0, abs=1e-12))
    late = even.copy()
    late[7] += 80_000  # one interrupt
    told_late = Polling(100, 100 * 101, told.span_ns + 80_000, told.gaps - 1, told.gap_ns - 1000)
    assert grid_of(told_late, records(late), 1e8) == grid
    by_chance = even + np.random.default_rng(1).integers(0, 1000, 100)
    assert grid_of(told, records(by_chance), 1e8) is None
    assert grid_of(told, records(even, np.arange(10_000, 10_100)), 1e8) is None
    assert grid_of(None, records(even), 1e8) is None
    assert grid_of(Polling(100, 100, 0, 0, 0), records(even), 1e8) is None


@given(PERIODS_S, st.floats(-0.9, 0.9), LATENCIES_S, st.integers(500, 40_000), st.floats(0.95, 1.05))
def test_the_smallest_deadline_for_a_latency_gives_it_as_budget(
    period_s: float, share: float, one_s: float, cycles: int, ratio: float
) -> None:
    grid, overhead_s = Truth(period_s, share * period_s).measured(one_s)
    board = load_board("pynq-z2")
    asked = Requirement(board, 1.0, 100e6, 16, 5e3, overhead_s, "", clock_ratio=ratio, offset_cycles=3, grid=grid)
    tight = replace(asked, deadline_s=asked.deadline_for(cycles))
    assert cycles <= tight.budget_cycles
    assert replace(tight, deadline_s=tight.deadline_s - period_s - 2e-7).budget_cycles < cycles
