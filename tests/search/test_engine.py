"""Small searches with real trainings in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small import costing_for

from ntorc.errors import InfeasibleError
from ntorc.network.network import Network
from ntorc.pipeline.search.front import front_of
from ntorc.pipeline.search.joint import Searched
from ntorc.progress import Silent
from ntorc.search.artefacts import load_kept
from ntorc.search.engine import Engine, Limits
from ntorc.search.material import Material
from ntorc.search.record import SearchConfig, TrialRecord
from ntorc.search.study import Proposal, Study, artefacts, new_search
from ntorc.search.tasks import advance, error_of, judge
from ntorc.search.workers import Pool, opened_pool

TRIALS = 4
FORMS = ("streaming",)  # whose steps compile fast
Done = tuple[Searched, list[tuple[int, str]]]
NOT_TRAINED = {"refused", "infeasible", "dominated"}


class Watched:
    """A pool that notes what it was given."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self.slots = pool, pool.slots
        self.given: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._pool)

    def submit(self, number: int, job: Any, *arguments: Any) -> None:
        self.given.append((number, job.__name__))
        self._pool.submit(number, job, *arguments)

    def next(self) -> tuple[int, Any]:
        return self._pool.next()


@pytest.fixture(scope="module")
def pool(material: Material) -> Iterator[Pool]:
    with opened_pool(material, 1, processes=False) as opened:
        yield opened


class Stopped(Exception):
    """The process ends here."""


class StopAfter(Silent):
    """Ends a search at some step."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self, what: str, done: int, total: int) -> None:
        self._left -= 1
        if not self._left:
            raise Stopped


@pytest.fixture(scope="module")
def done(material: Material, pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A whole search, its space such that much is infeasible."""
    from small import SMALL

    config = SearchConfig("", "pynq-z2", "120us", material.digest, ceiling=0.04, forms=FORMS, budget=SMALL, seed=3)
    folder = new_search(tmp_path_factory.mktemp("searches"), config)
    study, watched = Study(folder), Watched(pool)
    engine = Engine(study, costing_for("120us", 0.04), watched, Silent())  # type: ignore[arg-type]
    engine.run(Limits(TRIALS))
    engine.judge_front()
    found = tuple(study.records.values())
    study.close()
    return Searched(study.config, folder, found, 0.0), watched.given


def test_as_many_are_trained_as_were_asked_for(done: Done) -> None:
    found, _ = done
    outcomes = [one.outcome for one in found.records]
    assert sum(one in ("trained", "stopped", "outgrown") for one in outcomes) == TRIALS
    assert "infeasible" in outcomes
    assert not {"running", "failed"} & set(outcomes)


def test_a_deadline_that_no_candidate_meets_is_a_verdict(material: Material, pool: Pool, tmp_path: Path) -> None:
    from small import SMALL

    config = SearchConfig("", "pynq-z2", "56us", material.digest, forms=FORMS, budget=SMALL, seed=3)
    study = Study(new_search(tmp_path, config))
    try:
        nearest = r"none of 60 candidates meets 56us on pynq-z2; the nearest: .* cycles"
        with pytest.raises(InfeasibleError, match=nearest):
            Engine(study, costing_for("56us", 0.8), pool, Silent()).run(Limits(1))
    finally:
        study.close()


def test_what_is_infeasible_or_dominated_is_never_trained(done: Done) -> None:
    found, given = done
    trained = {number for number, _ in given}
    for one in found.records:
        assert (one.number in trained) == (one.outcome not in NOT_TRAINED), one
        if one.outcome in NOT_TRAINED:
            assert one.reason
            assert one.curve_v == ()
            assert one.error_v is None
            assert not artefacts(found.folder, one.number).exists()
    looks = found.config.budget.looks
    for one in found.records:
        jobs = [job for number, job in given if number == one.number]
        if one.outcome == "trained" and one.from_trial < 0:
            assert jobs[: looks + 1] == [advance.__name__] * looks + [judge.__name__]
        if one.outcome == "stopped":
            assert judge.__name__ not in jobs
            assert len(one.curve_v) < looks
            assert one.reason


def test_costs_are_those_of_the_trained_network_under_the_requirement(done: Done, material: Material) -> None:
    found, _ = done
    costing = costing_for("120us", 0.04)
    for one in found.records:
        if one.outcome == "trained":
            kept = load_kept(artefacts(found.folder, one.number))
            assert one.trained_hardware == costing.of_network(kept.network, 16)
            assert one.cost.feasible
            assert one.cost.latency_cycles <= one.cost.budget_cycles
            every = found.config.budget.scored_every
            assert one.error_v == error_of(material, kept.network, material.split.validation, every)


def test_only_the_front_is_judged_on_the_test_trajectories(done: Done) -> None:
    found, _ = done
    front = {one.number for one in front_of(found)}
    assert front
    assert {one.number for one in found.records if one.test_v is not None} == front


