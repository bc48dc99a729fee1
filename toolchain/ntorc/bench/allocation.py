"""Speed of the exact allocation, side by side with searches on the same tables, in one run.

Times are of the processor: everything here runs in one thread, and other work on the machine does not count.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ntorc.allocate.baselines import Search, anneal, random_search
from ntorc.allocate.cheapest import cheapest
from ntorc.allocate.front import exact_front
from ntorc.allocate.merge import Merge
from ntorc.allocate.problem import Problem
from ntorc.allocate.solution import Paths
from ntorc.allocate.solver import SOLVERS, SolverTime, is_installed, smallest_area
from ntorc.backends.base import RESOURCES, Directive, Option, Options, Resources
from ntorc.backends.sum_latency import SumLatency
from ntorc.bench.published_costs import ForestCosts
from ntorc.bench.reproduce_tables import BUDGET_CYCLES, PAPER_SEARCHES, published_problem
from ntorc.boards import load_board
from ntorc.cost.published_forests import train_published
from ntorc.cost.synthesis_data import load_synthesis, synthesis_folder
from ntorc.network.network import Network
from ntorc.network.published import published_network, published_networks
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for, costs_for

_REPEATS = 21
_SEEDS = 11
_TRIALS = 1_000_000
_MOVES = 100_000
_SAME = 1 + 1e-9
LARGE_LAYERS, LARGE_OPTIONS = 200, 60
_SECOND = 1e3  # milliseconds


def allocation_speed(flow: Flow, data: Path | None, seed: int) -> dict[str, Any]:
    """Table IV's instances, a large program, and the calls that an architecture search makes.

    Args:
        flow: for progress and the native cost model.
        data: folder of the published synthesis data.
        seed: of searches and of the large program.
    """
    forests = ForestCosts(train_published(load_synthesis(synthesis_folder(data)), flow.progress))
    rows, calls = [], []
    for item in published_networks():
        if item.name in PAPER_SEARCHES:
            network = published_network(item)
            flow.progress.message(f"{item.name}: programs, fronts, searches")
            rows.append({"network": item.name, **_instance(published_problem(network, forests), seed)})
            calls.append({"network": item.name, **_native_calls(flow, network)})
    flow.progress.message(f"{LARGE_LAYERS} layers of {LARGE_OPTIONS} options under 5 constraints")
    return {
        "benchmark": "allocate",
        "table4": rows,
        "native_calls": calls,
        "large": _large(large_problem(seed), ("CBC", "HIGHS", "GRB")),
        "large_tight": _large(large_problem(seed, tight=True), ("HIGHS", "GRB")),
        "solvers": [SOLVERS[name] for name in SOLVERS if is_installed(name)],
    }


def _median_ms(call: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Median processor time, after one call that is not counted."""
    call()
    times = []
    for _ in range(repeats):
        started_s = time.process_time()
        call()
        times.append(time.process_time() - started_s)
    return round(_SECOND * statistics.median(times), 3)


def _instance(problem: Problem, seed: int) -> dict[str, Any]:
    paths = Paths(problem.options)
    best = cheapest(problem, paths)
    if best is None:
        raise AssertionError("the published problem has an optimum")
    row: dict[str, Any] = {
        "options": sum(len(layer) for layer in problem.options.layers),
        "optimum": best.objective,
        "front_points": len(Merge(problem, paths.all).front()[0]),
        "front_ms": _median_ms(lambda: Merge(problem, paths.all).front()),
        "one_deadline_ms": _median_ms(lambda: cheapest(problem, paths)),
        "programs": {SOLVERS[name]: _program(problem, name, best.objective) for name in SOLVERS if is_installed(name)},
    }
    row["random_search"] = _search(
        [random_search(problem, _TRIALS, seed + index, best.objective * _SAME) for index in range(_SEEDS)],
        best.objective,
    )
    row["annealing"] = _search(
        [anneal(problem, _MOVES, seed + index, best.objective * _SAME, paths) for index in range(_SEEDS)],
        best.objective,
    )
    fastest_ms = min(one["solve_ms"] for one in row["programs"].values())
    for name in ("random_search", "annealing"):
        found = row[name]
        spent_ms = found["median_ms"]
        found["ratio_to_front"] = round(spent_ms / row["front_ms"], 1)
        found["ratio_to_one_deadline"] = round(spent_ms / row["one_deadline_ms"], 1)
        found["ratio_to_fastest_program"] = round(spent_ms / fastest_ms, 2)
    return row


