"""What is not worth training: before it by what is known of its cost, and while it lasts by its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ntorc.search.space import at_least

ENOUGH = 8
"""Trained candidates before expectations decide what is not trained."""
_ENOUGH_CURVES, _FEW_CURVES = 4, 2
_MORE = 0.8
"""Of the smallest ratio seen, while there are few curves: one of those to come may gain more."""


@dataclass(frozen=True)
class Finished:
    """A trained candidate, as screening needs it.

    Attributes:
        number: of its trial.
        values: its point of the space.
        error_v: RMSE of the integer network on the validation trajectories.
        costs: what is weighed against the error, each to be small.
        curve_v: lowest error of the float model after each look.
    """

    number: int
    values: Mapping[str, Any]
    error_v: float
    costs: tuple[float, ...]
    curve_v: tuple[float, ...]


def larger_twin(values: Mapping[str, Any], costs: Sequence[float], finished: Sequence[Finished]) -> Finished | None:
    """A trained candidate that has at least the sizes and costs no more: less of the same cannot pay.

    A larger network may still generalise worse, which one training more would have to show: what is saved goes to
    candidates of which more is expected.
    """
    for one in finished:
        if at_least(one.values, values) and _no_more(one.costs, costs):
            return one
    return None


def beaten_at_best(hope_v: float, costs: Sequence[float], finished: Sequence[Finished]) -> Finished | None:
    """A trained candidate that costs no more and has a lower error than another can hope for."""
    rivals = [one for one in finished if _no_more(one.costs, costs)]
    best = min(rivals, key=lambda one: one.error_v, default=None)
    return best if best is not None and best.error_v <= hope_v else None


def is_hopeless(
    curve_v: Sequence[float], costs: Sequence[float], finished: Sequence[Finished]
) -> tuple[Finished, float] | None:
    """Whether a training should end: even with the greatest gain seen from here on, something trained beats it.

    The gain is the smallest ratio of the final error (integer arithmetic) to the error of the float model at
    this look, over all finished trainings, and a quarter more while there are only two or three.
    """
    at = len(curve_v) - 1
    ratios = [one.error_v / one.curve_v[at] for one in finished if len(one.curve_v) > at]
    if len(ratios) < _FEW_CURVES:
        return None
    hope_v = curve_v[-1] * min(ratios) * (1.0 if len(ratios) >= _ENOUGH_CURVES else _MORE)
    rivals = [one for one in finished if _no_more(one.costs, costs) and one.error_v <= hope_v]
    return (min(rivals, key=lambda one: one.error_v), hope_v) if rivals else None


def _no_more(costs: Sequence[float], others: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(costs, others, strict=True))
