"""Training: learns, is honest, resumes, saves what it says."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntorc import records
from ntorc.errors import DataError, StorageError, UsageError
from ntorc.estimator import checkpoints
from ntorc.estimator.estimator import ESTIMATOR_NAME, MODEL_NAME, Estimator, evaluate, load_estimator, load_model
from ntorc.estimator.forms import ConvLayer, WindowForm
from ntorc.estimator.runs import Run, Runs
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.splits import Split, honest
from ntorc.estimator.training import TrainingConfig, epoch_batches, prepare, train, training_key
from ntorc.estimator.windows import cut
from ntorc.progress import Console

SMALL = TrainingConfig(
    form=WindowForm(256, (ConvLayer(6, 8, stride=4), ConvLayer(8, 4, stride=4)), (16,)),
    epochs=4,
    steps_per_epoch=120,
    batch=128,
    learning_rate=4e-3,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, simulated: Runs) -> tuple[Path, Estimator, str]:
    folder = tmp_path_factory.mktemp("estimator")
    said = io.StringIO()
    estimator = train(simulated, honest(simulated), SMALL, folder, Console(said, interval_s=0.0))
    return folder, estimator, said.getvalue()


def test_it_learns_on_motions_it_has_not_seen(trained: tuple[Path, Estimator, str]) -> None:
    _, estimator, _ = trained
    assert estimator.test_mean_rmse_v > 0.4
    assert estimator.test_rmse_v < 0.6 * estimator.test_mean_rmse_v
    assert estimator.validation_rmse_v < 0.6 * estimator.test_mean_rmse_v


def test_the_saved_model_gives_the_reported_error_in_volts(
    trained: tuple[Path, Estimator, str], simulated: Runs
) -> None:
    folder, estimator, _ = trained
    model = load_model(folder)
    windows = cut([simulated[name] for name in estimator.split.test], 256, 16)
    estimates_v = model.predict(windows.inputs(estimator.input_fraction_bits), verbose=0)[:, 0]
    error_v = np.sqrt(np.mean((estimates_v - windows.target_v) ** 2))
    assert error_v == pytest.approx(estimator.test_rmse_v, rel=1e-4)
    again = evaluate(folder, simulated, estimator.split.test)
    assert again.pop("all") == pytest.approx(estimator.rmse_v, rel=1e-6)
    assert again == pytest.approx(estimator.test_rmse_by_run_v)


def test_the_record_is_complete(trained: tuple[Path, Estimator, str], simulated: Runs) -> None:
    folder, estimator, said = trained
    assert load_estimator(folder) == estimator
    assert sorted(path.name for path in folder.iterdir()) == [ESTIMATOR_NAME, MODEL_NAME]
    assert estimator.split == honest(simulated)
    assert estimator.data_digest == simulated.digest
    assert estimator.multiplies == SMALL.form.multiplies
    assert estimator.parameters == 6 * 9 + 8 * 25 + 16 * (15 * 8 + 1) + 17
    assert estimator.warm_up_samples == 256
    assert estimator.period_s == pytest.approx(3.2e-3)
    train_positions = np.concatenate([simulated[name].position_v for name in estimator.split.train])
    assert train_positions.min() <= estimator.valid_range_v[0] < estimator.valid_range_v[1] <= train_positions.max()
    assert estimator.epochs[0] == 4
    assert {"python", "keras", "numpy"} <= set(estimator.versions)
    assert said.count("epochs trained") == 4


def test_only_the_training_part_is_prepared_for_training(simulated: Runs) -> None:
    split = honest(simulated)
    data = prepare(simulated, split, SMALL)
    assert data.train.names == split.train
    assert data.validation.names == split.validation
    assert data.mean_v == pytest.approx(float(data.train.target_v.mean()))
    spread = np.sqrt(np.mean((data.train.counts * 2.0**-data.input_fraction_bits) ** 2))
    assert 0.7 < spread < 1.5


def test_batches_hold_the_windows_of_their_targets_under_a_gain(simulated: Runs) -> None:
    data = prepare(simulated, honest(simulated), SMALL)
    inputs, labels = (np.concatenate(part) for part in zip(*epoch_batches(data, SMALL, 0), strict=True))
    assert inputs.shape == (SMALL.steps_per_epoch * SMALL.batch, 256, 1)
    chosen = np.searchsorted(data.cumulative, np.random.default_rng([SMALL.seed, 0]).random(len(labels)))
    plain = data.train.inputs(data.input_fraction_bits, chosen)
    energy = np.sum(plain**2, axis=(1, 2))
    gains = np.sum(plain * inputs, axis=(1, 2))[energy > 0] / energy[energy > 0]
    np.testing.assert_allclose(inputs[energy > 0], plain[energy > 0] * gains[:, None, None], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(labels[:, 0] * data.std_v + data.mean_v, data.train.target_v[chosen], atol=1e-5)
    assert 0.45 < np.mean(gains > 0.0) < 0.55
    assert np.std(np.log(np.abs(gains))) == pytest.approx(SMALL.gain_spread, rel=0.1)


def test_replicas_weigh_less_each_than_a_single_run(simulated: Runs) -> None:
    """Four copies of a run as replicas of one trajectory together weigh twice one run, not four times."""
    first, second = simulated.runs[0], simulated.runs[-1]
    copies = [replace(first, name=f"copy{number}") for number in range(4)]
    runs = Runs((*copies, second, simulated.runs[4], simulated.runs[8]), "x")
    split = Split(
        "by hand",
        (*(copy.name for copy in copies), second.name),
        (simulated.runs[4].name,),
        (simulated.runs[8].name,),
        {
            **{copy.name: "T1" for copy in copies},
            second.name: "T2",
            simulated.runs[4].name: "T3",
            simulated.runs[8].name: "T4",
        },
    )
    data = prepare(runs, split, SMALL)
    weights = np.diff(data.cumulative, prepend=0.0)
    by_run = np.array([weights[data.train.run == number].sum() for number in range(5)])
    names = data.train.names
    ratio = sum(by_run[names.index(copy.name)] for copy in copies) / by_run[names.index(second.name)]
    assert ratio == pytest.approx(2.0, rel=0.01)


def test_it_is_not_trained_twice(trained: tuple[Path, Estimator, str], simulated: Runs) -> None:
    folder, estimator, _ = trained
    before = (folder / MODEL_NAME).stat().st_mtime_ns
    assert train(simulated, honest(simulated), SMALL, folder) == estimator
    assert (folder / MODEL_NAME).stat().st_mtime_ns == before


def test_the_test_part_has_no_influence(tmp_path: Path, simulated: Runs) -> None:
    """Test runs replaced by noise: weights stay the same, only the test error changes."""
    config = replace(SMALL, epochs=1, steps_per_epoch=5)
    split = honest(simulated)
    generator = np.random.default_rng(0)
    changed = Runs(
        tuple(
            Run(run.name, run.family, generator.normal(size=run.samples).astype(np.float32), run.position_v)
            if run.name in split.test
            else run
            for run in simulated
        ),
        "changed",
    )
    weights, estimators = [], []
    for number, runs in enumerate((simulated, changed)):
        folder = tmp_path / str(number)
        estimators.append(train(runs, split, config, folder))
        weights.append(load_model(folder).get_weights())
    for first, second in zip(*weights, strict=True):
        # sums over threads may differ in the last digits
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)
    assert estimators[0].validation_rmse_v == pytest.approx(estimators[1].validation_rmse_v, rel=1e-4)
    assert estimators[0].test_rmse_v != pytest.approx(estimators[1].test_rmse_v, rel=1e-2)


_CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from ntorc.estimator.runs import Runs
from ntorc.estimator.splits import honest
from ntorc.estimator.training import train
from test_training import SMALL
runs = Runs.load(Path(sys.argv[1]))
train(runs, honest(runs), replace(SMALL, epochs=500, steps_per_epoch=10, patience=500), Path(sys.argv[2]))
"""


