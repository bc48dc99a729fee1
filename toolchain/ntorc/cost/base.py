"""What every cost model answers: for layer options in a batch, means and bounds of cycles and resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]

QUANTITIES = ("latency_cycles", "lut", "ff", "dsp", "bram18")
BASES = ("measured", "calibrated", "model")
"""What a prediction can rest on: a measurement of this very layer and directive, the model corrected by other
measurements, or the model alone."""


@dataclass(frozen=True)
class OptionTable:
    """Options whose costs are asked, column by column; one table may hold options of many layers of a kind.

    Attributes:
        kind: of the layers, in the backend's own terms.
        columns: the numbers that the backend's model needs, by name, each ``[N]``; the backend that makes the
            table says which.
        subject: signature of the layer, where all options are of one layer and measurements of it count.
        directives: the options' directives as text, ``[N]``; may be empty where ``subject`` is.
    """

    kind: str
    columns: Mapping[str, FloatArray]
    subject: str = ""
    directives: Sequence[str] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0


@dataclass(frozen=True)
class Estimates:
    """Answers for the options of a table, each array ``[N]``.

    Attributes:
        mean: by quantity (`QUANTITIES`).  Cycles are those of the layer alone.
        bound: by quantity; the truth is at most this with probability ``confidence``.
        confidence: one-sided, of each bound alone; 1 where all bounds are exact.
        outside: whether the option lies outside the data that the model has seen.
        basis: one of `BASES` for each option.
        data: what each basis rests on: source, tool and digest of the data, or the measurements.
    """

    mean: Mapping[str, FloatArray]
    bound: Mapping[str, FloatArray]
    confidence: float
    outside: BoolArray
    basis: tuple[str, ...]
    data: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.outside)

    def rests_on(self, index: int) -> str:
        """The data behind one answer, for people."""
        return self.data[self.basis[index]]


class BatchCosts(Protocol):
    """A cost model of any backend."""

    def estimate(self, table: OptionTable, device: str, clock_hz: float) -> Estimates:
        """Costs of all options of a table.

        Args:
            table: made by the backend that the model belongs to.
            device: the part, for instance ``xc7z020clg400-1``.
            clock_hz: the clock in Hz that the logic is made for.

        Raises:
            UsageError: the table lacks a column, or its kind is none of the model's.
        """
