"""What every exact method answers with, and the latency paths that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ntorc.allocate.pareto import FloatArray
from ntorc.backends.base import Cut, Options
from ntorc.backends.sum_latency import SumLatency


@dataclass(frozen=True)
class Solution:
    """A proven optimum.

    Attributes:
        choice: option index by layer.
        latency_cycles: by the exact model.
        objective: the problem's objective, or cycles when latency was minimised.
        cuts: latency paths that the proof needed.
        solver: name and version.
    """

    choice: tuple[int, ...]
    latency_cycles: int
    objective: float
    cuts: int
    solver: str


class Paths:
    """Lower bounds of the latency that hold for every choice, found so far.

    It starts with the paths that are critical where all layers are slow, where all are fast, and where one is slow
    among fast ones: few optima need another.  A plain sum has one path.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[Cut, list[FloatArray]] = {}
        sizes = [len(row) for row in options.layers]
        fast = [size - 1 for size in sizes]
        self.add([0] * len(sizes))
        if isinstance(options.latency, SumLatency):
            return
        self.add(fast)
        for layer, size in enumerate(sizes):
            if size > 1:
                self.add([*fast[:layer], 0, *fast[layer + 1 :]])

    def __len__(self) -> int:
        return len(self._known)

    @property
    def all(self) -> tuple[Cut, ...]:
        """All of them, in the order in which they were found."""
        return tuple(self._known)

    @property
    def rows(self) -> tuple[list[FloatArray], ...]:
        """Their coefficients, one array a layer, in the same order."""
        return tuple(self._known.values())

    def add(self, choice: Sequence[int]) -> Cut | None:
        """The critical path of a choice; None when it is known already."""
        found = self._options.latency.cut(choice)
        if found in self._known:
            return None
        self._known[found] = [np.array(row) for row in found.coefficients]
        return found
