"""The latency probe: alone under random latencies, and inside the shell around a network that varies its own."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ntorc.backends.native import shell
from ntorc.backends.native.simulate import SimulatedLogic, register_offsets
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.verilate import build_library, build_logic
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense
from ntorc.network.network import random_network
from ntorc.paths import project_root
from ntorc_board.programming import SHELL_VERSION

IntArray = npt.NDArray[np.int64]
BINS = 64
PIPELINE_CYCLES = 3  # from the latency's register to the histogram's
SWEEP_CYCLES = BINS  # that a clear takes to reach every bin
OFFSETS = register_offsets()


@dataclass
class Counts:
    """What the probe must hold after some latencies."""

    missed: int
    under: int
    over: int
    bins: list[int]


def counted(latencies: IntArray, deadline: int, lower: int, shift: int, largest: int = 2**32 - 1) -> Counts:
    """NumPy's account; no counter exceeds ``largest``."""
    edges = lower + (np.arange(BINS + 1, dtype=np.int64) << shift)
    at = np.searchsorted(edges, latencies, side="right") - 1
    bins = np.bincount(at[(at >= 0) & (at < BINS)], minlength=BINS)
    sums = [int(np.sum(latencies > deadline)), int(np.sum(at < 0)), int(np.sum(at >= BINS)), *bins.tolist()]
    missed, under, over, *rest = (min(value, largest) for value in sums)
    return Counts(missed, under, over, rest)


class Probe:
    """``ntorc_probe`` alone."""

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))
        self.library.bench_create.restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(self.library.bench_create())

    def close(self) -> None:
        self.library.bench_destroy(self.handle)

    def write(self, register: str, value: int) -> None:
        self.library.bench_write(self.handle, OFFSETS[register], ctypes.c_uint32(value))

    def read(self, register: str, index: int = 0) -> int:
        return int(ctypes.c_uint32(self.library.bench_read(self.handle, OFFSETS[register] + 4 * index)).value)

    def run(
        self, start: IntArray, done: IntArray, clear: IntArray, watched: str = "LATENCY", index: int = 0
    ) -> IntArray:
        """Drive the ports cycle by cycle; the watched register after each cycle."""
        values = np.zeros(len(start), np.uint32)
        byte_ports = [np.ascontiguousarray(port, np.uint8) for port in (start, done, clear)]
        self.library.bench_run(
            self.handle,
            len(start),
            *(port.ctypes.data_as(ctypes.c_void_p) for port in byte_ports),
            OFFSETS[watched] + 4 * index,
            values.ctypes.data_as(ctypes.c_void_p),
        )
        return values.astype(np.int64)

    def estimates(self, latencies: IntArray, gaps: IntArray) -> IntArray:
        """Estimates of these latencies, so many idle cycles after each (-1: the next starts in the cycle of
        the result); the latencies that the probe reports."""
        starts = np.concatenate([[0], np.cumsum(latencies + gaps)[:-1]])
        ends = starts + latencies - 1
        length = int(ends[-1]) + 1 + PIPELINE_CYCLES
        start, done = np.zeros(length, np.int64), np.zeros(length, np.int64)
        start[starts] = 1
        done[ends] = 1
        return self.run(start, done, np.zeros(length, np.int64))[ends]

    def clear(self) -> None:
        one = np.ones(1, np.int64)
        self.run(0 * one, 0 * one, one)

    def settle(self) -> None:
        """Idle cycles in which what waited for the end of a sweep reaches the histogram."""
        nothing = np.zeros(SWEEP_CYCLES, np.int64)
        self.run(nothing, nothing, nothing)

    def counts(self) -> Counts:
        bins = [self.read("HISTOGRAM", i) for i in range(BINS)]
        return Counts(self.read("MISSED"), self.read("HIST_UNDER"), self.read("HIST_OVER"), bins)


