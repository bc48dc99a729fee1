"""Options that no optimum can contain, found by Lagrangian bounds before anything is enumerated or solved.

With multipliers on budget and caps the problem falls apart into layers: its optimum is a lower bound of the true
one, and so is the optimum with one option forced.  An option whose bound exceeds what a known choice costs is in no
better choice and is dropped.  The multipliers come from subgradient steps of Polyak's length; where they pause, the
relaxed choice is repaired and improved option by option into the known one (Fisher, "The Lagrangian relaxation
method for solving integer programming problems", Management Science 1981; Kellerer, Pferschy, Pisinger, Knapsack
Problems, 2004, chapter 11).  Nothing here can lose the optimum: good multipliers only drop more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ntorc.allocate.pareto import FloatArray, IntArray
from ntorc.allocate.problem import Problem
from ntorc.allocate.solution import Paths

SLACK = 1e-9
"""Relative: what adding up floats in another order may change, at the most."""

_ROUNDING = 1e-12  # the same where sums are short

_PATIENCE = 4
_MOST_CHANGES = 40
EXACT = 1e-11  # share of the room: what rounding may add up to


@dataclass(frozen=True)
class Table:
    """Costs and uses of every option, layers with fewer options padded.

    Attributes:
        cost: ``[layers, options]``; infinite where there is no option.
        uses: of each constraint in shares of its room, beyond the layer's least ``[constraints, layers, options]``.
    """

    cost: FloatArray
    uses: FloatArray

    @staticmethod
    def of(costs: Sequence[FloatArray], uses: Sequence[Sequence[FloatArray]], caps: Sequence[float]) -> Table | None:
        """The table of a problem whose sums of ``uses[constraint][layer]`` may not exceed ``caps``.

        None where a constraint leaves no room even for what uses least of it.
        """
        width = max(len(row) for row in costs)
        cost = np.full((len(costs), width), math.inf)
        scaled = np.zeros((len(caps), len(costs), width))
        for layer, row in enumerate(costs):
            cost[layer, : len(row)] = row
        for index, (rows, cap) in enumerate(zip(uses, caps, strict=True)):
            least = [float(row.min()) for row in rows]
            room = cap - sum(least) + _ROUNDING * (abs(cap) + 1.0)
            if room < 0:
                return None
            for layer, (row, low) in enumerate(zip(rows, least, strict=True)):
                scaled[index, layer, : len(row)] = (row - low) / room
        return Table(cost, scaled)


def table_of(problem: Problem, paths: Paths) -> Table | None:
    """Costs and constraints of a problem under some of its latency paths; None where one cannot be kept."""
    limits = problem.limits
    uses = [*paths.rows, *(rows for _, _, rows in limits)]
    caps = [*(problem.budget_cycles - cut.constant for cut in paths.all), *(cap for _, cap, _ in limits)]
    return Table.of(problem.costs, uses, caps)


@dataclass(frozen=True)
class Reduction:
    """What the multipliers found.

    Attributes:
        choice: the best choice known, as option indices; None where none was found.
        cost: its cost; without one what no choice exceeds.
        bound: a lower bound of the optimum.
        multipliers: of the constraints, in cost per share of the room.
    """

    choice: IntArray | None
    cost: float
    bound: float
    multipliers: FloatArray

    def under(self, table: Table, cost: float) -> tuple[IntArray, ...]:
        """The options that may be in a choice of at most this cost, by layer; none where there is no such choice."""
        priced = table.cost + np.tensordot(self.multipliers, table.uses, 1)
        forced = priced - priced.min(axis=1)[:, None] + self.bound
        alive = (forced <= cost + SLACK * abs(cost)) & np.isfinite(table.cost)
        return tuple(np.flatnonzero(row) for row in alive)


@dataclass(frozen=True)
class Effort:
    """How long to look for multipliers: steps at the most, and the share of Polyak's length at which to end."""

    steps: int
    least_length: float


QUICK = Effort(60, 0.02)
"""For problems that are merged in milliseconds."""

THOROUGH = Effort(600, 1e-4)
"""For integer programs of thousands of variables."""


def reduce(table: Table, effort: Effort = QUICK) -> Reduction:
    """Multipliers, a bound and a choice; `Reduction.under` then drops options."""
    ascent = _Ascent(table)
    ascent.run(effort)
    return ascent.so_far()


