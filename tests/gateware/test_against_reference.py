"""Verilated gateware against the reference and the closed form, over random shapes, formats and directives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ntorc.backends.base import Directive
from ntorc.backends.native import cycles
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.draw import draw_bank_network, draw_network
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.schedule import leaving_cycles
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.stream_bench import build_network, drive
from ntorc.backends.native.verilate import build_logic
from ntorc.bench.gateware import compare, compare_network, compare_stream
from ntorc.network import reference
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import windows_of
from ntorc.store.local import LocalStore


@pytest.mark.parametrize("seed", range(1000, 1018))
def test_random_networks(seed: int, ntorc_cache: Path, tmp_path: Path) -> None:
    frames, outputs_off, latencies_off = compare(Flow(LocalStore(tmp_path), ntorc_cache, tmp_path), seed)
    assert frames == 20
    assert outputs_off == 0
    assert latencies_off == 0


def network_with_pool() -> Network:
    """A small estimator-like network."""
    weight, word = FixedFormat(8, 6), FixedFormat(14, 4)
    return random_network(
        7,
        FixedFormat(14, 8),
        40,
        (
            Conv1D("c", 40, 1, 5, 3, weight, word, padding_left=1, padding_right=1, activation="relu"),
            MaxPool1D("p", 40, 5, 2),
            Dense("d", 20, 5, 3, weight, FixedFormat(16, 0)),
        ),
    )


@pytest.fixture(scope="module")
def library(ntorc_cache: Path) -> Path:
    directives = [Directive(2, 0, "lut"), NO_DIRECTIVE, Directive(1, 0, "block")]
    return build_logic(make_plan(network_with_pool(), directives, 125e6, 8).files, ntorc_cache)


def test_identity_and_clock_are_readable(library: Path) -> None:
    directives = [Directive(2, 0, "lut"), NO_DIRECTIVE, Directive(1, 0, "block")]
    plan = make_plan(network_with_pool(), directives, 125e6, 8)
    with SimulatedLogic(library) as logic:
        assert logic.read("MAGIC") == 0x4E544F52
        assert f"{logic.read('DESIGN_ID_HI'):08x}{logic.read('DESIGN_ID_LO'):08x}" == plan.design_id
        assert (logic.read("CLOCK_HZ"), logic.read("WINDOW"), logic.read("HOP")) == (125_000_000, 40, 8)
        assert logic.read("OUTPUTS") == 3


def test_min_max_and_counts(library: Path) -> None:
    samples = np.random.default_rng(1).integers(-8192, 8192, 40 + 8 * 9)
    with SimulatedLogic(library) as logic:
        results, latencies = logic.estimates(samples, 8)
        predicted = latency_cycles(network_with_pool(), [2, 1])
        assert set(latencies.tolist()) == {predicted}
        assert (logic.read("LATENCY_MIN"), logic.read("LATENCY_MAX")) == (predicted, predicted)
        assert logic.read("RESULT_SEQ") == len(results) == 10
        assert logic.read("SAMPLE_COUNT") == len(samples)
        logic.write("CONTROL", 1)
        logic.step(4)
        assert logic.read("RESULT_SEQ") == logic.read("SAMPLE_COUNT") == logic.read("STATUS") == 0


def test_a_frame_that_is_due_too_early_is_dropped_and_flagged(library: Path) -> None:
    network = network_with_pool()
    samples = np.random.default_rng(2).integers(-8192, 8192, 44)
    with SimulatedLogic(library) as logic:
        logic.write("HOP", 2)
        logic.write("CONTROL", 1)
        for sample in samples.tolist():  # back to back: far faster than the network
            logic.write("SAMPLE", sample)
        logic.step(5000)
        assert logic.read("STATUS") & 2
        assert logic.read("RESULT_SEQ") == 1
        word = logic.read("RESULT")
        value = word - (1 << 32) if word >> 31 else word
        assert value == reference.run(network, windows_of(samples, 40, 2)[:1])[0, 0]


def test_a_changed_hop_takes_effect_and_zero_is_ignored(library: Path) -> None:
    with SimulatedLogic(library) as logic:
        logic.write("HOP", 0)
        assert logic.read("HOP") == 8
        results, _ = logic.estimates(np.zeros(40 + 3 * 5, np.int64), 5)
        assert len(results) == 4


def test_reset_in_the_middle_of_a_frame_leaves_no_trace(library: Path) -> None:
    samples = np.random.default_rng(3).integers(-8192, 8192, 56)
    with SimulatedLogic(library) as logic:
        clean, _ = logic.estimates(samples, 8)
        for cycles in (1, 7, 40, 200):
            for sample in samples[:40].tolist():
                logic.write("SAMPLE", sample)
            logic.step(cycles)
            again, latencies = logic.estimates(samples, 8)  # begins with a soft reset
            np.testing.assert_array_equal(again, clean)
            assert len(set(latencies.tolist())) == 1


@pytest.mark.parametrize("wrong", [-1, 1])
def test_wrong_constant_in_the_closed_form_is_noticed(
    wrong: int, ntorc_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparisons with Verilator can fail: by a cycle, in the shell and without it."""
    flow, network = Flow(LocalStore(tmp_path), ntorc_cache, tmp_path), network_with_pool()
    assert compare_network(flow, network, 1) == (20, 0, 0)
    late = compare_stream(flow, network, 1)
    assert (late.outputs_off, late.latencies_off) == (0, 0)
    monkeypatch.setattr(cycles, "_PIPELINE", cycles._PIPELINE + wrong)
    assert compare_network(flow, network, 1) == (20, 0, 20)
    found = compare_stream(flow, network, 1)
    assert found.outputs_off == 0
    assert found.latencies_off >= 8  # every frame for the receiver that is always ready


