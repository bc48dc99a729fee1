"""Whether a target has a run's design: asked before it is programmed, with the way on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from ntorc.deploy.target import Target, TargetStatus
from ntorc.errors import UsageError
from ntorc.pipeline.board.confirmed import require_confirmed
from ntorc.store.local import LocalStore

MINE, OTHER = "00000000000000aa", "00000000000000bb"


@dataclass(frozen=True)
class Asked:
    """A target that can be asked and nothing else: programming it would be an AttributeError."""

    now: TargetStatus
    name: str = "ssh://rack"

    def status(self) -> TargetStatus:
        return self.now


def status(confirmed: str | None, previous: str | None = None) -> TargetStatus:
    return TargetStatus(confirmed, "a", previous, True, None)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Two runs on the board, and a newer one of the same design on another one."""
    store = LocalStore(tmp_path / "store")
    for design, target in ((MINE, "ssh://rack"), (OTHER, "ssh://rack"), (OTHER, "virtual")):
        record = store.new_run("ntorc deploy")
        store.save_run(replace(record, summary={"design_id": design, "target": target}))
    return store


def refused(store: LocalStore, now: TargetStatus, run: str = "r1") -> UsageError:
    with pytest.raises(UsageError) as caught:
        require_confirmed(store, cast(Target, Asked(now)), run, MINE)
    return caught.value


def test_the_runs_own_design_is_measured(store: LocalStore) -> None:
    require_confirmed(store, cast(Target, Asked(status(MINE))), "r1", MINE)


def test_the_run_that_is_there_is_named(store: LocalStore) -> None:
    there = next(one.run for one in store.runs() if one.summary == {"design_id": OTHER, "target": "ssh://rack"})
    error = refused(store, status(OTHER, MINE))
    assert f"the confirmed design of ssh://rack is {OTHER}, not run r1's {MINE}" in error.message
    assert f"ntorc measure {there};" in error.hint
    assert "ntorc board rollback 'ssh://rack'" in error.hint
    assert "newest" not in error.hint


def test_a_design_of_nobodys_leaves_deploying_again(store: LocalStore) -> None:
    assert refused(store, status("00000000000000cc")).hint == "deploy this one again: ntorc deploy"
    assert "no confirmed design" in refused(store, status(None)).message
