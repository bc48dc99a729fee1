"""Two places for bundles, A and B, and a pointer to the one that is confirmed.

A new bundle is copied under a temporary name, brought to the disk, verified there and renamed
into the slot that is not confirmed.  Only after it has been programmed and tested is the pointer
switched, by one atomic rename.  The confirmed bundle is never written to, so that after a kill or
a loss of power at any moment the pointer names a whole bundle: the old one or the new one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ntorc_board.errors import BoardError, RefusedError
from ntorc_board.manifest import Verified, canonical_json

SLOTS = ("a", "b")
_INCOMING = ".incoming"
_OUTGOING = ".outgoing"
_POINTER = "confirmed"
_LOST = "install the bundle again with `ntorc deploy`"

Check = Callable[[Path], Verified]
"""Verifies a bundle's folder; raises RefusedError."""


@dataclass(frozen=True)
class Entry:
    """A bundle that was confirmed: its slot, its design id and the digest of its manifest."""

    slot: str
    design_id: str
    digest: str


@dataclass(frozen=True)
class Confirmed:
    """The pointer: what is confirmed now, and what was before it."""

    current: Entry
    previous: Entry | None


class Slots:
    """The slots below one folder, used by one agent at a time.

    Layout: ``slots/a``, ``slots/b`` (bundles), ``slots/confirmed`` (JSON), ``agent.lock``.
    """

    def __init__(self, root: Path, check: Check) -> None:
        """Open the slots, alone; leftovers of a killed installation are removed.

        Raises:
            BoardError: another agent has them, or the folder cannot be written.
        """
        self._check = check
        self._folder = root / "slots"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(root / "agent.lock")
            for leftover in (self._folder / _INCOMING, self._folder / _OUTGOING):
                if leftover.exists():
                    shutil.rmtree(leftover)
            for leftover in self._folder.glob(f".{_POINTER}.*"):
                leftover.unlink()
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
        try:
            text = (self._folder / _POINTER).read_bytes()
        except FileNotFoundError:
            return None
        try:
            fields = json.loads(text)
            current, previous = fields["current"], fields["previous"]
            return Confirmed(_entry(current), None if previous is None else _entry(previous))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BoardError(f"{self._folder / _POINTER} is damaged", f"remove that file, then {_LOST}") from error

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

    def place(self, source: Path) -> tuple[Path, Entry]:
        """Copy a bundle into the slot that is not confirmed; returns its folder and what to confirm.

        Raises:
            RefusedError: the bundle is not to be used; the slots are as before.
            BoardError: the disk is full or cannot be written.
        """
        now = self.confirmed()
        slot = SLOTS[0] if now is None or now.current.slot == SLOTS[1] else SLOTS[1]
        incoming, target = self._folder / _INCOMING, self._folder / slot
        self._check(source)
        try:
            try:
                _copy(source, incoming)
                # the copy is what will be used, so the copy is what must be right
                verified = self._check(incoming)
                if target.exists():
                    os.rename(target, self._folder / _OUTGOING)
                os.rename(incoming, target)
                _sync(self._folder)
            finally:
                for leftover in (incoming, self._folder / _OUTGOING):
                    shutil.rmtree(leftover, ignore_errors=True)
        except OSError as error:
            raise BoardError(
                f"cannot store the bundle below {self._folder}: {error.strerror}",
                "free some space on the board",
            ) from error
        return target, Entry(slot, verified.manifest.design_id, verified.digest)

    def confirm(self, entry: Entry) -> Confirmed:
        """Switch the pointer to ``entry``; the last step of an installation."""
        now = self.confirmed()
        previous = now.current if now is not None and now.current.slot != entry.slot else None
        pointer = Confirmed(entry, previous)
        temporary = self._folder / f".{_POINTER}.{os.getpid()}"
        try:
            with temporary.open("wb") as stream:
                stream.write(canonical_json(asdict(pointer)))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, self._folder / _POINTER)
            _sync(self._folder)
        except OSError as error:
            raise BoardError(f"cannot confirm the design: {error.strerror}", "free some space on the board") from error
        return pointer


def _entry(fields: object) -> Entry:
    if not isinstance(fields, dict) or set(fields) != {"slot", "design_id", "digest"}:
        raise ValueError("not an entry")
    patterns = {"slot": "[ab]", "design_id": "[0-9a-f]{16}", "digest": "[0-9a-f]{64}"}
    for name, pattern in patterns.items():
        if not isinstance(fields[name], str) or not re.fullmatch(pattern, fields[name]):
            raise ValueError(f"not a {name}")
    return Entry(**fields)


def _lock(path: Path) -> TextIO:
    stream = path.open("w")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        raise BoardError(
            f"another agent is using {path.parent}",
            "wait until it has ended; a board is used by one at a time",
        ) from error
    return stream


def _copy(source: Path, target: Path) -> None:
    """Copy the regular files below ``source``, all brought to the disk, folders too."""
    target.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            _copy(entry, target / entry.name)
        else:
            # a link would be copied as its target's bytes; the source was verified to have none
            shutil.copyfile(entry, target / entry.name, follow_symlinks=False)
            _sync(target / entry.name)
    _sync(target)


def _sync(path: Path) -> None:
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
