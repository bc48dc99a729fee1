"""Narrower weights: each within half a step or saturated, words between layers untouched, results near."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ntorc.backends.native.draw import draw_network, with_wrapping_sums
from ntorc.errors import DataError
from ntorc.network.layers import Recurrent
from ntorc.network.narrow import measured_versions, narrowed
from ntorc.network.reference import run
from ntorc.network.widths import accumulator_fraction


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_weights_and_biases_are_the_nearest_of_fewer_bits(seed: int, bits: int) -> None:
    network = draw_network(seed)
    try:
        found = narrowed(network, {layer.name: bits for layer in network.weighted_layers})
    except DataError:
        if not any(layer.activation == "hard_sigmoid" for layer in network.weighted_layers):
            raise
        reject()
    assert found.formats == network.formats
    for before, after in zip(network.weighted_layers, found.weighted_layers, strict=True):
        word, old = after.weight_format, before.weight_format
        assert word.bits == min(bits, old.bits)
        name = before.name
        if word.bits == old.bits:
            assert np.array_equal(found.weights[name], network.weights[name])
            continue
        exact, rounded = old.values(network.weights[name]), word.values(found.weights[name])
        free = (found.weights[name] > word.minimum) & (found.weights[name] < word.maximum)
        assert (np.abs(rounded - exact)[free] <= word.step / 2).all()
        own, given_before = (accumulator_fraction(item, network.before(before)) for item in (after, before))
        if not isinstance(before, Recurrent):
            biases = found.biases[name] * 2.0**-own - network.biases[name] * 2.0**-given_before
            assert (np.abs(biases) <= 2.0 ** -(own + 1)).all()
    assert narrowed(network, {}).digest == network.digest


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_own_width_costs_nothing_and_measured_cost_is_that_of_one_layer(seed: int) -> None:
    network = draw_network(seed)
    generator = np.random.default_rng(seed)
    word = network.input_format
    shape = (24, network.input_length, network.input_channels)
    frames = generator.integers(word.minimum, word.maximum + 1, shape)
    found = measured_versions(network, (30, 6, 4, 6), frames)
    assert found.bits == (30, 6, 4)
    truth = run(network, frames)[:, 0] * network.output_format.step
    for layer in network.weighted_layers:
        offered = found.deviation.get(layer.name, {})
        narrower = {bits for bits in (30, 6, 4) if bits < layer.weight_format.bits}
        assert set(offered) <= narrower
        assert set(offered) == narrower or layer.activation == "hard_sigmoid"
        for bits, square in offered.items():
            moved = run(narrowed(network, {layer.name: bits}), frames)[:, 0] * network.output_format.step - truth
            assert square == pytest.approx(float(np.mean(moved**2)))


def test_what_cannot_be_narrowed_is_refused() -> None:
    network = draw_network(3)
    name = network.weighted_layers[0].name
    with pytest.raises(DataError, match="'nothing'"):
        narrowed(network, {"nothing": 8})
    with pytest.raises(DataError, match="1 bits"):
        narrowed(network, {name: 1})
    empty = np.zeros((0, network.input_length, network.input_channels), np.int64)
    with pytest.raises(DataError, match="no frames"):
        measured_versions(network, (8,), empty)
    wrapping = with_wrapping_sums(network, 1)
    fixed = [layer.name for layer in wrapping.weighted_layers if layer.accumulator is not None]
    assert fixed
    with pytest.raises(DataError, match="narrowed") as told:
        narrowed(wrapping, {fixed[0]: 4})
    assert "another tool" in told.value.hint
    assert narrowed(replace(network, name="same"), {name: 62}).weights[name] is network.weights[name]
