"""Quantisation-aware training computes in the integer network's words, and makes a coarse network better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntorc.errors import DataError
from ntorc.estimator.estimator import load_model, rmse_v
from ntorc.estimator.forms import ConvLayer, FilterFront, StreamingForm, WindowForm, bank_of
from ntorc.estimator.frames import frames_of
from ntorc.estimator.judging import integer_estimates_v
from ntorc.estimator.quantised_training import quantised_model, rounded, train_quantised, with_weights, words_of
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.splits import honest
from ntorc.estimator.streaming import train_streaming
from ntorc.estimator.streaming_model import build_streaming, fold_scales, to_float_network
from ntorc.estimator.streaming_training import StreamingConfig, prepare
from ntorc.estimator.training import TrainingConfig
from ntorc.estimator.windows import ADC_BITS, to_counts
from ntorc.network.formats import FixedFormat
from ntorc.network.quantise import Precision, quantise
from ntorc.pipeline.estimator.learn import learn, network_stage
from ntorc.pipeline.estimator.quantisation import aware_stage, quantised
from ntorc.pipeline.flow import Flow
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
    with pytest.raises(DataError, match="has the layers ResonatorBank, GRU"):
        words_of(replace(network, layers=network.layers[:2]))


@pytest.fixture(scope="module")
def runs() -> Runs:
    return simulate_runs(seed=3, trajectories=4, replicas=1, duration_s=2.0)


@pytest.mark.parametrize(
    "form",
    [
        StreamingForm(bank_of((22, 46, 4, 0.02)), 6, (5, 3)),
        StreamingForm(FilterFront(5), 6, (4,)),
        StreamingForm(bank_of((22, 46, 4, 0.02)), 8, members=2),
    ],
    ids=lambda form: form.describe(),
)
def test_other_forms_are_their_integer_networks_too(form: StreamingForm, runs: Runs) -> None:
    """With drawn weights: several dense layers, trained filters, members."""
    fraction, coarse = 8, Precision(activation_bits=9, weight_bits=6)
    frames = frames_of(list(runs), form, fraction)
    data = prepare(form, frames, honest(runs), with_validation=False)
    trained = build_streaming(form, 5)
    fold_scales(trained, data.scales)
    counts = np.concatenate([to_counts(run.acceleration_v).astype(np.int64) for run in runs.runs[:2]])
    samples = counts[: len(counts) // 32 * 32].reshape(-1, 16, 1)
    floating = to_float_network(form, trained, 5000.0, "n")
    network = quantise(floating, FixedFormat(ADC_BITS, fraction), samples, coarse, 2)
    model = quantised_model(form, trained, words_of(network), data.scales)
    name = runs.runs[0].name
    scaled = model.predict(data.scales.scaled(frames.of([name]).features)[None], verbose=0)[0, :, 0]
    keras_v = scaled * data.scales.std_v + data.scales.mean_v
    integer_v = integer_estimates_v(network, [runs[name]])[0]
    assert np.median(np.abs(keras_v - integer_v)) <= 2 * network.output_format.step
    assert np.ptp(integer_v) > 10 * network.output_format.step
    best = model.get_weights()
    trained.set_weights(best)
    fold_scales(trained, data.scales)
    same = with_weights(network, trained)
    for layer in network.weights:
        off = np.abs(same.weights[layer] - network.weights[layer])
        assert off.max() <= 1, "float32 may round another way"
        assert off.mean() < 0.01


def test_a_window_network_goes_on_in_its_words(runs: Runs, tmp_path: Path) -> None:
    flow = Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path)
    runs.save(tmp_path / "runs")
    form = WindowForm(64, (ConvLayer(4, 8, stride=4),), (6,))
    config = TrainingConfig(form, epochs=2, steps_per_epoch=40, batch=64)
    coarse = Precision(activation_bits=7, weight_bits=4)
    learned = learn(flow, tmp_path / "runs", config, precision=coarse)
    better, figures = quantised(flow, learned, coarse, 120)
    assert better.network.layers == learned.network.layers
    assert figures.aware_rmse_v != figures.post_rmse_v
    assert "quantisation-aware" in figures.text()
    assert aware_stage(flow, learned, coarse, 120).digest == better.network.digest


def test_an_lstm_in_a_window_is_refused_by_name(runs: Runs, tmp_path: Path) -> None:
    flow = Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path)
    runs.save(tmp_path / "runs")
    config = TrainingConfig(WindowForm(16, (), (), (2,)), epochs=1, steps_per_epoch=1, batch=8)
    learned = learn(flow, tmp_path / "runs", config)
    with pytest.raises(DataError, match="lstm1' is not trained in its words"):
        aware_stage(flow, learned, Precision(), 6)
