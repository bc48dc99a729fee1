"""The shell's two ways from samples to a network: as they come, and window by window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from counting_design import counting_files, shaped
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.backends.base import Directive
from ntorc.backends.native import shell
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.verilate import build_logic
from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat
from ntorc.network.network import random_network
from ntorc.network.resonator_layer import ResonatorBank

OVERRUN, BUSY, FILLED, VALID = 2, 1, 4, 8
LENGTH, COST, DELAY = 4, 37, 200
WRITE_CYCLES = 3  # of the simulated bus: from one accepted write to the next
DEPTH = shell.STREAM_DEPTH


def status(logic: SimulatedLogic) -> int:
    return logic.read("STATUS")


@pytest.fixture(scope="module")
def slow(ntorc_cache: Path) -> Path:
    """Samples can come faster than this network takes them."""
    return build_logic(counting_files(LENGTH, LENGTH, streaming=True, cost=COST, delay=DELAY, warm_up=3), ntorc_cache)


@pytest.fixture(scope="module")
def draining(ntorc_cache: Path) -> Path:
    """Window by window, with a network that works on after its result."""
    return build_logic(counting_files(LENGTH, 2, delay=20, drain=500), ntorc_cache)


@pytest.mark.parametrize(("streaming", "delay_cycles"), [(True, 1), (False, 2 + LENGTH - 1)])
def test_delay_from_the_last_sample_to_the_network(streaming: bool, delay_cycles: int, ntorc_cache: Path) -> None:
    """The network answers ``delay`` cycles after it has taken the last sample; one cycle to the visible result."""
    for delay in (1, 9):
        files = counting_files(LENGTH, LENGTH, streaming=streaming, delay=delay)
        with SimulatedLogic(build_logic(files, ntorc_cache)) as logic:
            latencies = logic.estimates(np.arange(40), LENGTH)[1]
            assert set(latencies.tolist()) == {delay_cycles + delay + 1}
            assert len(latencies) == 10


def test_a_streaming_network_keeps_its_state_until_a_reset(slow: Path) -> None:
    samples = np.random.default_rng(1).integers(-1000, 1000, 10 * LENGTH)
    with SimulatedLogic(slow) as logic:
        for _ in range(2):
            results, _ = logic.estimates(samples, LENGTH)  # begins with a soft reset
            np.testing.assert_array_equal(results[:, 0], np.cumsum(samples)[LENGTH - 1 :: LENGTH])
        assert logic.read("FEATURES") == 1
        assert (logic.read("WINDOW"), logic.read("HOP")) == (LENGTH, LENGTH)


def test_the_hop_of_a_streaming_network_is_its_frame(slow: Path) -> None:
    with SimulatedLogic(slow) as logic:
        logic.write("HOP", 1)
        assert logic.read("HOP") == LENGTH
        assert len(logic.estimates(np.arange(8 * LENGTH), LENGTH)[0]) == 8
    with pytest.raises(ValueError, match="hop is its frame"):
        shell.shell_module(shaped(4, 1), 2, 32, streaming=True)


def expected_latencies(accepted: list[int]) -> list[int]:
    """Cycles from each frame's last sample to its result, by the network's recurrence; ``accepted``: cycles."""
    free, found = 0, []
    for number, cycle in enumerate(accepted, start=1):
        taken = max(cycle + 1, free)
        free = taken + COST
        if number % LENGTH == 0:
            result = taken + DELAY
            found.append(result - cycle + 1)
            free = max(free, result + 1)
    return found


@settings(max_examples=30)
@given(gaps=st.lists(st.integers(0, 300), min_size=LENGTH, max_size=DEPTH))
def test_frames_that_overlap_have_each_its_own_latency(slow: Path, gaps: list[int]) -> None:
    """Samples at any distance, so that a frame's last sample comes while others' results are awaited."""
    gaps = gaps[: len(gaps) // LENGTH * LENGTH]
    with SimulatedLogic(slow) as logic:
        logic.write("CONTROL", 1)
        accepted, cycle = [], 0
        for gap in gaps:
            logic.write("SAMPLE", 1)
            accepted.append(cycle)
            logic.step(gap)
            cycle += WRITE_CYCLES + gap
        logic.step(DEPTH * (COST + DELAY))
        expected = expected_latencies(accepted)
        assert logic.read("RESULT_SEQ") == len(expected)
        assert logic.read("RESULT") == len(gaps)
        assert (logic.read("LATENCY"), logic.read("LATENCY_MIN"), logic.read("LATENCY_MAX")) == (
            expected[-1],
            min(expected),
            max(expected),
        )
        assert (logic.read("LOST"), status(logic) & (OVERRUN | BUSY)) == (0, 0)


def test_samples_beyond_the_buffer_are_lost_and_counted(slow: Path) -> None:
    with SimulatedLogic(slow) as logic:
        for _ in range(2):
            logic.write("CONTROL", 1)
            assert (logic.read("LOST"), status(logic)) == (0, 0)
            for _ in range(100):
                logic.write("SAMPLE", 1)
            lost = logic.read("LOST")
            assert lost > 100 - DEPTH - 300 // COST - 1
            assert status(logic) & (OVERRUN | BUSY) == OVERRUN | BUSY
            assert logic.read("SAMPLE_COUNT") == 100 - lost
            logic.step(100 * (COST + DELAY))
            assert logic.read("RESULT_SEQ") == (100 - lost) // LENGTH
            assert logic.read("RESULT") == (100 - lost) // LENGTH * LENGTH  # each that was taken was added once


def test_more_frames_than_can_be_under_way_are_not_taken(ntorc_cache: Path) -> None:
    """With frames of one sample the number of frames ends before the buffer does."""
    files = counting_files(1, 1, streaming=True, delay=2000)
    with SimulatedLogic(build_logic(files, ntorc_cache)) as logic:
        for _ in range(50):
            logic.write("SAMPLE", 1)
        assert logic.read("LOST") == 50 - 32
        logic.step(32 * 2010)
        assert (logic.read("RESULT_SEQ"), logic.read("LOST"), logic.read("RESULT")) == (32, 18, 32)
        assert logic.read("LATENCY_MAX") > 31 * 2000


def test_results_are_valid_after_the_warm_up(slow: Path, draining: Path) -> None:
    with SimulatedLogic(slow) as logic:
        for _ in range(2):
            logic.write("CONTROL", 1)
            assert logic.read("WARM_UP") == 3
            for number in range(1, 6):
                for _ in range(LENGTH):
                    logic.write("SAMPLE", 1)
                assert bool(status(logic) & VALID) == (number > 4)
                logic.step(2 * (LENGTH * COST + DELAY))
                assert logic.read("RESULT_SEQ") == number
                assert bool(status(logic) & VALID) == (number > 3)
    with SimulatedLogic(draining) as logic:
        assert logic.read("WARM_UP") == 0
        for _ in range(LENGTH):
            assert not status(logic) & VALID
            logic.write("SAMPLE", 1)
        logic.step(100)
        assert (logic.read("RESULT_SEQ"), status(logic) & VALID) == (1, VALID)


def test_a_frame_that_is_due_before_the_network_has_drained_is_lost(draining: Path) -> None:
    with SimulatedLogic(draining) as logic:
        for _ in range(LENGTH):
            logic.write("SAMPLE", 1)
        logic.step(60)
        assert logic.read("RESULT_SEQ") == 1
        assert status(logic) & BUSY
        for _ in range(2):
            logic.write("SAMPLE", 1)
        assert (logic.read("LOST"), status(logic) & OVERRUN) == (1, OVERRUN)
        logic.step(600)
        assert not status(logic) & BUSY
        for _ in range(2):
            logic.write("SAMPLE", 1)
        logic.step(60)
        assert (logic.read("RESULT_SEQ"), logic.read("LOST"), logic.read("RESULT")) == (2, 1, 2 * LENGTH)
        logic.write("CONTROL", 1)
        assert (logic.read("LOST"), status(logic)) == (0, 0)


def test_plans_take_the_shells_options() -> None:
    word = FixedFormat(16, 10)
    bank = ResonatorBank("bank", 4, 1, 3, FixedFormat(16, 15), word)
    network, directives = random_network(1, word, 4, (bank,)), [Directive(1, 12, "lut")]
    plans = {make_plan(replace(network, warm_up=count), directives, 100e6, 4).design_id for count in (0, 7)}
    assert len(plans) == 2  # another shell is another design
    for count in (-1, 1 << 16):
        with pytest.raises(DataError, match="warm-up"):
            replace(network, warm_up=count)
    with pytest.raises(DataError, match="keeps no state"):
        replace(shaped(4, 1), warm_up=1)
