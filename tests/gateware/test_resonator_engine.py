"""The resonator bank in Verilator and yosys: outputs against the reference, cycles against the closed form."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from bank_bench import build_bank, predicted

from ntorc.backends.base import Directive
from ntorc.backends.native import cycles
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.cycles import StreamingLatency
from ntorc.backends.native.draw import draw_bank_network
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.resonator_cost import bank_features
from ntorc.backends.native.resonator_engine import BankEngine, bank_directives, bank_engine
from ntorc.backends.native.stream_bench import drive
from ntorc.backends.native.synth import synthesise, units_of
from ntorc.bench.gateware import compare, compare_network
from ntorc.cost.native import load_model, structural
from ntorc.network import reference
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import GRU, LSTM, Dense
from ntorc.network.network import Network, random_network
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.pipeline.flow import Flow
from ntorc.store.local import LocalStore


def a_bank(resonators: int, frame: int, **changes: int) -> ResonatorBank:
    return ResonatorBank("bank", frame, 1, resonators, FixedFormat(16, 15), FixedFormat(16, 10), **changes)


def network_of(layer: ResonatorBank, seed: int = 1) -> Network:
    return random_network(seed, FixedFormat(14, 10), layer.input_length, (layer,))


@pytest.mark.parametrize("seed", range(100, 112))
def test_random_banks_behind_the_shell(seed: int, ntorc_cache: Path, tmp_path: Path) -> None:
    """A burst: the shell's window holds one frame and moves on by one frame, so each sample enters once."""
    flow = Flow(LocalStore(tmp_path), ntorc_cache, tmp_path)
    assert compare(flow, seed, draw_bank_network) == (20, 0, 0)


CASES = {
    "the estimator's": (a_bank(31, 16), 1),
    "four lanes, a padded pass": (a_bank(31, 16), 4),
    "wide states": (a_bank(9, 4, state_bits=25, state_fraction=4), 2),
    "narrow states": (a_bank(12, 5, state_bits=10, state_fraction=-3, total_bits=16), 1),
    "one resonator a lane": (a_bank(7, 3), 7),
    "one resonator, one sample": (a_bank(1, 1), 1),
}


