"""From records to a measurement: what counts, what decides, and what the text admits."""

from __future__ import annotations

import math
import platform
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc import records as json_records
from ntorc.errors import MeasurementError, StorageError, ToolError, UsageError
from ntorc.measure.environment import environment
from ntorc.measure.measurement import Measurement, Requirement, evaluate
from ntorc.measure.parquet import write_parquet
from ntorc.measure.records import OVERRUN, RECORD_DTYPE, SKIPPED, TIMEOUT, TORN, Records

HOST = environment("SCHED_OTHER")
VIRTUAL = Requirement(500e-6, 1e-5, 100e6, 55.6e-6, is_virtual=True)
BOARD = replace(VIRTUAL, is_virtual=False)


def make_records(cycles: list[int], loop_us: list[float] | None = None, status: list[int] | None = None) -> Records:
    table = np.zeros(len(cycles), RECORD_DTYPE)
    table["seq"] = np.arange(1, len(cycles) + 1)
    table["pl_cycles"] = cycles
    table["status"] = status or [0] * len(cycles)
    table["release_ns"] = 10**9 + 10**6 * np.arange(len(cycles))
    table["write_ns"] = table["release_ns"] + 1000
    table["done_ns"] = table["release_ns"] + (np.array(loop_us or [200.0] * len(cycles)) * 1000).astype(int)
    return Records(table, 16, 128, 100_000_000, 62_500, "00000000000000ff")


def judge(records: Records, requirement: Requirement) -> Measurement:
    return evaluate(records, requirement, HOST, target="virtual", board="pynq-z2")


def test_a_boards_verdict_says_how_the_loop_was_scheduled() -> None:
    host = environment("SCHED_FIFO 80", bound_cpu=1)
    told = [
        evaluate(make_records([18000]), asked, host, target="x", board="pynq-z2").verdict_basis
        for asked in (BOARD, VIRTUAL)
    ]
    assert "the loop ran under SCHED_FIFO 80 on processor 1" in told[0]
    assert "SCHED_FIFO" not in told[1], "its times are not judged"


class TestVirtualBoard:
    def test_figures(self) -> None:
        result = judge(make_records([18000, 18010, 18005], [200, 210, 220]), VIRTUAL)
        assert (result.samples, result.pl_cycles_min, result.pl_cycles_max) == (3, 18000, 18010)
        assert result.pl_s.max == pytest.approx(180.1e-6)
        assert result.pl_s.p50 == pytest.approx(180.05e-6)
        assert result.driver_s.max == pytest.approx(219e-6)
        assert result.loop_s.max == pytest.approx(220e-6)
        assert result.hop_samples == 16
        assert result.period_s == pytest.approx(62.5e-6)
        assert (result.verdict, result.misses) == ("met", 0)
        assert result.miss_bound == pytest.approx(1 - 0.05 ** (1 / 3))

    def test_times_of_this_computer_do_not_decide(self) -> None:
        result = judge(make_records([18000] * 3, [9e5, 9e5, 9e5]), VIRTUAL)
        assert (result.verdict, result.misses) == ("met", 0)
        assert "no board was measured" in result.verdict_basis
        assert "18000 cycles at 100 MHz plus 55.6 us" in result.verdict_basis

    @pytest.mark.parametrize(("cycles", "verdict"), [(44440, "met"), (44441, "missed")])
    def test_overhead_is_part_of_the_deadline(self, cycles: int, verdict: str) -> None:
        result = judge(make_records([100, cycles]), VIRTUAL)
        assert result.verdict == verdict
        assert result.misses == (verdict == "missed")

    def test_clock_that_was_asked_for_counts(self) -> None:
        assert judge(make_records([30000]), VIRTUAL).verdict == "met"
        assert judge(make_records([30000]), replace(VIRTUAL, clock_hz=50e6)).verdict == "missed"


class TestBoard:
    def test_loop_decides_not_the_logic(self) -> None:
        result = judge(make_records([18000] * 4, [200, 499, 501, 200]), BOARD)
        assert (result.verdict, result.misses) == ("missed", 1)
        assert "measured on the board: 1 of 4" in result.verdict_basis
        assert judge(make_records([90000] * 4, [200, 499, 400, 200]), BOARD).verdict == "met"

    def test_few_samples_are_admitted(self) -> None:
        result = judge(make_records([18000] * 10), BOARD)
        assert result.verdict == "met"
        assert "to show that takes 299572 estimates" in result.verdict_basis

    def test_enough_samples_must_show_it(self) -> None:
        requirement = replace(BOARD, miss_probability=0.01)
        for misses, samples, verdict in ((0, 299, "met"), (1, 299, "missed"), (1, 473, "met"), (2, 473, "missed")):
            result = judge(make_records([1] * samples, [501.0] * misses + [1.0] * (samples - misses)), requirement)
            assert (result.misses, result.verdict) == (misses, verdict)
            assert (result.miss_bound <= 0.01) == (verdict == "met")
            assert "to show that" not in result.verdict_basis


