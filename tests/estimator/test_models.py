"""Window networks: shapes, multiplies, the folded label scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.errors import UsageError
from ntorc.estimator.forms import DEFAULT_WINDOW, ConvLayer, WindowForm
from ntorc.estimator.models import build_model, fold_label_scale

FORMS = [
    DEFAULT_WINDOW,
    WindowForm(64, (ConvLayer(4, 5, stride=2, pool=2), ConvLayer(3, 3, pool=3)), (7, 5)),
    WindowForm(32, (), (6,)),
    WindowForm(50, (ConvLayer(2, 7),), ()),
]


@pytest.mark.parametrize("form", FORMS)
def test_the_model_is_the_form(form: WindowForm) -> None:
    import keras

    model = build_model(form, seed=1)
    assert model.input_shape == (None, form.window_samples, 1)
    assert model.output_shape == (None, 1)
    multiplies = 0
    lengths = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D):
            multiplies += layer.output.shape[1] * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            multiplies += int(np.prod(layer.kernel.shape))
        if isinstance(layer, keras.layers.Conv1D | keras.layers.MaxPooling1D):
            lengths.append(layer.output.shape[1])
    assert form.multiplies == multiplies
    assert set(lengths) == {length for pair in form.lengths() for length in pair}
    assert {type(layer).__name__ for layer in model.layers} <= {"Conv1D", "MaxPooling1D", "Flatten", "Dense"}


def test_equal_seeds_give_equal_weights() -> None:
    first, again, other = (build_model(FORMS[1], seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_folding_moves_the_label_scale_into_the_last_layer() -> None:
    model = build_model(FORMS[1], seed=1)
    kernel, _ = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, np.array([0.3], np.float32)])
    inputs = np.random.default_rng(0).normal(size=(20, 64, 1)).astype(np.float32)
    before = np.asarray(model(inputs))
    fold_label_scale(model, 1.85, 0.66)
    np.testing.assert_allclose(np.asarray(model(inputs)), before * 0.66 + 1.85, atol=1e-5)


@given(
    st.integers(1, 80),
    st.lists(st.builds(ConvLayer, *[st.integers(1, 9)] * 2, st.integers(1, 4), st.integers(1, 4)), max_size=4),
)
def test_every_form_fits_or_is_refused(window: int, layers: list[ConvLayer]) -> None:
    left, expected = window, []
    for layer in layers:
        convolved = len(range(0, left - layer.kernel + 1, layer.stride))
        left = convolved // layer.pool
        expected.append((convolved, left))
    if left == 0:
        with pytest.raises(UsageError, match="does not fit"):
            WindowForm(window, tuple(layers), (3,))
    else:
        form = WindowForm(window, tuple(layers), (3,))
        assert form.lengths() == expected
        assert form.multiplies >= 3


@pytest.mark.parametrize("arguments", [(0, (), ()), (10, (), (0,)), (10, (ConvLayer(0, 3),), ())])
def test_sizes_must_be_positive(arguments: tuple[int, tuple[ConvLayer, ...], tuple[int, ...]]) -> None:
    with pytest.raises(UsageError, match="must be positive"):
        WindowForm(*arguments)
