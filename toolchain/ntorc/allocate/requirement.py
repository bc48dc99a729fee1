"""What an allocation is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntorc.allocate.solver import MERGE, solver_named
from ntorc.boards import Board
from ntorc.network.network import Network
from ntorc.polls import PollGrid
from ntorc.units import ceil_to


@dataclass(frozen=True)
class Requirement:
    """What an allocation is asked for.

    Attributes:
        board: with capacities and clock.
        deadline_s: from the sample's release to the estimate visible to the control loop.
        clock_hz, hop, sample_rate_hz: of the logic, and of the samples.
        io_overhead_s, io_overhead_source: what of the deadline is the board's.
        ceiling: share of each resource that may be used.
        solver: CBC, HIGHS or GRB by python-mip, or MERGE, the exact merge of undominated labels.
        objective: see `ntorc.allocate.problem.OBJECTIVES`.
        accuracy_budget, accuracy_penalty: see `Problem`.
        clock_ratio: the clock that this board was measured to have, over the one that is asked for.
        offset_cycles: what its logic was measured to take beyond the closed form.
        grid: when results are seen on it, where its polls were measured to be regular; the overhead is that of the
            latency that was measured then.
    """

    board: Board
    deadline_s: float
    clock_hz: float
    hop: int
    sample_rate_hz: float
    io_overhead_s: float
    io_overhead_source: str
    ceiling: float = 0.8
    solver: str = "CBC"
    objective: str = "weighted"
    accuracy_budget: float | None = None
    accuracy_penalty: float = 0.0
    clock_ratio: float = 1.0
    offset_cycles: int = 0
    grid: PollGrid | None = None

    @property
    def mip_solver(self) -> str:
        """The integer programs' solver; HiGHS where merging was asked for."""
        return "HIGHS" if self.solver.upper() == MERGE else solver_named(self.solver)

    @property
    def budget_cycles(self) -> int:
        """Cycles of the closed form that fit the deadline after the board's I/O overhead; may be negative."""
        if self.grid is None:
            available_s = self.deadline_s - self.io_overhead_s
        else:
            available_s = self.grid.longest_s(self.io_overhead_s, self.deadline_s)
        return math.floor(available_s * self.clock_hz * self.clock_ratio + 1e-6) - self.offset_cycles

    def deadline_for(self, latency_cycles: int) -> float:
        """The deadline in seconds that so many cycles just meet, rounded up to .1 us so that it can be typed."""
        logic_s = (latency_cycles + self.offset_cycles) / (self.clock_hz * self.clock_ratio)
        overhead_s = self.io_overhead_s if self.grid is None else self.grid.overhead_s(self.io_overhead_s, logic_s)
        return ceil_to(logic_s + overhead_s, 1e-7)

    def pace_cycles(self, network: Network) -> int:
        """Cycles until the network's next work comes: the next sample where it keeps state, else the next frame.

        A network that keeps state works on each sample as it comes, and its latency is exact while that work is
        over before the next one.  Of any other a frame that is due before the result would be lost.
        """
        samples = 1 if network.stateful else self.hop
        return math.floor(samples * self.clock_hz / self.sample_rate_hz + 1e-6)
