"""The contract of a search's folder, for every storage: what was told is kept, whatever ends the process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from small import costing_for

from ntorc.errors import StorageError
from ntorc.search.fitting import State
from ntorc.search.record import SearchConfig, TrialRecord
from ntorc.search.study import Proposal, Study, load_config, load_records, new_search

Storage = Literal["journal", "sqlite"]
COSTING = costing_for("200us")


@pytest.fixture(params=["journal", "sqlite"])
def folder(request: pytest.FixtureRequest, config: SearchConfig, root: Path) -> Path:
    return new_search(root, replace(config, storage=request.param))


def accepted(study: Study) -> tuple[Proposal, TrialRecord]:
    """The next proposal that has hardware, as one that is being trained; others are recorded."""
    while True:
        proposal = study.ask()
        if proposal.candidate is None:
            study.keep(TrialRecord(proposal.number, proposal.values, "refused", proposal.reason), 1.0)
            continue
        cost = COSTING.of(proposal.candidate)
        record = TrialRecord(proposal.number, proposal.values, "running", hardware=cost)
        if cost.feasible:
            study.keep(record)
            return proposal, record
        study.keep(replace(record, outcome="infeasible", reason=cost.reason), cost.excess)


def told(study: Study) -> dict[int, tuple[str, list[float] | None]]:
    """What the sampler knows."""
    return {one.number: (one.state.name, one.values) for one in study._study.get_trials()}


def test_what_was_told_is_there_after_opening_again(folder: Path) -> None:
    study = Study(folder)
    _, record = accepted(study)
    study.keep(replace(record, outcome="trained", error_v=0.125))
    _, stopped = accepted(study)
    study.keep(replace(stopped, outcome="stopped", reason="why"))
    before, states = dict(study.records), told(study)
    study.close()
    again = Study(folder)
    assert again.records == before == {one.number: one for one in load_records(folder)}
    assert told(again) == states
    assert states[record.number] == ("COMPLETE", [0.125, record.cost.area])
    assert states[stopped.number] == ("PRUNED", None)
    assert again.ask().number == max(states) + 1
    again.close()


def test_a_kill_between_record_and_sampler_is_made_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(folder)
    _, record = accepted(study)
    orphan = study.ask()  # asked, and never recorded
    with monkeypatch.context() as killed:
        killed.setattr(study, "_tell", lambda *_: None)
        study.keep(replace(record, outcome="trained", error_v=0.25))
    running = accepted(study)[1]
    study.close()
    again = Study(folder)
    states = told(again)
    assert states[record.number] == ("COMPLETE", [0.25, record.cost.area])
    assert states[orphan.number] == ("FAIL", None)
    assert states[running.number][0] == "RUNNING"
    assert [one.number for one in again.running()] == [running.number]
    again.keep(replace(running, outcome="failed"))
    assert told(again)[running.number][0] == "FAIL"
    again.close()


def test_states_of_trainings_are_kept_and_damaged_ones_begin_anew(folder: Path) -> None:
    study = Study(folder)
    generator = np.random.default_rng(1)
    arrays = {name: [generator.normal(size=(3, n)).astype(np.float32) for n in (2, 5)] for name in ("model", "best")}
    study.save_state(3, State((0.5, 0.25), 1.5, arrays))
    found = study.load_state(3)
    assert (found.curve_v, found.cpu_s) == ((0.5, 0.25), 1.5)
    for name, row in arrays.items():
        for kept, array in zip(found.variables[name], row, strict=True):
            np.testing.assert_array_equal(kept, array)
    file = next((folder / "trials" / "00003").iterdir())
    file.write_bytes(file.read_bytes()[:200])
    assert study.load_state(3).curve_v == ()
    assert study.load_state(99).curve_v == ()
    study.close()


def test_one_process_at_a_time(folder: Path) -> None:
    study = Study(folder)
    with pytest.raises(StorageError, match="another process"):
        Study(folder)
    study.close()
    Study(folder).close()


def test_a_journal_that_a_kill_cut_off_and_its_lock_are_put_right(config: SearchConfig, root: Path) -> None:
    folder = new_search(root, config)
    study = Study(folder)
    _, record = accepted(study)
    study.close()
    journal = folder / "trials.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":5,"worker_id')
    (folder / "trials.journal.lock").symlink_to(journal)
    again = Study(folder)
    content = journal.read_bytes()
    assert content.startswith(whole)
    assert b"worker_id{" not in content
    assert content.endswith(b"\n")
    again.keep(replace(record, outcome="trained", error_v=0.5))
    again.close()
    third = Study(folder)
    assert told(third)[record.number][0] == "COMPLETE"
    third.close()


def test_names_are_free_ones_or_the_users(config: SearchConfig, root: Path) -> None:
    assert [new_search(root, config).name for _ in range(2)] == ["search-1", "search-2"]
    assert load_config(new_search(root, replace(config, name="mine"))).name == "mine"
    with pytest.raises(StorageError, match="already"):
        new_search(root, replace(config, name="mine"))
    with pytest.raises(StorageError, match="no search 'other'") as refused:
        Study(root / "other")
    assert "search-1" in refused.value.hint
    assert "mine" in refused.value.hint
