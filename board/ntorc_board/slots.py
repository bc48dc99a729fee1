"""Two places for bundles, A and B, and a pointer to the one that is confirmed.

A new bundle is brought under a temporary name, to the disk, verified there and renamed into the
slot that is not confirmed; what was there steps aside.  Only after it has been programmed and tested
is the pointer switched, by one atomic rename.  The confirmed bundle is never written to, so that
after a kill or a loss of power at any moment the pointer names a whole bundle: the old one or the
new one.  What did not get confirmed is taken back, now or by the next agent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from ntorc_board.errors import BoardError, BusyError, RefusedError
from ntorc_board.files import replace_file, sync, sync_tree
from ntorc_board.manifest import Verified
from ntorc_board.pointer import SLOTS, Confirmed, Entry, Event, read_pointer

_INCOMING = ".incoming"
_OUTGOING = ".outgoing."
_DISCARDED = ".discarded"
_POINTER = "confirmed"
_TRYING = "trying"
_LOST = "install the bundle again with `ntorc deploy`"

Check = Callable[[Path], Verified]
"""Verifies a bundle's folder; raises RefusedError."""
Fill = Callable[[Path], None]
"""Makes a folder and brings a bundle's files into it."""


class Slots:
    """The slots below one folder, used by one agent at a time.

    Layout: ``slots/a``, ``slots/b`` (bundles), ``slots/confirmed`` (JSON), ``slots/trying`` (while a
    design is in the logic that is not confirmed), ``agent.lock``.
    """

    def __init__(self, root: Path, check: Check, owner: str = "") -> None:
        """Open the slots, alone; leftovers of a killed installation are taken back.

        Raises:
            BusyError: another agent has them.
            BoardError: the folder cannot be written.
        """
        self._check = check
        self._folder = root / "slots"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(root / "agent.lock", owner)
            self._clean()
        except OSError as error:
            raise BoardError(f"cannot use {self._folder}: {error}", "check the folder's permissions") from error

    def close(self) -> None:
        """Let another agent have the slots."""
        self._lock.close()

    def confirmed(self) -> Confirmed | None:
        """What the pointer says, or None when nothing was ever confirmed.

        Raises:
            BoardError: the pointer is damaged.
        """
        return read_pointer(self._folder / _POINTER)

    def bundle(self, entry: Entry) -> tuple[Path, Verified]:
        """The verified bundle of an entry.

        Raises:
            RefusedError: the slot holds another bundle, or was altered.
        """
        folder = self._folder / entry.slot
        verified = self._check(folder)
        if verified.digest != entry.digest:
            raise RefusedError(f"slot {entry.slot} no longer holds the design {entry.design_id}", _LOST)
        return folder, verified

    def largest_file(self, entry: Entry) -> int:
        """Bytes of the largest file of an entry's bundle: its logic."""
        files = (path for path in (self._folder / entry.slot).rglob("*") if path.is_file())
        return max((path.stat().st_size for path in files), default=0)

    def holding(self, name: str) -> list[Path]:
        """The files of this name in all bundles that are here, also in those that stepped aside."""
        return sorted(self._folder.glob(f"*/{name}"))

    def folders(self) -> list[Path]:
        """The slots that hold something; none of it is verified."""
        return [path for path in (self._folder / slot for slot in SLOTS) if path.is_dir()]

    def refuse_replay(self, verified: Verified) -> None:
        """Refuse a bundle that is older than one of the same key that was confirmed here.

        Raises:
            RefusedError: it is older, or another one with the same number.
        """
        now = self.confirmed()
        if now is None or verified.digest == now.current.digest:
            return
        newest = now.newest.get(verified.key_id)
        sequence = verified.manifest.sequence
        if newest is None or sequence > newest.sequence or verified.digest == newest.digest:
            return
        raise RefusedError(
            f"this bundle was replayed: its number is {sequence}, and {newest.sequence} of the key"
            f" {verified.key_id} was confirmed here already",
            "deploy it anew with `ntorc deploy`, or go back with `ntorc board rollback`",
        )

    def place(self, source: Path | Fill, digest: str = "") -> tuple[Path, Entry]:
        """Bring a bundle into the slot that is not confirmed; returns its folder and what to confirm.

        What is confirmed already and whole stays where it is.

        Args:
            source: the bundle's folder, or what brings its files.
            digest: of the manifest of what is brought; where a folder is given its own.

        Raises:
            RefusedError: the bundle is not to be used; the slots are as before.
            BoardError: the disk is full or cannot be written; the slots are as before.
        """
        now = self.confirmed()
        slot = SLOTS[0] if now is None or now.current.slot == SLOTS[1] else SLOTS[1]
        incoming, target = self._folder / _INCOMING, self._folder / slot
        if isinstance(source, Path):
            checked = self._check(source)
            self.refuse_replay(checked)
            digest = checked.digest
        if now is not None and now.current.digest == digest and self._is_whole(now.current):
            return self._folder / now.current.slot, now.current
        try:
            try:
                if isinstance(source, Path):
                    _copy(source, incoming)
                else:
                    source(incoming)
                sync_tree(incoming)
                # the copy is what will be used, so the copy is what must be right
                verified = self._check(incoming)
                self.refuse_replay(verified)
                self._step_aside(slot)
                os.rename(incoming, target)
                sync(self._folder)
            finally:
                shutil.rmtree(incoming, ignore_errors=True)
        except OSError as error:
            with contextlib.suppress(OSError, BoardError):  # the next agent does it otherwise
                self.take_back()
            raise BoardError(
                f"cannot store the bundle below {self._folder}: {error.strerror}", "free some space on the board"
            ) from error
        manifest = verified.manifest
        return target, Entry(slot, manifest.design_id, verified.digest, manifest.sequence, verified.key_id)

    def is_unsure(self) -> bool:
        """Whether an earlier agent ended while a design that is not confirmed was in the logic."""
        return (self._folder / _TRYING).exists()

    def begin_trial(self, entry: Entry) -> None:
        """Note that what is in the logic from now on is not what is confirmed."""
        try:
            replace_file(self._folder / _TRYING, entry.digest.encode() + b"\n")
        except OSError as error:
            raise BoardError(f"cannot begin: {error.strerror}", "free some space on the board") from error

    def end_trial(self) -> None:
        """Note that the confirmed design, or none where none is, is in the logic again."""
        (self._folder / _TRYING).unlink(missing_ok=True)

    def take_back(self) -> None:
        """Bring back what stepped aside for a bundle that was not confirmed."""
        now = self.confirmed()
        for slot in SLOTS:
            outgoing = self._folder / f"{_OUTGOING}{slot}"
            if outgoing.exists() and (now is None or now.current.slot != slot):
                self._discard(self._folder / slot)
                os.rename(outgoing, self._folder / slot)
                sync(self._folder)

    def confirm(self, entry: Entry, owner: str = "") -> Confirmed:
        """Switch the pointer to ``entry``; the last step of an installation.

        Raises:
            BoardError: it cannot be written; what was confirmed still is.
        """
        now = self.confirmed()
        event = Event(entry.design_id, entry.digest, entry.sequence, owner, int(time.time()))
        pointer = Confirmed.first(entry, event) if now is None else now.switched(entry, event)
        try:
            replace_file(self._folder / _POINTER, pointer.to_bytes())
        except OSError as error:
            if self.confirmed() != pointer:  # else it failed behind the rename: what the pointer says holds
                raise BoardError(
                    f"cannot confirm the design: {error.strerror}", "free some space on the board"
                ) from error
        with contextlib.suppress(OSError):  # the next agent does it otherwise
            self._discard(self._folder / f"{_OUTGOING}{entry.slot}")
        return pointer

    def _is_whole(self, entry: Entry) -> bool:
        try:
            self.bundle(entry)
        except BoardError:
            return False
        return True

    def _step_aside(self, slot: str) -> None:
        target, outgoing = self._folder / slot, self._folder / f"{_OUTGOING}{slot}"
        if outgoing.exists():  # an earlier trial's, in this agent: that one is what can be gone back to
            self._discard(target)
        elif target.exists():
            os.rename(target, outgoing)

    def _discard(self, folder: Path) -> None:
        """Remove a folder such that it is whole or not there at its place."""
        discarded = self._folder / _DISCARDED
        shutil.rmtree(discarded, ignore_errors=True)
        if folder.exists():
            os.rename(folder, discarded)
            shutil.rmtree(discarded, ignore_errors=True)

    def _clean(self) -> None:
        """Take back what an agent that was killed left."""
        for leftover in (self._folder / _INCOMING, self._folder / _DISCARDED):
            if leftover.exists():
                shutil.rmtree(leftover)
        for stray in self._folder.glob(".new.*"):
            stray.unlink()
        try:
            now = self.confirmed()
        except BoardError:
            return  # said when it is asked for; nothing is removed on the word of a damaged file
        if now is not None:
            self._discard(self._folder / f"{_OUTGOING}{now.current.slot}")
        self.take_back()


def _lock(path: Path, owner: str) -> TextIO:
    stream = path.open("a+")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.seek(0)
        user = stream.read(200).strip()
        stream.close()
        raise BusyError(
            f"another agent is using {path.parent}" + (f", for {user}" if user else ""),
            "wait until it has ended; a board is used by one at a time",
        ) from error
    stream.truncate(0)
    stream.write(f"{owner}\n")
    stream.flush()
    return stream


def _copy(source: Path, target: Path) -> None:
    """Copy the regular files below ``source``."""
    target.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            _copy(entry, target / entry.name)
        else:
            # a link would be copied as its target's bytes; the source was verified to have none
            shutil.copyfile(entry, target / entry.name, follow_symlinks=False)
