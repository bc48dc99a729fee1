"""Training a streaming estimator: it learns, resumes exactly, and its integer network is what was trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntorc import records
from ntorc.errors import UsageError
from ntorc.estimator.estimator import Estimator, load_estimator, load_model
from ntorc.estimator.forms import FilterFront, StreamingForm, bank_of
from ntorc.estimator.frames import frames_of
from ntorc.estimator.judging import integer_estimates_v, judge_network
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.splits import Split, honest
from ntorc.estimator.streaming import load_state, save_state, train_streaming, warm_up_of
from ntorc.estimator.streaming_model import build_streaming, fold_scales, merge_members, to_float_network
from ntorc.estimator.streaming_training import FitState, Fitting, StreamingConfig, fit, prepare
from ntorc.estimator.windows import to_counts
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.network.streams import run_recordings
from ntorc.pipeline.estimator.learn import learn, network_stage, save_learned
from ntorc.pipeline.flow import Flow
from ntorc.progress import Silent
from ntorc.store.local import LocalStore

FORM = StreamingForm(bank_of((22, 46, 4, 0.02), (150, 280, 4, 0.006)), 8)
SMALL = StreamingConfig(form=FORM, iterations=60, batch=16, crop_frames=64, learning_rate=1e-2, check_every=20)


@pytest.fixture(scope="module")
def simulated() -> Runs:
    """Fewer and shorter runs than the other tests' own: a GRU goes through them step by step."""
    return simulate_runs(seed=3, trajectories=6, replicas=1, duration_s=4.0)


@pytest.fixture(scope="module")
def split(simulated: Runs) -> Split:
    return honest(simulated)


@pytest.fixture(scope="module")
def trained(simulated: Runs, split: Split, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Estimator]:
    folder = tmp_path_factory.mktemp("streaming")
    return folder, train_streaming(simulated, split, replace(SMALL, seed=3), folder)


@pytest.fixture(scope="module")
def network(
    simulated: Runs, split: Split, trained: tuple[Path, Estimator], tmp_path_factory: pytest.TempPathFactory
) -> Network:
    root = tmp_path_factory.mktemp("flow")
    flow = Flow(LocalStore(root / "store"), root / "cache", root)
    return network_stage(flow, simulated, split, trained[1], trained[0])


def test_it_learns_on_motions_it_has_not_seen(trained: tuple[Path, Estimator]) -> None:
    estimator = trained[1]
    assert estimator.test_rmse_v < 0.7 * estimator.test_mean_rmse_v
    assert estimator.validation_rmse_v is not None
    assert 20 <= estimator.epochs[1] == estimator.epochs[0] <= 60
    assert load_estimator(trained[0]) == estimator
    assert estimator.warm_up_samples == warm_up_of(FORM, 5000.0) * 16


def test_the_integer_network_is_the_trained_model(
    trained: tuple[Path, Estimator], network: Network, simulated: Runs, split: Split
) -> None:
    folder, estimator = trained
    assert (network.multiplies, network.warm_up) == (FORM.multiplies, warm_up_of(FORM, 5000.0))
    test = [simulated[name] for name in split.test]
    metrics = judge_network(network, test, estimator.valid_range_v, estimator.position_mm_per_v)
    assert metrics.total.rmse_v == pytest.approx(estimator.test_rmse_v, rel=0.03)
    frames = frames_of(test[:1], FORM, estimator.input_fraction_bits)
    keras = load_model(folder).predict(frames.features[None], verbose=0)[0, :, 0]
    floating = to_float_network(FORM, load_model(folder), 5000.0, "x")
    samples = to_counts(test[0].acceleration_v)[: len(frames) * 16].reshape(-1, 16, 1)
    ours = floating.run(samples * 2.0**-estimator.input_fraction_bits)[-1].reshape(-1)
    np.testing.assert_allclose(ours, keras, atol=2e-4)
    integer = integer_estimates_v(network, test[:1])[0]
    assert np.median(np.abs(integer - keras)) < 0.01  # in quiet frames a state's rounding is the signal


def test_recordings_side_by_side_equal_the_reference_one_by_one(network: Network, simulated: Runs) -> None:
    lengths = (900, 333, 1600)
    counts = [to_counts(run.acceleration_v[:n]).astype(np.int64) for run, n in zip(simulated, lengths, strict=False)]
    for samples, found in zip(counts, run_recordings(network, counts), strict=True):
        whole = len(samples) // 16
        wanted = reference.run(network, samples[: 16 * whole].reshape(-1, 16, 1))[:, 0]
        np.testing.assert_array_equal(found, wanted)


def test_it_is_not_trained_twice(trained: tuple[Path, Estimator], simulated: Runs, split: Split) -> None:
    began = (trained[0] / "model.keras").stat().st_mtime_ns
    assert train_streaming(simulated, split, replace(SMALL, seed=3), trained[0]) == trained[1]
    assert (trained[0] / "model.keras").stat().st_mtime_ns == began


