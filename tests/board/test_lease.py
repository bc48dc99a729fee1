"""Leases: whose the board is, until when, and across a power-up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntorc_board.errors import BoardError, LeaseError, RequestError
from ntorc_board.lease import MAX_LEASE_S, Leases


class Clock:
    """A board's time since power-up, and which power-up it is."""

    def __init__(self) -> None:
        self.now_s, self.boot = 100.0, "first"

    def leases(self, root: Path) -> Leases:
        return Leases(root, lambda: self.now_s, lambda: self.boot)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock, tmp_path: Path) -> Leases:
    return clock.leases(tmp_path)


def test_a_lease_ends_by_itself(leases: Leases, clock: Clock) -> None:
    leases.check("anybody")
    leases.take("alice", 60)
    assert leases.current() == ("alice", 60.0)
    leases.check("alice")
    clock.now_s += 59.5
    with pytest.raises(LeaseError, match="leased to alice for 1 s more") as caught:
        leases.check("bob")
    assert caught.value.details == {"owner": "alice", "left_s": 0}
    clock.now_s += 0.5
    leases.check("bob")
    leases.take("bob", 60)


def test_only_its_owner_prolongs_or_gives_it_back(leases: Leases) -> None:
    leases.take("alice", 60)
    leases.take("alice", 7200)
    for attempt in (lambda: leases.take("bob", 60), lambda: leases.release("bob")):
        with pytest.raises(LeaseError, match=r"for 2\.0 h more"):
            attempt()
    leases.take("bob", 60, force=True)
    leases.release("bob")
    assert leases.current() is None
    leases.release("bob")


def test_after_a_power_up_it_begins_once_more(leases: Leases, clock: Clock, tmp_path: Path) -> None:
    """Nobody knows how long the board was off, and its clock may have lost the date."""
    leases.take("alice", 600)
    clock.now_s, clock.boot = 5.0, "second"
    later = clock.leases(tmp_path)
    with pytest.raises(LeaseError):
        later.check("bob")
    clock.now_s += 601
    later.check("bob")


@pytest.mark.parametrize("seconds", [0, -1, MAX_LEASE_S + 1])
def test_a_lease_has_an_end(leases: Leases, seconds: int) -> None:
    with pytest.raises(RequestError):
        leases.take("alice", seconds)


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b"[]", b'{"owner": 1, "seconds": "x"}', b"[" * 100_000])
def test_a_damaged_lease_keeps_everybody_out_until_it_is_freed(leases: Leases, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "lease.json").write_bytes(text)
    with pytest.raises(BoardError, match="is damaged") as caught:
        leases.check("alice")
    assert "--release --force" in caught.value.hint
    leases.release("alice", force=True)
    leases.check("alice")
