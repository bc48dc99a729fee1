"""What Lagrangian bounds drop is in no optimum, and what is found without an integer program is the optimum."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
from drawn import native_problem, size, sum_problem
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ntorc.allocate import solver
from ntorc.allocate.cheapest import cheapest
from ntorc.allocate.problem import Problem
from ntorc.allocate.reduce import QUICK, THOROUGH, attainable_options, reduce, table_of
from ntorc.allocate.solution import Paths
from ntorc.allocate.solver import brute_force, smallest_area

OBJECTIVES = st.sampled_from(["weighted", "lut", "dsp", "count"])


def optima(problem: Problem) -> list[tuple[int, ...]]:
    """Every choice that costs the least, by trying all."""
    best = brute_force(problem)
    if best is None:
        return []
    limit = best.objective * (1 + 1e-12)
    return [
        choice
        for choice in product(*(range(len(row)) for row in problem.options.layers))
        if problem.value(choice) <= limit
        and problem.fits(choice)
        and problem.options.latency.latency_cycles(choice) <= problem.budget_cycles
    ]


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(0.003, 0.1), st.integers(300, 8000), OBJECTIVES)
def test_no_optimum_of_a_sum_loses_an_option(seed: int, layers: int, scale: float, budget: int, objective: str) -> None:
    problem = replace(sum_problem(seed, layers, 6, scale, budget), objective=objective)
    found, paths = optima(problem), Paths(problem.options)
    table = table_of(problem, paths)
    if table is None:
        assert not found
        return
    for effort in (QUICK, THOROUGH):
        reduction = reduce(table, effort)
        kept = reduction.under(table, reduction.cost)
        for choice in found:
            assert all(index in row for index, row in zip(choice, kept, strict=True))
            assert reduction.bound <= problem.value(choice) * (1 + 1e-9)
    merged = cheapest(problem, paths)
    assert (merged is None) == (not found)
    if merged is not None:
        assert merged.objective == pytest.approx(problem.value(found[0]), rel=1e-9)
        assert problem.fits(merged.choice)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.01, 1.0), st.floats(0.0, 1.0), OBJECTIVES)
def test_no_optimum_under_the_streaming_overlap_loses_an_option(
    seed: int, scale: float, share: float, objective: str
) -> None:
    problem = replace(native_problem(seed, scale, 0), objective=objective)
    assume(size(problem) <= 2000)
    sizes = [len(row) for row in problem.options.layers]
    slow = problem.options.latency.latency_cycles([0] * len(sizes))
    fast = problem.options.latency.latency_cycles([count - 1 for count in sizes])
    problem = replace(problem, budget_cycles=round(fast + share * (slow - fast)))
    found, kept = optima(problem), attainable_options(problem, Paths(problem.options))
    for choice in found:
        assert kept is not None
        assert all(index in row for index, row in zip(choice, kept, strict=True))
    merged = cheapest(problem)
    assert (merged is None) == (not found)
    if merged is not None:
        assert merged.objective == pytest.approx(problem.value(found[0]), rel=1e-9)
        assert merged.latency_cycles <= problem.budget_cycles


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.floats(0.05, 0.4), st.sampled_from(["CBC", "HIGHS"]))
def test_a_reduced_program_has_the_optimum_of_the_whole_one(seed: int, share: float, name: str) -> None:
    problem = sum_problem(seed, 12, 12, 1.0)
    slow = problem.options.latency.latency_cycles([0] * 12)
    problem = replace(problem, budget_cycles=round(share * slow))
    whole = smallest_area(problem, name)
    with patch.object(solver, "LARGE", 0):
        reduced = smallest_area(problem, name)
    assert (whole is None) == (reduced is None)
    if whole is not None and reduced is not None:
        assert reduced.objective == pytest.approx(whole.objective, rel=1e-8)


def test_most_options_are_dropped() -> None:
    problem = sum_problem(5, 30, 30, 30.0)
    slow = problem.options.latency.latency_cycles([0] * 30)
    problem = replace(problem, budget_cycles=slow // 2)
    kept = attainable_options(problem, Paths(problem.options))
    assert kept is not None
    assert sum(len(row) for row in kept) < 0.25 * sum(len(row) for row in problem.options.layers)


def test_a_budget_that_nothing_keeps() -> None:
    problem = sum_problem(5, 8, 8, 30.0)
    fastest = sum(float(np.min(row)) for row in Paths(problem.options).rows[0])
    assert attainable_options(replace(problem, budget_cycles=int(fastest) - 1), Paths(problem.options)) is None
    assert cheapest(replace(problem, budget_cycles=int(fastest) - 1)) is None
