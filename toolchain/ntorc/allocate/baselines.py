"""What the exact methods are held against, on the same tables: random search, and annealing by single-layer moves."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass

import numpy as np

from ntorc.allocate.problem import Problem
from ntorc.allocate.solution import Paths

_BATCH = 50_000


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        objective: of the best choice that keeps budget and caps; infinite when none was found.
        choice: that choice.
        latency_cycles: its exact latency.
        trials: choices that were tried.
        seconds: of processor time that the search took.
        found_s: until the best one was found.
    """

    objective: float
    choice: tuple[int, ...]
    latency_cycles: int
    trials: int
    seconds: float
    found_s: float


def random_search(problem: Problem, trials: int = 1_000_000, seed: int = 1, target: float = -math.inf) -> Search:
    """Choices drawn uniformly, many at once, until ``trials`` are spent or the ``target`` objective is reached."""
    generator = np.random.default_rng(seed)
    sizes = np.array([len(row) for row in problem.options.layers])
    best, chosen, found_s, done = math.inf, np.zeros(len(sizes), np.int64), 0.0, 0
    started_s = time.process_time()
    while done < trials and best > target:
        count = min(_BATCH, trials - done)
        choices = (generator.random((count, len(sizes)), np.float32) * sizes).astype(np.int64)
        np.minimum(choices, sizes - 1, out=choices)
        cost = np.zeros(count)
        for layer, row in enumerate(problem.costs):
            cost += row[choices[:, layer]]
        better = np.flatnonzero(cost < best)
        for _, cap, rows in problem.limits:
            used = sum(row[choices[better, layer]] for layer, row in enumerate(rows))
            better = better[np.asarray(used) <= cap]
        better = better[problem.options.latency.latencies(choices[better]) <= problem.budget_cycles]
        if len(better):
            index = better[np.argmin(cost[better])]
            best, chosen, found_s = float(cost[index]), choices[index], time.process_time() - started_s
        done += count
    seconds = time.process_time() - started_s
    choice = tuple(int(index) for index in chosen)
    return Search(best, choice, problem.options.latency.latency_cycles(choice), done, seconds, found_s)


def anneal(
    problem: Problem, moves: int = 100_000, seed: int = 1, target: float = -math.inf, paths: Paths | None = None
) -> Search:
    """Simulated annealing from the fastest choice; a move gives one layer another option.

    A choice beyond budget or caps is never accepted.  The temperature falls geometrically from a tenth of the first
    cost to a millionth of it.  With a composed latency the paths that are known decide; the exact latency is
    checked whenever a best choice is met.
    """
    draw, paths = random.Random(seed), paths or Paths(problem.options)
    latency = problem.options.latency
    started_s = time.process_time()
    costs = [row.tolist() for row in problem.costs]
    uses = [
        np.array([*(path.coefficients[layer] for path in paths.all), *(rows[layer] for _, _, rows in problem.limits)]).T
        for layer in range(len(costs))
    ]
    rooms = [problem.budget_cycles - path.constant for path in paths.all] + [cap for _, cap, _ in problem.limits]
    table = [row.tolist() for row in uses]
    choice = [int(np.argmin(row.sum(axis=1))) for row in uses]
    used = [sum(table[layer][option][k] for layer, option in enumerate(choice)) for k in range(len(rooms))]
    cost = sum(row[option] for row, option in zip(costs, choice, strict=True))
    best, chosen, found_s, done = math.inf, list(choice), 0.0, 0
    hot = 0.1 * cost
    cooling = (1e-5) ** (1.0 / max(moves, 1))
    movable = [layer for layer, row in enumerate(costs) if len(row) > 1]
    while done < moves:
        done += 1
        layer = movable[int(draw.random() * len(movable))]
        option = int(draw.random() * len(costs[layer]))
        old = choice[layer]
        change = costs[layer][option] - costs[layer][old]
        hot *= cooling
        if change > 0 and draw.random() >= math.exp(-change / hot):
            continue
        before, after = table[layer][old], table[layer][option]
        moved = [u + b - a for u, a, b in zip(used, before, after, strict=True)]
        if any(u > room for u, room in zip(moved, rooms, strict=True)):
            continue
        choice[layer], used, cost = option, moved, cost + change
        if cost < best - 1e-12 * abs(cost) and latency.latency_cycles(choice) <= problem.budget_cycles:
            cost = sum(row[index] for row, index in zip(costs, choice, strict=True))  # sums of changes drift
            best, chosen, found_s = cost, list(choice), time.process_time() - started_s
            if best <= target:
                break
    seconds = time.process_time() - started_s
    return Search(best, tuple(chosen), latency.latency_cycles(chosen), done, seconds, found_s)
