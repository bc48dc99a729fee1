"""A/B slots: whatever is killed whenever, the pointer names a whole bundle."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from virtual_lab import bundle_of

from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey
from ntorc_board.errors import BoardError, RefusedError
from ntorc_board.manifest import Verified, load_trusted, verify_bundle
from ntorc_board.slots import Slots


@pytest.fixture
def check(trusted: Path) -> Callable[[Path], Verified]:
    keys = load_trusted(trusted)
    return lambda folder: verify_bundle(folder, keys, "pynq-z2", "xc7z020clg400-1")


@pytest.fixture
def slots(tmp_path: Path, check: Callable[[Path], Verified]) -> Slots:
    return Slots(tmp_path / "root", check)


def install(slots: Slots, bundle: Bundle) -> None:
    slots.confirm(slots.place(bundle.folder)[1])


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a forked child; returns its wait status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def test_slots_alternate_and_remember_what_was_before(slots: Slots, first: Bundle, second: Bundle) -> None:
    assert slots.confirmed() is None
    install(slots, first)
    assert slots.confirmed().current.slot == "a"
    assert slots.confirmed().previous is None
    install(slots, second)
    confirmed = slots.confirmed()
    assert (confirmed.current.slot, confirmed.current.design_id) == ("b", second.manifest.design_id)
    assert confirmed.previous.design_id == first.manifest.design_id
    folder, verified = slots.bundle(confirmed.previous)
    assert verified.digest == first.digest
    assert (folder / "logic.so").read_bytes() == (first.folder / "logic.so").read_bytes()


def test_placing_does_not_confirm(slots: Slots, first: Bundle, second: Bundle) -> None:
    install(slots, first)
    slots.place(second.folder)
    assert slots.confirmed().current.design_id == first.manifest.design_id


def test_a_bundle_that_is_refused_changes_nothing(slots: Slots, first: Bundle, tmp_path: Path) -> None:
    install(slots, first)
    altered = tmp_path / "altered"
    shutil.copytree(first.folder, altered)
    (altered / "logic.so").write_bytes(b"other")
    before = sorted(str(path) for path in (tmp_path / "root").rglob("*"))
    with pytest.raises(RefusedError, match=r"logic\.so was altered"):
        slots.place(altered)
    assert sorted(str(path) for path in (tmp_path / "root").rglob("*")) == before


def test_an_altered_slot_is_not_used(slots: Slots, first: Bundle, tmp_path: Path) -> None:
    install(slots, first)
    with (tmp_path / "root" / "slots" / "a" / "logic.so").open("r+b") as stream:
        stream.write(b"\0")
    with pytest.raises(RefusedError):
        slots.bundle(slots.confirmed().current)


def test_the_earlier_design_steps_aside_until_the_next_is_confirmed(
    slots: Slots, first: Bundle, second: Bundle, tmp_path: Path, signer: SigningKey
) -> None:
    install(slots, first)
    install(slots, second)
    third = bundle_of(tmp_path, signer, "00000000b0a4d003")
    slots.place(third.folder)  # into slot a, instead of the first
    with pytest.raises(RefusedError, match="no longer holds"):
        slots.bundle(slots.confirmed().previous)
    slots.take_back()  # it did not work
    assert slots.bundle(slots.confirmed().previous)[1].digest == first.digest
    install(slots, third)
    assert slots.confirmed().previous.design_id == second.manifest.design_id


def test_an_older_bundle_is_refused_and_a_rollback_is_not(
    slots: Slots, first: Bundle, second: Bundle, tmp_path: Path, signer: SigningKey
) -> None:
    install(slots, first)
    install(slots, second)
    with pytest.raises(RefusedError, match="was replayed"):
        slots.place(first.folder)
    twin = bundle_of(tmp_path, signer, "00000000b0a4d00f", sequence=second.manifest.sequence)
    with pytest.raises(RefusedError, match="was replayed"):  # another one with the same number
        slots.place(twin.folder)
    install(slots, second)  # what is confirmed may come again
    slots.confirm(slots.confirmed().previous)  # the explicit way back
    assert slots.confirmed().current.design_id == first.manifest.design_id
    assert slots.confirmed().newest[signer.key_id].sequence == second.manifest.sequence
    install(slots, second)  # the newest of its key may come again after a rollback
    assert [event.design_id[-1] for event in slots.confirmed().history] == ["1", "2", "2", "1", "2"]


def test_one_agent_at_a_time(slots: Slots, tmp_path: Path, check: Callable[[Path], Verified]) -> None:
    with pytest.raises(BoardError, match="another agent"):
        Slots(tmp_path / "root", check)
    slots.close()
    Slots(tmp_path / "root", check).close()


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"null", b'{"current": null, "previous": null}', b"\xff", b"[" * 100_000,
     b'{"current": {"slot": "../x", "design_id": "' + b"0" * 16 + b'", "digest": "' + b"0" * 64
     + b'"}, "previous": null}'],
)  # fmt: skip
def test_a_damaged_pointer_is_an_error(slots: Slots, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "root" / "slots" / "confirmed").write_bytes(text)
    with pytest.raises(BoardError, match="is damaged"):
        slots.confirmed()


def test_a_full_disk_is_an_error_and_changes_nothing(slots: Slots, first: Bundle, second: Bundle) -> None:
    install(slots, first)

    def place_without_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        with pytest.raises(BoardError, match="cannot store the bundle"):
            slots.place(second.folder)

    assert in_child(place_without_space) == 0
    assert slots.bundle(slots.confirmed().current)[1].digest == first.digest
    install(slots, second)
    assert slots.confirmed().current.design_id == second.manifest.design_id


def test_killed_at_every_step(tmp_path: Path, check: Callable[[Path], Verified], first: Bundle, second: Bundle) -> None:
    """Python's audit events (open, mkdir, rename, remove, ...) below the root are the steps."""
    template = tmp_path / "template"
    slots = Slots(template, check)
    install(slots, first)
    slots.close()
    outcomes = []
    for step in range(1, 1000):
        root = tmp_path / f"root{step}"
        shutil.copytree(template, root)

        def install_until(step: int = step, root: Path = root) -> None:
            count = 0

            def kill_at_step(event: str, arguments: tuple[object, ...]) -> None:
                nonlocal count
                if any(isinstance(word, str | os.PathLike) and str(word).startswith(str(root)) for word in arguments):
                    count += 1
                    if count == step:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(kill_at_step)
            install(Slots(root, check), second)

        status = in_child(install_until)
        again = Slots(root, check)  # as after power-up
        confirmed = again.confirmed()
        digest = again.bundle(confirmed.current)[1].digest
        assert digest in (first.digest, second.digest)
        assert sorted(path.name for path in (root / "slots").iterdir() if path.name.startswith(".")) == []
        outcomes.append(digest == second.digest)
        if step % 5 == 0:  # and the board can be deployed to
            install(again, second)
            assert again.bundle(again.confirmed().current)[1].digest == second.digest
        again.close()
        shutil.rmtree(root)
        if not os.WIFSIGNALED(status):
            break
    assert status == 0
    assert len(outcomes) > 30
    # the old one until one moment, the new one from then on
    assert outcomes == sorted(outcomes)
    assert outcomes[0] is False
    assert outcomes[-1] is True
