"""Rings of samples and estimates in shared memory (layout: ``firmware/harness/shared_ring.h``).

For a lab's own loop that feeds ``ntorc-harness --samples shm:PATH`` and hears of its estimates by
``--sink shm:PATH``.  The harness makes the files; no call here makes a system call after that.  Python's stores
are not ordered by the language: on x86 and under the interpreter's lock they are seen in order; a loop in C or
LabVIEW on ARM uses the header and its release stores.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path
from typing import NamedTuple

from ntorc_board.errors import BoardError

_HEAD = struct.Struct("<4I")
_MAGIC, _VERSION = 0x4752544E, 1
_HEAD_AT, _ENDED_AT, _TAIL_AT, _ENTRIES_AT = 64, 68, 128, 192
_SAMPLE = struct.Struct("<iIQ")
_RECORD = struct.Struct("<IiII3Q")
_WRAP = 1 << 32


class Estimate(NamedTuple):
    """One estimate as the harness records it; times are CLOCK_MONOTONIC in nanoseconds."""

    seq: int
    value: int
    pl_cycles: int
    status: int
    release_ns: int
    write_ns: int
    done_ns: int


class _Ring:
    def __init__(self, path: Path, entry: struct.Struct, *, writes: bool) -> None:
        try:
            with path.open("r+b" if writes else "rb") as file:
                access = mmap.ACCESS_WRITE if writes else mmap.ACCESS_READ
                self._memory = mmap.mmap(file.fileno(), 0, access=access)
            magic, version, entry_bytes, self.capacity = _HEAD.unpack_from(self._memory)
        except (OSError, ValueError, struct.error) as error:
            hint = "start ntorc-harness with this path first"
            if isinstance(error, PermissionError):
                hint = "start ntorc-harness with --ring-mode 0660 or 0666, in a folder that this user may enter"
            raise BoardError(f"{path} is no ring: {error}", hint) from error
        if (magic, version, entry_bytes) != (_MAGIC, _VERSION, entry.size):
            raise BoardError(f"{path} is no ring of {entry.size}-byte entries", "use the harness's own version")

    def _number(self, at: int) -> int:
        return int.from_bytes(self._memory[at : at + 4], "little")

    def _set(self, at: int, value: int) -> None:
        self._memory[at : at + 4] = (value % _WRAP).to_bytes(4, "little")

    @property
    def ended(self) -> bool:
        """Whether the writer has written its last entry."""
        return self._number(_ENDED_AT) != 0

    def close(self) -> None:
        """Unmap it."""
        self._memory.close()


class SampleWriter(_Ring):
    """Feeds samples."""

    def __init__(self, path: Path) -> None:
        """Map the ring that the harness has made.

        Raises:
            BoardError: there is none.
        """
        super().__init__(path, _SAMPLE, writes=True)

    def put(self, count: int, release_ns: int = 0) -> bool:
        """Add one raw ADC count, released at ``release_ns`` (0: when it is taken); False when the ring is full."""
        head = self._number(_HEAD_AT)
        if (head - self._number(_TAIL_AT)) % _WRAP >= self.capacity:
            return False
        at = _ENTRIES_AT + head % self.capacity * _SAMPLE.size
        _SAMPLE.pack_into(self._memory, at, count, 0, release_ns)
        self._set(_HEAD_AT, head + 1)
        return True

    def end(self) -> None:
        """Say that no more samples come."""
        self._set(_ENDED_AT, 1)


class EstimateReader(_Ring):
    """Reads estimates in order."""

    def __init__(self, path: Path) -> None:
        """Map the ring that the harness has made.

        Raises:
            BoardError: there is none.
        """
        super().__init__(path, _RECORD, writes=False)
        self._next = 0
        self.lost = 0
        """Estimates that were overwritten before they were read."""

    def take(self) -> Estimate | None:
        """The next estimate, or None when there is no newer one."""
        while True:
            head = self._number(_HEAD_AT)
            if (head - self._next) % _WRAP == 0:
                return None
            self._skip(head)
            at = _ENTRIES_AT + self._next % self.capacity * _RECORD.size
            found = Estimate(*_RECORD.unpack_from(self._memory, at))
            if (self._number(_HEAD_AT) - self._next) % _WRAP < self.capacity:  # not overwritten meanwhile
                self._next = (self._next + 1) % _WRAP
                return found

    def wait(self, timeout_s: float) -> Estimate | None:
        """Like `take`, but looks again until ``timeout_s`` is over or the harness has ended."""
        limit_s = time.monotonic() + timeout_s
        while True:
            ended = self.ended
            found = self.take()
            if found is not None or ended or time.monotonic() > limit_s:
                return found
            time.sleep(20e-6)

    def _skip(self, head: int) -> None:
        behind = (head - self._next) % _WRAP - (self.capacity - 1)
        if behind > 0:
            self.lost += behind
            self._next = (self._next + behind) % _WRAP
