"""The plainest composed latency: the sum of the layers' cycles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import Cut, LatencyModel

_ROUNDING = 1e-6  # cycles: what adding up floats may leave behind


@dataclass(frozen=True)
class SumLatency:
    """Layers one after another, as HLS' reports of single layers are added up.

    An io_stream design overlaps its layers, so that the sum is conservative there; what lies between layers (pools,
    FIFOs, the interface) it leaves out unless ``constant_cycles`` has it.

    Attributes:
        cycles: of each layer's options; predictions need not be whole.
        constant_cycles: of what is there whatever is chosen.
    """

    cycles: tuple[tuple[float, ...], ...]
    constant_cycles: float = 0.0

    def latency_cycles(self, choice: Sequence[int]) -> int:
        """See `LatencyModel.latency_cycles`: the sum, rounded up."""
        found = sum(row[index] for row, index in zip(self.cycles, choice, strict=True))
        return math.ceil(found + self.constant_cycles - _ROUNDING)

    def latencies(self, choices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """See `LatencyModel.latencies`."""
        total = np.full(len(choices), self.constant_cycles)
        for index, row in enumerate(self.cycles):
            total += np.array(row)[choices[:, index]]
        whole: npt.NDArray[np.int64] = np.ceil(total - _ROUNDING).astype(np.int64)
        return whole

    def cut(self, choice: Sequence[int]) -> Cut:
        """See `LatencyModel.cut`: the sum is its own bound, whatever the choice."""
        return Cut(self.constant_cycles, self.cycles)

    def joined(self, others: Sequence[tuple[LatencyModel, Sequence[bool]]]) -> SumLatency:
        """See `LatencyModel.joined`."""
        rows = list(self.cycles)
        for model, taken in others:
            if not isinstance(model, SumLatency):
                raise TypeError("only sums join a sum")
            rows = [row + more if one else row for row, more, one in zip(rows, model.cycles, taken, strict=True)]
        return SumLatency(tuple(rows), self.constant_cycles)