def library(cache: Path, *parameters: str) -> Path:
    files = library_sources(("ntorc_registers.svh", "ntorc_fifo.sv", "ntorc_probe.sv"))
    bench = Path(__file__).with_name("probe_bench.cpp")
    return build_library(files, "ntorc_probe", (bench,), cache, [f"-G{text}" for text in parameters])


@pytest.fixture(scope="module")
def full(ntorc_cache: Path) -> Path:
    """As in the shell."""
    return library(ntorc_cache)


@pytest.fixture(scope="module")
def narrow(ntorc_cache: Path) -> Path:
    """Counters that reach their ends."""
    return library(ntorc_cache, "COUNT_BITS=4", "CYCLE_BITS=10")


@pytest.fixture
def probe(full: Path) -> Iterator[Probe]:
    built = Probe(full)
    yield built
    built.close()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    longest=st.integers(2, 3000),
    deadline=st.integers(0, 3000),
    lower=st.integers(0, 1500),
    shift=st.integers(0, 15),
)
def test_all_counters_agree_with_numpy(
    full: Path, seed: int, longest: int, deadline: int, lower: int, shift: int
) -> None:
    draw = np.random.default_rng(seed)
    latencies = draw.integers(2, longest + 1, 150)
    probe = Probe(full)
    try:
        for register, value in (("DEADLINE", deadline), ("HIST_LOWER", lower), ("HIST_SHIFT", shift)):
            probe.write(register, value)
            assert probe.read(register) == value
        observed = probe.estimates(latencies, draw.integers(-1, 4, len(latencies)))  # -1: in the cycle of a result
        np.testing.assert_array_equal(observed, latencies)
        probe.settle()
        assert probe.counts() == counted(observed, deadline, lower, shift)
        assert probe.read("RESULT_SEQ") == len(observed)
        assert (probe.read("LATENCY_MIN"), probe.read("LATENCY_MAX")) == (observed.min(), observed.max())
    finally:
        probe.close()


def test_edges_fall_into_the_upper_bin(probe: Probe) -> None:
    lower, shift = 40, 3
    probe.write("HIST_LOWER", lower)
    probe.write("HIST_SHIFT", shift)
    end = lower + (BINS << shift)
    latencies = np.array([lower - 1, lower, lower + 7, lower + 8, end - 1, end], np.int64)
    probe.estimates(latencies, np.zeros(len(latencies), np.int64))
    probe.settle()
    assert probe.counts() == Counts(0, 1, 1, [2, 1, *[0] * 61, 1])


def test_a_latency_equal_to_the_deadline_is_no_miss_and_at_first_nothing_is(probe: Probe) -> None:
    latencies = np.array([9, 10, 11], np.int64)
    assert probe.read("DEADLINE") == 0xFFFFFFFF
    probe.estimates(latencies, latencies)
    assert probe.read("MISSED") == 0
    probe.write("DEADLINE", 10)
    probe.estimates(latencies, latencies)
    assert probe.read("MISSED") == 1


@pytest.mark.parametrize("delay", range(PIPELINE_CYCLES + 2))
def test_a_clear_empties_everything_at_once_and_keeps_the_configuration(probe: Probe, delay: int) -> None:
    """Also while a result is on its way to the histogram."""
    for register, value in (("DEADLINE", 5), ("HIST_LOWER", 4), ("HIST_SHIFT", 1)):
        probe.write(register, value)
    probe.estimates(np.arange(2, 200, dtype=np.int64), np.zeros(198, np.int64))
    start, done, clear = np.zeros((3, 20), np.int64)
    start[0] = done[8] = clear[8 + delay] = 1
    probe.run(start, done, clear)
    assert probe.counts() == Counts(0, 0, 0, [0] * BINS)
    assert [probe.read(name) for name in ("RESULT_SEQ", "LATENCY", "LATENCY_MAX")] == [0, 0, 0]
    assert probe.read("LATENCY_MIN") == 0xFFFFFFFF
    assert [probe.read(name) for name in ("DEADLINE", "HIST_LOWER", "HIST_SHIFT")] == [5, 4, 1]
    latencies = np.arange(2, 90, dtype=np.int64)
    probe.estimates(latencies, np.zeros(len(latencies), np.int64))
    probe.settle()
    assert probe.counts() == counted(latencies, 5, 4, 1)


