"""Forms: true multiplies, JSON, and the untrained networks that stand for their hardware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import StorageError, UsageError
from ntorc.estimator.forms import (
    DEFAULT_FORM,
    DEFAULT_WINDOW,
    BankFront,
    ConvLayer,
    FilterFront,
    StreamingForm,
    WindowForm,
    bank_of,
    load_form,
    save_form,
)
from ntorc.estimator.untrained import INPUT_FORMAT, untrained_network
from ntorc.network import reference
from ntorc.network.layers import GRU
from ntorc.network.quantise import Precision

FORMS: tuple[StreamingForm | WindowForm, ...] = (
    DEFAULT_FORM,
    DEFAULT_WINDOW,
    StreamingForm(bank_of((20, 50, 5, 0.02), (150, 300, 3, 0.006)), 12, (6,), 8),
    StreamingForm(FilterFront(9), 10),
    WindowForm(64, (ConvLayer(4, 3, pool=2, padding="same"), ConvLayer(4, 3, stride=2, padding="same")), (5,), (3, 2)),
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.describe())
def test_the_untrained_network_is_the_form(form: StreamingForm | WindowForm) -> None:
    network = untrained_network(form)
    assert network.multiplies == form.multiplies
    assert (network.input_length, network.input_channels, network.outputs) == (form.frame_samples, 1, 1)
    assert network.stateful == isinstance(form, StreamingForm)
    assert network.digest == untrained_network(form).digest
    assert network.digest != untrained_network(form, seed=2).digest
    frames = INPUT_FORMAT.quantise(np.random.default_rng(3).normal(0, 1, (5, form.frame_samples, 1)))
    assert len(np.unique(reference.run(network, frames))) > 1


def test_widths_follow_the_precision() -> None:
    network = untrained_network(DEFAULT_FORM, precision=Precision(activation_bits=12, weight_bits=8))
    gru = next(layer for layer in network.layers if isinstance(layer, GRU))
    assert (gru.output_format.bits, gru.gate_format.bits) == (12, 12)
    assert 8 <= gru.weight_format.bits <= 12


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.describe())
def test_saved_and_loaded(form: StreamingForm | WindowForm, tmp_path: Path) -> None:
    assert load_form(save_form(form, tmp_path / "form.json")) == form


def test_a_damaged_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "form.json").write_text('{"format": 1, "form": {"kind": "streaming"}}')
    with pytest.raises(StorageError, match=r"form\.json"):
        load_form(tmp_path / "form.json")


@settings(max_examples=15)
@given(st.integers(1, 40), st.integers(1, 20), st.lists(st.integers(1, 9), max_size=2), st.sampled_from([4, 16, 20]))
def test_multiplies_of_any_streaming_form(count: int, units: int, dense: list[int], frame: int) -> None:
    form = StreamingForm(bank_of((15, 700, count, 0.01)), units, tuple(dense), frame)
    assert untrained_network(form).multiplies == form.multiplies


def test_what_cannot_be() -> None:
    with pytest.raises(UsageError, match="resonators"):
        BankFront((20.0,), ())
    with pytest.raises(UsageError, match="positive"):
        BankFront((0.0,), (0.01,))
    with pytest.raises(UsageError, match="positive"):
        StreamingForm(FilterFront(3), 0)
    with pytest.raises(UsageError, match="at least one filter"):
        FilterFront(0)
    with pytest.raises(UsageError, match="samples a second"):
        untrained_network(StreamingForm(bank_of((100, 2600, 3, 0.01)), 4))
