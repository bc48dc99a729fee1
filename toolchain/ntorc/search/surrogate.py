"""What is expected of a candidate before it is trained: error and training time, from what was trained so far.

The logarithm of the error is the sum of two parts: the form's own, a Gaussian process over the space's values
(Rasmussen and Williams, 2006), and what the words' widths add.  An error of rounding has a fourth of the power with
each bit more; with how many bits it has the power of the form's own error is fitted, for each kind of form.  So a form
that was judged in some widths is nearly known in all, and widths are known for all forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Values = Mapping[str, Any]
Key = tuple[tuple[str, Any], ...]

WIDTHS = ("activation_bits", "weight_bits")
"""Names of the space's values that change no training."""

_NO_WIDTH = 16.0
_GUESS, _GUESS_SPREAD = (6.5, 4.0), (1.5, 1.0)
"""Bits of words between layers and of weights with which rounding doubles the power of the error, before it is seen."""

_TRIED = (np.linspace(2.0, 13.0, 45), np.linspace(1.0, 8.0, 29))
_JUDGED_SPREAD, _LOSS_SHARE, _CURVE_SPREAD = 0.01, 0.4, 0.03
"""Of the logarithm: from judgement to judgement, in proportion to a loss, and from a curve to its judgement."""

_FALL = 0.85
_FEWEST = 3


@dataclass(frozen=True)
class Seen:
    """What became of a candidate's training.

    Attributes:
        values: its point of the space.
        curve_v: lowest error of the float model after each look that was taken.
        error_v: RMSE of the integer network; None where the training was stopped before.
        look_s: processor time of a look; None where another candidate's training was taken over.
    """

    values: Values
    curve_v: tuple[float, ...]
    error_v: float | None
    look_s: float | None


class Expected:
    """Predictions from what was seen.

    Args:
        seen: at least one of them with a training of its own.
        looks: of a whole training.
    """

    def __init__(self, seen: Sequence[Seen], looks: int) -> None:
        fall = _falls(seen, looks)
        judged = [one for one in seen if one.error_v is not None]
        self._bits = {kind: _equal_bits([one for one in judged if _kind(one.values) == kind]) for kind in (False, True)}
        self._known: dict[Key, tuple[float, float]] = {}  # logarithm of a form's own error, and the loss it is from
        for one in judged:
            loss, key = self._loss(one.values), _key(_form_of(one.values))
            if key not in self._known or loss < self._known[key][1]:
                self._known[key] = float(np.log(one.error_v or 1.0)) - loss, loss
        trained = [one for one in seen if one.look_s is not None]
        self._forms = [_form_of(one.values) for one in trained]
        final = [float(np.log(one.curve_v[-1] * fall[len(one.curve_v) - 1])) for one in trained]
        self._final = np.array(
            [self._known.get(_key(form), (value, 0.0))[0] for form, value in zip(self._forms, final, strict=True)]
        )
        self._looks_s = np.log([max(one.look_s or 0.0, 1e-3) for one in trained])

    def log_error(self, rows: Sequence[Values]) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the logarithm of each candidate's error in volts."""
        mean, spread = self._by_form(rows, self._final)
        spread = np.hypot(spread, _CURVE_SPREAD)
        losses = np.array([self._loss(values) for values in rows])
        known = [self._known.get(_key(_form_of(values))) for values in rows]
        for place, one in enumerate(known):
            if one is not None:
                mean[place], spread[place] = one[0], _JUDGED_SPREAD
        unsure = [loss if one is None else abs(loss - one[1]) for loss, one in zip(losses, known, strict=True)]
        return mean + losses, np.hypot(spread, _LOSS_SHARE * np.array(unsure))

    def look_s(self, rows: Sequence[Values]) -> FloatArray:
        """Processor time of a look of each candidate's training, in seconds."""
        return np.asarray(np.exp(self._by_form(rows, self._looks_s)[0]), np.float64)

    def _loss(self, values: Values) -> float:
        return float(_losses(values, *self._bits[_kind(values)]))

    def _by_form(self, rows: Sequence[Values], known: FloatArray) -> tuple[FloatArray, FloatArray]:
        points = encoded([*self._forms, *map(_form_of, rows)])
        return _process(points[: len(known)], known, points[len(known) :])


def encoded(rows: Sequence[Values]) -> FloatArray:
    """``[rows, columns]``: numbers scaled to one; choices, and whether a row has a value, by columns of their own."""
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


def _form_of(values: Values) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in WIDTHS}


def _kind(values: Values) -> bool:
    """Window or not: where rounding hurts differently."""
    return values.get("form") == "window"


def _losses(values: Values, activation_bits: Any, weight_bits: Any) -> Any:
    """Of the logarithm of the error, where these bits double its power."""
    powers = [
        4.0 ** (equal - float(values.get(name, _NO_WIDTH)))
        for name, equal in zip(WIDTHS, (activation_bits, weight_bits), strict=True)
    ]
    return 0.5 * np.log1p(powers[0] + powers[1])


def _equal_bits(judged: Sequence[Seen]) -> tuple[float, float]:
    """The bits with which rounding doubles the power of the error, most probable by what was judged and the guess."""
    activation_bits, weight_bits = np.meshgrid(*_TRIED, indexing="ij")
    total = np.zeros(activation_bits.shape)
    for tried, guess, spread in zip((activation_bits, weight_bits), _GUESS, _GUESS_SPREAD, strict=True):
        total += np.square((tried - guess) / spread)
    for one in judged:
        loss = _losses(one.values, activation_bits, weight_bits)
        spread_of_loss = np.hypot(_CURVE_SPREAD, _LOSS_SHARE * loss)
        off = (np.log((one.error_v or 1.0) / one.curve_v[-1]) - loss) / spread_of_loss
        total += np.square(off) + 2.0 * np.log(spread_of_loss)
    place = np.unravel_index(int(np.argmin(total)), total.shape)
    return float(activation_bits[place]), float(weight_bits[place])


def _key(form: Values) -> Key:
    return tuple(sorted(form.items()))


def _falls(seen: Sequence[Seen], looks: int) -> list[float]:
    """The share of the error after each look that is left at the end: the median of what was trained to the end."""
    whole = [one.curve_v for one in seen if len(one.curve_v) == looks]
    if not whole:
        return [_FALL ** min(looks - 1 - at, 2) for at in range(looks)]
    return [float(np.median([curve[-1] / curve[at] for curve in whole])) for at in range(looks)]


def _process(points: FloatArray, known: FloatArray, wanted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation at wanted points; amplitude, reach and noise are those of greatest likelihood."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    size = max(float(np.var(known)), 1e-3)
    kernel = ConstantKernel(size, (0.3 * size, 10.0 * size)) * Matern(1.5, (0.5, 5.0), nu=1.5)
    noise = WhiteKernel(1e-3, (3e-4, 0.05))
    found = GaussianProcessRegressor(kernel + noise, optimizer="fmin_l_bfgs_b" if len(known) >= _FEWEST else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a likelihood that is greatest at a bound
        found.fit(points, known - known.mean())
    mean, spread = found.predict(wanted, return_std=True)
    return mean + known.mean(), spread
