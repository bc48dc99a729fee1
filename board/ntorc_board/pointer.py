"""The pointer: what is confirmed on a board, what was before, and what it has had so far.

All of it is one file, so that one rename switches it as a whole.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ntorc_board.errors import BoardError
from ntorc_board.manifest import canonical_json

SLOTS = ("a", "b")
_MAX_HISTORY = 200
_PATTERNS = {"slot": "[ab]", "design_id": "[0-9a-f]{16}", "digest": "[0-9a-f]{64}", "key_id": "[0-9a-f]{16}|"}


@dataclass(frozen=True)
class Entry:
    """A bundle: its slot, design id, its manifest's digest, its number, and the key that signed it."""

    slot: str
    design_id: str
    digest: str
    sequence: int = 0
    key_id: str = ""


@dataclass(frozen=True)
class Newest:
    """The highest number of a key that was confirmed, and whose it is."""

    sequence: int
    digest: str


@dataclass(frozen=True)
class Event:
    """A design was confirmed: for whom, and when by the board's own clock (seconds since 1970)."""

    design_id: str
    digest: str
    sequence: int
    owner: str
    time_s: int


@dataclass(frozen=True)
class Confirmed:
    """What is confirmed now, what was before it, the newest of each key, and the latest events."""

    current: Entry
    previous: Entry | None
    newest: dict[str, Newest]
    history: tuple[Event, ...]

    @classmethod
    def first(cls, entry: Entry, event: Event) -> Confirmed:
        """The pointer to a board's first design."""
        return cls(entry, None, {entry.key_id: Newest(entry.sequence, entry.digest)}, (event,))

    def switched(self, entry: Entry, event: Event) -> Confirmed:
        """The pointer after another entry was confirmed; numbers only grow."""
        newest = dict(self.newest)
        if entry.key_id not in newest or entry.sequence > newest[entry.key_id].sequence:
            newest[entry.key_id] = Newest(entry.sequence, entry.digest)
        previous = self.current if self.current.slot != entry.slot else self.previous
        return replace(
            self, current=entry, previous=previous, newest=newest, history=(*self.history, event)[-_MAX_HISTORY:]
        )

    def to_bytes(self) -> bytes:
        """The pointer's file."""
        return canonical_json(asdict(self))


def read_pointer(path: Path) -> Confirmed | None:
    """The pointer in a file, or None where there is none.

    Raises:
        BoardError: the file is damaged.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(text)
        previous = fields["previous"]
        return Confirmed(
            _entry(fields["current"]),
            None if previous is None else _entry(previous),
            {str(key): Newest(_whole(one["sequence"]), str(one["digest"])) for key, one in _newest(fields)},
            tuple(_event(one) for one in fields.get("history", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BoardError(
            f"{path} is damaged", "remove that file, then install the bundle again with `ntorc deploy`"
        ) from error


def _newest(fields: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(fields.get("newest", {}).items())


def _entry(fields: dict[str, Any]) -> Entry:
    entry = Entry(
        fields["slot"], fields["design_id"], fields["digest"],
        _whole(fields.get("sequence", 0)), fields.get("key_id", ""),
    )  # fmt: skip
    for name, pattern in _PATTERNS.items():
        if not re.fullmatch(pattern, getattr(entry, name)):
            raise ValueError(f"not a {name}")
    return entry


def _event(fields: dict[str, Any]) -> Event:
    return Event(
        str(fields["design_id"]), str(fields["digest"]), _whole(fields["sequence"]), str(fields["owner"]),
        _whole(fields["time_s"]),
    )  # fmt: skip


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a whole number")
    return value
