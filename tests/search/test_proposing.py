"""What is expected of candidates, and which of many is trained next, on errors that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import costing_for

from ntorc.search.front import expected_gain, hypervolume
from ntorc.search.hardware import Costing
from ntorc.search.proposing import Ranked, Sampled
from ntorc.search.record import SearchConfig, TrialRecord
from ntorc.search.space import Candidate, Drawn, Space
from ntorc.search.study import Study, new_search
from ntorc.search.surrogate import Expected, Seen, encoded

LOOKS = 2


def values(units: int, **more: Any) -> dict[str, Any]:
    plain = {"form": "streaming", "front": "filters", "filters": 16, "dense": 0, "units": units}
    return {**plain, "activation_bits": 12, "weight_bits": 12, **more}


def seen(units: int, float_v: float, loss: float, **more: Any) -> Seen:
    return Seen(values(units, **more), (1.5 * float_v, float_v), float_v * loss, 2.0)


def test_the_expected_gain_is_the_mean_over_errors_of_the_gain_in_hypervolume() -> None:
    points, reference = [(0.10, 0.12), (0.15, 0.08), (0.13, 0.30)], (0.25, 0.25)
    mean, spread = np.log([0.12, 0.09, 0.3, 0.2]), np.array([0.2, 0.4, 0.05, 0.3])
    costs = np.array([0.10, 0.20, 0.07, 0.26])
    found = expected_gain(mean, spread, costs, points, reference)
    quantiles = np.exp(mean[:, None] + spread[:, None] * np.random.default_rng(1).normal(size=(1, 4000)))
    before = hypervolume(points, reference)
    for row, cost, expected in zip(quantiles, costs, found, strict=True):
        gains = [hypervolume([*points, (float(v), float(cost))], reference) - before for v in row]
        assert expected == pytest.approx(np.mean(gains), rel=0.1, abs=1e-5)
    assert found[3] == 0.0, "beyond the reference"
    assert expected_gain(mean, spread, costs, [], reference)[1] > found[1]


def test_a_trained_form_is_known_for_all_widths_but_for_their_loss() -> None:
    """Some were trained in 12 bits, others in 4, which doubled their error: so it will that of the first ones."""
    known = [seen(units, 0.8 / units**0.5, 1.0) for units in (8, 16, 24)]
    known += [seen(units, 0.8 / units**0.5, 2.0, weight_bits=4) for units in (12, 20, 28)]
    known.append(Seen(values(40), (0.15,), None, 4.0))
    expected = Expected(known, LOOKS)
    mean, spread = expected.log_error([values(16), values(16, weight_bits=4), values(16, front="bank", band2=8)])
    assert np.exp(mean[0]) == pytest.approx(0.20, rel=0.1)
    assert np.exp(mean[1]) == pytest.approx(0.40, rel=0.25)
    assert spread[2] > 1.5 * spread[0], "nothing of that kind was seen"
    stopped = np.exp(expected.log_error([values(40)])[0][0])
    assert stopped == pytest.approx(0.10, rel=0.2), "it would have gone on falling"
    look_s = expected.look_s([values(8), values(40)])
    assert look_s[0] < look_s[1]


def test_choices_and_missing_values_have_columns_of_their_own() -> None:
    rows = encoded([{"kind": "a", "n": 4}, {"kind": "b"}])
    assert rows.shape == (2, 4)
    assert not np.array_equal(rows[0], rows[1])


def test_a_neighbour_keeps_most_values_and_other_widths_all_of_the_form() -> None:
    space, random = Space(), np.random.default_rng(5)
    first = Drawn(random)
    while first.values.get("form") != "streaming":
        first = Drawn(random)
        space.candidate(first)
    near = Drawn(random, first.values, 0.3)
    space.candidate(near)
    same = sum(near.values.get(name) == value for name, value in first.values.items())
    assert 0 < same < len(first.values) + 1
    form = {name: value for name, value in first.values.items() if not name.endswith("_bits")}
    found = {space.candidate(Drawn(random, form)) for _ in range(20)}
    assert len({candidate.form for candidate in found}) == 1
    assert len({(one.activation_bits, one.weight_bits) for one in found}) > 5


@pytest.fixture
def study(config: SearchConfig, root: Path) -> Study:
    return Study(new_search(root, config))


def trained(study: Study, costing: Costing, point: dict[str, Any], error_v: float) -> TrialRecord:
    """A candidate of the study as if it had been trained to this error."""
    proposal = study.ask(point)
    assert proposal.candidate is not None
    record = TrialRecord(
        proposal.number, proposal.values, "trained", hardware=costing.of(proposal.candidate),
        curve_v=(1.2 * error_v, error_v), error_v=error_v, cpu_s=10.0,
    )  # fmt: skip
    study.keep(record)
    return record


BANK = {
    "form": "streaming", "front": "bank", "memory": 1.0, "band1_fast": 6, "band1_slow": 8, "band2": 8, "band3": 2,
    "dense": 0,
}  # fmt: skip


def bank(units: int, bits: int) -> dict[str, Any]:
    return {**BANK, "units": units, "activation_bits": bits, "weight_bits": bits}


def test_narrower_words_of_what_trained_well_come_first_since_they_take_no_training(study: Study) -> None:
    costing = costing_for("200us")
    for units in (8, 16, 24, 32):
        for bits in (8, 16):
            trained(study, costing, bank(units, bits), 0.8 / units)
    for filters in (8, 12):
        trained(study, costing, {**values(16), "filters": filters}, 0.4)
    ranked = Ranked(study, costing.of)
    chosen = next(one for one in ranked.round() if is_built(one.candidate, costing))
    assert chosen.hope_v is not None
    assert chosen.candidate is not None
    assert chosen.candidate.form in {study.candidate(one).form for one in study.records.values()}
    assert chosen.values not in [one.values for one in study.records.values()]
    study.close()


def is_built(candidate: Candidate | None, costing: Costing) -> bool:
    return candidate is not None and costing.of(candidate).feasible


def test_what_cannot_be_built_is_proposed_with_its_reason_and_the_rest_is_kept(study: Study) -> None:
    costing = costing_for("75us")  # hardly longer than the I/O overhead
    numbers, feasible = [], []
    for proposal in Ranked(study, costing.of).round():
        numbers.append(proposal.number)
        feasible.append(is_built(proposal.candidate, costing))
        if feasible[-1]:
            break
    assert numbers == list(range(len(numbers)))
    assert len(feasible) > 5
    assert not any(feasible[:-1])
    study.close()


def test_the_sampler_hopes_once_enough_is_trained(study: Study) -> None:
    costing = costing_for("200us")
    assert next(Sampled(study).round()).hope_v is None
    for units in range(8, 40, 4):
        trained(study, costing, bank(units, 12), 0.8 / units)
    hopes = [one.hope_v for one, _ in zip(Sampled(study).round(), range(8), strict=False) if one.candidate is not None]
    assert hopes
    assert all(hope is not None and hope > 0.0 for hope in hopes)
    study.close()


def test_with_energy_both_costs_are_weighed(config: SearchConfig, root: Path) -> None:
    study, costing = Study(new_search(root, replace(config, energy=True))), costing_for("200us")
    for units in (8, 12, 16, 20, 24, 28, 32, 36):
        trained(study, costing, bank(units, 12), 0.8 / units)
    ranked = Ranked(study, costing.of)
    chosen = next(one for one in ranked.round() if is_built(one.candidate, costing))
    assert chosen.hope_v is not None
    assert {len(point.costs) for point in ranked._points.values()} == {2}
    study.close()
