"""The exact allocation: an integer program with the latency's critical paths as lazy cuts.

The composed latency of the native backend is a maximum over very many paths, each linear in the options
(see ``backends/native/cycles.py``).  The program starts with the paths that the extreme choices
make critical; after each optimum the exact latency is evaluated, and a violated path is added.  Every
added constraint holds for all feasible choices, and the last optimum satisfies the exact model, so it
is the optimum of the exact problem.  Backends with a plain sum need one cut only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntorc.allocate.problem import Problem
from ntorc.backends.base import RESOURCES, Cut
from ntorc.errors import ToolError

_GAP = 1e-9
_TOLERANCE = 1e-6
"""Relative feasibility tolerance of the solvers."""


@dataclass(frozen=True)
class Solution:
    """A proven optimum.

    Attributes:
        choice: option index by layer.
        latency_cycles: by the exact model.
        objective: capacity-weighted area, or cycles when latency was minimised.
        cuts: latency paths that the program needed.
        solver: name and version.
    """

    choice: tuple[int, ...]
    latency_cycles: int
    objective: float
    cuts: int
    solver: str


def smallest_area(problem: Problem, solver: str = "CBC") -> Solution | None:
    """The least capacity-weighted area within budget and caps, or None when there is none."""
    return _Program(problem, solver, minimise_latency=False).solve()


def smallest_latency(problem: Problem, solver: str = "CBC") -> Solution | None:
    """The least latency within the caps (the budget is not used), or None when nothing fits."""
    return _Program(problem, solver, minimise_latency=True).solve()


class _Program:
    def __init__(self, problem: Problem, solver: str, *, minimise_latency: bool) -> None:
        import mip

        self.problem = problem
        self.minimise_latency = minimise_latency
        self.solver = solver
        self.rows = problem.options.layers
        self.model = mip.Model(sense=mip.MINIMIZE, solver_name=solver)
        self.model.verbose = 0
        self.model.max_mip_gap = _GAP
        self.model.max_mip_gap_abs = _GAP
        self.model.threads = 1
        self.picked = [[self.model.add_var(var_type=mip.BINARY) for _ in row] for row in self.rows]
        for variables in self.picked:
            self.model += mip.xsum(variables) == 1
        self._caps(mip)
        self.latency = self.model.add_var(lb=0.0) if minimise_latency else None
        self.cuts = 0
        if minimise_latency:
            self.model.objective = self.latency
        else:
            self.model.objective = self._sum(mip, [[problem.weight(o.resources) for o in row] for row in self.rows])
        for extreme in (0, -1):
            self._add(mip, problem.options.latency.cut([extreme % len(row) for row in self.rows]))

    def _sum(self, mip: Any, coefficients: list[list[float]]) -> Any:
        return mip.xsum(
            value * variable
            for values, variables in zip(coefficients, self.picked, strict=True)
            for value, variable in zip(values, variables, strict=True)
            if value
        )

    def _caps(self, mip: Any) -> None:
        for name in RESOURCES:
            used = self._sum(mip, [[getattr(option.bound, name) for option in row] for row in self.rows])
            self.model += used <= self.problem.cap(name)

    def _add(self, mip: Any, cut: Cut) -> None:
        path = self._sum(mip, [list(row) for row in cut.coefficients]) + cut.constant
        self.model += path <= (self.latency if self.latency is not None else self.problem.budget_cycles)
        self.cuts += 1

    def solve(self) -> Solution | None:
        """The optimum of the exact problem, or None when no choice is feasible.

        Raises:
            ToolError: the solver stopped, or answered with a choice that breaks its own constraints.
        """
        import mip

        seen: set[tuple[int, ...]] = set()
        while True:
            choice = self._optimum()
            if choice is None:
                return None
            cycles = self.problem.options.latency.latency_cycles(choice)
            limit = self.model.objective_value if self.minimise_latency else self.problem.budget_cycles
            if cycles <= limit + 0.5:
                value = float(cycles) if self.minimise_latency else self.problem.area(choice)
                return Solution(choice, cycles, value, self.cuts, f"{self.solver} by python-mip {mip.__version__}")
            if choice in seen:
                raise ToolError(
                    f"the solver {self.solver} ignored a latency constraint within its tolerance", "try another solver"
                )
            seen.add(choice)
            self._add(mip, self.problem.options.latency.cut(choice))

    def _optimum(self) -> tuple[int, ...] | None:
        """The optimum under the paths so far.

        CBC's preprocessing can call an infeasible program optimal and give values that pick nothing, so an answer
        is held against the program, and a bad one asked again without preprocessing.
        """
        import mip

        for preprocess in (self.model.preprocess, 0):
            self.model.preprocess = preprocess
            status = self.model.optimize()
            if status in (mip.OptimizationStatus.INFEASIBLE, mip.OptimizationStatus.INT_INFEASIBLE):
                return None
            if status != mip.OptimizationStatus.OPTIMAL:
                raise ToolError(f"the solver {self.solver} stopped with {status.name}", "try another solver")
            picked = [[index for index, var in enumerate(row) if float(var.x) > 0.5] for row in self.picked]
            choice = tuple(row[0] for row in picked if len(row) == 1)
            if len(choice) == len(self.picked) and self.problem.fits(choice, tolerance=_TOLERANCE):
                return choice
        raise ToolError(f"the solver {self.solver} broke its own constraints", "try another solver")


def brute_force(problem: Problem) -> Solution | None:
    """The same optimum by trying every choice; for tests and small cases."""
    from itertools import product

    best: Solution | None = None
    for choice in product(*(range(len(row)) for row in problem.options.layers)):
        cycles = problem.options.latency.latency_cycles(choice)
        if cycles > problem.budget_cycles or not problem.fits(choice):
            continue
        area = problem.area(choice)
        if best is None or area < best.objective:
            best = Solution(choice, cycles, area, 0, "brute force")
    return best
