"""The optimum of one deadline without an integer program: Lagrangian reduction, then merging of what is left."""

from __future__ import annotations

import numpy as np

from ntorc.allocate.merge import TooManyLabels
from ntorc.allocate.pareto import FloatArray, IntArray, undominated
from ntorc.allocate.problem import Problem
from ntorc.allocate.reduce import EXACT, SLACK, Reduction, Table, reduce, table_of
from ntorc.allocate.solution import Paths, Solution

METHOD = "Lagrangian reduction and exact merge"

_MOST_LABELS = 60_000
_FEW = 64  # labels whose comparison costs more than it saves
_BEAM = 200


def cheapest(problem: Problem, paths: Paths | None = None) -> Solution | None:
    """The optimum under the problem's budget, or None when no choice keeps it.

    Solved under the paths known so far it is a bound; where its exact latency is longer, that choice's critical
    path is added.  ``paths`` may be kept for the next call with the same options: then it rarely needs another one.

    Raises:
        TooManyLabels: an integer program is the better way.
    """
    paths = paths or Paths(problem.options)
    while True:
        table = table_of(problem, paths)
        found = None if table is None else _merged(table, reduce(table))
        if found is None:
            return None
        choice = tuple(int(index) for index in found)
        cycles = problem.options.latency.latency_cycles(choice)
        if cycles <= problem.budget_cycles:
            return Solution(choice, cycles, problem.value(choice), len(paths), METHOD)
        paths.add(choice)


def _merged(table: Table, reduction: Reduction) -> IntArray | None:
    """The cheapest choice of the options left: first with few labels, then, where that dropped any, with all."""
    merge = _Merge(table, reduction)
    if any(len(kept) == 0 for kept in merge.kept):
        return None
    found = merge.run(_BEAM)
    if merge.complete:
        return found
    merge.shrink()
    return merge.run(_MOST_LABELS)


class _Merge:
    """Layers merged one after another, smallest first.

    A label is dropped when another one beats it, when it keeps some constraint however it is completed no more, or
    when its Lagrangian bound exceeds the best choice known.

    Attributes:
        complete: whether the last run kept all that the optimum may need.
    """

    def __init__(self, table: Table, reduction: Reduction) -> None:
        self.table = table
        self.reduction, self.multipliers = reduction, reduction.multipliers
        self.kept = reduction.under(table, reduction.cost)
        self.best, self.most = reduction.choice, reduction.cost
        self.complete = False

    def shrink(self) -> None:
        """Drop the options that the best choice known now rules out."""
        self.kept = self.reduction.under(self.table, self.most)

    def run(self, most_labels: int) -> IntArray | None:
        """The best choice found; the optimum where the run was complete."""
        table, most = self.table, self.most + SLACK * abs(self.most)
        order = sorted(range(len(self.kept)), key=lambda layer: len(self.kept[layer]))
        options = [(table.cost[row, kept], table.uses[:, row, kept].T) for row, kept in enumerate(self.kept)]
        prices = [cost + uses @ self.multipliers for cost, uses in options]
        rest = sum(float(row.min()) for row in prices) - float(self.multipliers.sum())
        reach = sum((uses.max(axis=0) for _, uses in options), np.zeros(len(table.uses)))
        cost, price, uses = np.zeros(1), np.zeros(1), np.zeros((1, len(table.uses)))
        choice = np.zeros((1, 0), np.int64)
        self.complete = True
        for layer in order:
            own_cost, own_uses = options[layer]
            rest -= float(prices[layer].min())
            reach = reach - own_uses.max(axis=0)
            pairs = (price[:, None] + prices[layer][None, :]).ravel()
            alive = np.flatnonzero(pairs + rest <= most)
            left, right = np.divmod(alive, len(own_cost))
            joined = uses[left] + own_uses[right]
            fit = np.flatnonzero((joined <= 1.0 + EXACT).all(axis=1))
            alive, left, right, joined = alive[fit], left[fit], right[fit], joined[fit]
            sums = cost[left] + own_cost[right]
            if len(sums) > _FEW:
                # what is used so little that it cannot bind with the most that follows makes no difference
                best = undominated(sums, np.maximum(joined, 1.0 - reach))
                if len(best) > most_labels:
                    self.complete = False
                    if most_labels > _BEAM:
                        raise TooManyLabels
                    best = best[np.argpartition(pairs[alive[best]], most_labels)[:most_labels]]
                alive, left, right, joined, sums = alive[best], left[best], right[best], joined[best], sums[best]
            cost, price, uses = sums, pairs[alive], joined
            choice = np.concatenate([choice[left], self.kept[layer][right][:, None]], axis=1)
        if len(cost):
            place = _first_that_fits(cost, uses)
            if self.best is None or cost[place] < self.most:
                self.best, self.most = np.empty(len(order), np.int64), float(cost[place])
                self.best[order] = choice[place]
        return self.best


def _first_that_fits(cost: FloatArray, uses: FloatArray) -> int:
    """The cheapest; among costs that are equal but for rounding, the one that uses least of what is scarcest."""
    near = np.flatnonzero(cost <= cost.min() + SLACK * abs(float(cost.min())) * 1e-3)
    return int(near[np.argmin(uses[near].max(axis=1, initial=0.0))])
