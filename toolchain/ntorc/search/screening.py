"""What is not worth training: before it by what is known of its cost, and while it lasts by its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntorc.search.space import at_least

_ENOUGH = 8
_ENOUGH_CURVES = 4
_HOPE = 2.0
"""Standard deviations below its mean prediction that a candidate may still turn out to be."""


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


def beaten_at_best(
    values: Mapping[str, Any], costs: Sequence[float], finished: Sequence[Finished]
) -> tuple[Finished, float] | None:
    """A trained candidate that costs no more and has a lower error than this one can hope for; and that hope.

    The hope is the prediction of the logarithm of the error from what is trained so far, by a Gaussian process over
    the space's values (Rasmussen and Williams, 2006), less two standard deviations.
    """
    rivals = [one for one in finished if _no_more(one.costs, costs)]
    if len(finished) < _ENOUGH or not rivals:
        return None
    best = min(rivals, key=lambda one: one.error_v)
    hope_v = _hope_v(values, finished)
    return (best, hope_v) if best.error_v <= hope_v else None


def is_hopeless(
    curve_v: Sequence[float], costs: Sequence[float], finished: Sequence[Finished]
) -> tuple[Finished, float] | None:
    """Whether a training should end: even with the greatest gain seen from here on, something trained beats it.

    The gain is the smallest ratio of the final error (integer arithmetic) to the error of the float model at
    this look, over all finished trainings.
    """
    at = len(curve_v) - 1
    ratios = [one.error_v / one.curve_v[at] for one in finished if len(one.curve_v) > at]
    if len(ratios) < _ENOUGH_CURVES:
        return None
    hope_v = curve_v[-1] * min(ratios)
    rivals = [one for one in finished if _no_more(one.costs, costs) and one.error_v <= hope_v]
    return (min(rivals, key=lambda one: one.error_v), hope_v) if rivals else None


def _no_more(costs: Sequence[float], others: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(costs, others, strict=True))


def _hope_v(values: Mapping[str, Any], finished: Sequence[Finished]) -> float:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rows = [one.values for one in finished]
    encoded = _encoded([*rows, values])
    logs = np.log([one.error_v for one in finished])
    process = GaussianProcessRegressor(
        ConstantKernel(float(np.var(logs)) + 1e-4) * Matern(2.0, nu=1.5) + WhiteKernel(1e-3),
        optimizer=None,
        normalize_y=False,
    )
    process.fit(encoded[:-1], logs - logs.mean())
    mean, spread = process.predict(encoded[-1:], return_std=True)
    return float(np.exp(logs.mean() + mean[0] - _HOPE * spread[0]))


def _encoded(rows: Sequence[Mapping[str, Any]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Numbers scaled to one; choices and values that a row does not have by columns of their own."""
    columns = []
    for name in sorted({name for row in rows for name in row}):
        found = [row.get(name) for row in rows]
        if any(isinstance(value, str) for value in found):
            columns += [[float(value == choice) for value in found] for choice in sorted({str(v) for v in found})]
            continue
        numbers = np.array([0.0 if value is None else float(value) for value in found])
        has = np.array([value is not None for value in found])
        reach = max(float(np.abs(numbers).max()), 1e-9)
        columns.append(list(numbers / reach))
        if not has.all():
            columns.append([float(value) for value in has])
    return np.array(columns, np.float64).T
