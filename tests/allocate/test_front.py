"""The exact front: against brute force, against both integer programs at every point, and its own laws."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from drawn import native_problem, size, sum_problem
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ntorc.allocate.cheapest import cheapest
from ntorc.allocate.front import Front, exact_front, swept_front
from ntorc.allocate.problem import Problem
from ntorc.allocate.solution import Paths
from ntorc.allocate.solver import smallest_area


def tried(problem: Problem) -> list[tuple[int, float]]:
    """The front by trying every choice."""
    choices = np.array(list(product(*(range(len(row)) for row in problem.options.layers))), np.int64)
    cycles = problem.options.latency.latencies(choices)
    found: list[tuple[int, float]] = []
    best = np.inf
    values = np.array([problem.value(choice) for choice in choices])
    for index in np.lexsort((values, cycles)):
        if values[index] < best * (1 - 1e-12) and problem.fits(choices[index]):
            best = values[index]
            found.append((int(cycles[index]), float(best)))
    return found


def pairs(front: Front) -> list[tuple[int, float]]:
    return [(point.latency_cycles, point.objective) for point in front.points]


def assert_same(one: list[tuple[int, float]], other: list[tuple[int, float]]) -> None:
    assert [cycles for cycles, _ in one] == [cycles for cycles, _ in other]
    assert [cost for _, cost in one] == pytest.approx([cost for _, cost in other], rel=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.01, 1.0), st.sampled_from(["weighted", "lut", "dsp", "count"]))
def test_native_front_equals_brute_force(seed: int, scale: float, objective: str) -> None:
    problem = replace(native_problem(seed, scale, 0), objective=objective)
    assume(size(problem) <= 3000)
    assert_same(pairs(exact_front(problem)), tried(problem))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(0.005, 0.2))
def test_front_of_a_sum_equals_brute_force(seed: int, layers: int, scale: float) -> None:
    problem = sum_problem(seed, layers, 6, scale)
    assert_same(pairs(exact_front(problem)), tried(problem))


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.floats(0.02, 1.0), st.sampled_from(["CBC", "HIGHS"]))
def test_integer_programs_agree_at_every_point(seed: int, scale: float, solver: str) -> None:
    problem = native_problem(seed, scale, 0)
    front = exact_front(problem)
    assume(0 < len(front.points) <= 40)
    assert_same(pairs(swept_front(problem, solver)), pairs(front))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(0, 1 << 16))
def test_one_deadline_is_the_front_at_that_deadline(seed: int, budget: int) -> None:
    problem = replace(native_problem(seed, 0.5, 0), budget_cycles=budget)
    paths = Paths(problem.options)
    found, expected = cheapest(problem, paths), exact_front(problem, paths=paths).at(budget)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.objective == pytest.approx(expected.objective, rel=1e-9)
        assert found.latency_cycles <= budget
        assert problem.fits(found.choice)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 12), st.floats(0.02, 0.5))
def test_front_is_monotone_attainable_and_within_caps(seed: int, layers: int, scale: float) -> None:
    problem = sum_problem(seed, layers, 12, scale)
    front = exact_front(problem)
    for one, other in pairwise(front.points):
        assert one.latency_cycles < other.latency_cycles
        assert one.objective > other.objective
    for point in front.points:
        assert problem.options.latency.latency_cycles(point.choice) == point.latency_cycles
        assert problem.value(point.choice) == pytest.approx(point.objective, rel=1e-9)
        assert problem.fits(point.choice)
    assert (front.knee is None) == (not front.points)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.1, 0.5))
def test_more_room_never_costs_more(seed: int, scale: float) -> None:
    small, large = (exact_front(sum_problem(seed, 6, 8, room)) for room in (scale, scale * 1.5))
    # the objective is in shares of the device, so it is held against one device's
    rate = 1.5
    for point in small.points:
        better = large.at(point.latency_cycles)
        assert better is not None
        assert better.objective * rate <= point.objective * (1 + 1e-9)


def test_the_knee_lies_where_the_curve_bends() -> None:
    problem = sum_problem(3, 4, 12)
    front = exact_front(problem)
    knee = front.knee
    assert knee is not None
    assert front.points[0].latency_cycles < knee.latency_cycles < front.points[-1].latency_cycles


@pytest.mark.parametrize("solver", ["CBC", "HIGHS"])
def test_a_large_program_is_proven_by_both(solver: str) -> None:
    problem = sum_problem(1, 40, 30, 30.0)
    budget = exact_front(replace(problem, ceiling=1e9)).points[200].latency_cycles
    bounded = replace(problem, budget_cycles=budget)
    found, merged = smallest_area(bounded, solver), cheapest(bounded)
    assert found is not None
    assert merged is not None
    assert found.objective == pytest.approx(merged.objective, rel=1e-9)
