"""What few measurements of a new device, tool version or source say about a cost model: a conjugate Gaussian update.

The log of measurement over prediction is a sum of effects, each with a Gaussian prior of mean 0:

    shift (all alike) + kind + a smooth function of the option's coordinates within its kind + subject + source + noise

With Gaussian noise the posterior is exact and closed: that of a Gaussian process whose kernel is the sum of the
effects' (Rasmussen and Williams, Gaussian Processes for Machine Learning, section 2.2).  One measurement moves
everything by what is likely common, many move each kind and region on its own, and where nothing was measured the
model's word stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

SOURCES = ("csynth", "post_synthesis", "post_route", "simulated_cycles", "board_cycles")
"""Where a figure comes from, later ones nearer to the board: an HLS estimate, two reports, two counters."""


@dataclass(frozen=True)
class SourceError:
    """How a source's figures relate to those of the source before it, and how they scatter; all of logs.

    Attributes:
        before: the source that it follows; none for the first.
        mean, deviation: of the log of this source's figure over the former's, before anything was measured.
        noise: deviation of one figure, as from another seed or version of placement.
    """

    before: str
    mean: float
    deviation: float
    noise: float


RESOURCE_SOURCES: Mapping[str, SourceError] = {
    "csynth": SourceError("", 0.0, 0.0, 0.01),
    # HLS estimates of LUT are 1.6 to 5.8 times what place and route needs: about 3 times, within two deviations
    "post_synthesis": SourceError("csynth", -math.log(3.0), 0.32, 0.02),
    "post_route": SourceError("post_synthesis", 0.0, 0.05, 0.03),
}
CYCLE_SOURCES: Mapping[str, SourceError] = {
    "csynth": SourceError("", 0.0, 0.0, 1e-3),
    "simulated_cycles": SourceError("csynth", 0.0, 0.05, 1e-3),
    "board_cycles": SourceError("simulated_cycles", 0.0, 0.005, 2e-3),
}


@dataclass(frozen=True)
class Prior:
    """Deviations (of logs) of the effects, and the length in octaves over which the smooth one varies.

    The defaults say: another tool or device may shift everything by half, a kind a fifth more, and within a kind the
    shift varies by a seventh over two octaves of reuse factor, inputs or size; the model itself is off by 6 % for
    weights that it has not seen (`ntorc reproduce table1`).
    """

    shift: float = 0.4
    kind: float = 0.2
    smooth: float = 0.15
    subject: float = 0.06
    length_octaves: float = 2.0
    sources: Mapping[str, SourceError] = field(default_factory=lambda: RESOURCE_SOURCES)
    model_source: str = "csynth"


@dataclass(frozen=True)
class Measurement:
    """One measured figure beside the model's prediction of it.

    Attributes:
        kind: of the layer.
        subject: its signature.
        point: coordinates of the option, in octaves.
        source: one of `SOURCES`.
        log_ratio: log of measured over predicted, the prediction in the model's own source.
        label: tool, version or run, for people.
    """

    kind: str
    subject: str
    point: tuple[float, ...]
    source: str
    log_ratio: float
    label: str = ""


@dataclass(frozen=True)
class Asked:
    """Options whose shift is asked: kinds, subjects, points ``[N, D]``; one source for all."""

    kinds: Sequence[str]
    subjects: Sequence[str]
    points: FloatArray
    source: str


class Calibration:
    """The posterior of one quantity after some measurements."""

    def __init__(self, measurements: Sequence[Measurement], prior: Prior | None = None) -> None:
        self.prior = prior or Prior()
        self.measurements = tuple(measurements)
        if not self.measurements:
            return
        self._known = _table(self.measurements)
        sources = [item.source for item in self.measurements]
        noise = np.array([self.prior.sources[name].noise for name in sources])
        kernel = self._kernel(self._known, self._known, sources, sources) + np.diag(noise**2)
        offsets = np.array([self._source_mean(name) for name in sources])
        self._factor = np.linalg.cholesky(kernel)
        rest = np.array([item.log_ratio for item in self.measurements]) - offsets
        self._weights = np.linalg.solve(self._factor.T, np.linalg.solve(self._factor, rest))

    def shift(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of the log of truth over prediction, each ``[N]``; noise of a figure is not in it."""
        prior = np.full(len(asked.points), self._source_mean(asked.source))
        variance = np.full(len(asked.points), self._own_variance(asked.source))
        if not self.measurements:
            return prior, np.sqrt(variance)
        sources = [item.source for item in self.measurements]
        table = (list(asked.kinds), list(asked.subjects), asked.points)
        cross = self._kernel(table, self._known, [asked.source], sources)
        solved = np.linalg.solve(self._factor, cross.T)
        left = np.maximum(variance - (solved**2).sum(axis=0), 0.0)
        return prior + cross @ self._weights, np.sqrt(left)

    def _kernel(
        self, left: _Table, right: _Table, left_sources: Sequence[str], right_sources: Sequence[str]
    ) -> FloatArray:
        prior = self.prior
        same_kind = np.array(left[0])[:, None] == np.array(right[0])[None]
        same_subject = np.array(left[1])[:, None] == np.array(right[1])[None]
        a, b = left[2] / prior.length_octaves, right[2] / prior.length_octaves
        squares = ((a[:, None] - b[None]) ** 2).sum(-1)
        near = np.exp(-0.5 * squares)
        chain = np.array([[self._source_covariance(one, other) for other in right_sources] for one in left_sources])
        total: FloatArray = (
            prior.shift**2
            + same_kind * (prior.kind**2 + prior.smooth**2 * near)
            + prior.subject**2 * same_subject
            + chain
        )
        return total

    def _own_variance(self, source: str) -> float:
        prior = self.prior
        return (
            prior.shift**2
            + prior.kind**2
            + prior.smooth**2
            + prior.subject**2
            + self._source_covariance(source, source)
        )

    def _steps(self, source: str) -> list[str]:
        """Sources from the model's own (not in it) to this one."""
        found: list[str] = []
        while source and source != self.prior.model_source:
            found.append(source)
            source = self.prior.sources[source].before
        return found

    def _source_mean(self, source: str) -> float:
        return sum(self.prior.sources[name].mean for name in self._steps(source))

    def _source_covariance(self, one: str, other: str) -> float:
        """Steps that both have in common vary together."""
        common = set(self._steps(one)) & set(self._steps(other))
        return sum(self.prior.sources[name].deviation ** 2 for name in common)


