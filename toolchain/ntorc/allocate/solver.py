"""The exact allocation: an integer program with the latency's critical paths as lazy cuts.

The composed latency of the native backend is a maximum over very many paths, each linear in the options
(see ``backends/native/cycles.py``).  The program starts with the paths that extreme choices
make critical; after each optimum the exact latency is evaluated, and a violated path is added.  Every
added constraint holds for all feasible choices, and the last optimum satisfies the exact model, so it
is the optimum of the exact problem.  Backends with a plain sum need one cut only.

Of a large program the options that no optimum can contain are left out first (``allocate/reduce.py``).  A small one is
solved as it is, so that the two exact methods stay independent of each other.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntorc.allocate.pareto import IntArray
from ntorc.allocate.problem import ACCURACY, FloatArray, Problem
from ntorc.allocate.reduce import attainable_options
from ntorc.allocate.solution import Paths, Solution
from ntorc.backends.base import Cut
from ntorc.errors import ToolError, UsageError

SOLVERS = {"CBC": "CBC", "HIGHS": "HiGHS", "GRB": "Gurobi"}
"""What python-mip can drive, and its name for people."""
MERGE = "MERGE"
"""The solver that needs no integer program: the exact merge of undominated labels."""

_GAP = 1e-9
_TOLERANCE = 1e-6
"""Relative feasibility tolerance of the solvers."""

LARGE = 2000
"""Options from which on a program is reduced before it is solved."""

_SCALE = 1e4
"""Of the objective: CBC takes no solution that is better by less than 1e-5."""


@dataclass
class SolverTime:
    """Seconds of processor time that went into reducing programs, building and solving them."""

    reduce_s: float = 0.0
    build_s: float = 0.0
    solve_s: float = 0.0
    rounds: list[float] = field(default_factory=list)


def smallest_area(problem: Problem, solver: str = "CBC", spent: SolverTime | None = None) -> Solution | None:
    """The least objective within budget and caps, or None when there is none."""
    spent, paths = spent or SolverTime(), Paths(problem.options)
    kept = tuple(np.arange(len(row)) for row in problem.costs)
    if sum(len(row) for row in kept) >= LARGE:
        started_s = time.process_time()
        found = attainable_options(problem, paths)
        spent.reduce_s += time.process_time() - started_s
        if found is None:
            return None
        kept = found
    return _Program(problem, solver, spent, paths, kept, minimise_latency=False).solve()


def smallest_latency(problem: Problem, solver: str = "CBC", spent: SolverTime | None = None) -> Solution | None:
    """The least latency within the caps (the budget is not used), or None when nothing fits."""
    kept = tuple(np.arange(len(row)) for row in problem.costs)
    return _Program(
        problem, solver, spent or SolverTime(), Paths(problem.options), kept, minimise_latency=True
    ).solve()


def solver_named(name: str) -> str:
    """python-mip's name of a solver.

    Raises:
        UsageError: there is no such one.
    """
    found = {known.upper(): known for known in SOLVERS} | {shown.upper(): known for known, shown in SOLVERS.items()}
    if name.upper() not in found:
        raise UsageError(f"there is no solver '{name}'", f"known solvers: {', '.join((*SOLVERS, MERGE))}")
    return found[name.upper()]


def is_installed(solver: str) -> bool:
    """Whether a solver answers here: CBC and HiGHS come with ntorc, Gurobi needs its library and a licence."""
    try:
        _model(solver_named(solver))
    except ToolError:
        return False
    return True


def _model(solver: str) -> Any:
    import mip

    try:
        model = mip.Model(sense=mip.MINIMIZE, solver_name=solver)
    except Exception as error:
        raise ToolError(
            f"the solver {SOLVERS[solver]} cannot be used here: {error}",
            "take --solver CBC or HIGHS; Gurobi needs its library (GUROBI_HOME) and a licence",
        ) from error
    model.verbose = 0
    model.max_mip_gap = _GAP
    model.max_mip_gap_abs = _GAP
    model.threads = 1
    return model


def _interrupt_reads_again() -> None:
    """Let Ctrl-C end a read that waits, as Python has it.

    CBC takes SIGINT for the time that it solves and gives it back such that the kernel goes on with a read that was
    interrupted: whoever then waits for a tool's output could not be ended.
    """
    if threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGINT)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


class _Program:
    def __init__(
        self,
        problem: Problem,
        solver: str,
        spent: SolverTime,
        paths: Paths,
        kept: Sequence[IntArray],
        *,
        minimise_latency: bool,
    ) -> None:
        import mip

        started_s = time.process_time()
        self.problem = problem
        self.minimise_latency = minimise_latency
        self.solver = solver_named(solver)
        self.spent = spent
        self.paths = paths
        self.kept = kept
        self.model = _model(self.solver)
        self.picked = [[self.model.add_var(var_type=mip.BINARY) for _ in row] for row in kept]
        for variables in self.picked:
            self.model += mip.xsum(variables) == 1
        for name, cap, rows in problem.limits:
            # in shares of the device, so that one tolerance suits all
            unit = max(abs(cap), 1e-12) if name == ACCURACY else getattr(problem.capacity, name)
            self.model += self._sum(mip, [row / unit for row in rows]) <= cap / unit
        self.latency = self.model.add_var(lb=0.0) if minimise_latency else None
        if minimise_latency:
            self.model.objective = self.latency
        else:
            least = sum(row.min() for row in problem.costs)
            scale = _SCALE / least if least > 0 else 1.0
            self.model.objective = self._sum(mip, [row * scale for row in problem.costs])
        for cut in self.paths.all:
            self._add(mip, cut)
        self.spent.build_s += time.process_time() - started_s

    def _sum(self, mip: Any, coefficients: Sequence[FloatArray | Sequence[float]]) -> Any:
        return mip.xsum(
            float(value) * variable
            for values, kept, variables in zip(coefficients, self.kept, self.picked, strict=True)
            for value, variable in zip((values[index] for index in kept), variables, strict=True)
            if value
        )

    def _add(self, mip: Any, cut: Cut) -> None:
        most = cut.constant + sum(max(row) for row in cut.coefficients)
        if self.latency is None and most <= self.problem.budget_cycles:
            return  # no choice breaks it
        path = self._sum(mip, cut.coefficients) + cut.constant
        self.model += path <= (self.latency if self.latency is not None else self.problem.budget_cycles)

    def solve(self) -> Solution | None:
        """The optimum of the exact problem, or None when no choice is feasible.

        Raises:
            ToolError: the solver stopped, or answered with a choice that breaks its own constraints.
        """
        import mip

        while True:
            choice = self._optimum()
            if choice is None:
                return None
            cycles = self.problem.options.latency.latency_cycles(choice)
            limit = self.model.objective_value if self.minimise_latency else self.problem.budget_cycles
            if cycles <= limit + (1 - _TOLERANCE if self.minimise_latency else 0.0):
                value = float(cycles) if self.minimise_latency else self.problem.value(choice)
                return Solution(
                    choice, cycles, value, len(self.paths), f"{SOLVERS[self.solver]} by python-mip {mip.__version__}"
                )
            cut = self.paths.add(choice)
            if cut is None:
                raise ToolError(
                    f"the solver {SOLVERS[self.solver]} ignored a latency constraint within its tolerance",
                    "try another solver: --solver CBC or HIGHS",
                )
            self._add(mip, cut)

    def _optimum(self) -> tuple[int, ...] | None:
        """The optimum under the paths so far.

        CBC's preprocessing can call an infeasible program optimal and give values that pick nothing, so an answer
        is held against the program, and a bad one asked again without preprocessing.
        """
        import mip

        hint = "try another solver: --solver CBC or HIGHS"
        for preprocess in (self.model.preprocess, 0):
            self.model.preprocess = preprocess
            started_s = time.process_time()
            try:
                status = self.model.optimize()
            finally:
                _interrupt_reads_again()
            self.spent.rounds.append(time.process_time() - started_s)
            self.spent.solve_s += self.spent.rounds[-1]
            if status in (mip.OptimizationStatus.INFEASIBLE, mip.OptimizationStatus.INT_INFEASIBLE):
                return None
            if status != mip.OptimizationStatus.OPTIMAL:
                raise ToolError(f"the solver {SOLVERS[self.solver]} stopped with {status.name}", hint)
            picked = [
                [int(index) for index, var in zip(kept, row, strict=True) if float(var.x) > 0.5]
                for kept, row in zip(self.kept, self.picked, strict=True)
            ]
            choice = tuple(row[0] for row in picked if len(row) == 1)
            if len(choice) == len(self.picked) and self.problem.fits(choice, tolerance=_TOLERANCE):
                return choice
        raise ToolError(f"the solver {SOLVERS[self.solver]} broke its own constraints", hint)


def brute_force(problem: Problem) -> Solution | None:
    """The same optimum by trying every choice; for tests and small cases."""
    from itertools import product

    best: Solution | None = None
    for choice in product(*(range(len(row)) for row in problem.options.layers)):
        cycles = problem.options.latency.latency_cycles(choice)
        if cycles > problem.budget_cycles or not problem.fits(choice):
            continue
        value = problem.value(choice)
        if best is None or value < best.objective:
            best = Solution(choice, cycles, value, 0, "brute force")
    return best
