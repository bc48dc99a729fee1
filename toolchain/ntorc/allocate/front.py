"""The exact front: for every deadline at once the least objective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ntorc.allocate.merge import Merge, TooManyLabels
from ntorc.allocate.pareto import FloatArray, IntArray, staircase
from ntorc.allocate.problem import Problem
from ntorc.allocate.solution import Paths
from ntorc.allocate.solver import smallest_area
from ntorc.progress import Progress, Silent

MERGED = "exact merge of undominated labels"


@dataclass(frozen=True)
class FrontPoint:
    """The least objective of every budget from this latency to the next point's.

    Attributes:
        latency_cycles: by the exact model.
        objective: as the problem defines it.
        choice: option index by layer.
    """

    latency_cycles: int
    objective: float
    choice: tuple[int, ...]


@dataclass(frozen=True)
class Front:
    """All undominated pairs of latency and objective, by rising latency.

    Attributes:
        points: empty when nothing fits the caps.
        method: how they were proven.
        paths: latency paths that the proof needed.
    """

    points: tuple[FrontPoint, ...]
    method: str
    paths: int

    def at(self, budget_cycles: float) -> FrontPoint | None:
        """The optimum of a budget, or None when none keeps it."""
        kept = [point for point in self.points if point.latency_cycles <= budget_cycles]
        return kept[-1] if kept else None

    @property
    def knee(self) -> FrontPoint | None:
        """The point farthest below the line between the ends, both axes logarithmic and scaled to one.

        Beyond it the next halving of the latency costs more than its share (Satopaa et al., "Finding a 'Kneedle' in
        a Haystack", 2011, for a convex falling curve).
        """
        if not self.points:
            return None
        x = _unit([math.log(max(point.latency_cycles, 1)) for point in self.points])
        y = _unit([math.log(max(point.objective, 1e-30)) for point in self.points])
        return self.points[int(np.argmax(1.0 - x - y))]


def _unit(values: Sequence[float]) -> FloatArray:
    found = np.array(values)
    reach = float(np.ptp(found))
    unit: FloatArray = (found - found.min()) / reach if reach > 0 else np.zeros(len(found))
    return unit


def exact_front(problem: Problem, progress: Progress | None = None, paths: Paths | None = None) -> Front:
    """The front under the problem's caps; its budget is not used.

    Merged under the paths known so far, the front is a bound from below: it has the best of every choice's latency
    under SOME of its paths.  Once no point has a longer exact latency, all its points are attainable, and none
    of the true front can be missing.  Where merging would take too long each deadline is solved by itself.
    """
    progress, paths = progress or Silent(), paths or Paths(problem.options)
    try:
        while True:
            latency, cost, choice = Merge(problem, paths.all).front()
            exact = problem.options.latency.latencies(choice) if len(choice) else np.zeros(0, np.int64)
            longer = np.flatnonzero(exact > np.ceil(latency - _ROUNDING))
            if not len(longer):
                return Front(_points(exact, cost, choice), MERGED, len(paths))
            for index in longer:
                paths.add(choice[index])
            progress.message(f"  front: {len(cost)} points so far, {len(longer)} need further latency paths")
    except TooManyLabels:
        progress.message("  front: too many labels to merge, so every deadline is solved by itself (HiGHS)")
        return swept_front(problem, "HIGHS", progress)


_ROUNDING = 1e-6
_ANY = 1 << 40  # cycles: no deadline
_EQUAL = 1e-12  # relative: costs that differ by less are sums of the same numbers in another order


def _points(latency: IntArray, cost: FloatArray, choice: IntArray) -> tuple[FrontPoint, ...]:
    """By whole cycles: of those that round to one latency the cheapest, without gains that are rounding alone."""
    found: list[FrontPoint] = []
    for index in staircase(latency.astype(float), cost):
        if not found or cost[index] < found[-1].objective * (1 - _EQUAL):
            options = tuple(int(option) for option in choice[index])
            found.append(FrontPoint(int(latency[index]), float(cost[index]), options))
    return tuple(found)


def swept_front(problem: Problem, solver: str, progress: Progress | None = None) -> Front:
    """The same front by integer programs: the optimum without a deadline, then each time a cycle less."""
    progress = progress or Silent()
    found: list[FrontPoint] = []
    budget, cuts, name = _ANY, 0, solver
    while True:
        solution = smallest_area(replace(problem, budget_cycles=budget), solver)
        if solution is None:
            break
        if found and solution.objective <= found[-1].objective * (1 + 1e-9):
            found.pop()  # as cheap and faster
        found.append(FrontPoint(solution.latency_cycles, solution.objective, solution.choice))
        budget, cuts, name = solution.latency_cycles - 1, max(cuts, solution.cuts), solution.solver
        if len(found) % 50 == 0:
            progress.message(f"  front: {len(found)} points, down to {solution.latency_cycles} cycles")
    return Front(tuple(reversed(found)), f"one integer program a point, {name}", cuts)

