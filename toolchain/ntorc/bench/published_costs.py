"""The published cost models as one of ours, for allocations as the paper makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntorc.cost.base import Estimates, OptionTable
from ntorc.cost.published_forests import PublishedForests

_QUANTITY = {"latency_max": "latency_cycles"}


@dataclass(frozen=True)
class ForestCosts:
    """`BatchCosts` of random forests: means alone, which stand for bounds too, as in the paper.

    A convolution is asked for with its own length, as the published optimiser does.
    """

    forests: PublishedForests
    text: str = "random forests as published"

    def estimate(self, table: OptionTable, device: str, clock_hz: float) -> Estimates:
        """See `BatchCosts.estimate`."""
        columns = [table.columns[name] for name in ("reuse_factor", "n_in", "size", "length")]
        found = self.forests.predict(table.kind, np.stack(columns, axis=1))
        mean = {_QUANTITY.get(name, name): values for name, values in found.items()}
        count = len(table)
        return Estimates(mean, mean, 0.5, np.zeros(count, bool), ("model",) * count, {"model": self.text})
