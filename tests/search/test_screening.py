"""What is not worth training, on candidates whose errors are known."""

from __future__ import annotations

from typing import Any

import pytest

from ntorc.search.screening import Finished, beaten_at_best, is_hopeless, larger_twin


def values(units: int, **more: Any) -> dict[str, Any]:
    return {"form": "streaming", "front": "filters", "filters": 16, "dense": 0, "units": units, **more}


def finished(number: int, units: int, error_v: float, cost: float, *curve_v: float, **more: Any) -> Finished:
    return Finished(number, values(units, **more), error_v, (cost,), curve_v or (error_v,))


def test_less_of_the_same_for_no_less_is_not_trained() -> None:
    trained = [finished(0, 24, 0.1, 0.10), finished(1, 32, 0.09, 0.12, dense=8)]
    twin = larger_twin(values(20), (0.10,), trained)
    assert twin is not None
    assert twin.number == 0
    assert larger_twin(values(20), (0.0999,), trained) is None, "it costs less"
    assert larger_twin(values(28), (0.2,), trained) is None, "it is larger"
    assert larger_twin(values(20, front="bank"), (0.2,), trained) is None, "it is of another kind"
    assert larger_twin(values(20, dense=8), (0.2,), trained) is trained[1]
    assert larger_twin(values(20), (0.2, 1.0), [Finished(0, values(24), 0.1, (0.1, 2.0), (0.1,))]) is None


def test_what_cannot_hope_to_beat_what_costs_no_more_is_not_trained() -> None:
    known = [finished(units, units, 0.3 / units, 0.01 * units) for units in (8, 16, 30)]
    found = beaten_at_best(0.0101, (0.5,), known)
    assert found is known[2]
    assert beaten_at_best(0.0099, (0.5,), known) is None, "it may be better than all"
    assert beaten_at_best(0.0101, (0.2,), known) is None, "what costs no more is worse"
    assert beaten_at_best(1.0, (0.01,), known) is None, "nothing trained costs so little"


def test_a_training_ends_when_even_the_greatest_gain_seen_would_not_help() -> None:
    known = [finished(n, 8 + n, 0.10, 0.1, 0.3, 0.2, 0.10) for n in range(4)]
    known.append(finished(9, 40, 0.05, 0.3, 0.25, 0.1, 0.05))  # gains a factor of 5 from its first look
    assert is_hopeless((0.45,), (0.2,), known) is None
    stopped = is_hopeless((0.55,), (0.2,), known)
    assert stopped is not None
    assert stopped[1] == pytest.approx(0.11)
    assert stopped[0].error_v == 0.10
    assert is_hopeless((0.55,), (0.05,), known) is None, "nothing costs so little"
    assert is_hopeless((0.9, 0.25), (0.2,), known) is not None
    few = is_hopeless((0.9,), (0.2,), known[:3])
    assert few is not None
    assert few[1] == pytest.approx(0.24), "a quarter more than was seen"
    assert is_hopeless((0.35,), (0.2,), known[:3]) is None
    assert is_hopeless((0.9,), (0.2,), known[:1]) is None, "too few curves"
