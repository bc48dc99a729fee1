"""Who proposes: Optuna's sampler one candidate after the other, or the best of many whose hardware is known.

A candidate's cost is known in less than a tenth of a second, its error only after a training of many seconds.  So
`Ranked` costs many candidates for each that is trained, and trains the one that is expected to add most to the front
for the processor time that it takes: the expected improvement of the hypervolume (Emmerich et al., CEC 2011), which has
a closed form here since one of the two objectives is known.  Other widths of a form that was trained take no training
at all, so that each form's widths are chosen by what they save in hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ntorc.errors import NtorcError
from ntorc.estimator.forms import TrainableForm
from ntorc.search.front import REFERENCE, expected_gain, undominated
from ntorc.search.hardware import HardwareCost
from ntorc.search.record import TrialRecord, Value, costs_of
from ntorc.search.screening import ENOUGH
from ntorc.search.space import Candidate, Drawn
from ntorc.search.study import Proposal, Study
from ntorc.search.surrogate import WIDTHS, Expected, FloatArray, Seen, encoded

_FIRST, _EACH, _AFTER_JUDGING = 48, 12, 4
"""Candidates that are drawn and costed before the first training, each other one, and where none was needed."""

_ROUNDS = 20
_SPREAD = 6
"""Trainings that begin a search: spread over costs and kinds, since nothing is known of errors."""

_NEIGHBOURS = 8
_KEPT = 300
_JUDGED_IN_A_ROW = 1
_CHANGED = 0.3
"""Share of a neighbour's values that differ."""

_HOPE = 2.0
"""Standard deviations below its mean prediction that a candidate may still turn out to be."""

_JUDGING_SHARE = 0.5
"""Of a look's time, until a judgement alone was timed."""

CostOf = Callable[[Candidate], HardwareCost]
Key = tuple[tuple[str, Value], ...]


class Proposer(Protocol):
    """What an engine asks for candidates."""

    def round(self) -> Iterator[Proposal]:
        """For one training: the engine takes the first one that is worth it."""


