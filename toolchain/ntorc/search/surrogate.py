"""What is expected of a candidate before it is trained: error and training time, from what was trained so far.

The logarithm of the error is the sum of two parts, each a Gaussian process (Rasmussen and Williams, 2006): the float
model's error by its form, and what the words' widths add to it.  So a form that was trained is known for all
widths but for their loss, and widths are known for all forms.  Before any was judged, that loss is a guess by the rule
that an error of rounding has a fourth of the power with each bit more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Values = Mapping[str, Any]

WIDTHS = ("activation_bits", "weight_bits")
"""Names of the space's values that change no training."""

_NO_WIDTH, _BITS = 16.0, 4.0
_EQUAL_BITS = {"activation_bits": 6.5, "weight_bits": 4.0}
"""Bits with which rounding adds as much power to the error as the form has by itself; a guess to begin with."""

_LOSS_SPREAD = 0.3
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
        trained = [one for one in seen if one.look_s is not None]
        self._forms = [_form_of(one.values) for one in trained]
        self._final = np.log([one.curve_v[-1] * fall[len(one.curve_v) - 1] for one in trained])
        self._looks_s = np.log([max(one.look_s or 0.0, 1e-3) for one in trained])
        judged = [one for one in seen if one.error_v is not None]
        self._widths = np.array([_widths_of(one.values) for one in judged]).reshape(len(judged), -1)
        losses = [np.log((one.error_v or 1.0) / one.curve_v[-1]) - _guessed_loss(one.values) for one in judged]
        self._losses = np.array(losses)
        self._whole = {
            _key(form): float(np.log(one.curve_v[-1]))
            for form, one in zip(self._forms, trained, strict=True)
            if len(one.curve_v) == looks
        }

    def log_error(self, rows: Sequence[Values]) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the logarithm of each candidate's error in volts."""
        mean, spread = self._by_form(rows, self._final)
        for place, values in enumerate(rows):
            known = self._whole.get(_key(_form_of(values)))
            if known is not None:
                mean[place], spread[place] = known, 0.0
        widths = np.array([_widths_of(values) for values in rows])
        loss, loss_spread = np.zeros(len(rows)), np.full(len(rows), _LOSS_SPREAD)
        if len(self._losses) >= _FEWEST:
            loss, loss_spread = _process(self._widths, self._losses, widths)
        guessed = np.array([_guessed_loss(values) for values in rows])
        return mean + loss + guessed, np.hypot(spread, loss_spread)

    def look_s(self, rows: Sequence[Values]) -> FloatArray:
        """Processor time of a look of each candidate's training, in seconds."""
        return np.asarray(np.exp(self._by_form(rows, self._looks_s)[0]), np.float64)

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


def _widths_of(values: Values) -> list[float]:
    """Widths in steps that matter, and the kind of form, which they hurt differently."""
    widths = [float(values.get(name, _NO_WIDTH)) / _BITS for name in WIDTHS]
    return [*widths, float(values.get("form") == "window")]


def _guessed_loss(values: Values) -> float:
    powers = [4.0 ** (equal - float(values.get(name, _NO_WIDTH))) for name, equal in _EQUAL_BITS.items()]
    return 0.5 * float(np.log(1.0 + sum(powers)))


def _key(form: Values) -> tuple[tuple[str, Any], ...]:
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