def _program(problem: Problem, solver: str, optimum: float) -> dict[str, Any]:
    """Median times of building and solving; each is checked to be the optimum."""
    build, solve = [], []
    for _ in range(_REPEATS):
        spent = SolverTime()
        found = smallest_area(problem, solver, spent)
        if found is None or not found.objective <= optimum * _SAME:
            raise AssertionError(f"{solver} did not find the optimum")
        build.append(spent.build_s)
        solve.append(spent.solve_s)
    return {
        "build_ms": round(_SECOND * statistics.median(build), 3),
        "solve_ms": round(_SECOND * statistics.median(solve), 3),
        "most_solve_ms": round(_SECOND * max(solve[1:]), 3),
    }


def _search(runs: Sequence[Search], optimum: float) -> dict[str, Any]:
    """Time until the optimum where it was reached, else until the trials were spent."""
    reached = [run for run in runs if run.objective <= optimum * _SAME]
    return {
        "runs": len(runs),
        "reached_the_optimum": len(reached),
        "median_ms": round(_SECOND * statistics.median(run.seconds for run in runs), 3),
        "median_trials": int(statistics.median(run.trials for run in runs)),
        "best_over_optimum_percent": round(100 * (min(run.objective for run in runs) / optimum - 1), 4),
        "median_over_optimum_percent": round(100 * (statistics.median(run.objective for run in runs) / optimum - 1), 4),
    }


def _native_calls(flow: Flow, network: Network) -> dict[str, Any]:
    """One deadline and the whole front under the native backend's streaming overlap, tables ready."""
    board = load_board("pynq-z2")
    backend = backend_for(flow, "native", board, board.default_clock_hz)
    started_s = time.process_time()
    options = backend.options(network, costs_for(flow, backend, board), 16)
    tables_s = time.process_time() - started_s
    problem = Problem(options, Resources(**board.capacity), 0)
    paths = Paths(options)
    started_s = time.process_time()
    front = exact_front(problem, flow.progress, paths)
    front_s = time.process_time() - started_s
    rows = []
    for budget in (BUDGET_CYCLES, 20_000):
        asked = replace(problem, budget_cycles=budget)
        one, expected = cheapest(asked, paths), front.at(budget)
        if one is None or expected is None or abs(one.objective / expected.objective - 1) > 1e-9:
            raise AssertionError("one deadline and the front differ")
        rows.append({"budget_cycles": budget, "call_ms": _median_ms(partial(cheapest, _ready(asked), paths), 11)})
    return {
        "options": sum(len(row) for row in options.layers),
        "tables_s": round(tables_s, 3),
        "front_s": round(front_s, 3),
        "front_points": len(front.points),
        "paths": len(paths),
        "calls": rows,
    }


def _ready(problem: Problem) -> Problem:
    """The problem with its tables made."""
    _ = problem.costs, problem.limits
    return problem


