"""Quantisation-aware training computes in the integer network's words, and makes a coarse network better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ntorc.errors import DataError
from ntorc.estimator.estimator import load_model, rmse_v
from ntorc.estimator.forms import StreamingForm, bank_of
from ntorc.estimator.frames import frames_of
from ntorc.estimator.judging import integer_estimates_v
from ntorc.estimator.quantised_training import quantised_model, rounded, train_quantised, words_of
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.splits import honest
from ntorc.estimator.streaming import train_streaming
from ntorc.estimator.streaming_training import StreamingConfig, prepare
from ntorc.network.formats import FixedFormat
from ntorc.network.quantise import Precision
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.learn import network_stage
from ntorc.progress import Silent
from ntorc.store.local import LocalStore

FORM = StreamingForm(bank_of((22, 46, 4, 0.02), (150, 280, 4, 0.006)), 6)
CONFIG = StreamingConfig(form=FORM, iterations=60, batch=16, crop_frames=64, learning_rate=1e-2, check_every=30)


def test_rounding_is_the_formats_and_its_gradient_passes_inside() -> None:
    import tensorflow as tf

    word = FixedFormat(6, 3)
    values = tf.Variable(np.linspace(-6, 6, 201))
    with tf.GradientTape() as tape:
        out = rounded(values, word)
        total = tf.reduce_sum(out)
    np.testing.assert_array_equal(out.numpy(), word.values(word.quantise(values.numpy())))
    inside = np.abs(values.numpy()) < 3.8
    gradient = tape.gradient(total, values).numpy()
    assert (gradient[inside] == 1.0).all()
    assert (gradient[np.abs(values.numpy()) > 4.1] == 0.0).all()


def test_it_is_the_integer_network_and_gets_better(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("qat")
    runs: Runs = simulate_runs(seed=3, trajectories=5, replicas=1, duration_s=4.0)
    split = honest(runs)
    estimator = train_streaming(runs, split, CONFIG, root / "trained")
    flow = Flow(LocalStore(root / "store"), root / "cache", root)
    coarse = Precision(activation_bits=7, weight_bits=4)
    network = network_stage(flow, runs, split, estimator, root / "trained", coarse)
    frames = frames_of(list(runs), FORM, estimator.input_fraction_bits)
    data = prepare(FORM, frames, split)
    model = quantised_model(FORM, load_model(root / "trained"), words_of(network), data.scales)
    name = split.test[0]
    own = frames.of([name])
    scaled = model.predict(data.scales.scaled(own.features)[None], verbose=0)[0, :, 0]
    keras_v = scaled * data.scales.std_v + data.scales.mean_v
    integer_v = integer_estimates_v(network, [runs[name]])[0]
    assert np.median(np.abs(keras_v - integer_v)) <= 2 * network.output_format.step
    config = replace(CONFIG, iterations=60, learning_rate=3e-3)
    better, fitting = train_quantised(data, config, load_model(root / "trained"), network, Silent())
    assert better.layers == network.layers
    validation = [runs[name] for name in split.validation]
    truth = np.concatenate([run.position_v[15::16] for run in validation])

    def error_v(which: object) -> float:
        return rmse_v(np.concatenate(integer_estimates_v(which, validation)), truth)  # type: ignore[arg-type]

    assert error_v(better) < error_v(network)
    assert error_v(better) == pytest.approx(fitting.state.best_rmse_v, rel=0.1)
    with pytest.raises(DataError, match="one dense layer"):
        words_of(replace(network, layers=network.layers[:2]))
