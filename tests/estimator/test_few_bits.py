"""Training on with few bits: what is trained is what the integer network computes, and it fits FINN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntorc.backends.finn.limits import unsupported
from ntorc.errors import DataError
from ntorc.estimator.few_bits import FewBitsConfig, formats_of, forward_of, rmse_of, train_on
from ntorc.estimator.forms import ConvLayer, WindowForm
from ntorc.estimator.training import Prepared, TrainingConfig
from ntorc.estimator.windows import Windows
from ntorc.network import reference
from ntorc.network.few_bits import few_bits_network, with_weights
from ntorc.network.floating import FloatConv1D, FloatDense, FloatMaxPool1D, FloatNetwork
from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.progress import Silent

LENGTH, WORD = 24, FixedFormat(14, 6)
FORM = WindowForm(LENGTH, (ConvLayer(4, 3, pool=2),), (6,))


def floating(seed: int = 1) -> FloatNetwork:
    generator = np.random.default_rng(seed)
    layers = (
        FloatConv1D("c", generator.normal(0, 0.5, (3, 1, 4)), generator.normal(0, 0.2, 4), activation="relu"),
        FloatMaxPool1D("p", 2),
        FloatDense("d", generator.normal(0, 0.2, (44, 6)), generator.normal(0, 0.2, 6), activation="relu"),
        FloatDense("e", generator.normal(0, 0.5, (6, 1)), np.array([0.3])),
    )
    return FloatNetwork("few", LENGTH, 1, layers)


def windows(seed: int = 2, samples: int = 4000) -> Windows:
    """Noise whose strength is to be estimated."""
    generator = np.random.default_rng(seed)
    strength = 1.0 + 0.5 * np.sin(np.arange(samples) / 60.0)
    counts = np.clip(generator.normal(0, 60, samples) * strength, -8000, 8000).astype(np.int16)
    ends = np.arange(LENGTH - 1, samples, 3)
    return Windows(counts, ends, strength[ends].astype(np.float32), np.zeros(len(ends), np.int64), ("a",), LENGTH)


def quantised(network: FloatNetwork, bits: int) -> Network:
    frames = windows().inputs(0, slice(0, 300)).astype(np.int64)
    first = few_bits_network(floating(), WORD, frames, bits)
    return with_weights(first, first.layers, network)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_what_is_trained_is_what_the_integer_network_computes(bits: int) -> None:
    import tensorflow as tf

    real, network = floating(), quantised(floating(), bits)
    assert unsupported(network) == []
    # biases as the integer network rounds them
    values, rounded = {}, []
    for layer in real.layers:
        if isinstance(layer, FloatConv1D | FloatDense):
            own = next(one for one in network.weighted_layers if one.name == layer.name)
            scale = 2.0 ** (network.before(own).fraction + own.weight_format.fraction)
            layer = replace(layer, bias=network.biases[layer.name] / scale)
            values[layer.name] = layer
        rounded.append(layer)
    variables = [tf.Variable(a, dtype=tf.float32) for one in values.values() for a in (one.weights, one.bias)]
    frames = windows(5).inputs(0, slice(0, 400))
    found = forward_of(rounded, variables, formats_of(network), 1.0)(frames * WORD.step).numpy()
    expected = network.output_format.values(reference.run(network, frames.astype(np.int64)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_training_on_brings_the_error_down_and_the_best_epoch_is_taken() -> None:
    data_windows, validation = windows(), windows(7)
    cumulative = np.arange(1, len(data_windows.ends) + 1) / len(data_windows.ends)
    data = Prepared(data_windows, validation, WORD.fraction, 1.0, 0.35, cumulative)
    training = TrainingConfig(form=FORM, steps_per_epoch=40, batch=64, gain_spread=0.0)
    few = FewBitsConfig(3, 5e-3, training)
    start = rmse_of(quantised(floating(), 4), validation)
    network, best_v, epoch = train_on(
        floating(), data, few, lambda real: quantised(real, 4), lambda one: rmse_of(one, validation), Silent()
    )
    assert epoch > 0
    assert best_v < 0.8 * start
    assert rmse_of(network, validation) == best_v
    assert unsupported(network) == []


def test_what_was_interrupted_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    data_windows, validation = windows(), windows(7)
    cumulative = np.arange(1, len(data_windows.ends) + 1) / len(data_windows.ends)
    data = Prepared(data_windows, validation, WORD.fraction, 1.0, 0.35, cumulative)
    few = FewBitsConfig(3, 5e-3, TrainingConfig(form=FORM, steps_per_epoch=10, batch=64))

    class Stops(Silent):
        """Ends it behind the second epoch, as Ctrl-C does."""

        def step(self, what: str, done: int, total: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

    def trained(progress: Silent, keep: Path | None) -> tuple[Network, float, int]:
        return train_on(
            floating(), data, few, lambda real: quantised(real, 3), lambda one: rmse_of(one, validation), progress, keep
        )

    keep = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        trained(Stops(), keep)
    assert keep.is_file()
    network, best_v, epoch = trained(Silent(), keep)
    whole = trained(Silent(), None)
    assert (best_v, epoch) == whole[1:]
    assert network.digest == whole[0].digest
    assert not keep.exists()


def test_other_layers_are_refused() -> None:
    odd = replace(floating(), layers=(replace(floating().layers[0], activation="tanh"), *floating().layers[1:]))
    data = Prepared(windows(), windows(), 6, 1.0, 0.35, np.ones(1))
    config = FewBitsConfig(1, 1e-3, TrainingConfig(form=FORM))
    with pytest.raises(DataError, match="'c' is not trained in its words"):
        train_on(odd, data, config, lambda real: quantised(real, 4), lambda one: 0.0, Silent())
