"""Training a window network: honest, resumable, reported once.

Only the training part is trained on, the validation part chooses the epoch, the test part is
evaluated once at the end.  Random gains and signs are applied to the input, because the sensor's
gain and mounting are not known exactly and position is in the spectrum, not in the amplitude.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc import records
from ntorc.errors import UsageError
from ntorc.estimator import checkpoints
from ntorc.estimator.checkpoints import TrainingState
from ntorc.estimator.estimator import (
    ESTIMATOR_NAME,
    Estimator,
    Labels,
    check_seed_and_limit,
    errors_by_run_v,
    load_estimator,
    on_test,
    predict_v,
    rmse_v,
    save_trained,
    software_versions,
)
from ntorc.estimator.forms import DEFAULT_WINDOW, WindowForm
from ntorc.estimator.models import build_model, fold_label_scale
from ntorc.estimator.runs import SAMPLE_RATE_HZ, FloatArray, Runs
from ntorc.estimator.splits import Split
from ntorc.estimator.windows import Windows, choose_fraction_bits, cut
from ntorc.progress import Progress, Silent

_TRAINING_STEP_SAMPLES = 4
"""Windows are trained on at more offsets than the hop needs."""
_FINAL_RATE = 0.02
_KIND = "window-training-1"


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        form: the network.
        hop_samples: samples between estimates.
        epochs: at most; the learning rate falls along a half cosine to 2 % over them.
        steps_per_epoch: batches an epoch.
        batch: windows a batch.
        learning_rate: of Adam at the start.
        patience: stop after this many epochs without a better validation RMSE.
        gain_spread: standard deviation of the logarithm of the random gain.
        seed: of initialisation and sampling.
        time_limit_s: wall time after which no further epoch starts; the learning rate falls
            in time for it.

    Raises:
        UsageError: a value that cannot be trained with.
    """

    form: WindowForm = DEFAULT_WINDOW
    hop_samples: int = 16
    epochs: int = 32
    steps_per_epoch: int = 250
    batch: int = 512
    learning_rate: float = 2e-3
    patience: int = 10
    gain_spread: float = 0.5
    seed: int = 0
    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        counts = (self.hop_samples, self.epochs, self.steps_per_epoch, self.batch, self.patience)
        check_seed_and_limit(self.seed, self.time_limit_s)
        if min(counts) < 1:
            raise UsageError("hop, epochs, steps, batch and patience must be at least 1")
        if not (0.0 < self.learning_rate <= 1.0 and self.gain_spread >= 0.0):
            raise UsageError("the learning rate must be in (0, 1], the spread not negative")


@dataclass(frozen=True, eq=False)
class Prepared:
    """The data of a training.

    Attributes:
        train: windows that are trained on, without spikes of the position sensor.
        validation: windows that choose the epoch; all of them.
        input_fraction_bits: of the network's input.
        mean_v, std_v: of the training targets; the network learns (V - mean) / std.
        cumulative: cumulative sampling weights of the training windows, shape [m], up to 1.
    """

    train: Windows
    validation: Windows
    input_fraction_bits: int
    mean_v: float
    std_v: float
    cumulative: npt.NDArray[np.float64] = field(repr=False)


def train(
    runs: Runs, split: Split, config: TrainingConfig, folder: Path, progress: Progress | None = None
) -> Estimator:
    """Train, evaluate and save an estimator in ``folder``; resumes what was interrupted there.

    After Ctrl-C the folder holds the last finished epoch, and the same call goes on from it;
    a folder that holds the finished estimator of the same configuration, data and split is
    returned as it is.

    Raises:
        DataError: the runs do not fit the split, the sample rate or the window.
        StorageError: the folder cannot be written.
    """
    progress = progress or Silent()
    runs.require_sample_rate(SAMPLE_RATE_HZ)
    split.check(runs)
    key = training_key(runs, split, config)
    if (folder / ESTIMATOR_NAME).is_file():
        found = load_estimator(folder)
        if found.training_key == key:
            return found
    data = prepare(runs, split, config)
    state, model = checkpoints.restore(folder, key)
    if model is None:
        model = build_model(config.form, config.seed)
        checkpoints.compile_model(model, config.learning_rate)
    elif state.epoch < config.epochs:
        progress.message(f"resuming after epoch {state.epoch}, best validation {state.best_rmse_v:.4f} V")
    state = _fit(model, state, data, config, folder, progress)
    best = checkpoints.best_model(folder, state)
    fold_label_scale(best, data.mean_v, data.std_v)
    return _finish(best, state, data, runs, split, config, folder, progress)


def training_key(runs: Runs, split: Split, config: TrainingConfig) -> str:
    """Digest of all that determines the result: equal keys need not be trained twice."""
    return records.digest_of(
        [_KIND, records.digest_of(config), runs.digest, records.digest_of(split), software_versions()["keras"]]
    )


