"""What FINN's estimates leave out, filled from synthesis: LUTs of operators that it counts as 0, and all flip-flops.

Each figure is a line in the widths of the node's streams, their product, and its DSPs, fitted to syntheses by yosys
(before place and route): of FINN's own SystemVerilog where yosys reads it, of circuits of ours that stand in for the
others (`standins`).  `ntorc bench finn-fill` makes the lines anew; they are kept in ``models/cost/finn.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ntorc.backends.base import Resources
from ntorc.paths import project_root
from ntorc.records import load

FEATURES = ("one", "in_bits", "out_bits", "dsp", "area", "stages")
"""``area`` is in_bits times out_bits: what a matrix's multipliers in logic grow with; ``stages`` in_bits times the bits
of an output element: what thresholds that are searched bit by bit keep."""


@dataclass(frozen=True)
class Line:
    """LUTs or flip-flops of a kind of operator.

    Attributes:
        coefficients: of `FEATURES`, none negative.
        worst: largest ratio of synthesised to fitted over the samples: what makes an upper bound of the line.
        mape: mean absolute error over samples left out of the fit in turn, as a share.
        samples: how many there were.
        source: ``FINN's gateware`` or ``stand-in``.
    """

    coefficients: tuple[float, ...]
    worst: float
    mape: float
    samples: int
    source: str

    def value(self, in_bits: int, out_bits: int, element_bits: int, dsp: float) -> float:
        """The fitted figure."""
        return float(np.dot(self.coefficients, _features(in_bits, out_bits, element_bits, dsp)))


@dataclass(frozen=True)
class Fillers:
    """All lines, by operator and figure (``lut``, ``ff``), with what made them."""

    tool: str
    finn: str
    lines: dict[str, dict[str, Line]]


def _features(in_bits: float, out_bits: float, element_bits: float, dsp: float) -> tuple[float, ...]:
    return (1.0, in_bits, out_bits, dsp, in_bits * out_bits, in_bits * element_bits)


def fillers_file() -> Path:
    """The shipped lines."""
    return project_root() / "models" / "cost" / "finn.json"


@cache
def shipped() -> Fillers:
    """The shipped lines."""
    return load(Fillers, fillers_file())


@dataclass(frozen=True)
class Filled:
    """A node's resources with the gaps filled: fitted, at most, and the names of the figures that FINN did not give."""

    mean: Resources
    bound: Resources
    gaps: tuple[str, ...]


def filled(kind: str, estimated: Resources, in_bits: int, out_bits: int, element_bits: int) -> Filled:
    """FINN's estimate of a node with what it leaves out; where no line is known, it stays 0."""
    lines = shipped().lines.get(kind, {})
    mean, bound, gaps = estimated.__dict__.copy(), estimated.__dict__.copy(), []
    for name in ("lut", "ff"):
        if mean[name] == 0 and name in lines:
            value = lines[name].value(in_bits, out_bits, element_bits, estimated.dsp)
            mean[name], bound[name] = value, value * lines[name].worst
            gaps.append(name)
    return Filled(Resources(**mean), Resources(**bound), tuple(gaps))


def fit(rows: Sequence[Mapping[str, float]], figure: str, source: str) -> Line:
    """A line through samples with widths, DSPs and the figure, errors relative."""
    names = ("in_bits", "out_bits", "element_bits", "dsp")
    design = np.array([_features(*(row[name] for name in names)) for row in rows])
    values = np.array([row[figure] for row in rows])
    coefficients = _solve(design, values)
    errors = []
    for index in range(len(rows)):
        others = np.arange(len(rows)) != index
        left_out = design[index] @ _solve(design[others], values[others])
        errors.append(abs(left_out - values[index]) / max(values[index], 1.0))
    fitted = np.maximum(design @ coefficients, 1.0)
    worst = max(float((values / fitted).max()), 1.0)
    return Line(tuple(float(v) for v in coefficients), worst, float(np.mean(errors)), len(rows), source)


def _solve(design: np.ndarray, values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    from scipy.optimize import nnls

    weights = 1.0 / np.maximum(values, 1.0)
    found: np.ndarray = nnls(design * weights[:, None], values * weights)[0]  # type: ignore[type-arg]
    return found
