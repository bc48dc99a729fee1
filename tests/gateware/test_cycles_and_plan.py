"""The latency model's cuts, legal directives, and the plan's determinism."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.backends.base import Directive
from ntorc.backends.native.cycles import StreamingLatency, latency_cycles
from ntorc.backends.native.draw import draw_network
from ntorc.backends.native.geometry import engine_of, legal_directives, legal_lanes
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.network.layers import Pool


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_cut_is_tight_for_its_choice_and_valid_for_all(seed: int) -> None:
    network, draw = draw_network(seed), random.Random(seed)
    rows = [
        [None] if isinstance(layer, Pool) else [engine_of(layer, n) for n in legal_lanes(layer.output_channels)]
        for layer in network.layers
    ]
    model = StreamingLatency(network, rows)
    for _ in range(4):
        choice = [draw.randrange(len(row)) for row in rows]
        cut = model.cut(choice)
        assert cut.value(choice) == model.latency_cycles(choice)
        for _ in range(12):
            other = [draw.randrange(len(row)) for row in rows]
            assert cut.value(other) <= model.latency_cycles(other)


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_more_multipliers_are_never_slower_when_all_grow(seed: int) -> None:
    network = draw_network(seed)
    counts = [layer.output_channels for layer in network.weighted_layers]
    assert latency_cycles(network, counts) <= latency_cycles(network, [1] * len(counts))


@given(st.integers(1, 200))
def test_any_number_of_passes_is_reachable_with_the_fewest_multipliers(filters: int) -> None:
    lanes = legal_lanes(filters)
    assert lanes[0] == 1
    assert lanes[-1] == filters
    passes = [-(-filters // n) for n in lanes]
    assert len(set(passes)) == len(passes)
    for n, count in zip(lanes, passes, strict=True):
        assert n == 1 or -(-filters // (n - 1)) > count


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_plans_are_deterministic_and_identify_their_design(seed: int) -> None:
    network = draw_network(seed)
    directives = [NO_DIRECTIVE if isinstance(x, Pool) else legal_directives(x)[0] for x in network.layers]
    hop = network.input_length if network.stateful else 16
    plan = make_plan(network, directives, 100e6, hop)
    assert make_plan(network, directives, 100e6, hop) == plan
    assert make_plan(network, directives, 101e6, hop).design_id != plan.design_id
    assert plan.design_id in plan.files["ntorc_top.sv"]
    for part in plan.parts:
        assert set(part.files) <= set(plan.files)


def test_directive_texts_come_back() -> None:
    others = (Directive(7, 144, "lut", "logic"), Directive(1, 4, "lut", "dsp", "lut"))
    for directive in (Directive(7, 144, "block"), *others):
        assert Directive.parse(str(directive)) == directive
