"""Reads the harness's records (layout: ``firmware/harness/records.h``): a file at once, or block by block.

Block by block (`RecordStream`) a file of any length takes bounded memory, and so does a pipe into which the
harness writes while it runs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ntorc.errors import MeasurementError

VERSION = 1
RECORD_DTYPE = np.dtype(
    [
        ("seq", "<u4"),
        ("value", "<i4"),
        ("pl_cycles", "<u4"),
        ("status", "<u4"),
        ("release_ns", "<u8"),
        ("write_ns", "<u8"),
        ("done_ns", "<u8"),
    ]
)
_HEADER = struct.Struct("<4s5I3Q")
_MAGIC = b"NTHR"

TORN = 1
TIMEOUT = 2
OVERRUN = 4
SKIPPED = 8
WARMING = 16
_KNOWN_STATUS = TORN | TIMEOUT | OVERRUN | SKIPPED | WARMING


@dataclass(frozen=True)
class Records:
    """What the harness recorded.

    Attributes:
        table: [estimates] of `RECORD_DTYPE`; times are CLOCK_MONOTONIC of the measuring machine.
        hop_samples: samples from one estimate to the next.
        window_samples: samples of the first estimate.
        clock_hz: the clock that the design was made for, from its register.
        period_ns: time between samples; 0: free running.
        design_id: 16 hexadecimal digits.
    """

    table: npt.NDArray[np.void]
    hop_samples: int
    window_samples: int
    clock_hz: int
    period_ns: int
    design_id: str

    def having(self, bits: int) -> npt.NDArray[np.bool_]:
        """[estimates] Whether any of these status bits is set."""
        return np.asarray((self.table["status"] & bits) != 0)

    @property
    def driver_ns(self) -> npt.NDArray[np.uint64]:
        """[estimates] From the last sample's write to the estimate being known."""
        return np.asarray(self.table["done_ns"] - self.table["write_ns"], dtype=np.uint64)

    @property
    def loop_ns(self) -> npt.NDArray[np.uint64]:
        """[estimates] From the last sample's scheduled release to the estimate being known."""
        return np.asarray(self.table["done_ns"] - self.table["release_ns"], dtype=np.uint64)


@dataclass(frozen=True)
class Header:
    """The head of records; ``count`` is None while they are being written."""

    hop_samples: int
    window_samples: int
    clock_hz: int
    count: int | None
    period_ns: int
    design_id: str


TO_THE_END = (1 << 64) - 1
_BLOCK_RECORDS = 1 << 16


class RecordStream:
    """Records block by block, each checked like a whole file."""

    def __init__(self, source: BinaryIO, origin: str = "the records") -> None:
        """Read the head.

        Raises:
            MeasurementError: it is not the head of records.
        """
        self._source, self._origin = source, origin
        self.header = _parse_header(_read_up_to(source, _HEADER.size), origin)

    def blocks(self, records_a_block: int = _BLOCK_RECORDS) -> Iterator[Records]:
        """Every record, at most so many at a time.

        Raises:
            MeasurementError: the records are cut off, or no harness writes them.
        """
        seen, last = 0, None
        while True:
            content = _read_up_to(self._source, records_a_block * RECORD_DTYPE.itemsize)
            if len(content) % RECORD_DTYPE.itemsize:
                raise _malformed(self._origin, "the last record is cut off")
            table = np.frombuffer(content, dtype=RECORD_DTYPE)
            if table.size == 0:
                break
            joined = table if last is None else np.concatenate([last, table])
            _check_table(joined, self._origin)
            last, seen = table[-1:].copy(), seen + int(table.size)
            header = self.header
            yield Records(
                table, header.hop_samples, header.window_samples, header.clock_hz, header.period_ns, header.design_id
            )
        if self.header.count not in (None, seen):
            raise _malformed(self._origin, f"{self.header.count} records are announced, {seen} follow")


def _read_up_to(source: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end: a pipe gives what it has."""
    parts, left = [], size
    while left > 0:
        part = source.read(left)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def read_records(path: Path) -> Records:
    """Read a file of records.

    Raises:
        MeasurementError: it cannot be read, is not such a file, is truncated, or holds values that
            no harness writes.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MeasurementError(f"cannot read the records {path}: {error}", "measure again") from error
    return parse_records(content, str(path))


def parse_records(content: bytes, origin: str = "the records") -> Records:
    """Like `read_records`, from memory."""
    header = _parse_header(content[: _HEADER.size], origin)
    if header.count is None or len(content) != _HEADER.size + header.count * RECORD_DTYPE.itemsize:
        raise _malformed(origin, f"{header.count} records are announced, {len(content) - _HEADER.size} bytes follow")
    table = np.frombuffer(content, dtype=RECORD_DTYPE, offset=_HEADER.size)
    _check_table(table, origin)
    return Records(
        table, header.hop_samples, header.window_samples, header.clock_hz, header.period_ns, header.design_id
    )


def _parse_header(content: bytes, origin: str) -> Header:
    if len(content) < _HEADER.size or content[:4] != _MAGIC:
        raise _malformed(origin, "it does not begin as a file of records")
    version, record_bytes, hop, window, clock_hz, count, period_ns, design_id = _HEADER.unpack(content)[1:]
    if version != VERSION:
        raise _malformed(origin, f"it has version {version}, this program reads {VERSION}")
    if record_bytes != RECORD_DTYPE.itemsize:
        raise _malformed(origin, f"its records have {record_bytes} bytes, not {RECORD_DTYPE.itemsize}")
    if hop == 0 or window == 0 or clock_hz == 0:
        raise _malformed(origin, f"hop {hop}, window {window} or clock {clock_hz} Hz makes no sense")
    return Header(hop, window, clock_hz, None if count == TO_THE_END else count, period_ns, f"{design_id:016x}")


def _check_table(table: npt.NDArray[np.void], origin: str) -> None:
    if np.any(table["status"] & ~np.uint32(_KNOWN_STATUS)):
        raise _malformed(origin, "a status has unknown bits")
    if np.any(table["release_ns"] > table["write_ns"]) or np.any(table["write_ns"] > table["done_ns"]):
        raise _malformed(origin, "a record's times are not in order")
    if np.any(table["seq"][1:] <= table["seq"][:-1]) or np.any(table["done_ns"][1:] < table["done_ns"][:-1]):
        raise _malformed(origin, "the records are not in order")
    if np.any((table["status"][:-1] & TIMEOUT) != 0):
        raise _malformed(origin, "a time-out is not the last record")


def _malformed(origin: str, reason: str) -> MeasurementError:
    return MeasurementError(
        f"{origin} cannot be used: {reason}", "measure again; use the harness and the program of one version"
    )
