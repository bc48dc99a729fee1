"""What can be least, versions with an accuracy cost, every solver's answer, and solvers that are not there."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from drawn import native_problem, size, sum_problem
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ntorc.allocate.allocation import optimum
from ntorc.allocate.baselines import anneal, random_search
from ntorc.allocate.cheapest import cheapest
from ntorc.allocate.problem import OBJECTIVES, Problem
from ntorc.allocate.requirement import Requirement
from ntorc.allocate.solver import brute_force, is_installed, smallest_area, solver_named
from ntorc.boards import load_board
from ntorc.errors import ToolError, UsageError


def requirement(solver: str = "CBC") -> Requirement:
    return Requirement(load_board("pynq-z2"), 1e-3, 100e6, 16, 5000.0, 0.0, "none", solver=solver)


def with_versions(problem: Problem, seed: int) -> Problem:
    """The same options, of which some cost accuracy."""
    draw = random.Random(seed)
    rows = tuple(
        tuple(
            replace(option, version=str(index % 3), accuracy_cost=draw.choice([0.0, 0.5, 1.0]))
            for index, option in enumerate(row)
        )
        for row in problem.options.layers
    )
    return replace(problem, options=replace(problem.options, layers=rows))


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(["CBC", "HIGHS", "MERGE"]), st.sampled_from(OBJECTIVES))
def test_every_objective_and_solver_equals_brute_force(seed: int, solver: str, objective: str) -> None:
    problem = replace(sum_problem(seed, 4, 5, 0.05, budget=3000), objective=objective)
    found = optimum(problem, requirement(solver))
    if objective == "latency":
        cycles = [
            budget
            for budget in sorted({*_latencies(problem)})
            if brute_force(replace(problem, budget_cycles=budget)) is not None
        ]
        expected = brute_force(replace(problem, budget_cycles=min(cycles))) if cycles and min(cycles) <= 3000 else None
    else:
        expected = brute_force(problem)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.objective == pytest.approx(expected.objective, rel=1e-8)
        assert found.latency_cycles <= problem.budget_cycles


def _latencies(problem: Problem) -> list[int]:
    from itertools import product

    choices = product(*(range(len(row)) for row in problem.options.layers))
    return [problem.options.latency.latency_cycles(choice) for choice in choices]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.0, 3.0), st.floats(0.0, 2.0), st.sampled_from(["CBC", "HIGHS", "MERGE"]))
def test_accuracy_budget_and_penalty_equal_brute_force(seed: int, budget: float, penalty: float, solver: str) -> None:
    drawn = with_versions(native_problem(seed, 0.5, 1 << 20), seed)
    problem = replace(drawn, accuracy_budget=budget, accuracy_penalty=penalty)
    assume(size(problem) <= 3000)
    found, expected = optimum(problem, requirement(solver)), brute_force(problem)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.objective == pytest.approx(expected.objective, rel=1e-8)
        assert problem.accuracy_cost(found.choice) <= budget + 1e-9


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_searches_never_beat_the_optimum_and_keep_the_constraints(seed: int) -> None:
    problem = sum_problem(seed, 6, 8, 1.0, budget=6000)
    best = cheapest(problem)
    for found in (random_search(problem, 3000, seed), anneal(problem, 3000, seed)):
        if found.objective == math.inf:
            continue
        assert best is not None
        assert found.objective >= best.objective * (1 - 1e-9)
        assert found.latency_cycles <= problem.budget_cycles
        assert problem.fits(found.choice)
        assert problem.value(found.choice) == pytest.approx(found.objective, rel=1e-9)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no solver") as told:
        solver_named("CPLEX")
    assert all(name in told.value.hint for name in ("CBC", "HIGHS", "GRB", "MERGE"))
    with pytest.raises(UsageError, match="no objective"):
        replace(sum_problem(1, 2, 2), objective="area")
    assert solver_named("highs") == solver_named("HiGHS") == "HIGHS"


def test_a_solver_that_is_not_installed_says_so() -> None:
    assert is_installed("CBC")
    assert is_installed("HIGHS")
    if not is_installed("GRB"):
        with pytest.raises(ToolError, match="Gurobi"):
            smallest_area(sum_problem(1, 2, 2), "GRB")
