"""What is searched: front end, model form and sizes, word widths; every point is a candidate or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from ntorc.errors import UsageError
from ntorc.estimator.forms import (
    BankFront,
    ConvLayer,
    FilterFront,
    StreamingForm,
    TrainableForm,
    WindowForm,
    bank_of,
)
from ntorc.network.quantise import Precision

FORMS = ("streaming", "window")
WINDOW_HOP = 16
"""Samples from estimate to estimate of a window candidate: a streaming one's frame, so that errors compare."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Candidate:
    """A point of the space.

    Attributes:
        form: what is trained.
        activation_bits, weight_bits: widths of the words between layers and of the weights.
    """

    form: TrainableForm
    activation_bits: int
    weight_bits: int

    @property
    def precision(self) -> Precision:
        """The widths."""
        return Precision(self.activation_bits, self.weight_bits)

    @property
    def hop(self) -> int:
        """Samples from estimate to estimate."""
        return self.form.frame_samples if isinstance(self.form, StreamingForm) else WINDOW_HOP

    def describe(self) -> str:
        """In words."""
        return f"{self.form.describe()}; words of {self.activation_bits} bits, weights of {self.weight_bits}"


class Chooser(Protocol):
    """What gives values: an Optuna trial, or a test."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        """A whole number of the range."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""


class Drawn:
    """Chooses at random, and keeps what it chose.

    Args:
        random: the generator.
        given: values that are kept where the point has them.
        changed: share of them that are not: whole numbers move by up to a quarter of their range, choices are drawn.
    """

    def __init__(self, random: np.random.Generator, given: Values | None = None, changed: float = 0.0) -> None:
        self._random, self._given, self._changed = random, given or {}, changed
        self.values: dict[str, Any] = {}

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        """See `Chooser`."""
        count, value = (high - low) // step, self._given.get(name)
        if value is None:
            at = int(self._random.integers(count + 1))
        else:
            at = (int(value) - low) // step
            if self._random.random() < self._changed:
                reach = max(1, count // 4)
                at = int(np.clip(at + self._random.integers(1, reach + 1) * self._random.choice((-1, 1)), 0, count))
        self.values[name] = low + step * at
        return low + step * at

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """See `Chooser`."""
        value = self._given.get(name)
        if value is None or self._random.random() < self._changed:
            value = choices[int(self._random.integers(len(choices)))]
        self.values[name] = value
        return value


@dataclass(frozen=True)
class Space:
    """Which forms are searched.

    Attributes:
        forms: of `FORMS`.

    Raises:
        UsageError: none, or one that is not known.
    """

    forms: tuple[str, ...] = FORMS

    def __post_init__(self) -> None:
        if not self.forms or not set(self.forms) <= set(FORMS):
            raise UsageError(
                f"cannot search the forms {', '.join(self.forms) or '(none)'}", f"known forms: {', '.join(FORMS)}"
            )

    def candidate(self, choose: Chooser) -> Candidate:
        """A point of the space.

        Raises:
            UsageError: the chosen sizes make no network, with what does not fit.
        """
        kind = choose.suggest_categorical("form", self.forms)
        form = _streaming(choose) if kind == "streaming" else _window(choose)
        return Candidate(
            form,
            choose.suggest_int("activation_bits", 8, 16, step=2),
            choose.suggest_int("weight_bits", 4, 16, step=2),
        )


def _streaming(choose: Chooser) -> StreamingForm:
    front: BankFront | FilterFront
    if choose.suggest_categorical("front", ("bank", "filters")) == "bank":
        front = _bank(choose)
    else:
        front = FilterFront(choose.suggest_int("filters", 8, 32, step=4))
    units = choose.suggest_int("units", 8, 64, step=4)
    dense = choose.suggest_int("dense", 0, 32, step=8)
    return StreamingForm(front, units, (dense,) if dense else ())


def _bank(choose: Chooser) -> BankFront:
    """Resonators over the bands of the beam's three lowest natural frequencies, of which the first has two sets."""
    memory = choose.suggest_categorical("memory", (0.7, 1.0, 1.4))
    bands = (
        (18.0, 54.0, choose.suggest_int("band1_fast", 0, 12, step=2), 0.012 * memory),
        (22.0, 46.0, choose.suggest_int("band1_slow", 4, 14, step=2), 0.04 * memory),
        (145.0, 285.0, choose.suggest_int("band2", 0, 14, step=2), 0.006 * memory),
        (420.0, 700.0, choose.suggest_int("band3", 0, 4, step=1), 0.003 * memory),
    )
    return bank_of(*(band for band in bands if band[2]))


def _window(choose: Chooser) -> WindowForm:
    samples = choose.suggest_int("window", 128, 512, step=64)
    convolutions = choose.suggest_int("convolutions", 0, 4)
    conv = tuple(
        ConvLayer(
            choose.suggest_int(f"filters{number}", 4, 24, step=4),
            choose.suggest_int(f"kernel{number}", 3, 9, step=2),
            choose.suggest_categorical(f"stride{number}", (1, 2, 4)),
            choose.suggest_categorical(f"pool{number}", (1, 2)),
        )
        for number in range(1, convolutions + 1)
    )
    lstm = choose.suggest_int("lstm", 0, 16, step=8)
    hidden = choose.suggest_int("hidden", 0, 3)
    units = choose.suggest_int("hidden_units", 8, 64, step=8) if hidden else 0
    return WindowForm(samples, conv, (units,) * hidden, (lstm,) if lstm else ())


_NUMBERED = tuple(f"{name}{number}" for name in ("filters", "kernel") for number in range(1, 5))

_BANDS = ("band1_fast", "band1_slow", "band2", "band3")
CAPACITY = frozenset(
    (*_BANDS, *_NUMBERED, "activation_bits", "weight_bits", "filters", "units", "window", "lstm", "hidden_units")
)
"""Sizes of which more lets a network compute whatever less does, all else being equal."""


def at_least(values: Values, others: Values) -> bool:
    """Whether one point has at least the sizes of another and is like it in all that is not a size."""
    if values.keys() != others.keys():
        return False
    return all(values[name] >= others[name] if name in CAPACITY else values[name] == others[name] for name in values)


Goal = Literal["area", "multiplies"]
"""What is weighed against the error: the exact allocation's area, or the number of multiplies."""