def test_counters_and_latencies_stop_at_their_largest_value(narrow: Path) -> None:
    probe = Probe(narrow)
    probe.write("DEADLINE", 8)
    probe.write("HIST_LOWER", 6)
    latencies = np.repeat(np.array([3, 9, 200], np.int64), 40)
    np.testing.assert_array_equal(probe.estimates(latencies, latencies), latencies)
    expected = counted(latencies, 8, 6, 0, largest=15)
    assert probe.counts() == expected
    assert (expected.missed, expected.under, expected.over, expected.bins[3]) == (15, 15, 15, 15)
    assert probe.read("RESULT_SEQ") == len(latencies)  # numbers results: it may not stop
    probe.clear()
    assert probe.estimates(np.array([5000], np.int64), np.array([0], np.int64)).tolist() == [1023]
    assert probe.read("HIST_OVER") == 1
    probe.close()


@settings(max_examples=60)
@given(
    results=st.lists(st.booleans(), min_size=1, max_size=3 * BINS),
    clears=st.lists(st.integers(0, 3 * BINS), max_size=4),
    lower=st.integers(0, 100),
)
@example(results=[True] * 3 * BINS, clears=[0], lower=0)  # fills the queue
@example(results=[True] * 3 * BINS, clears=[7, 50], lower=0)
def test_no_result_is_lost_while_bins_are_cleared(
    full: Path, results: list[bool], clears: list[int], lower: int
) -> None:
    """Up to a result a cycle, from the last clear on, whatever was counted or cleared before."""
    probe = Probe(full)
    try:
        probe.write("HIST_LOWER", lower)
        length = 3 * BINS + 1
        start, done, clear = np.zeros((3, length), np.int64)
        start[0] = 1
        done[1 : 1 + len(results)] = results
        clear[clears] = 1
        observed = probe.run(start, done, clear)
        first = max(clears, default=-1) + 1
        since = observed[first:][done[first:] == 1]
        probe.settle()
        assert probe.counts() == counted(since, 0xFFFFFFFF, lower, 0)
        assert probe.read("RESULT_SEQ") == len(since)
    finally:
        probe.close()


def test_the_histogram_reads_as_empty_from_the_clear_on(probe: Probe) -> None:
    probe.estimates(np.arange(2, 60, dtype=np.int64), np.zeros(58, np.int64))
    probe.settle()
    assert sum(probe.counts().bins) == 58
    probe.clear()
    nothing = np.zeros(1, np.int64)
    for _ in range(SWEEP_CYCLES + 3):
        assert probe.counts().bins == [0] * BINS
        probe.run(nothing, nothing, nothing)


def test_away_from_a_clear_the_histogram_is_behind_by_the_pipeline(probe: Probe) -> None:
    probe.settle()
    start, done, clear = np.zeros((3, 1 + 9 + PIPELINE_CYCLES), np.int64)
    start[0] = done[8] = 1
    seen = probe.run(start, done, clear, "HISTOGRAM", 9)
    assert seen.tolist() == [*[0] * (8 + PIPELINE_CYCLES), 1, 1]


def test_results_in_successive_cycles_are_all_counted(probe: Probe) -> None:
    """The memory's read, addition and write take one cycle: none is lost between two of the same bin."""
    start, done, clear = np.zeros((3, 40), np.int64)
    start[0] = 1
    done[2:30] = 1
    observed = probe.run(start, done, clear)[2:30]
    np.testing.assert_array_equal(observed, np.arange(3, 31))
    probe.write("HIST_SHIFT", 3)
    probe.clear()
    again = probe.run(start, done, clear)[2:30]
    probe.settle()
    assert probe.counts() == counted(again, 0xFFFFFFFF, 0, 3)