@pytest.mark.parametrize("seed", range(3000, 3006))
def test_irregular_samples_and_late_receivers(seed: int, ntorc_cache: Path, tmp_path: Path) -> None:
    """Whole networks without their shell: the cycle of every output vector, however late the receiver is."""
    flow = Flow(LocalStore(tmp_path), ntorc_cache, tmp_path)
    for drawn in (draw_network, draw_bank_network):
        assert compare_stream(flow, drawn(seed), seed) == (24, 0, 0)


def test_a_late_receiver_holds_up_what_the_recurrence_says(ntorc_cache: Path, tmp_path: Path) -> None:
    """Two convolutions: the output buffer holds two vectors, then the engines stop."""
    weight, word = FixedFormat(8, 6), FixedFormat(14, 4)
    layers = (Conv1D("a", 12, 1, 2, 3, weight, word), Conv1D("b", 10, 2, 3, 3, weight, word))
    network, lanes = random_network(5, FixedFormat(12, 6), 12, layers), [1, 1]
    plan = make_plan(network, [Directive(1, 0, "lut")] * 2, 100e6, 4)
    arrival, samples = np.arange(12), np.random.default_rng(5).integers(-2000, 2000, 12)
    at_once = leaving_cycles(network, lanes, arrival)
    gates = at_once + 100 * np.arange(1, 9)
    late = leaving_cycles(network, lanes, arrival, gates)
    assert (late == gates + 2).all()  # three words a vector, the last two cycles behind the first
    library = build_network(network, plan, ntorc_cache)
    for given, wanted in ((None, at_once), (gates, late)):
        got = drive(library, network, samples, arrival, gates=given)
        np.testing.assert_array_equal(got.words, reference.run(network, samples.reshape(1, 12, 1)))
        np.testing.assert_array_equal(got.left.reshape(8, 3)[:, -1], wanted)
    held = np.full(8, at_once[0] + 400)
    got = drive(library, network, samples, arrival, gates=held)
    np.testing.assert_array_equal(got.left.reshape(8, 3)[:, -1], leaving_cycles(network, lanes, arrival, held))
    assert leaving_cycles(network, lanes, arrival, held)[-1] > held[0] + 8 * 3  # the engine had stopped
    with pytest.raises(ValueError, match="one by one"):
        leaving_cycles(network, lanes, np.arange(24))