def test_ctrl_c_leaves_a_training_that_goes_on(tmp_path: Path, simulated: Runs) -> None:
    runs_folder, folder = simulated.save(tmp_path / "runs"), tmp_path / "estimator"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(runs_folder), str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    state_file = folder / "training" / "state.json"
    deadline_s = time.monotonic() + 300.0
    while not state_file.is_file() and child.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=300.0)
    assert child.returncode != 0
    assert "KeyboardInterrupt" in said
    assert not (folder / ESTIMATOR_NAME).exists()

    state = records.load(checkpoints.TrainingState, state_file)
    assert state.epoch >= 1
    config = replace(SMALL, epochs=500, steps_per_epoch=10, patience=500)
    split = honest(simulated)
    assert state.key == training_key(simulated, split, config)
    restored, model = checkpoints.restore(folder, state.key)
    assert restored == state
    # the optimiser goes on too: its iterations are those of the finished epochs
    assert int(model.optimizer.iterations.numpy()) == 10 * state.epoch

    # the time limit ends it at the next epoch, as it would have ended the uninterrupted training
    almost = replace(state, elapsed_s=config.time_limit_s - 1e-3)
    records.save(almost, state_file)
    spoken = io.StringIO()
    estimator = train(simulated, split, config, folder, Console(spoken))
    assert f"resuming after epoch {state.epoch}" in spoken.getvalue()
    assert estimator.epochs[0] == state.epoch + 1
    assert not (folder / "training").exists()


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, simulated: Runs) -> None:
    """Stopped after the first of two epochs as a kill would, then resumed."""
    config = replace(SMALL, epochs=2, steps_per_epoch=5)
    split = honest(simulated)
    whole = train(simulated, split, config, tmp_path / "whole")

    class Stop(Console):
        def step(self, what: str, done: int, total: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(simulated, split, config, tmp_path / "parts", Stop(io.StringIO()))
    parts = train(simulated, split, config, tmp_path / "parts")
    assert parts.epochs == whole.epochs
    # sampling and optimiser state are the same; sums over threads may differ in the last digits
    assert parts.validation_rmse_v == pytest.approx(whole.validation_rmse_v, rel=1e-3)
    assert parts.test_rmse_v == pytest.approx(whole.test_rmse_v, rel=1e-3)


@pytest.mark.parametrize("damage", ["state", "model", "gone", "other"])
def test_a_damaged_checkpoint_starts_again(tmp_path: Path, simulated: Runs, damage: str) -> None:
    config = replace(SMALL, epochs=1, steps_per_epoch=1)
    split = honest(simulated)
    key = training_key(simulated, split, config)
    from ntorc.estimator.models import build_model

    model = build_model(config.form, 0)
    checkpoints.compile_model(model, 1e-3)
    model.optimizer.build(model.trainable_variables)
    checkpoints.save_epoch(tmp_path, checkpoints.TrainingState(key), model, 0.5, 1.0)
    place = tmp_path / "training"
    assert checkpoints.restore(tmp_path, key)[1] is not None
    if damage == "state":
        (place / "state.json").write_text("{")
    elif damage == "model":
        (place / "epoch-0001.keras").write_bytes(b"PK garbage")
    elif damage == "gone":
        (place / "epoch-0001.keras").unlink()
    else:
        key = "another"
    assert checkpoints.restore(tmp_path, key) == (checkpoints.TrainingState(key), None)
    assert not place.exists()


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    from ntorc.estimator.models import build_model

    state = checkpoints.TrainingState("key")
    model = build_model(SMALL.form, 0)
    checkpoints.compile_model(model, 1e-3)
    for number, error_v in enumerate((0.5, 0.3, 0.4, 0.35)):
        model.set_weights([np.full_like(w, number) for w in model.get_weights()])
        state = checkpoints.save_epoch(tmp_path, state, model, error_v, float(number))
    assert (state.epoch, state.best_epoch, state.best_rmse_v) == (4, 2, 0.3)
    assert (checkpoints.best_model(tmp_path, state).get_weights()[0] == 1.0).all()
    kept = sorted(path.name for path in (tmp_path / "training").iterdir())
    assert kept == ["epoch-0002.keras", "epoch-0004.keras", "state.json"]


def test_altered_estimators_are_refused(trained: tuple[Path, Estimator, str], tmp_path: Path) -> None:
    folder, estimator, _ = trained
    model = (folder / MODEL_NAME).read_bytes()
    (tmp_path / MODEL_NAME).write_bytes(model[:-1] + bytes([model[-1] ^ 1]))
    with pytest.raises(StorageError, match=r"cannot read .*estimator\.json"):
        load_estimator(tmp_path)
    records.save(estimator, tmp_path / ESTIMATOR_NAME)
    with pytest.raises(StorageError, match="altered"):
        load_model(tmp_path)
    (tmp_path / MODEL_NAME).unlink()
    with pytest.raises(StorageError, match=r"cannot read .*model\.keras"):
        load_estimator(tmp_path)
    records.save(replace(estimator, format=9), tmp_path / ESTIMATOR_NAME)
    with pytest.raises(StorageError, match="format 9"):
        load_estimator(tmp_path)


def test_unsuitable_data_is_refused(tmp_path: Path, simulated: Runs) -> None:
    slow = Runs(tuple(replace(run, sample_rate_hz=1000.0) for run in simulated), "slow")
    split = honest(simulated)
    with pytest.raises(DataError, match="1000 Hz"):
        train(slow, split, SMALL, tmp_path)
    with pytest.raises(DataError, match="empty"):
        train(simulated, replace(split, test=()), SMALL, tmp_path)
    with pytest.raises(DataError, match="no run is as long"):
        train(simulated, split, replace(SMALL, form=WindowForm(60_000, (), (2,))), tmp_path)
    silent = Runs(
        tuple(Run(run.name, run.family, np.zeros_like(run.acceleration_v), run.position_v) for run in simulated), "x"
    )
    with pytest.raises(DataError, match="acceleration is zero"):
        train(silent, split, SMALL, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch": 0},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"time_limit_s": float("nan")},
        {"gain_spread": -1.0},
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        replace(TrainingConfig(), **change)  # type: ignore[arg-type]


def test_the_key_follows_everything_that_matters() -> None:
    runs = simulate_runs(seed=1, trajectories=3, replicas=1, duration_s=3.0)
    names = [run.name for run in runs]
    split = Split("by hand", (names[0],), (names[1],), (names[2],), {})
    keys = {
        training_key(runs, split, SMALL),
        training_key(runs, replace(split, train=(names[1],), validation=(names[0],)), SMALL),
        training_key(runs, split, replace(SMALL, seed=5)),
        training_key(runs, split, replace(SMALL, form=replace(SMALL.form, dense=(17,)))),
        training_key(simulate_runs(seed=2, trajectories=3, replicas=1, duration_s=3.0), split, SMALL),
    }
    assert len(keys) == 5
