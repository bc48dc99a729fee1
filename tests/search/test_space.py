"""Every point of the space is an integer network that the backend builds, or is refused with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drawing import Drawn
from hypothesis import given, settings
from hypothesis import strategies as st
from small import costing_for

from ntorc.allocate.allocation import allocate
from ntorc.errors import InfeasibleError, NtorcError, UsageError
from ntorc.estimator.forms import StreamingForm
from ntorc.estimator.untrained import untrained_network
from ntorc.search.hardware import HardwareCost
from ntorc.search.space import CAPACITY, FORMS, WINDOW_HOP, Candidate, Space, at_least

LOOSE, TIGHT = costing_for("200us"), costing_for("75us", 0.1)


def refused_with_a_reason(refusal: UsageError, form: str) -> None:
    assert form == "window", "every streaming point is a network"
    assert refusal.message
    assert refusal.hint


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_candidate_costs_what_allocate_says_or_is_refused_with_a_reason(form: str, data: st.DataObject) -> None:
    chooser = Drawn(data)
    costing = data.draw(st.sampled_from([LOOSE, TIGHT]))
    try:
        candidate = Space((form,)).candidate(chooser)
        cost = costing.of(candidate)
    except UsageError as refusal:
        refused_with_a_reason(refusal, form)
        return
    network = untrained_network(candidate.form, precision=candidate.precision)
    assert cost.multiplies == network.multiplies == candidate.form.multiplies
    need = replace(costing.requirement, hop=candidate.hop)
    if cost.feasible:
        allocation = allocate(network, costing.backend, costing.cost, need)
        assert cost.latency_cycles == allocation.latency_cycles <= cost.budget_cycles == allocation.budget_cycles
        assert cost.resources == allocation.predicted
        shares = allocation.predicted
        assert cost.area == pytest.approx(
            sum(getattr(shares, name) / need.board.capacity[name] for name in ("lut", "ff", "dsp", "bram18"))
        )
        assert not cost.reason
        assert cost.excess == 0.0
        return
    assert cost.reason
    assert cost.excess > 0.0
    with pytest.raises(NtorcError) as refused:
        allocate(network, costing.backend, costing.cost, need)
    assert isinstance(refused.value, InfeasibleError) or costing.backend.unsupported(network)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_point_has_at_least_its_own_sizes_and_loses_to_a_larger_one_alone(data: st.DataObject) -> None:
    chooser = Drawn(data)
    try:
        candidate = Space().candidate(chooser)
    except UsageError:
        return
    assert candidate.hop == WINDOW_HOP
    assert at_least(chooser.values, chooser.values)
    sizes = sorted(CAPACITY & chooser.values.keys())
    assert {"activation_bits", "weight_bits"} <= set(sizes)
    name = data.draw(st.sampled_from(sizes))
    larger = {**chooser.values, name: chooser.values[name] + 2}
    assert at_least(larger, chooser.values)
    assert not at_least(chooser.values, larger)
    assert not at_least({**larger, "form": "other"}, chooser.values)


def test_the_proxy_knows_multiplies_and_nothing_of_the_board() -> None:
    form = StreamingForm(Space(("streaming",)).candidate(_Least()).form.front, 8)  # type: ignore[union-attr]
    candidate = Candidate(form, 16, 16)
    counted, cost = LOOSE.counted(candidate), LOOSE.of(candidate)
    assert (counted.multiplies, counted.energy) == (cost.multiplies, cost.energy)
    assert counted.feasible
    assert counted.area == 0.0 < cost.area
    less = LOOSE.of(replace(candidate, weight_bits=8))
    assert less.multiplies == cost.multiplies
    assert less.energy < cost.energy


def test_the_deadline_matters_and_what_blocks_is_named() -> None:
    large = Candidate(Space(("window",)).candidate(_Least()).form, 16, 16)
    found: list[HardwareCost] = [costing_for(deadline).of(large) for deadline in ("30us", "56us", "500us")]
    assert [one.feasible for one in found] == [False, False, True]
    assert "I/O overhead" in found[0].reason
    assert "cycles" in found[1].reason


def test_unknown_forms_are_refused() -> None:
    with pytest.raises(UsageError, match="tree"):
        Space(("tree",))
    with pytest.raises(UsageError, match="none"):
        Space(())


class _Least:
    """Chooses the smallest of everything."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return low

    def suggest_categorical(self, name: str, choices):  # type: ignore[no-untyped-def]
        return choices[0]
