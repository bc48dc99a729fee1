"""Activations and average pools in Verilator: a million sums each, awkward orders, exact cycles, real synthesis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from finish_bench import run_stages
from hypothesis import given
from hypothesis import strategies as st

from ntorc.backends.base import Directive
from ntorc.backends.native import subject
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.draw import draw_network
from ntorc.backends.native.finish import Quotient, finish_cycles
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.synth import synthesise, units_of
from ntorc.backends.native.verilate import build_logic
from ntorc.cost.native import load_model, structural
from ntorc.network import reference
from ntorc.network.activations import Activation, LeakyRelu, Table, table_within
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import AveragePool1D, Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, accumulator_bits, random_network
from ntorc.network.widths import accumulator_fraction
from ntorc.pipeline.make import windows_of

COUNT = 1_000_000
STAGES: list[tuple[Activation, FixedFormat]] = [
    ("linear", FixedFormat(14, 4)),
    ("relu", FixedFormat(14, 4, "truncate", "wrap")),
    (LeakyRelu(1, 3), FixedFormat(12, 4)),
    (LeakyRelu(77, 8), FixedFormat(16, 9, "half_up", "wrap")),
    (LeakyRelu(255, 16), FixedFormat(18, 22, "truncate")),
    ("hard_sigmoid", FixedFormat(16, 14)),
    ("hard_sigmoid", FixedFormat(8, 7, "truncate", "wrap")),
    ("hard_sigmoid", FixedFormat(6, -1)),
    (table_within("sigmoid", 2.0**-9), FixedFormat(16, 14)),
    (table_within("tanh", 2.0**-9), FixedFormat(16, 14)),
    (Table("tanh", 2, 6), FixedFormat(8, 7, "truncate")),
    (Table("sigmoid", -2, 14), FixedFormat(12, 11)),  # an index finer than the sum
]


def one_layer(seed: int, activation: Activation, word: FixedFormat) -> Network:
    layer = Dense(f"s{seed}", 30, 1, 1, FixedFormat(10, 5), word, activation)
    return random_network(seed, FixedFormat(12, 5), 30, (layer,))


def test_a_million_sums_each_equal_the_reference(tmp_path: Path, ntorc_cache: Path) -> None:
    """Half of the sums where the function bends, half over everything that the accumulator can hold."""
    networks = [one_layer(seed, *case) for seed, case in enumerate(STAGES)]
    sums, wanted = [], []
    for seed, network in enumerate(networks):
        (layer,) = network.weighted_layers
        generator = np.random.default_rng(seed)
        limit = 1 << (accumulator_bits(network, layer) - 2)  # leaves room for bias and rounding
        bias = int(network.biases[layer.name][0])
        fraction = accumulator_fraction(layer, network.input_format)
        bend = generator.integers(-(10 << fraction), 10 << fraction, COUNT // 2)
        drawn = np.concatenate([np.clip(bend - bias, -limit, limit), generator.integers(-limit, limit, COUNT // 2)])
        generator.shuffle(drawn)
        sums.append(drawn)
        wanted.append(reference.activate(layer.activation, drawn + bias, fraction, layer.output_format))
    found = run_stages(networks, sums, tmp_path, ntorc_cache)
    for case, got, right in zip(STAGES, found, wanted, strict=True):
        assert len(got) == COUNT, case
        assert int((got != right).sum()) == 0, case
        if case[1].fraction > 0:
            assert len(np.unique(right)) > 20, case  # the sums exercise the function


@given(st.integers(2, 25), st.integers(1, 600), st.data())
def test_the_reciprocal_divides_exactly(bits: int, pool: int, data: st.DataObject) -> None:
    quotient = Quotient(bits, pool)
    drawn = data.draw(st.integers(0, quotient.largest))
    nearby = [drawn // pool * pool + offset for offset in (-1, 0, pool - 1)]
    for n in [0, drawn, quotient.largest, quotient.largest - quotient.largest % pool - 1, *nearby]:
        if 0 <= n <= quotient.largest:
            assert ((n >> quotient.drop) * quotient.reciprocal) >> quotient.shift == n // pool


@pytest.mark.parametrize("pool", range(1, 34))
def test_the_reciprocal_divides_every_sum_of_small_words(pool: int) -> None:
    quotient = Quotient(8, pool)
    n = np.arange(quotient.largest + 1)
    np.testing.assert_array_equal(((n >> quotient.drop) * quotient.reciprocal) >> quotient.shift, n // pool)


def test_the_drawn_networks_have_every_kind() -> None:
    """So that the comparisons of random networks are about all of them."""
    layers = [layer for seed in range(1000, 1018) for layer in draw_network(seed).layers]
    assert {layer.kind for layer in layers} == {"conv1d", "dense", "lstm", "gru", "maxpool1d", "averagepool1d"}
    activations = [layer.activation for layer in layers if isinstance(layer, Conv1D | Dense)]
    assert {"linear", "relu", "hard_sigmoid"} <= {a for a in activations if isinstance(a, str)}
    assert {a.function for a in activations if isinstance(a, Table)} == {"sigmoid", "tanh"}
    assert any(isinstance(a, LeakyRelu) for a in activations)


WEIGHT, WORD = FixedFormat(7, 5), FixedFormat(13, 7)
ORDERS = {
    # averages directly behind maxima, behind each other, and in front of a layer that is far too slow for them
    "pools in a row": (
        Conv1D("c", 48, 1, 6, 3, WEIGHT, WORD, padding_left=2, activation=Table("tanh", 2, 9)),
        MaxPool1D("m", 48, 6, 2),
        AveragePool1D("a", 24, 6, 3),
        AveragePool1D("b", 8, 6, 2),
        Conv1D("s", 4, 6, 9, 2, WEIGHT, WORD, activation=LeakyRelu(51, 8)),
        AveragePool1D("g", 3, 9, 3),
        Dense("d", 1, 9, 2, WEIGHT, FixedFormat(16, 12), Table("sigmoid", 3, 10)),
    ),
    "back-pressure and a dropped end": (
        AveragePool1D("a", 47, 1, 3),
        Conv1D("s", 15, 1, 9, 5, WEIGHT, WORD, dilation=2, padding_left=8, activation="hard_sigmoid"),
        MaxPool1D("m", 15, 9, 2),
        AveragePool1D("g", 7, 9, 5),
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_awkward_orders_are_exact(order: str, ntorc_cache: Path) -> None:
    layers = ORDERS[order]
    network = random_network(3, FixedFormat(12, 7), layers[0].input_length, layers)
    directives = [Directive(1, 0, "block") if isinstance(x, Conv1D | Dense) else NO_DIRECTIVE for x in layers]
    # a frame begins when the one before has left every layer, dropped positions included: hop cycles and more
    hop, generator = 40, np.random.default_rng(4)
    samples = generator.integers(-2048, 2048, network.input_length + 20 * hop)
    plan = make_plan(network, directives, 100e6, hop)
    with SimulatedLogic(build_logic(plan.files, ntorc_cache)) as logic:
        results, latencies = logic.estimates(samples, hop)
    np.testing.assert_array_equal(results, reference.run(network, windows_of(samples, network.input_length, hop)))
    assert set(latencies.tolist()) == {latency_cycles(network, [1] * len(network.weighted_layers))}


@pytest.mark.parametrize(
    "activation, extra",
    [("relu", 0), (LeakyRelu(1, 3), 1), (LeakyRelu(77, 8), 4), ("hard_sigmoid", 8), (Table("tanh", 2, 8), 1)],
)
def test_an_activation_costs_its_own_cycles(activation: Activation, extra: int) -> None:
    word = FixedFormat(14, 6)
    assert finish_cycles(activation) == extra
    plain = latency_cycles(one_layer(1, "linear", word), [1])
    assert latency_cycles(one_layer(1, activation, word), [1]) == plain + extra


@pytest.mark.parametrize(
    "layer",
    [
        Conv1D("c", 64, 4, 6, 3, FixedFormat(10, 6), WORD, activation=table_within("tanh", 2.0**-9)),
        Conv1D("c", 64, 4, 6, 3, FixedFormat(10, 6), WORD, activation=Table("sigmoid", 3, 6)),
        Conv1D("c", 64, 4, 6, 3, FixedFormat(10, 6), WORD, activation="hard_sigmoid"),
        AveragePool1D("c", 64, 4, 3),
    ],
    ids=["tanh in block RAM", "sigmoid in logic", "hard sigmoid", "average of three"],
)
def test_synthesis_gives_what_the_structure_says(layer: Conv1D | AveragePool1D, ntorc_cache: Path) -> None:
    network = random_network(1, FixedFormat(14, 8), 64, (layer,))
    directive = Directive(3, 24, "block") if isinstance(layer, Conv1D) else NO_DIRECTIVE
    plan = make_plan(network, [directive], 100e6, 16)
    part = plan.parts[0]
    found = synthesise(units_of(plan.files, part), ntorc_cache)
    if isinstance(layer, Conv1D):
        features = subject.EngineFeatures(network, layer, network.input_format).under(directive)
    else:
        features = subject.pool_features(layer, 14)
    assert (found.dsp, found.bram18) == structural(features)
    mean, bound = load_model().predict(features)
    assert 0.5 * mean.lut < found.lut < 1.5 * bound.lut
    assert 0.5 * mean.ff < found.ff < 1.5 * bound.ff
