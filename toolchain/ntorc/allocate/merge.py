"""Exact fronts by merging layers, label by label: for a sum of latencies, and for a maximum over paths.

The composed latency is the maximum over linear paths (`ntorc.backends.base.Cut`); a plain sum has one.  A label
is a choice for some layers with its cost and what it adds to every path and to every cap.  Layers are merged
one after another, and three kinds of labels are dropped, none of which the front needs:

* one that another label beats or equals in cost and every use, where a use so small that no completion can make it
  bind counts as that threshold;
* one that exceeds a cap with whatever completes it;
* one whose completions cost at least what is known to be attainable at every latency: a completion costs at least
  what its cheapest form costs that keeps ANY one of the paths, and the greatest of these bounds still bounds.

What is attainable comes from a first pass that keeps few labels.  Merging two-dimensional staircases is the exact
treatment of the multiple-choice knapsack by dynamic programming over undominated states (Nemhauser and Ullmann, 1969;
Kellerer, Pferschy, Pisinger, Knapsack Problems, 2004, chapters 5 and 11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ntorc.allocate.pareto import FloatArray, IntArray, Labels, Product, staircase, undominated
from ntorc.allocate.problem import Problem
from ntorc.backends.base import Cut

_SLACK = 1e-9
"""Relative: what adding up floats in another order may change."""

_FEW = 400
_MOST_LABELS = 60_000
_CELLS = 2_000_000


class TooManyLabels(Exception):
    """Merging would need more labels than are worth keeping; solve each deadline by itself."""


@dataclass(frozen=True)
class _Known:
    """What is attainable: a staircase of latencies and costs."""

    latency: FloatArray
    cost: FloatArray


class Merge:
    """A problem under some of its paths.

    Args:
        problem: costs and caps; its budget is not used.
        paths: lower bounds of the latency, at least one.
    """

    def __init__(self, problem: Problem, paths: Sequence[Cut]) -> None:
        limits = problem.limits
        self._paths = len(paths)  # the columns whose maximum is the latency
        self._caps = np.array([cap for _, cap, _ in limits])
        rows = []
        for layer, cost in enumerate(problem.costs):
            columns = [path.coefficients[layer] for path in paths] + [use[layer] for _, _, use in limits]
            uses = np.array(columns, float).T.reshape(len(cost), len(columns))
            labels = Labels((layer,), cost, uses, np.arange(len(cost), dtype=np.int64)[:, None])
            rows.append(labels.take(undominated(cost, uses)) if len(cost) > 1 else labels)
        start = np.zeros((1, rows[0].uses.shape[1]))
        start[0, : len(paths)] = [path.constant for path in paths]
        self._steps = _ordered(Labels((), np.zeros(1), start, np.zeros((1, 0), np.int64)), rows)
        self._prepare()

    def front(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """Every undominated (latency, cost) with a choice: ``[n]`` rising, ``[n]`` falling, ``[n, layers]``.

        Empty when nothing fits.

        Raises:
            TooManyLabels: the front would take too long this way.
        """
        known = None
        if self._width > 1:
            known = self._staircase(self._run(None, few=True))
        return self._result(self._run(known if known is not None and len(known.cost) else None, few=False))

    @property
    def _width(self) -> int:
        return self._steps[0].uses.shape[1]

    def _prepare(self) -> None:
        """Least and most that the steps behind each one add to every use, and their cheapest way to stay below it."""
        width, count = self._width, len(self._steps)
        self._least, self._most = np.zeros((count, width)), np.zeros((count, width))
        self._rest: list[list[tuple[FloatArray, FloatArray]]] = [
            [(np.zeros(1), np.zeros(1)) for _ in range(width)] for _ in range(count)
        ]
        for index in range(count - 2, -1, -1):
            step = self._steps[index + 1]
            self._least[index] = self._least[index + 1] + step.uses.min(axis=0)
            self._most[index] = self._most[index + 1] + step.uses.max(axis=0)
            if width > 1:
                for column, (use, cost) in enumerate(self._rest[index + 1]):
                    uses = (use[:, None] + step.uses[None, :, column]).ravel()
                    costs = (cost[:, None] + step.cost[None, :]).ravel()
                    kept = staircase(uses, costs)
                    self._rest[index][column] = (uses[kept], costs[kept])

    def _run(self, known: _Known | None, *, few: bool) -> Labels:
        labels = self._steps[0]
        labels = labels.take(self._feasible(labels.uses, 0))
        for index in range(1, len(self._steps)):
            product = Product.of(labels, self._steps[index])
            alive = self._feasible(product.uses, index)
            if known is not None:
                alive = alive[self._promising(product.cost[alive], product.uses[alive], known, index)]
            uses, cost = product.uses[alive], product.cost[alive]
            if not len(alive):
                return product.take(alive)
            least = self._lowest(uses, index)
            if index == len(self._steps) - 1:
                kept = staircase(least, cost)
            else:
                kept = undominated(cost, self._clipped(uses, least, index))
                if few and len(kept) > _FEW:
                    kept = kept[_spread(least[kept], cost[kept])]
                elif len(kept) > _MOST_LABELS:
                    raise TooManyLabels
            labels = product.take(alive[kept])
        return labels

    def _feasible(self, uses: FloatArray, index: int) -> IntArray:
        """The labels that can still keep every cap."""
        if not len(self._caps):
            return np.arange(len(uses))
        room = self._caps + _SLACK * np.abs(self._caps) - self._least[index, self._paths :]
        return np.flatnonzero((uses[:, self._paths :] <= room).all(axis=1))

    def _lowest(self, uses: FloatArray, index: int) -> FloatArray:
        """A lower bound of each label's latency."""
        lowest: FloatArray = (uses[:, : self._paths] + self._least[index, : self._paths]).max(axis=1)
        return lowest

    def _clipped(self, uses: FloatArray, lowest: FloatArray, index: int) -> FloatArray:
        """Uses that can bind; those below what binds with the most that follows are raised to that threshold."""
        if self._width == 1:
            return uses
        most = self._most[index]
        found = uses.copy()
        np.maximum(found[:, : self._paths], lowest[:, None] - most[: self._paths], out=found[:, : self._paths])
        np.maximum(found[:, self._paths :], self._caps - most[self._paths :], out=found[:, self._paths :])
        return found

    def _promising(self, cost: FloatArray, uses: FloatArray, known: _Known, index: int) -> IntArray:
        """Labels that may end below or at what is known to be attainable, at some latency."""
        block = max(1, _CELLS // len(known.cost))
        found = np.empty(len(cost), bool)
        for start in range(0, len(cost), block):
            part = slice(start, start + block)
            least = np.zeros((len(cost[part]), len(known.cost)))
            for column, (use, price) in enumerate(self._rest[index]):
                limit = known.latency[None, :] if column < self._paths else self._caps[column - self._paths]
                room = limit + _SLACK * np.abs(limit) - uses[part, column, None]
                place = np.searchsorted(use, room, side="right") - 1
                np.maximum(least, np.where(place >= 0, price[np.maximum(place, 0)], math.inf), out=least)
            worth = known.cost + _SLACK * np.abs(known.cost)
            found[part] = (cost[part, None] + least <= worth[None, :]).any(axis=1)
        return np.flatnonzero(found)

    def _staircase(self, labels: Labels) -> _Known:
        latency, cost, _ = self._result(labels)
        return _Known(latency, cost)

    def _result(self, labels: Labels) -> tuple[FloatArray, FloatArray, IntArray]:
        latency = labels.uses[:, : self._paths].max(axis=1)
        kept = staircase(latency, labels.cost) if len(labels) else np.zeros(0, np.int64)
        choice = np.zeros((len(kept), len(labels.layers)), np.int64)
        choice[:, list(labels.layers)] = labels.choice[kept]
        return latency[kept], labels.cost[kept], choice


def _ordered(start: Labels, rows: Sequence[Labels]) -> list[Labels]:
    """Where merging begins, then what is merged into it, smallest first.

    Layers with one option left are part of the start.  Layers that add the same to every use, as those behind a
    bottleneck do, are one staircase, and the last: then the bounds of what follows are tight.
    """
    alike, others = [], []
    for row in rows:
        if len(row) == 1:
            start = Product.of(start, row).take(np.zeros(1, np.int64))
        elif all((row.uses[:, 0] == row.uses[:, column]).all() for column in range(1, row.uses.shape[1])):
            alike.append(row)
        else:
            others.append(row)
    others.sort(key=len)
    alike.sort(key=len)
    if alike and others:
        last = alike[0]
        for row in alike[1:]:
            product = Product.of(last, row)
            last = product.take(staircase(product.uses[:, 0], product.cost))
        return [start, *others, last]
    return [start, *others, *alike]


def _spread(lowest: FloatArray, cost: FloatArray) -> IntArray:
    """A few labels over the whole range of latencies: the staircase, and from each stretch the cheapest."""
    order = np.lexsort((cost, lowest))
    ends = np.unique(np.linspace(0, len(order), _FEW + 1).astype(np.int64))
    cheapest = [order[a + int(np.argmin(cost[order[a:b]]))] for a, b in pairwise(ends)]
    few: IntArray = np.unique(np.concatenate([staircase(lowest, cost), np.array(cheapest, np.int64)]))
    return few