class TestFaults:
    @pytest.mark.parametrize("requirement", [VIRTUAL, BOARD])
    @pytest.mark.parametrize("bit", [TIMEOUT, TORN, SKIPPED])
    def test_estimate_that_was_not_delivered_is_a_miss_and_no_figure(self, requirement: Requirement, bit: int) -> None:
        result = judge(make_records([18000, 18000, 0], [200, 200, 1], status=[0, 0, bit]), requirement)
        assert (result.verdict, result.misses) == ("missed", 1)
        assert (result.pl_cycles_min, result.samples) == (18000, 3)
        assert result.loop_s.p50 == pytest.approx(200e-6)
        assert (result.timeouts, result.torn, result.skipped) == (bit == TIMEOUT, bit == TORN, bit == SKIPPED)

    @pytest.mark.parametrize("requirement", [VIRTUAL, BOARD])
    def test_lost_estimates_are_never_met(self, requirement: Requirement) -> None:
        result = judge(make_records([18000] * 2, status=[0, OVERRUN]), requirement)
        assert result.overrun
        assert (result.verdict, result.misses) == ("missed", 0)
        assert "lost estimates" in result.verdict_basis

    @pytest.mark.parametrize("records", [make_records([]), make_records([0], status=[TIMEOUT])])
    def test_nothing_to_judge(self, records: Records) -> None:
        with pytest.raises(MeasurementError):
            judge(records, BOARD)

    @pytest.mark.parametrize(
        "change",
        [
            {"deadline_s": 0.0},
            {"deadline_s": math.nan},
            {"clock_hz": 0.0},
            {"io_overhead_s": -1e-6},
            {"miss_probability": 0.0},
            {"miss_probability": 1.0},
        ],
    )
    def test_requirement_that_makes_no_sense(self, change: dict[str, float]) -> None:
        with pytest.raises(UsageError):
            judge(make_records([1]), replace(BOARD, **change))  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.floats(1, 1e6), st.integers(0, 15)), min_size=1, max_size=40),
    st.booleans(),
)
def test_verdict_is_met_only_without_any_miss_in_few_samples(
    rows: list[tuple[int, float, int]], is_virtual: bool
) -> None:
    records = make_records(*[list(column) for column in zip(*rows, strict=True)])
    try:
        result = judge(records, replace(BOARD, is_virtual=is_virtual))
    except MeasurementError:
        assert records.having(TIMEOUT | TORN | SKIPPED).all()
        return
    assert (result.verdict == "met") == (result.misses == 0 and not result.overrun)
    assert result.pl_cycles_min <= result.pl_cycles_max
    assert 0 <= result.misses / result.samples <= result.miss_bound <= 1


def test_measurement_is_saved_and_loaded(tmp_path: Path) -> None:
    result = judge(make_records([18000, 18010]), VIRTUAL)
    json_records.save(result, tmp_path / "measurement.json")
    assert json_records.load(Measurement, tmp_path / "measurement.json") == result


def test_environment_is_this_machine() -> None:
    assert HOST.kernel == f"{platform.system()} {platform.release()}"
    assert HOST.machine == platform.machine()
    assert HOST.python == platform.python_version()
    bound = environment("SCHED_FIFO 80", memory_locked=True, bound_cpu=1)
    assert (bound.scheduler, bound.memory_locked, bound.bound_cpu) == ("SCHED_FIFO 80", True, 1)


class TestParquet:
    def test_rows_and_header_are_kept(self, tmp_path: Path) -> None:
        import pyarrow.parquet as pq

        records = make_records([1, 2**32 - 1, 3], status=[0, TORN, 0])
        path = write_parquet(records, tmp_path / "made" / "records.parquet")
        table = pq.read_table(path)
        assert table.column_names == list(RECORD_DTYPE.names or ())
        for name in table.column_names:
            assert table[name].to_numpy().dtype == RECORD_DTYPE[name]
            assert table[name].to_pylist() == records.table[name].tolist()
        assert table.schema.metadata[b"design_id"] == b"00000000000000ff"
        assert table.schema.metadata[b"hop_samples"] == b"16"

    def test_equal_records_give_equal_bytes(self, tmp_path: Path) -> None:
        records = make_records([1, 2, 3])
        first, second = (write_parquet(records, tmp_path / name).read_bytes() for name in ("a", "b"))
        assert first == second

    def test_missing_library_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ToolError) as caught:
            write_parquet(make_records([1]), tmp_path / "records.parquet")
        assert "make setup" in caught.value.hint

    def test_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises((StorageError, OSError)):
            write_parquet(make_records([1]), tmp_path / "file" / "records.parquet")