class Sampled:
    """Optuna's sampler."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def round(self) -> Iterator[Proposal]:
        """See `Proposer.round`."""
        expected: Expected | None = None
        if sum(one.error_v is not None for one in self._study.records.values()) >= ENOUGH:
            expected = Expected(seen_of(self._study), self._study.config.budget.looks)
        while True:
            proposal = self._study.ask()
            if expected is not None and proposal.candidate is not None:
                mean, spread = expected.log_error([proposal.values])
                proposal = replace(proposal, hope_v=float(np.exp(mean[0] - _HOPE * spread[0])))
            yield proposal


@dataclass(frozen=True)
class _Point:
    values: dict[str, Value]
    candidate: Candidate
    costs: tuple[float, ...]


class Ranked:
    """The best of many candidates of known cost.

    Args:
        study: whose records say what was seen.
        cost_of: the cost that the goal needs, before training.
    """

    def __init__(self, study: Study, cost_of: CostOf) -> None:
        self._study, self._cost_of = study, cost_of
        self._random = np.random.default_rng([study.config.seed, len(study.records)])
        self._points: dict[Key, _Point] = {}
        self._drawn: set[Key] = {_key(one.values) for one in study.records.values()}
        self._candidates: dict[int, Candidate] = {}
        self._judged_in_a_row = 0
        self._scales: tuple[float, ...] = ()

    def round(self) -> Iterator[Proposal]:
        """See `Proposer.round`: first what was drawn now and cannot be built, then the others, the best first.

        Ends where draws give nothing new any more.
        """
        records = list(self._study.records.values())
        count = _EACH if self._judged_in_a_row == 0 else _AFTER_JUDGING
        yield from self._draw(count if self._points else _FIRST, records)
        for _ in range(_ROUNDS):
            for key, hope_v in self._in_order(records):
                point = self._points.pop(key)
                known = point.candidate.form in self._forms(records, "trained")
                self._judged_in_a_row = self._judged_in_a_row + 1 if known else 0
                yield replace(self._study.ask(point.values), hope_v=hope_v)
            yield from self._draw(_EACH, records)

    def _draw(self, count: int, records: Sequence[TrialRecord]) -> Iterator[Proposal]:
        """Draw and cost; what cannot be built is proposed at once, so that its reason is on record."""
        trained = [one for one in records if one.error_v is not None]
        for number in range(count):
            drawn = self._chooser(number, trained)
            point = self._costed(drawn)
            key = _key(drawn.values)
            if key in self._drawn:
                continue
            self._drawn.add(key)
            if point is None:
                yield self._study.ask(drawn.values)
            else:
                self._points[key] = point

    def _costed(self, drawn: Drawn) -> _Point | None:
        """A point that can be built, or None; its choices are in ``drawn`` either way."""
        config = self._study.config
        try:
            candidate = self._study.space.candidate(drawn)
            cost = self._cost_of(candidate)
        except NtorcError:
            return None
        if not cost.feasible:
            return None
        return _Point(dict(drawn.values), candidate, costs_of(cost, config.goal, config.energy))

    def _chooser(self, number: int, trained: Sequence[TrialRecord]) -> Drawn:
        """By turns: anywhere, near a point of the front, and other widths of a form that trained well."""
        kind = number % 3
        if not trained and not self._points and kind:  # nothing can be built yet: near what misses least
            missed = [one for one in self._study.records.values() if one.outcome == "infeasible"]
            nearest = min(missed, key=lambda one: one.cost.excess, default=None)
            return Drawn(self._random, None if nearest is None else nearest.values, _CHANGED)
        if not trained or kind == 0:
            return Drawn(self._random)
        errors = [one.error_v if kind == 1 else one.curve_v[-1] for one in trained]
        places = undominated([(error or 0.0, *self._costs(one)) for error, one in zip(errors, trained, strict=True)])
        parent = trained[places[int(self._random.integers(len(places)))]]
        if kind == 2:
            return Drawn(self._random, {name: parent.values[name] for name in parent.values if name not in WIDTHS})
        return Drawn(self._random, parent.values, _CHANGED)

    def _in_order(self, records: Sequence[TrialRecord]) -> list[tuple[Key, float | None]]:
        """Costed points, the best first, and the error that each can hope for once enough is known."""
        running = self._forms(records, "running")
        keys = [key for key, point in self._points.items() if point.candidate.form not in running]
        if not keys:
            return []
        seen, begun = seen_of(self._study), [one for one in records if one.outcome in ("running", "stopped", "trained")]
        if len(begun) < _SPREAD or not any(one.look_s is not None for one in seen):
            trained = self._forms(records, "trained")
            new = [key for key in keys if self._points[key].candidate.form not in trained]
            return [(key, None) for key in self._spread(new, begun)]
        expected = Expected(seen, self._study.config.budget.looks)
        points = [self._points[key] for key in keys]
        mean, spread = expected.log_error([point.values for point in points])
        seconds = self._seconds(points, records, expected)
        gain = self._gain(points, mean, spread, records, expected)
        order = np.argsort(-gain / seconds, kind="stable")
        for place in order[_KEPT:]:
            del self._points[keys[place]]
        is_enough = sum(one.error_v is not None for one in records) >= ENOUGH
        hopes_v = np.exp(mean - _HOPE * spread)
        return [(keys[place], float(hopes_v[place]) if is_enough else None) for place in order[:_KEPT]]

    def _spread(self, keys: Sequence[Key], begun: Sequence[TrialRecord]) -> list[Key]:
        """The lower half of the costs evenly, and in each part of it what is least like what began."""
        ordered = sorted(keys, key=lambda key: self._scalar([self._points[key].costs])[0])
        at = int((len(begun) % _SPREAD + 0.5) / _SPREAD * len(ordered) / 2)
        ordered = [key for _, key in sorted(enumerate(ordered), key=lambda one: abs(one[0] - at))]
        near = ordered[:_NEIGHBOURS]
        if begun:
            rows = encoded([dict(key) for key in near] + [one.values for one in begun])
            distances = np.linalg.norm(rows[: len(near), None] - rows[None, len(near) :], axis=2).min(axis=1)
            near = [near[place] for place in np.argsort(-distances, kind="stable")]
        return near + ordered[_NEIGHBOURS:]

    def _seconds(self, points: Sequence[_Point], records: Sequence[TrialRecord], expected: Expected) -> FloatArray:
        """Processor time of each point: a whole training, or the judgement alone where its form is trained."""
        trained, looks = self._forms(records, "trained"), self._study.config.budget.looks
        look_s = expected.look_s([point.values for point in points])
        judged = [one.cpu_s for one in records if one.from_trial >= 0 and one.outcome != "running"]
        judging_s = float(np.median(judged)) if judged else _JUDGING_SHARE * float(np.median(look_s))
        known = np.array([point.candidate.form in trained for point in points])
        seconds = np.where(known, judging_s, look_s * looks + judging_s)
        return np.where(known & (self._judged_in_a_row >= _JUDGED_IN_A_ROW), np.inf, np.maximum(seconds, 1e-3))

    def _gain(
        self,
        points: Sequence[_Point],
        mean: FloatArray,
        spread: FloatArray,
        records: Sequence[TrialRecord],
        expected: Expected,
    ) -> FloatArray:
        """Expected gain of the front's hypervolume; what is running counts as if it came as expected."""
        weights = self._random.dirichlet(np.ones(len(points[0].costs)))  # one cost: 1; with energy another mixture each
        front = [(one.error_v, self._costs(one)) for one in records if one.error_v is not None]
        running = [one for one in records if one.outcome == "running"]
        if running:
            believed = np.exp(expected.log_error([one.values for one in running])[0])
            front += [(float(error), self._costs(one)) for error, one in zip(believed, running, strict=True)]
        costs = self._scalar([point.costs for point in points], weights)
        at = self._scalar([cost for _, cost in front], weights) if front else np.zeros(0)
        pairs = [(error, float(cost)) for (error, _), cost in zip(front, at, strict=True)]
        worst_v = max(REFERENCE[0], 1.5 * min((error for error, _ in pairs), default=0.0))
        return expected_gain(mean, spread, costs, pairs, (worst_v, 1.0))

    def _scalar(self, costs: Sequence[tuple[float, ...]], weights: FloatArray | None = None) -> FloatArray:
        """Costs as shares of what is no longer of interest, mixed: ``[n]``."""
        if not self._scales:
            known = np.array([point.costs for point in self._points.values()])
            scales = np.median(known, axis=0)
            if self._study.config.goal == "area":
                scales[0] = max(REFERENCE[1], 2.0 * float(known[:, 0].min()))
            self._scales = tuple(float(scale) for scale in scales)
        shares = np.array(costs, np.float64) / np.array(self._scales)
        return np.asarray(shares @ (np.ones(shares.shape[1]) / shares.shape[1] if weights is None else weights))

    def _costs(self, record: TrialRecord) -> tuple[float, ...]:
        return record.costs(self._study.config.goal, self._study.config.energy)

    def _forms(self, records: Sequence[TrialRecord], outcome: str) -> set[TrainableForm]:
        found = set()
        for one in records:
            if one.outcome == outcome:
                if one.number not in self._candidates:
                    self._candidates[one.number] = self._study.candidate(one)
                found.add(self._candidates[one.number].form)
        return found


def seen_of(study: Study) -> list[Seen]:
    """What became of every training of a search so far."""
    return [
        Seen(
            one.values,
            one.curve_v,
            one.error_v,
            one.cpu_s / (len(one.curve_v) + _JUDGING_SHARE) if one.from_trial < 0 else None,
        )
        for one in study.records.values()
        if one.curve_v
    ]


def _key(values: dict[str, Any]) -> Key:
    return tuple(sorted(values.items()))
