"""The reader of the harness's records: what is whole is read, anything else is a MeasurementError."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ntorc.errors import MeasurementError
from ntorc.measure.records import (
    OVERRUN,
    RECORD_DTYPE,
    SKIPPED,
    TIMEOUT,
    TORN,
    Records,
    parse_records,
    read_records,
)
from ntorc.measure.report import HarnessReport, parse_report
from ntorc.records import to_json

DESIGN_ID = 0x0123456789ABCDEF
ROWS = [
    (1, -5, 900, 0, 1000, 1100, 2000),
    (2, 7, 901, OVERRUN, 3000, 3100, 4000),
    (4, 0, 902, SKIPPED, 5000, 5000, 5000),
]


def header(**changes: int) -> bytes:
    fields = {
        "version": 1,
        "record_bytes": 40,
        "hop": 16,
        "window": 128,
        "clock_hz": 10**8,
        "count": len(ROWS),
        "period_ns": 200_000,
        "design_id": DESIGN_ID,
    } | changes
    return struct.pack("<4s5I3Q", b"NTHR", *fields.values())


def body(rows: Sequence[tuple[int, ...]]) -> bytes:
    return b"".join(struct.pack("<IiII3Q", *row) for row in rows)


WHOLE = header() + body(ROWS)


def test_fields_are_where_the_header_file_says() -> None:
    records = parse_records(WHOLE)
    assert records.table.tolist() == ROWS
    assert (records.hop_samples, records.window_samples) == (16, 128)
    assert (records.clock_hz, records.period_ns, records.design_id) == (10**8, 200_000, "0123456789abcdef")
    assert records.driver_ns.tolist() == [900, 900, 0]
    assert records.loop_ns.tolist() == [1000, 1000, 0]
    assert records.having(OVERRUN | SKIPPED).tolist() == [False, True, True]


def test_no_records_are_a_whole_file() -> None:
    assert parse_records(header(count=0)).table.size == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"NTHR",
        WHOLE[:47],
        b"NTHS" + WHOLE[4:],
        WHOLE[:-1],
        WHOLE + b"\0",
        header(version=2) + body(ROWS),
        header(record_bytes=48) + body(ROWS),
        header(record_bytes=0) + body(ROWS),
        header(count=2) + body(ROWS),
        header(count=4) + body(ROWS),
        header(count=2**64 - 1) + body(ROWS),
        header(hop=0) + body(ROWS),
        header(window=0) + body(ROWS),
        header(clock_hz=0) + body(ROWS),
    ],
)
def test_malformed_headers_and_lengths(content: bytes) -> None:
    with pytest.raises(MeasurementError) as caught:
        parse_records(content)
    assert caught.value.hint


@pytest.mark.parametrize(
    "rows",
    [
        [(1, 0, 0, 32, 1, 2, 3)],
        [(1, 0, 0, 0, 2, 1, 3)],
        [(1, 0, 0, 0, 1, 3, 2)],
        [(1, 0, 0, 0, 1, 2, 3), (1, 0, 0, 0, 4, 5, 6)],
        [(2, 0, 0, 0, 1, 2, 3), (1, 0, 0, 0, 4, 5, 6)],
        [(1, 0, 0, 0, 1, 2, 9), (2, 0, 0, 0, 4, 5, 6)],
        [(1, 0, 0, TIMEOUT, 1, 2, 3), (2, 0, 0, 0, 4, 5, 6)],
    ],
)
def test_values_that_no_harness_writes(rows: Sequence[tuple[int, ...]]) -> None:
    with pytest.raises(MeasurementError):
        parse_records(header(count=len(rows)) + body(rows))


@given(st.binary(max_size=300))
@example(b"NTHR" + b"\xff" * 44)
def test_random_bytes_never_crash(content: bytes) -> None:
    try:
        records = parse_records(content)
    except MeasurementError:
        return
    assert isinstance(records, Records)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.integers(0, len(WHOLE)))
@settings(max_examples=400)
def test_mutated_files_never_crash(place: int, value: int, length: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] = value
    for content in (bytes(changed), bytes(changed[:length])):
        try:
            records = parse_records(content)
        except MeasurementError:
            continue
        assert records.table.dtype == RECORD_DTYPE
        assert np.all(records.loop_ns >= records.driver_ns)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(MeasurementError) as caught:
            read_records(path)
        assert str(path) in caught.value.message
    (tmp_path / "whole").write_bytes(WHOLE)
    assert read_records(tmp_path / "whole").table.tolist() == ROWS


REPORT = HarnessReport(
    estimates=3,
    requested=3,
    torn=1,
    timeouts=0,
    skipped=0,
    overruns=0,
    late_samples=2,
    interrupted=False,
    design_id="0" * 16,
    shell_version=1,
    clock_hz=10**8,
    window=128,
    hop=16,
    outputs=1,
    period_ns=0,
    clock="CLOCK_MONOTONIC",
    scheduler="SCHED_FIFO",
    priority=80,
    locked=True,
    cpu=None,
)


def test_report_is_read_back() -> None:
    assert parse_report(to_json(REPORT)) == REPORT
    assert REPORT.scheduler_text == "SCHED_FIFO 80"


@given(st.text(max_size=100))
@example("")
@example("{}")
@example("[" * 10_000)
@example(to_json(REPORT).replace('"estimates": 3', '"estimates": "many"'))
def test_report_that_is_none(text: str) -> None:
    with pytest.raises(MeasurementError):
        parse_report(text)


def test_status_bits_are_those_of_the_c_header() -> None:
    source = Path(__file__).resolve().parents[2] / "firmware" / "harness" / "records.h"
    text = source.read_text(encoding="utf-8")
    for name, bit in (("TORN", TORN), ("TIMEOUT", TIMEOUT), ("OVERRUN", OVERRUN), ("SKIPPED", SKIPPED)):
        assert f"NTORC_RECORD_{name} (1u << {bit.bit_length() - 1})" in text
