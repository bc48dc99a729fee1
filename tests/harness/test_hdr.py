"""The C histogram and summary against their models in Python, through ctypes."""

from __future__ import annotations

import ctypes
import re

import numpy as np
import pytest
from harness_support import ROOT
from hypothesis import given
from hypothesis import strategies as st

from ntorc.deploy.firmware import compiler
from ntorc.errors import MeasurementError
from ntorc.measure.histograms import BITS, MAX_VALUE, HistogramBuilder, LogHistogram, bin_lower, bin_width, merged
from ntorc.measure.records import RECORD_DTYPE, SKIPPED, TIMEOUT, TORN, Records
from ntorc.measure.totals import total_of
from ntorc.processes import run_tool

BINS = (41 - BITS) << BITS
VALUES = st.one_of(st.integers(0, 2000), st.integers(0, 2**41), st.integers(0, 2**63))


class Hdr(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_uint64),
        ("min", ctypes.c_uint64),
        ("max", ctypes.c_uint64),
        ("bins", ctypes.c_uint64 * BINS),
    )


class Summary(ctypes.Structure):
    _fields_ = (
        ("deadline_ns", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("delivered", ctypes.c_uint64),
        ("misses", ctypes.c_uint64),
        ("pl_cycles", Hdr),
        ("driver_ns", Hdr),
        ("loop_ns", Hdr),
        ("block_records", ctypes.c_uint64),
        ("blocks", ctypes.c_uint32),
        ("in_block", ctypes.c_uint64),
        ("block_max_ns", ctypes.c_uint64 * 256),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target, harness = tmp_path_factory.mktemp("hdr") / "hdr.so", ROOT / "firmware" / "harness"
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{harness}"]
    run_tool([*compiler().command, *flags, harness / "hdr.c", harness / "summary.c", "-o", target])
    found = ctypes.CDLL(str(target))
    found.ntorc_hdr_bin.argtypes, found.ntorc_hdr_bin.restype = [ctypes.c_uint64], ctypes.c_size_t
    found.ntorc_hdr_lower.argtypes, found.ntorc_hdr_lower.restype = [ctypes.c_size_t], ctypes.c_uint64
    found.ntorc_hdr_at_rank.argtypes = [ctypes.POINTER(Hdr), ctypes.c_uint64]
    found.ntorc_hdr_at_rank.restype = ctypes.c_uint64
    found.ntorc_hdr_add.argtypes = [ctypes.POINTER(Hdr), ctypes.c_uint64]
    found.ntorc_summary_clear.argtypes = [ctypes.POINTER(Summary), ctypes.c_uint64]
    return found


def filled(library: ctypes.CDLL, values: list[int]) -> Hdr:
    hdr = Hdr()
    library.ntorc_hdr_clear(ctypes.byref(hdr))
    for value in values:
        library.ntorc_hdr_add(ctypes.byref(hdr), value)
    return hdr


def as_python(library: ctypes.CDLL, hdr: Hdr) -> LogHistogram:
    bins = tuple((library.ntorc_hdr_lower(i), number) for i, number in enumerate(hdr.bins) if number)
    return LogHistogram(hdr.count, hdr.min if hdr.count else 0, hdr.max, bins)


def test_bits_are_those_of_the_header() -> None:
    text = (ROOT / "firmware/harness/hdr.h").read_text(encoding="utf-8")
    assert re.search(rf"#define NTORC_HDR_BITS {BITS}u", text)


@given(VALUES)
def test_a_value_is_in_its_bin(library: ctypes.CDLL, value: int) -> None:
    place = library.ntorc_hdr_bin(value)
    lower, clipped = library.ntorc_hdr_lower(place), min(value, MAX_VALUE)
    assert place < BINS
    assert lower == bin_lower(value)
    assert lower <= clipped < lower + bin_width(lower)
    assert bin_width(lower) <= max(1, lower >> BITS)


@given(st.lists(VALUES, max_size=60))
def test_counts_and_quantiles_are_those_of_the_model(library: ctypes.CDLL, values: list[int]) -> None:
    hdr = filled(library, values)
    found = as_python(library, hdr)
    builder = HistogramBuilder()
    builder.add(np.array(values[:20], np.uint64))
    builder.add(np.array(values[20:], np.uint64))
    assert builder.histogram() == found
    ordered = sorted(values)
    for rank in range(1, len(values) + 1):
        bound = library.ntorc_hdr_at_rank(ctypes.byref(hdr), rank)
        assert bound >= ordered[rank - 1], "it never understates"
        if ordered[rank - 1] < MAX_VALUE:
            assert bound < ordered[rank - 1] * (1 + 2.0**-BITS) + 1
        assert found.quantile(rank / len(values)) == bound


@given(st.lists(st.integers(0, 2**42), min_size=1, max_size=30), st.lists(st.integers(0, 2**42), max_size=30))
def test_merged_is_as_if_counted_together(first: list[int], second: list[int]) -> None:
    def of(values: list[int]) -> LogHistogram:
        builder = HistogramBuilder()
        builder.add(np.array(values, np.uint64))
        return builder.histogram()

    assert merged([of(first), of(second)]) == of([*first, *second])


@given(st.integers(0, 3000), st.integers(0, 2**32))
def test_summary_is_that_of_the_model(library: ctypes.CDLL, count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    table = np.zeros(count, RECORD_DTYPE)
    table["pl_cycles"] = draw.integers(0, 2**17, count)
    table["status"] = draw.choice([0, 0, 0, TORN, SKIPPED, TIMEOUT, 4, 16], count)
    table["release_ns"] = np.sort(draw.integers(0, 2**40, count))
    table["write_ns"] = table["release_ns"] + draw.integers(0, 2**20, count).astype(np.uint64)
    table["done_ns"] = table["write_ns"] + draw.integers(0, 2**30, count).astype(np.uint64)
    summary = Summary()
    library.ntorc_summary_clear(ctypes.byref(summary), 2**29)
    content = table.tobytes()
    for number in range(count):
        library.ntorc_summary_add(ctypes.byref(summary), content[number * 40 : number * 40 + 40])
    cuts = np.split(table, sorted(draw.integers(0, count + 1, 4).tolist()))
    totals = total_of((Records(part, 1, 1, 1, 1, "") for part in cuts), 2**29)
    assert (summary.count, summary.misses) == (totals.records, totals.misses)
    for name in ("pl_cycles", "driver_ns", "loop_ns"):
        assert as_python(library, getattr(summary, name)) == getattr(totals, name)
    assert summary.block_records == totals.block_records
    assert tuple(summary.block_max_ns[: summary.blocks]) == totals.block_max_ns


def test_many_records_take_few_blocks(library: ctypes.CDLL) -> None:
    summary, record = Summary(), np.zeros(1, RECORD_DTYPE)
    library.ntorc_summary_clear(ctypes.byref(summary), 0)
    record["done_ns"] = 7
    for _ in range(64 * 256 + 1):
        library.ntorc_summary_add(ctypes.byref(summary), record.tobytes())
    assert (summary.block_records, summary.blocks, summary.in_block) == (128, 129, 1)


@pytest.mark.parametrize("bins", [((5, 1), (4, 1)), ((257, 2),), ((3, 0), (4, 2)), ((3, 1),)])
def test_bins_that_make_no_sense(bins: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(MeasurementError):
        LogHistogram(2, 3, 5, bins)
