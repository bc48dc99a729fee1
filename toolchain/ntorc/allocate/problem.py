"""The allocation problem: one option a layer, a latency budget, the device's caps, what is to be least."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import RESOURCES, Option, Options, Resources
from ntorc.errors import UsageError

FloatArray = npt.NDArray[np.float64]

OBJECTIVES = ("weighted", *RESOURCES, "count", "latency")
"""What can be least: the capacity-weighted sum of all resources, one of them, their plain count, or the latency."""

_TIE = 1e-6
"""Of the weighted sum goes into the objective of a single resource: among equals the thriftiest is taken."""

ACCURACY = "accuracy"
"""The name of the accuracy budget among the caps."""


def objective_value(objective: str, need: Resources, capacity: Resources) -> float:
    """What an objective counts of resources: their plain sum, the share of the device of one, or of all added up."""
    if objective == "count":
        return float(sum(getattr(need, name) for name in RESOURCES))
    names = (objective,) if objective in RESOURCES else RESOURCES
    return float(sum(getattr(need, name) / getattr(capacity, name) for name in names))


@dataclass(frozen=True)
class Problem:
    """Choose one option for each layer.

    Attributes:
        options: the options with their costs and latency model.
        capacity: the device's resources.
        budget_cycles: the logic's latency must not exceed it.
        ceiling: share of each capacity that may be used (bounds of the costs are held against it); may be infinite.
        objective: one of `OBJECTIVES`.  ``count`` adds LUTs, flip-flops, DSPs and block RAMs as they are, which is
            what the paper does and in effect counts LUTs and flip-flops.
        accuracy_budget: what the chosen versions may cost in accuracy, added up; None for no limit.
        accuracy_penalty: of a unit of accuracy, in the objective's unit.
    """

    options: Options
    capacity: Resources
    budget_cycles: int
    ceiling: float = 0.8
    objective: str = "weighted"
    accuracy_budget: float | None = None
    accuracy_penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise UsageError(f"there is no objective '{self.objective}'", f"known objectives: {', '.join(OBJECTIVES)}")

    def cap(self, resource: str) -> float:
        """What the layers may use of a resource: the ceiling less the fixed parts."""
        available: float = getattr(self.capacity, resource) * self.ceiling
        return available - float(getattr(self.options.fixed_bound, resource))

    def weight(self, resources: Resources) -> float:
        """Capacity-weighted area: the sum over resources of the share of the device."""
        return objective_value("weighted", resources, self.capacity)

    def cost(self, option: Option) -> float:
        """An option's part of the objective (with ``latency``: of the weighted area that decides among the fastest)."""
        resources = option.resources
        found = objective_value(self.objective, resources, self.capacity)
        if self.objective in RESOURCES:
            found += _TIE * self.weight(resources)
        return found + self.accuracy_penalty * option.accuracy_cost

    @cached_property
    def costs(self) -> tuple[FloatArray, ...]:
        """`cost` of every option, one array a layer."""
        return tuple(np.array([self.cost(option) for option in row]) for row in self.options.layers)

    @cached_property
    def limits(self) -> tuple[tuple[str, float, tuple[FloatArray, ...]], ...]:
        """Caps that can bind: name, cap, and what every option uses of it, one array a layer."""
        found = []
        for name in (*RESOURCES, ACCURACY):
            if name == ACCURACY:
                cap = math.inf if self.accuracy_budget is None else self.accuracy_budget
                rows = tuple(np.array([o.accuracy_cost for o in row]) for row in self.options.layers)
            else:
                cap = self.cap(name)
                rows = tuple(np.array([getattr(o.bound, name) for o in row], float) for row in self.options.layers)
            if sum(row.max() for row in rows) > cap:
                found.append((name, cap, rows))
        return tuple(found)

    def value(self, choice: Sequence[int]) -> float:
        """The objective of a choice, without the fixed parts."""
        return float(sum(costs[index] for costs, index in zip(self.costs, choice, strict=True)))

    def area(self, choice: Sequence[int]) -> float:
        """Capacity-weighted area of a choice: its mean resources, without the fixed parts."""
        return sum(self.weight(row[index].resources) for row, index in zip(self.options.layers, choice, strict=True))

    def accuracy_cost(self, choice: Sequence[int]) -> float:
        """What the chosen versions cost in accuracy."""
        return sum(row[index].accuracy_cost for row, index in zip(self.options.layers, choice, strict=True))

    def total(self, choice: Sequence[int], *, bound: bool = False) -> Resources:
        """Resources of a choice with the fixed parts: the mean, or the upper bound."""
        total = self.options.fixed_bound if bound else self.options.fixed
        for row, index in zip(self.options.layers, choice, strict=True):
            total = total + (row[index].bound if bound else row[index].resources)
        return total

    def fits(self, choice: Sequence[int], *, tolerance: float = 0.0) -> bool:
        """Whether the bounds of a choice stay below every cap, or above it by no more than a share of the device."""
        for name, cap, rows in self.limits:
            room = tolerance * (abs(cap) + 1.0 if name == ACCURACY else getattr(self.capacity, name))
            if sum(row[index] for row, index in zip(rows, choice, strict=True)) > cap + room + _ROUNDING * abs(cap):
                return False
        return True


_ROUNDING = 1e-12