@pytest.mark.parametrize("case", CASES)
def test_updates_and_cycles_are_exact(case: str, ntorc_cache: Path) -> None:
    """100,000 resonator updates and more: in a burst, spaced as from a sensor, irregular, and with back-pressure."""
    layer, lanes = CASES[case]
    network, engine = network_of(layer), bank_engine(layer, lanes)
    library = build_bank(network, Directive(lanes, engine.reuse_factor, "lut"), ntorc_cache)
    frames = -(-25_000 // (layer.resonators * layer.input_length)) + 4
    count = frames * layer.input_length
    generator = np.random.default_rng(len(case))
    samples = generator.integers(-8192, 8192, count) >> generator.choice([0, 4, 10])
    wanted = reference.run(network, samples.reshape(frames, layer.input_length, 1))
    spaced = engine.closing_cycles + 40
    irregular = np.cumsum(generator.integers(0, 2 * engine.update_cycles, count))
    for arrival, ready in (
        (np.zeros(count, np.int64), [1]),
        (np.arange(count) * spaced, [1]),
        (irregular, [1]),
        (irregular, [0, 0, 1, 0, 1] + 400 * [0]),
    ):
        found = drive(library, network, samples, arrival, ready, disturb=97)
        np.testing.assert_array_equal(found.words, wanted)
        accepted, available = predicted(engine, arrival, found.left[:, -1])
        np.testing.assert_array_equal(found.accepted, accepted)
        if ready == [1]:
            np.testing.assert_array_equal(found.left, available[:, None] - np.arange(layer.resonators, -1, -1))
        else:
            assert (found.left[:, -1] >= available).all()
            assert (accepted > arrival).any()  # the receiver did hold the samples up
    assert 4 * count * layer.resonators >= 100_000


def test_a_sensors_samples_never_wait_under_a_legal_directive(ntorc_cache: Path) -> None:
    layer = a_bank(5, 3)
    network, period = network_of(layer), bank_engine(layer, 2).closing_cycles
    legal = bank_directives(layer, period)
    assert [d.multipliers for d in legal] == [2, 3, 5]
    library = build_bank(network, legal[0], ntorc_cache)
    samples, arrival = np.arange(60) * 30, np.arange(60) * period
    np.testing.assert_array_equal(drive(library, network, samples, arrival, [1]).accepted, arrival)
    assert bank_directives(layer, 10) == ()


@pytest.mark.parametrize("disturb", [1, 5, 9, 40, 133, 500, 777])
def test_a_reset_at_any_time_leaves_no_trace(disturb: int, ntorc_cache: Path) -> None:
    layer = a_bank(6, 4)
    network = network_of(layer)
    library = build_bank(network, bank_directives(layer)[0], ntorc_cache)
    samples = np.random.default_rng(disturb).integers(-8192, 8192, 40)
    wanted = reference.run(network, samples.reshape(-1, 4, 1))
    for more in range(8):
        found = drive(library, network, samples, np.zeros(40, np.int64), disturb=disturb + more)
        np.testing.assert_array_equal(found.words, wanted)
        assert found.left[0, -1] == predicted(bank_engine(layer, 1), np.zeros(40, np.int64))[1][0]


@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_wrong_constant_in_the_closed_form_is_noticed(
    wrong: int, ntorc_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the comparison with Verilator, in every frame."""
    flow, network = Flow(LocalStore(tmp_path), ntorc_cache, tmp_path), network_of(a_bank(3, 4))
    assert compare_network(flow, network, 1) == (20, 0, 0)
    plain = cycles.engine_weights
    monkeypatch.setattr(cycles, "engine_weights", lambda e: (plain(e)[0], plain(e)[1], plain(e)[2] + wrong))
    assert compare_network(flow, network, 1) == (20, 0, 20)


def test_drawn_banks_have_what_estimators_have_behind_them() -> None:
    drawn = [draw_bank_network(seed).layers[1:] for seed in range(100)]
    assert sum(any(isinstance(layer, GRU) and layer.stateful for layer in layers) for layers in drawn) > 20
    assert any(isinstance(layer, LSTM) for layers in drawn for layer in layers)
    assert any(sum(isinstance(layer, GRU | LSTM) for layer in layers) == 2 for layers in drawn)
    assert sum(bool(layers) and all(isinstance(layer, Dense) for layer in layers) for layers in drawn) > 5


def test_cuts_with_a_bank_are_tight_and_valid() -> None:
    backend = NativeBackend()
    for seed in range(40):
        network, draw = draw_bank_network(seed), random.Random(seed)
        assert not backend.unsupported(network)
        rows = [
            [cycles.engine_for(layer, d.multipliers) for d in backend.legal_directives(network, layer)]
            for layer in network.layers
        ]
        assert isinstance(rows[0][0], BankEngine)
        model = StreamingLatency(network, rows)
        for _ in range(4):
            choice = [draw.randrange(len(row)) for row in rows]
            cut = model.cut(choice)
            assert cut.value(choice) == model.latency_cycles(choice)
            other = [draw.randrange(len(row)) for row in rows]
            assert cut.value(other) <= model.latency_cycles(other)


SIZES = [
    (a_bank(31, 16), 1),
    (a_bank(31, 16), 4),
    (a_bank(64, 16), 1),
    (a_bank(8, 32, state_bits=14, state_fraction=-4), 1),
    (a_bank(20, 16, state_bits=25, state_fraction=6, log_fraction=12, mantissa_bits=8, total_bits=16), 2),
    (a_bank(31, 16, state_bits=16, state_fraction=-2, mantissa_bits=4), 8),
]


@pytest.mark.parametrize("layer, lanes", SIZES)
def test_synthesis_gives_what_the_structure_says(layer: ResonatorBank, lanes: int, ntorc_cache: Path) -> None:
    network = network_of(layer)
    directive = Directive(lanes, bank_engine(layer, lanes).reuse_factor, "lut")
    plan = make_plan(network, [directive], 100e6, network.input_length)
    part = plan.parts[0]
    found = synthesise(units_of(plan.files, part), ntorc_cache)
    features = bank_features(network, layer, network.input_format, directive)
    assert (found.dsp, found.bram18) == structural(features) == (lanes, 0)
    mean, bound = load_model().predict(features)
    assert 0.85 * found.lut < mean.lut < 1.2 * found.lut
    assert 0.85 * found.ff < mean.ff < 1.2 * found.ff
    assert bound.lut >= found.lut


def test_the_estimators_bank_is_small(ntorc_cache: Path) -> None:
    """31 resonators on one multiplier: at most 700 LUTs and one DSP block."""
    layer = a_bank(31, 16)
    plan = make_plan(network_of(layer), [bank_directives(layer)[0]], 100e6, 16)
    part = plan.parts[0]
    found = synthesise(units_of(plan.files, part), ntorc_cache)
    assert found.lut <= 700
    assert found.dsp == 1