_Table = tuple[list[str], list[str], "FloatArray"]


def _table(measurements: Sequence[Measurement]) -> _Table:
    return (
        [item.kind for item in measurements],
        [item.subject for item in measurements],
        np.array([item.point for item in measurements], float),
    )


@dataclass(frozen=True)
class Drift:
    """Whether measurements left what the earlier ones had led to expect.

    Attributes:
        is_found: whether the sum of deviations passed its limit.
        since: index of the first measurement of the change; -1 where there is none.
        label: of that measurement.
        direction: 1 where figures became larger than expected, -1 smaller, 0 without drift.
        innovations: each measurement's deviation from its prediction by the earlier ones, in deviations.
    """

    is_found: bool
    since: int
    label: str
    direction: int
    innovations: tuple[float, ...]


SLACK, LIMIT = 0.5, 5.0
"""Page's allowance and decision limit, in deviations: a false alarm about every 465 measurements each way."""


def find_drift(measurements: Sequence[Measurement], prior: Prior | None = None) -> Drift:
    """Page's cumulative sums over one-step-ahead innovations, both ways (Page, Biometrika 41, 1954).

    Args:
        measurements: in the order in which they were made.
        prior: of the effects; a shift that one measurement explains is no drift, a later change of it is.
    """
    prior = prior or Prior()
    innovations: list[float] = []
    sums, starts = [0.0, 0.0], [0, 0]
    for index, item in enumerate(measurements):
        before = Calibration(measurements[:index], prior)
        point = np.array([item.point], float)
        mean, deviation = before.shift(Asked([item.kind], [item.subject], point, item.source))
        spread = math.hypot(float(deviation[0]), prior.sources[item.source].noise)
        innovations.append((item.log_ratio - float(mean[0])) / spread)
        for side, sign in enumerate((1, -1)):
            if sums[side] == 0.0:
                starts[side] = index
            sums[side] = max(0.0, sums[side] + sign * innovations[-1] - SLACK)
            if sums[side] > LIMIT:
                since = starts[side]
                return Drift(True, since, measurements[since].label, sign, tuple(innovations))
    return Drift(False, -1, "", 0, tuple(innovations))
