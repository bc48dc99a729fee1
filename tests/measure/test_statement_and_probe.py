"""What a measurement claims, how the probe is compared, and Parquet block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_measurement import BOARD, HOST, VIRTUAL, make_records

from ntorc.errors import MeasurementError
from ntorc.measure.measurement import evaluate
from ntorc.measure.parquet import ParquetWriter, read_parquet, write_parquet
from ntorc.measure.probe import compare_probe
from ntorc.measure.records import TORN, Records
from ntorc.measure.report import Probe
from ntorc.measure.statement import longest_run, state
from ntorc.measure.statistics import dependence, miss_bound, quantile_bound
from ntorc.pipeline.junit import Suite
from ntorc.pipeline.outputs import add_cases
from ntorc.report.picture import intervals_picture


class TestStatement:
    def test_enough_samples_show_it(self) -> None:
        draw = np.random.default_rng(1)
        said = state(draw.uniform(1e-4, 2e-4, 299_573), np.zeros(299_573, bool), 1e-5)
        assert said.shown
        assert said.needed == 299_572
        assert "0 misses in 299573 estimates" in said.text
        assert "1e-05 is allowed" in said.text
        assert f"{miss_bound(0, 299_573):.3g}" in said.text

    def test_too_few_say_how_many_it_takes(self) -> None:
        said = state(np.full(1000, 1e-4), np.zeros(1000, bool), 1e-5)
        assert not said.shown
        assert "takes 299572 estimates without a miss" in said.text
        assert "nothing can be said about their dependence" in said.text

    def test_the_largest_is_never_called_the_worst_case(self) -> None:
        said = state([1e-4, 3e-4], [False, True], 1e-5)
        assert said.max_s == 3e-4
        assert "largest latency seen: 300 us" in said.text
        assert "worst" not in said.text

    def test_correlated_latencies_are_worth_less(self) -> None:
        draw = np.random.default_rng(2)
        slow = np.repeat(draw.uniform(0, 1, 1000), 50)
        said = state(slow, np.zeros(slow.size, bool), 1e-3)
        assert 500 < said.latency.effective < 2000
        assert said.effective_bound > miss_bound(0, slow.size)
        assert "are correlated" in said.text

    def test_independent_ones_keep_their_worth(self) -> None:
        assert dependence(np.random.default_rng(3).normal(size=20_000)).time < 1.1

    @given(st.lists(st.booleans(), max_size=50))
    def test_longest_run(self, flags: list[bool]) -> None:
        text = "".join("x" if flag else " " for flag in flags)
        assert longest_run(flags) == max((len(part) for part in text.split()), default=0)


class TestQuantileBound:
    def test_too_few_give_the_largest_and_say_so(self) -> None:
        assert quantile_bound([3.0, 1.0, 2.0], 0.1) == (3.0, False)

    @given(st.integers(1, 3000), st.sampled_from([0.5, 0.1, 0.01, 0.001]))
    def test_so_many_exceed_it_as_may(self, count: int, share: float) -> None:
        values = np.random.default_rng(count).permutation(count).astype(float)
        bound, is_shown = quantile_bound(values, share)
        above = int(np.count_nonzero(values > bound))
        if is_shown:
            assert miss_bound(above, count) <= share < miss_bound(above + 1, count)
        else:
            assert (above, miss_bound(0, count) > share) == (0, True)


def probe_of(cycles: list[int], lower: int = 990, shift: int = 1, deadline: int = 1000) -> Probe:
    array = np.array(cycles)
    places = (array - lower) // (1 << shift)
    inside = (array >= lower) & (places < 64)
    bins = np.bincount(places[inside], minlength=64)
    return Probe(
        int(array.min()), int(array.max()), deadline, int((array > deadline).sum()), 0, lower, shift,
        int((array < lower).sum()), int((places >= 64).sum()), tuple(int(n) for n in bins),
    )  # fmt: skip


class TestProbe:
    @given(st.lists(st.integers(900, 1300), min_size=1, max_size=60), st.integers(0, 1200), st.integers(0, 15))
    def test_agrees_with_its_own_records(self, cycles: list[int], lower: int, shift: int) -> None:
        found = compare_probe(probe_of(cycles, lower, shift), make_records(cycles))
        assert found.agrees, found.differences
        assert found.counted == len(cycles)
        assert sum(number for _, number in found.histogram) + sum(found.outside) == len(cycles)

    def test_any_difference_is_said_and_fails_the_verdict(self) -> None:
        records, right = make_records([995, 1001]), probe_of([995, 1001])
        for wrong, words in (
            (replace(right, missed=0), "results over the deadline: probe 0, records 1"),
            (replace(right, latency_max=1000), "the largest latency"),
            (replace(right, bins=(1, *right.bins[1:])), "bins differ"),
        ):
            found = compare_probe(wrong, records)
            assert not found.agrees
            assert words in "; ".join(found.differences)

    def test_results_that_were_not_seen_are_no_agreement(self) -> None:
        records = make_records([995, 996], status=[0, TORN])
        assert "were not seen whole" in compare_probe(probe_of([995, 996]), records).differences[0]


class TestSimulatedBoard:
    def test_its_own_times_decide(self) -> None:
        lab = replace(VIRTUAL, time_is_simulated=True, true_clock_hz=98e6)
        result = evaluate(
            make_records([18000] * 3, [400, 501, 400]), lab, HOST, target="virtual:lab.toml", board="pynq-z2"
        )
        assert (result.verdict, result.misses) == ("missed", 1)
        assert "simulated board, no real one" in result.verdict_basis
        assert result.overhead is not None
        assert result.overhead.bound_s == pytest.approx(501e-6 - 18000 / 98e6)
        assert not result.overhead.is_shown

    def test_plain_virtual_board_has_no_overhead_to_tell(self) -> None:
        result = evaluate(make_records([18000] * 3), VIRTUAL, HOST, target="virtual", board="pynq-z2")
        assert result.overhead is None


class TestOutputs:
    def test_junit_and_picture(self, tmp_path: Path) -> None:
        records = make_records([18000] * 4, [200, 499, 501, 200])
        for requirement, failures in ((BOARD, 1), (VIRTUAL, 0)):
            measured = evaluate(records, requirement, HOST, target="virtual", board="pynq-z2")
            suite = Suite("pynq-z2", "virtual", tmp_path)
            add_cases(suite, measured, is_miss_asked=False)
            told = ElementTree.fromstring(suite.to_xml())
            assert told.get("failures") == str(failures)
            names = [case.get("name") for case in told.findall("testcase")]
            assert ("deadline" in names, "miss probability shown" in names) == (True, failures == 0)
            picture = ElementTree.fromstring(intervals_picture(measured, records))
            words = " ".join(picture.itertext())
            assert "log scale" in words
            assert ("not a board's" in words) == (requirement is VIRTUAL)


class TestParquet:
    def test_blocks_come_back(self, tmp_path: Path) -> None:
        records = make_records(list(range(1000, 3000)))
        parts = [replace(records, table=part) for part in np.split(records.table, [1, 700, 1999])]
        with ParquetWriter(tmp_path / "r.parquet") as writer:
            for part in parts:
                writer.add(part)
        read = list(read_parquet(tmp_path / "r.parquet", 300))
        assert len(read) >= 7
        assert np.array_equal(np.concatenate([one.table for one in read]), records.table)
        assert {one.design_id for one in read} == {records.design_id}

    def test_a_failure_leaves_nothing(self, tmp_path: Path) -> None:
        def broken() -> Iterator[Records]:
            yield make_records([1])
            raise MeasurementError("cut off", "")

        with pytest.raises(MeasurementError):
            write_parquet(broken(), tmp_path / "r.parquet")
        assert list(tmp_path.iterdir()) == []

    def test_other_files(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"nothing")
        with pytest.raises(MeasurementError):
            list(read_parquet(tmp_path / "x"))
        write_parquet(make_records([1]), tmp_path / "y")
        assert sum(one.table.size for one in read_parquet(tmp_path / "y")) == 1