def attainable_options(problem: Problem, paths: Paths) -> tuple[IntArray, ...] | None:
    """The options that the exact optimum may contain, by layer; None where nothing fits.

    The choice that rules the others out keeps the exact latency: where it does not, its critical path is added.
    """
    while True:
        table = table_of(problem, paths)
        if table is None:
            return None
        found = reduce(table, THOROUGH)
        choice = None if found.choice is None else tuple(int(index) for index in found.choice)
        if choice is None or problem.options.latency.latency_cycles(choice) <= problem.budget_cycles:
            kept = found.under(table, found.cost)
            return kept if all(len(row) for row in kept) else None
        if paths.add(choice) is None:
            raise ValueError("a choice that keeps all paths breaks the latency of one")


class _Ascent:
    """Steps of the multipliers, the best bound and the best choice on the way."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.flat = table.uses.reshape(len(table.uses), -1)
        self.layers = np.arange(len(table.cost))
        self.best_multipliers = np.zeros(len(table.uses))
        self.bound = -math.inf
        self.choice: IntArray | None = None
        self.cost = math.inf
        costs = np.where(np.isfinite(table.cost), table.cost, -math.inf).max(axis=1)
        self.dearest = float(costs.sum()) * (1 + SLACK)  # no choice costs more: a higher bound says that none fits
        # whatever fits: what uses least of the scarcest constraint
        self._offer(table.uses.max(axis=0, initial=0.0) + np.where(np.isfinite(table.cost), 0.0, math.inf))

    def run(self, effort: Effort) -> None:
        """Ascend until the bound meets the best choice, or the effort is spent; then try the choice at the bound."""
        multipliers, theta, since = self.best_multipliers.copy(), 1.0, 0
        best = self._evaluate(multipliers)
        self.bound = best[0]
        value, _, over = best
        for _ in range(effort.steps):
            direction = np.where((over > 0) | (multipliers > 0), over, 0.0)
            length = float(direction @ direction)
            if length == 0.0 or self.bound >= min(self.cost - SLACK * abs(self.cost), self.dearest):
                break
            goal = self.cost if math.isfinite(self.cost) else value + max(abs(value), 1e-12)
            multipliers = np.maximum(multipliers + theta * (goal - value) / length * direction, 0.0)
            value, picked, over = self._evaluate(multipliers)
            if value > self.bound:
                self.bound, self.best_multipliers, since, best = value, multipliers, 0, (value, picked, over)
                continue
            since += 1
            if since >= _PATIENCE:
                theta, since, multipliers = theta / 2, 0, self.best_multipliers
                self._improve(*best[1:])
                value, _, over = best
                if theta < effort.least_length:
                    break
        self._improve(*best[1:])

    def _evaluate(self, multipliers: FloatArray) -> tuple[float, IntArray, FloatArray]:
        """The relaxed optimum: its value, the options that give it, and by how much they break each constraint."""
        priced = self.table.cost + (multipliers @ self.flat).reshape(self.table.cost.shape)
        picked = priced.argmin(axis=1)
        over = self.table.uses[:, self.layers, picked].sum(axis=1) - 1.0
        return float(priced[self.layers, picked].sum() - multipliers.sum()), picked, over

    def so_far(self) -> Reduction:
        """What the steps found."""
        return Reduction(self.choice, min(self.cost, self.dearest), self.bound, self.best_multipliers)

    def _offer(self, priced: FloatArray) -> None:
        picked = priced.argmin(axis=1)
        self._improve(picked, self.table.uses[:, self.layers, picked].sum(axis=1) - 1.0)

    def _improve(self, picked: IntArray, over: FloatArray) -> None:
        """Make a choice fit, one option at a time, then cheaper; keep it if it is the best."""
        picked, over = picked.copy(), over.copy()
        table = self.table
        for _ in range(_MOST_CHANGES * max(1, len(picked) // 20)):
            more = table.uses - table.uses[:, self.layers, picked][:, :, None]
            dearer = table.cost - table.cost[self.layers, picked][:, None]
            after = np.maximum(over[:, None, None] + more, 0.0).sum(axis=0)
            excess = float(np.maximum(over, 0.0).sum())
            if excess > 0:
                relief = excess - after
                rate = np.where(relief > 1e-12, np.maximum(dearer, 1e-15) / np.maximum(relief, 1e-12), math.inf)
                place = int(rate.argmin())
                if not math.isfinite(rate.flat[place]):
                    return
            else:
                gain = np.where(after <= 0, dearer, math.inf)
                place = int(gain.argmin())
                if not gain.flat[place] < -SLACK * abs(self.cost if math.isfinite(self.cost) else 1.0):
                    break
            layer, option = divmod(place, table.cost.shape[1])
            over += more[:, layer, option]
            picked[layer] = option
        if (over <= EXACT).all():
            cost = float(table.cost[self.layers, picked].sum())
            if cost < self.cost:
                self.cost, self.choice = cost, picked