def test_a_resumed_training_equals_an_uninterrupted_one(simulated: Runs, split: Split, tmp_path: Path) -> None:
    data = prepare(FORM, frames_of(list(simulated), FORM, 8), split)
    config = replace(SMALL, iterations=40, seed=4)
    whole = fit(data, config, Silent()).state

    class Stop(Exception):
        pass

    def keep_one(state: FitState) -> None:
        save_state(state, tmp_path, "key")
        raise Stop

    with pytest.raises(Stop):
        fit(data, config, Silent(), keep=keep_one)
    assert load_state(tmp_path, "another key") is None
    state = load_state(tmp_path, "key")
    assert state is not None
    assert state.iteration == 20
    again = fit(data, config, Silent(), state).state
    assert again.best_rmse_v == pytest.approx(whole.best_rmse_v, abs=1e-6)
    for ours, theirs in zip(again.variables["best"], whole.variables["best"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    (tmp_path / "state.npz").write_bytes((tmp_path / "state.npz").read_bytes()[:-100])
    assert load_state(tmp_path, "key") is None


def test_the_test_part_has_no_influence(simulated: Runs, split: Split) -> None:
    frames = frames_of(list(simulated), FORM, 8)
    data = prepare(FORM, frames, split, with_validation=False)
    assert set(data.train.names) == {*split.train, *split.validation}
    data = prepare(FORM, frames, split)
    assert set(data.train.names) == set(split.train)
    assert data.validation is not None
    assert set(data.validation.names) == set(split.validation)
    assert data.scales.mean_v == pytest.approx(float(data.train.target_v.mean()), abs=1e-4)


def test_early_stopping_keeps_the_best(simulated: Runs, split: Split) -> None:
    data = prepare(FORM, frames_of(list(simulated), FORM, 8), split)
    config = replace(SMALL, iterations=400, check_every=2, patience=1, learning_rate=0.5, average=0.0)
    fitting = fit(data, config, Silent())
    assert fitting.state.iteration < 400
    assert "no better validation" in fitting.finished
    best = fitting.predict_v(fitting.state.variables["best"], data.validation)
    error_v = np.sqrt(np.mean((best - data.validation.target_v) ** 2))
    assert error_v == pytest.approx(fitting.state.best_rmse_v, rel=1e-4)


def test_members_side_by_side_are_their_mean() -> None:
    form = replace(FORM, units=12, members=3)
    models = [build_streaming(form.member, seed) for seed in (1, 2, 3)]
    for seed, model in enumerate(models):
        generator = np.random.default_rng(seed)
        model.set_weights([generator.normal(0, 0.5, array.shape) for array in model.get_weights()])
    features = np.random.default_rng(9).normal(0, 1, (2, 30, 9)).astype(np.float32)
    wanted = np.mean([np.asarray(model(features)) for model in models], axis=0)
    np.testing.assert_allclose(np.asarray(merge_members(form, models)(features)), wanted, atol=1e-5)


@pytest.mark.parametrize("form", [FORM, StreamingForm(FilterFront(6), 5, (4,))], ids=lambda form: form.describe())
def test_folding_changes_no_estimate(form: StreamingForm, simulated: Runs, split: Split) -> None:
    frames = frames_of(list(simulated)[:2], form, 8)
    data = prepare(form, frames_of(list(simulated), form, 8), split)
    fitting = Fitting(data, replace(SMALL, form=form, iterations=2, check_every=2))
    fitting.advance()
    scaled = replace(frames, features=data.scales.scaled(frames.features))
    before = fitting.predict_v(fitting.state.variables["best"], scaled)
    model = fitting.best_model()
    fold_scales(model, data.scales)
    after = frames.joined(model.predict(frames.padded(), verbose=0)[..., 0])
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_ensemble_trained_saved_and_ready_again(simulated: Runs, tmp_path: Path) -> None:
    flow = Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path)
    simulated.save(tmp_path / "runs")
    config = replace(SMALL, form=replace(FORM, members=2), iterations=20, seed=1)
    learned = learn(flow, tmp_path / "runs", config)
    assert learned.network.multiplies == config.form.multiplies
    out = save_learned(learned, tmp_path / "out")
    again = learn(flow, tmp_path / "runs", config, ready=out)
    assert again.split == learned.split
    assert again.network.digest == learned.network.digest
    # runs of other names were never seen; of names that training had, nobody can say
    for name, renamed in (
        ("unknown", simulated.runs[:4]),
        ("unseen", tuple(replace(run, name=f"{run.name}_again") for run in simulated.runs[:4])),
    ):
        Runs(renamed, "others").save(tmp_path / name)
        other = learn(flow, tmp_path / name, config, ready=out)
        assert (other.split.name, other.split.train, len(other.split.test)) == (name, (), 4)
    with pytest.raises(UsageError, match="no trained estimator"):
        learn(flow, tmp_path / "runs", config, ready=tmp_path / "nothing")


def test_impossible_configurations_are_refused() -> None:
    for change in ({"iterations": 0}, {"settle_frames": 300}, {"learning_rate": 0.0}, {"gain_shift": -1.0}):
        with pytest.raises(UsageError):
            replace(StreamingConfig(), **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="members"):
        StreamingForm(FORM.front, 9, members=2)


def test_a_damaged_record_says_what_to_do(trained: tuple[Path, Estimator], tmp_path: Path) -> None:
    estimator = replace(trained[1], format=1)
    records.save(estimator, tmp_path / "estimator.json")
    with pytest.raises(Exception, match="format 1"):
        load_estimator(tmp_path)