def large_problem(seed: int, *, tight: bool = False) -> Problem:
    """Layers in a row whose options trade cycles for four resources, with 20 % of noise, under a budget and four caps.

    Args:
        seed: of the draw.
        tight: block RAM is to be least under caps half way between what that alone and what all resources together
            choose, so that all bind; else all resources are to be least under .8 of the options' mean.
    """
    draw = random.Random(seed)
    rows, cycles = [], []
    for _ in range(LARGE_LAYERS):
        size, row, times = draw.uniform(0.5, 2.0), [], []
        for index in range(LARGE_OPTIONS):
            speed = 2.0 ** (6 * index / LARGE_OPTIONS)
            need = Resources(*(size * speed * unit * draw.uniform(0.8, 1.2) for unit in (150.0, 100.0, 0.5, 0.4)))
            row.append(Option(Directive(index + 1, 1), need, need, "drawn"))
            times.append(2000 * size / speed * draw.uniform(0.9, 1.1))
        rows.append(tuple(row))
        cycles.append(tuple(times))
    latency = SumLatency(tuple(cycles))
    options = Options(tuple(rows), Resources(), Resources(), latency)
    mean = Resources(*(_mean_sum(rows, name) for name in RESOURCES))
    if not tight:
        budget = math.floor(0.8 * sum(sum(times) / len(times) for times in cycles))
        return Problem(options, mean, budget)
    budget = latency.latency_cycles([LARGE_OPTIONS // 2] * LARGE_LAYERS)
    loose = Problem(options, Resources(1e6, 1e6, 1e4, 1e4), budget, 1.0, "bram18")
    alone, together = _needs(loose), _needs(replace(loose, objective="weighted"))
    caps = {name: (getattr(alone, name) + getattr(together, name)) / 2 for name in ("lut", "ff", "dsp")}
    return replace(loose, capacity=Resources(**caps, bram18=together.bram18))


def _mean_sum(rows: Sequence[Sequence[Option]], name: str) -> float:
    return sum(sum(float(getattr(option.resources, name)) for option in row) / len(row) for row in rows)


def _needs(problem: Problem) -> Resources:
    """What the optimum without caps needs."""
    found = smallest_area(problem, "HIGHS")
    if found is None:
        raise AssertionError("without caps there is an optimum")
    return problem.total(found.choice)


def _large(problem: Problem, solvers: Sequence[str]) -> dict[str, Any]:
    """Every solver's time: reducing, building, and solving to a gap of 1e-9."""
    found: dict[str, Any] = {"layers": LARGE_LAYERS, "options_a_layer": LARGE_OPTIONS, "constraints": 5}
    values = []
    total = Resources()
    for name in solvers:
        if not is_installed(name):
            continue
        spent = SolverTime()
        solution = smallest_area(problem, name, spent)
        if solution is None:
            raise AssertionError(f"{name} found no choice")
        values.append(solution.objective)
        total = problem.total(solution.choice)
        times = {"reduce_s": spent.reduce_s, "build_s": spent.build_s, "solve_s": spent.solve_s}
        found[SOLVERS[name]] = {what: round(seconds, 3) for what, seconds in times.items()}
    found["used_of_cap_percent"] = {
        name: round(100 * getattr(total, name) / getattr(problem.capacity, name), 3) for name in RESOURCES
    }
    found["largest_relative_difference"] = max(values) / min(values) - 1
    return found


def in_words(result: dict[str, Any]) -> str:
    """For people."""
    lines = []
    for row in result["table4"]:
        lines.append(f"{row['network']}: {row['options']} options, optimum {row['optimum']:.3f}")
        lines.append(f"  whole front      {row['front_ms']:9.3f} ms, {row['front_points']} points")
        lines.append(f"  one deadline     {row['one_deadline_ms']:9.3f} ms by merging")
        for name, one in row["programs"].items():
            lines.append(
                f"  {name:16} {one['solve_ms']:9.3f} ms of solver time (at most {one['most_solve_ms']}), and"
                f" {one['build_ms']:.3f} ms to build"
            )
        for name in ("random_search", "annealing"):
            one = row[name]
            lines.append(
                f"  {name.replace('_', ' '):16} {one['median_ms']:9.3f} ms, {one['median_trials']} trials (median of"
                f" {one['runs']} runs, {one['reached_the_optimum']} reached the optimum; median"
                f" +{one['median_over_optimum_percent']} %): {one['ratio_to_front']} times the whole front,"
                f" {one['ratio_to_fastest_program']} times the fastest program"
            )
    for row in result["native_calls"]:
        calls = ", ".join(f"{one['call_ms']} ms for {one['budget_cycles']} cycles" for one in row["calls"])
        lines.append(
            f"{row['network']}, native, streaming overlap, {row['options']} options: {calls}; front of"
            f" {row['front_points']} points in {row['front_s']} s; tables {row['tables_s']} s"
        )
    for key in ("large", "large_tight"):
        large = result[key]
        times = "; ".join(
            f"{name} {large[name]['reduce_s']} s to reduce, {large[name]['build_s']} s to build,"
            f" {large[name]['solve_s']} s to solve"
            for name in result["solvers"]
            if name in large
        )
        lines.append(
            f"{large['layers']} layers of {large['options_a_layer']} options, {large['constraints']} constraints"
            f"{', all tight' if key == 'large_tight' else ''}, gap 1e-9: {times}; used of the caps, %:"
            f" {large['used_of_cap_percent']}; largest difference {large['largest_relative_difference']:.2g}"
        )
    return "\n".join(lines)