NETWORK = """\
// Takes frames of one sample and answers as many cycles later as the sample says.
module ntorc_network (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic signed [13:0] in_data,
    output logic out_valid,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic out_ready,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic signed [13:0] out_data,
    output logic idle
);
  logic [13:0] left;
  assign idle = left == '0;
  assign in_ready = 1'b1;
  assign out_valid = left == 14'd1;
  always_ff @(posedge clk) begin
    if (in_valid) out_data <= in_data;
    if (rst) left <= '0;
    else if (in_valid) left <= in_data;
    else if (left != '0) left <= left - 1'b1;
  end
endmodule
"""


@pytest.fixture(scope="module")
def varying(ntorc_cache: Path) -> Path:
    """The whole top around a network whose latency is its sample."""
    word = FixedFormat(14, 0)
    shaped = random_network(1, word, 1, (Dense("d", 1, 1, 1, FixedFormat(8, 0), word),))
    files = library_sources(shell.shell_sources())
    files["ntorc_network.sv"] = NETWORK
    files["ntorc_fitted_shell.sv"] = shell.shell_module(shaped, 1, 4)
    files["ntorc_top.sv"] = shell.top_module(shaped, f"{7:016x}", 100e6)
    return build_logic(files, ntorc_cache)


def read_counts(logic: SimulatedLogic) -> Counts:
    bins = [logic.read("HISTOGRAM", i) for i in range(BINS)]
    return Counts(logic.read("MISSED"), logic.read("HIST_UNDER"), logic.read("HIST_OVER"), bins)


def test_over_the_bus_with_latencies_that_vary(varying: Path) -> None:
    draw = np.random.default_rng(4)
    samples = draw.integers(1, 400, 300)
    with SimulatedLogic(varying) as logic:
        logic.write("DEADLINE", 250)
        logic.write("HIST_LOWER", 20)
        logic.write("HIST_SHIFT", 2)
        results, latencies = logic.estimates(samples, 1)
        np.testing.assert_array_equal(results[:, 0], samples)
        assert set((latencies - samples).tolist()) == {3}  # to the frame, through it, and to the result
        assert read_counts(logic) == counted(latencies, 250, 20, 2)
        logic.write("CONTROL", 1)
        assert read_counts(logic) == Counts(0, 0, 0, [0] * BINS)
        assert (logic.read("DEADLINE"), logic.read("HIST_LOWER"), logic.read("HIST_SHIFT")) == (250, 20, 2)


def test_who_sees_a_new_result_sees_it_counted(varying: Path) -> None:
    """The histogram is behind the sequence number by less than the bus can tell."""
    with SimulatedLogic(varying) as logic:
        logic.step(SWEEP_CYCLES)  # of the reset
        for number in range(1, 40):
            logic.write("SAMPLE", number)
            while logic.read("RESULT_SEQ") != number:
                pass
            assert logic.read("HISTOGRAM", number + 3) == 1
            assert logic.read("LATENCY_MAX") == number + 3


def test_the_simulated_shell_has_the_maps_version(varying: Path) -> None:
    listed = json.loads((project_root() / "board" / "ntorc_board" / "registers.json").read_text(encoding="utf-8"))
    with SimulatedLogic(varying) as logic:
        assert logic.read("SHELL_VERSION") == listed["shell_version"] == SHELL_VERSION == 3


def test_words_beside_the_map_read_as_zero(varying: Path) -> None:
    with SimulatedLogic(varying) as logic:
        logic.estimates(np.arange(1, 61), 1)
        assert [logic.read("HISTOGRAM", i) for i in range(-64 + 1, 0)] == [0] * 63
        assert [logic.read("HISTOGRAM", i) for i in range(BINS, 4 * BINS)] == [0] * (3 * BINS)
