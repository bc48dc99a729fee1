"""The allocation problem: one option a layer, a latency budget, the device's caps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ntorc.backends.base import RESOURCES, Options, Resources


@dataclass(frozen=True)
class Problem:
    """Choose one option for each layer.

    Attributes:
        options: the options with their costs and latency model.
        capacity: the device's resources.
        budget_cycles: the logic's latency must not exceed it.
        ceiling: share of each capacity that may be used (bounds of the costs are held against it).
    """

    options: Options
    capacity: Resources
    budget_cycles: int
    ceiling: float = 0.8

    def cap(self, resource: str) -> float:
        """What the layers may use of a resource: the ceiling less the fixed parts."""
        available: float = getattr(self.capacity, resource) * self.ceiling
        return available - float(getattr(self.options.fixed_bound, resource))

    def weight(self, resources: Resources) -> float:
        """Capacity-weighted area: the sum over resources of the share of the device."""
        return float(sum(getattr(resources, name) / getattr(self.capacity, name) for name in RESOURCES))

    def area(self, choice: Sequence[int]) -> float:
        """The objective of a choice: its mean resources, capacity-weighted, without the fixed parts."""
        return sum(self.weight(row[index].resources) for row, index in zip(self.options.layers, choice, strict=True))

    def total(self, choice: Sequence[int], *, bound: bool = False) -> Resources:
        """Resources of a choice with the fixed parts: the mean, or the upper bound."""
        total = self.options.fixed_bound if bound else self.options.fixed
        for row, index in zip(self.options.layers, choice, strict=True):
            total = total + (row[index].bound if bound else row[index].resources)
        return total

    def fits(self, choice: Sequence[int], *, tolerance: float = 0.0) -> bool:
        """Whether the bounds of a choice stay below every cap, or above it by no more than a share of the device."""
        total = self.total(choice, bound=True)
        share = self.ceiling + tolerance
        return all(getattr(total, name) <= getattr(self.capacity, name) * share for name in RESOURCES)
