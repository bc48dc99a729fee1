"""Trainings of candidates: the same wherever and whenever each look is taken."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from small import SMALL

from ntorc.estimator.forms import ConvLayer, FilterFront, StreamingForm, WindowForm
from ntorc.search.fitting import Fit, State, StreamingFit, WindowFit, initial_weights
from ntorc.search.material import Material

BUDGET = replace(SMALL, looks=3)
FORMS = {
    "streaming": StreamingForm(FilterFront(4), 6, (3,)),
    "window": WindowForm(128, (ConvLayer(3, 5, stride=4),), (4,), (2,)),
}


def fit(material: Material, kind: str) -> Fit:
    form = FORMS[kind]
    random.seed()  # as another thread would leave it
    if isinstance(form, StreamingForm):
        return StreamingFit(material, form, BUDGET, 1)
    return WindowFit(material, form, BUDGET, 1)


@pytest.mark.parametrize("kind", FORMS)
def test_looks_in_other_processes_go_on_from_the_state_alone(material: Material, kind: str) -> None:
    whole, state = fit(material, kind), State()
    for _ in range(BUDGET.looks):
        state = whole.advance(state)
    moved = State()
    for _ in range(BUDGET.looks):
        moved = fit(material, kind).advance(moved)
    # sums over threads may differ in the last digits
    np.testing.assert_allclose(moved.curve_v, state.curve_v, rtol=1e-4)
    for first, second in zip(moved.variables["best"], state.variables["best"], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-2, atol=1e-4)
    assert list(state.curve_v) == sorted(state.curve_v, reverse=True)
    network = whole.floating(whole.best_model(state.variables), "x")
    assert [layer.name for layer in network.layers][-1].endswith("position")
    assert len(network.layers) == 4
    assert whole.labels.low_v < whole.labels.mean_v < whole.labels.high_v


def test_weights_are_those_of_the_seed_as_keras_would_draw_them() -> None:
    import keras

    model = keras.Sequential([keras.Input((None, 40)), keras.layers.LSTM(32), keras.layers.Dense(16)])
    first, again, other = (initial_weights(model, seed) for seed in (1, 1, 2))
    for value, same, different, before in zip(first, again, other, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, same)
        assert value.dtype == np.float32
        if value.ndim == 1:
            np.testing.assert_array_equal(value, before)
        else:
            assert np.abs(value - different).max() > 0.01
            assert value.std() == pytest.approx(before.std(), rel=0.1)
    np.testing.assert_allclose(first[1] @ first[1].T, np.eye(32), atol=1e-5)