def test_an_interrupted_search_goes_on_where_it_was(
    material: Material, pool: Pool, config: SearchConfig, root: Path
) -> None:
    """Ended at its fifth look, and again; what was trained is not trained again, looks that were taken are kept."""
    config = replace(config, forms=("streaming",), budget=replace(config.budget, looks=3))
    folder = new_search(root, config)
    given: list[tuple[int, str]] = []
    for steps in (5, 4, 1000):
        study, watched = Study(folder), Watched(pool)
        before = {number: study.load_state(number) for number in study.records}
        engine = Engine(study, costing_for("200us"), watched, StopAfter(steps))  # type: ignore[arg-type]
        if steps < 1000:
            with pytest.raises(Stopped):
                engine.run(Limits(3))
            while len(pool):
                pool.next()  # a killed command's workers end with it
        else:
            interrupted = [one.number for one in study.running()]
            assert len(interrupted) == 1
            assert len(before[interrupted[0]].curve_v) > 0
            engine.run(Limits(3))
            curve_v = study.records[interrupted[0]].curve_v
            assert curve_v[: len(before[interrupted[0]].curve_v)] == before[interrupted[0]].curve_v
        given += watched.given
        study.close()
    trained = [one for one in study.records.values() if one.outcome == "trained"]
    assert len(trained) == 3
    looks = [number for number, job in given if job == advance.__name__]
    assert len(looks) <= 3 * 3 + 2, "each interruption costs one look at most"


def test_a_form_that_was_trained_is_not_trained_again_for_other_formats(
    material: Material, pool: Pool, config: SearchConfig, root: Path
) -> None:
    study, watched = Study(new_search(root, replace(config, forms=FORMS, sampler="tpe"))), Watched(pool)
    engine = Engine(study, costing_for("200us"), watched, Silent())  # type: ignore[arg-type]
    engine.run(Limits(1))
    first = next(one for one in study.records.values() if one.outcome == "trained")
    proposal = study.ask()
    values = {**first.values, "weight_bits": 4 if first.values["weight_bits"] != 4 else 6}
    record = TrialRecord(proposal.number, values, "running", hardware=first.hardware)
    study.keep(record)
    began = len(watched.given)
    engine._start(*engine._with_earlier_training(record))
    engine._handle(*watched.next())
    assert [job for _, job in watched.given[began:]] == [judge.__name__]
    found = study.records[proposal.number]
    assert (found.outcome, found.from_trial, found.curve_v) == ("trained", first.number, first.curve_v)
    assert engine._wants_more(Limits(2)), "it counts as no training"
    assert not engine._wants_more(Limits(1))
    networks = [Network.load(artefacts(study.folder, n) / "network") for n in (first.number, proposal.number)]
    assert networks[0].layers[-1].weight_format.bits == first.values["weight_bits"]  # type: ignore[union-attr]
    assert networks[1].layers[-1].weight_format.bits == values["weight_bits"]  # type: ignore[union-attr]
    study.close()


def test_less_of_what_is_trained_is_not_trained_where_it_costs_no_less(
    pool: Pool, config: SearchConfig, root: Path
) -> None:
    """By the proxy, formats cost nothing: fewer bits are less of the same."""
    config = replace(config, goal="multiplies", sampler="tpe", forms=FORMS)
    study, watched = Study(new_search(root, config)), Watched(pool)
    engine = Engine(study, costing_for("200us"), watched, Silent())  # type: ignore[arg-type]
    engine.run(Limits(1))
    first = next(one for one in study.records.values() if one.outcome == "trained")
    assert first.trained_hardware is None, "the proxy does not look at the hardware"
    for activation_bits, outcome in ((int(first.values["activation_bits"]) - 2, "dominated"), (18, "running")):
        candidate = replace(study.candidate(first), activation_bits=activation_bits)
        proposal = Proposal(90, {**first.values, "activation_bits": activation_bits}, candidate)
        found, excess = engine._screened(proposal, is_last=False)
        assert (found.outcome, excess) == (outcome, 0.0)
        assert (f"trial {first.number}" in found.reason) == (outcome == "dominated")
        assert engine._screened(proposal, is_last=True)[0].outcome == "running", "the last one is trained"
    engine.judge_front()
    assert study.records[first.number].trained_hardware is not None, "hardware afterwards"
    study.close()


def test_a_training_that_breaks_is_recorded_and_many_end_the_search(
    material: Material, pool: Pool, config: SearchConfig, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ntorc.search.engine as engine_module
    from ntorc.errors import ToolError

    study = Study(new_search(root, replace(config, sampler="tpe")))
    monkeypatch.setattr(engine_module, "advance", broken)
    with pytest.raises(ToolError, match="out of memory"):
        Engine(study, costing_for("200us"), pool, Silent()).run(Limits(20))
    failed = [one for one in study.records.values() if one.outcome == "failed"]
    assert failed
    assert all("MemoryError: out of memory" in one.reason for one in failed)
    study.close()


def broken(*_: Any) -> None:
    raise MemoryError("out of memory")


@pytest.mark.parametrize("sampler", ["ranked", "tpe"])
def test_two_searches_of_one_seed_propose_the_same(config: SearchConfig, root: Path, pool: Pool, sampler: Any) -> None:
    found = []
    for _ in range(2):
        study = Study(new_search(root, replace(config, sampler=sampler)))
        engine = Engine(study, costing_for("200us"), pool, Silent())
        proposals = zip(engine._proposer.round(), range(6), strict=False)
        found.append([engine._screened(one, is_last=False)[0] for one, _ in proposals])
        study.close()
    assert found[0] == found[1]
    assert len({str(one.values) for one in found[0]}) == 6