def prepare(runs: Runs, split: Split, config: TrainingConfig) -> Prepared:
    """Cut the training and validation parts; choose scales and weights from the training part alone.

    Raises:
        DataError: no run of a part is as long as a window, or the acceleration is zero.
    """
    window = config.form.window_samples
    parts = {part: [runs[name] for name in getattr(split, part)] for part in ("train", "validation")}
    training = cut(parts["train"], window, _TRAINING_STEP_SAMPLES, skip_spikes=True)
    validation = cut(parts["validation"], window, config.hop_samples)
    # replicas of a trajectory teach less each, or one much repeated motion would dominate
    replicas = {name: 0 for name in split.trajectories.values()}
    for name in split.train:
        replicas[split.trajectories[name]] += 1
    weights = np.array([1.0 / math.sqrt(replicas[split.trajectories[name]]) for name in training.names])
    cumulative = np.cumsum(weights[training.run])
    return Prepared(
        training,
        validation,
        choose_fraction_bits([training.counts]),
        float(training.target_v.mean()),
        max(float(training.target_v.std()), 1e-3),
        cumulative / cumulative[-1],
    )


def _fit(
    model: Any, state: TrainingState, data: Prepared, config: TrainingConfig, folder: Path, progress: Progress
) -> TrainingState:
    """Train epoch by epoch from ``state``; each finished epoch is saved before the next begins."""
    for epoch in range(state.epoch, config.epochs):
        if epoch - state.best_epoch >= config.patience and state.best_epoch > 0:
            progress.message(f"no better validation in {config.patience} epochs: stopping")
            break
        if epoch > 0 and state.elapsed_s >= config.time_limit_s:
            progress.message(f"time limit of {config.time_limit_s:g} s reached: stopping")
            break
        began_s = time.monotonic()
        done = max(epoch / config.epochs, min(state.elapsed_s / config.time_limit_s, 1.0))
        falling = 0.5 * (1.0 + math.cos(math.pi * done))
        model.optimizer.learning_rate = config.learning_rate * (_FINAL_RATE + (1.0 - _FINAL_RATE) * falling)
        model.fit(epoch_batches(data, config, epoch), epochs=1, shuffle=False, verbose=0)
        estimates_v = predict_v(model, data.validation, data.input_fraction_bits) * data.std_v + data.mean_v
        error_v = rmse_v(estimates_v.astype(np.float32), data.validation.target_v)
        state = checkpoints.save_epoch(folder, state, model, error_v, state.elapsed_s + time.monotonic() - began_s)
        progress.step(
            f"epochs trained, validation {error_v:.4f} V, best {state.best_rmse_v:.4f} V", epoch + 1, config.epochs
        )
    return state


def epoch_batches(data: Prepared, config: TrainingConfig, epoch: int) -> Any:
    """The batches of an epoch; the same for the same seed and epoch.

    Returns:
        A tf.data.Dataset of inputs [batch, window_samples, 1] with random gain and sign, and
        scaled targets [batch, 1].
    """
    import tensorflow as tf

    generator = np.random.default_rng([config.seed, epoch])
    total = config.steps_per_epoch * config.batch
    chosen = np.searchsorted(data.cumulative, generator.random(total)).clip(0, data.train.ends.size - 1)
    gains = np.exp(generator.normal(0.0, config.gain_spread, total)) * generator.choice([-1.0, 1.0], total)
    labels: FloatArray = ((data.train.target_v[chosen] - data.mean_v) / data.std_v).astype(np.float32)
    scaled = (gains * 2.0**-data.input_fraction_bits).astype(np.float32)
    counts = tf.constant(data.train.counts)
    offsets = tf.range(1 - config.form.window_samples, 1, dtype=tf.int64)

    def cut_batch(ends: Any, factors: Any, targets: Any) -> tuple[Any, Any]:
        windows = tf.cast(tf.gather(counts, ends[:, None] + offsets), tf.float32)
        return (windows * factors[:, None])[..., None], targets[:, None]

    batches = tf.data.Dataset.from_tensor_slices((data.train.ends[chosen], scaled, labels)).batch(config.batch)
    return batches.map(cut_batch).prefetch(2)


def _finish(
    model: Any,
    state: TrainingState,
    data: Prepared,
    runs: Runs,
    split: Split,
    config: TrainingConfig,
    folder: Path,
    progress: Progress,
) -> Estimator:
    """Evaluate on validation and, once, on test; save the model, then its record."""
    form = config.form
    key = training_key(runs, split, config)
    shape = (form.window_samples, config.hop_samples, data.input_fraction_bits)
    validation = errors_by_run_v(model, [runs[name] for name in split.validation], *shape)
    test_runs = [runs[name] for name in split.test]
    test = errors_by_run_v(model, test_runs, *shape)
    targets_v = cut(test_runs, form.window_samples, config.hop_samples).target_v
    own_v = data.train.target_v
    estimator = save_trained(
        folder,
        model,
        runs,
        split,
        name=f"window-{form.window_samples}-{key[:8]}",
        form=form,
        hop_samples=config.hop_samples,
        warm_up_samples=form.window_samples,
        input_fraction_bits=data.input_fraction_bits,
        labels=Labels(data.mean_v, data.std_v, float(own_v.min()), float(own_v.max())),
        validation_rmse_v=validation["all"],
        test=on_test(test, targets_v, data.mean_v),
        training_key=key,
        seed=config.seed,
        epochs=(state.epoch, state.best_epoch),
    )
    checkpoints.clear(folder)
    progress.message(
        f"trained {estimator.name}: validation {estimator.validation_rmse_v:.4f} V, "
        f"test {estimator.test_rmse_v:.4f} V, {estimator.multiplies} multiplies an estimate"
    )
    return estimator
