"""Training a streaming network: random crops of runs, early stopping on validation trajectories, resumable.

Recipe: Adam with a cosine decay; mean square error over a crop's frames behind a settling time, as a crop
begins in a state that is not known; runs weighted so that a trajectory with many replicas does not dominate; a
random shift of the total power's logarithm, because the sensor's gain is not known exactly; moving averages of
the weights are what is judged and kept (Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.errors import UsageError
from ntorc.estimator.estimator import check_seed_and_limit, rmse_v
from ntorc.estimator.forms import DEFAULT_FORM, BankFront, StreamingForm
from ntorc.estimator.frames import Frames
from ntorc.estimator.runs import FloatArray
from ntorc.estimator.splits import Split
from ntorc.estimator.streaming_model import Scales, build_streaming, choose_scales
from ntorc.progress import Progress

Weights = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class StreamingConfig:
    """How to train.

    Attributes:
        form: the network.
        iterations: at most; the learning rate falls along a half cosine to nothing over them.
        batch: crops an iteration.
        crop_frames, settle_frames: length of a crop, and how many of its first frames are not scored.
        learning_rate: of Adam at the start.
        weight_decay: decoupled, of the kernels (Loshchilov and Hutter, ICLR 2019).
        average: how much of the moving average of the weights stays in an iteration.
        gain_shift: largest random shift of the total power's base-2 logarithm.
        check_every: iterations from one look at the validation trajectories to the next.
        patience: looks without a better one after which training stops.
        seed: of initialisation and crops.
        time_limit_s: wall time after which no further iteration starts; the learning rate falls in time for it.  A day
            if left out: equal seeds shall give equal weights on a busy machine too.

    Raises:
        UsageError: a value that cannot be trained with.
    """

    form: StreamingForm = DEFAULT_FORM
    iterations: int = 1600
    batch: int = 48
    crop_frames: int = 256
    settle_frames: int = 16
    learning_rate: float = 4e-3
    weight_decay: float = 0.0
    average: float = 0.99
    gain_shift: float = 1.0
    check_every: int = 50
    patience: int = 12
    seed: int = 0
    time_limit_s: float = 86_400.0

    def __post_init__(self) -> None:
        counts = (self.iterations, self.batch, self.check_every, self.patience, self.crop_frames - self.settle_frames)
        check_seed_and_limit(self.seed, self.time_limit_s)
        if min(counts) < 1 or self.settle_frames < 0:
            raise UsageError(
                "iterations, batch, checks and patience must be at least 1, a crop longer than its settling"
            )
        if not (0.0 < self.learning_rate <= 1.0 and 0.0 <= self.average < 1.0):
            raise UsageError("the learning rate must be in (0, 1], the average in [0, 1)")
        if min(self.weight_decay, self.gain_shift) < 0.0:
            raise UsageError("weight decay and gain shift cannot be negative")


@dataclass(frozen=True, eq=False)
class StreamData:
    """The data of a training.

    Attributes:
        train: frames that are trained on, scaled.
        goal: scaled positions of them, shape [n].
        validation: frames that are judged while training, scaled; None for none.
        scales: how both were scaled.
        weights: how often each run is drawn, shape [runs].
    """

    train: Frames
    goal: FloatArray
    validation: Frames | None
    scales: Scales
    weights: npt.NDArray[np.float64] = field(repr=False)


def prepare(form: StreamingForm, frames: Frames, split: Split, *, with_validation: bool = True) -> StreamData:
    """Scale the training and validation parts by the training part alone.

    Args:
        form: for the features' meaning.
        frames: of all runs of both parts.
        split: the parts; ``test`` is not touched.
        with_validation: False trains on both parts.
    """
    names = split.train if with_validation else (*split.train, *split.validation)
    train = frames.of(names)
    scales = choose_scales(form, train.features, train.target_v[train.usable])
    replicas = {name: 0 for name in split.trajectories.values()}
    for name in names:
        replicas[split.trajectories[name]] += 1
    weights = train.lengths / np.sqrt([replicas[split.trajectories[name]] for name in names])
    return StreamData(
        _scaled(train, scales),
        np.asarray((train.target_v - scales.mean_v) / scales.std_v, np.float32),
        _scaled(frames.of(split.validation), scales) if with_validation else None,
        scales,
        weights / weights.sum(),
    )


def _scaled(frames: Frames, scales: Scales) -> Frames:
    return Frames(scales.scaled(frames.features), frames.target_v, frames.usable, frames.starts, frames.names)


@dataclass(eq=False)
class FitState:
    """How far a training is; all of it is in a checkpoint.

    Attributes:
        iteration: iterations done.
        best_iteration, best_rmse_v: of the lowest validation error so far; 0 before the first look.
        elapsed_s: wall time so far.
        variables: of the model, the optimiser, the moving average and the best average, by these names.
    """

    iteration: int = 0
    best_iteration: int = 0
    best_rmse_v: float = 0.0
    elapsed_s: float = 0.0
    variables: dict[str, Weights] = field(default_factory=dict)


class Fitting:
    """One training: model, optimiser and moving average, advanced from look to look."""

    def __init__(
        self, data: StreamData, config: StreamingConfig, state: FitState | None = None, model: Any = None
    ) -> None:
        import keras
        import tensorflow as tf

        self.data, self.config = data, config
        self.model = model if model is not None else build_streaming(config.form, config.seed)
        self.optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay, clipnorm=1.0)
        self.optimizer.exclude_from_weight_decay(var_names=["bias"])
        self.optimizer.build(self.model.trainable_variables)
        self.average = [tf.Variable(value) for value in self.model.get_weights()]
        self.state = state or FitState()
        if self.state.variables:
            self._restore(self.state.variables)
        self._step = tf.function(self._one_step)
        shape = tf.TensorSpec((None, None, data.train.features.shape[1]), tf.float32)
        self._run = tf.function(lambda features: self.model(features, training=False), input_signature=[shape])

    def advance(self) -> FitState:
        """Train until the next look, take it, and return the new state."""
        config, state = self.config, self.state
        began_s = time.monotonic()
        last = min(state.iteration + config.check_every, config.iterations)
        generator = np.random.default_rng([config.seed, state.iteration])
        for iteration in range(state.iteration, last):
            done = max(iteration / config.iterations, min(state.elapsed_s / config.time_limit_s, 1.0))
            self.optimizer.learning_rate = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))
            kept = min(config.average, (1.0 + iteration) / (10.0 + iteration))
            self._step(*self._crops(generator), np.float32(kept))
        state.iteration = last
        average = [value.numpy() for value in self.average]
        if self.data.validation is not None:
            error_v = rmse_v(self.predict_v(average, self.data.validation), self.data.validation.target_v)
        else:
            error_v = 0.0
        if state.best_iteration == 0 or error_v < state.best_rmse_v or self.data.validation is None:
            state.best_iteration, state.best_rmse_v = last, error_v
            state.variables["best"] = average
        state.elapsed_s += time.monotonic() - began_s
        state.variables["model"] = self.model.get_weights()
        state.variables["optimizer"] = [np.asarray(value) for value in self.optimizer.variables]
        state.variables["average"] = average
        return state

    @property
    def finished(self) -> str:
        """Why there is nothing more to do; empty while there is."""
        config, state = self.config, self.state
        if state.iteration >= config.iterations:
            return f"all {config.iterations} iterations done"
        waited = (state.iteration - state.best_iteration) // config.check_every
        if self.data.validation is not None and waited >= config.patience:
            return f"no better validation in {waited * config.check_every} iterations"
        if state.elapsed_s >= config.time_limit_s:
            return f"time limit of {config.time_limit_s:g} s reached"
        return ""

    def predict_v(self, weights: Weights, frames: Frames) -> FloatArray:
        """Estimates in volts of scaled frames, each run from a reset, shape [n]."""
        own = self.model.get_weights()
        self.model.set_weights(weights)
        scaled = np.asarray(self._run(frames.padded()))[..., 0]
        self.model.set_weights(own)
        joined = frames.joined(scaled)
        return np.asarray(joined * self.data.scales.std_v + self.data.scales.mean_v, np.float32)

    def best_model(self) -> Any:
        """The model with the best weights."""
        self.model.set_weights(self.state.variables["best"])
        return self.model

    def _restore(self, variables: dict[str, Weights]) -> None:
        self.model.set_weights(variables["model"])
        for variable, value in zip(self.optimizer.variables, variables["optimizer"], strict=True):
            variable.assign(value)
        for variable, value in zip(self.average, variables["average"], strict=True):
            variable.assign(value)

    def _crops(self, generator: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Features [batch, crop, features], goals and weights [batch, crop] of random crops."""
        config, train = self.config, self.data.train
        length = min(config.crop_frames, int(train.lengths.min()))
        run = generator.choice(len(train.names), config.batch, p=self.data.weights)
        start = train.starts[run] + (generator.random(config.batch) * (train.lengths[run] - length + 1)).astype(int)
        rows = start[:, None] + np.arange(length)
        features = train.features[rows]
        if isinstance(config.form.front, BankFront):
            shift = generator.uniform(-1.0, 1.0, (config.batch, 1)) * config.gain_shift * self.data.scales.scale[-1]
            features[..., -1] += shift.astype(np.float32)
        else:
            gain = np.exp2(generator.uniform(-0.5, 0.5, (config.batch, 1, 1)) * config.gain_shift)
            features = features * (gain * generator.choice([-1.0, 1.0], gain.shape)).astype(np.float32)
        weights = train.usable[rows].astype(np.float32)
        weights[:, : min(config.settle_frames, length - 1)] = 0.0
        return features, self.data.goal[rows], weights

    def _one_step(self, features: Any, goal: Any, weights: Any, kept: Any) -> None:
        import tensorflow as tf

        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            off = self.model(features, training=True)[..., 0] - goal
            loss = tf.reduce_sum(weights * off * off) / tf.reduce_sum(weights)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        for mean, value in zip(self.average, self.model.weights, strict=True):
            mean.assign(kept * mean + (1.0 - kept) * value)


def fit(
    data: StreamData,
    config: StreamingConfig,
    progress: Progress,
    state: FitState | None = None,
    keep: Callable[[FitState], None] | None = None,
    model: Any = None,
) -> Fitting:
    """Train to the end.

    Args:
        data: what to train on.
        config: how.
        progress: told at each look.
        state: where to go on from.
        keep: called with the state after each look, to save it.
        model: to go on from, of scaled features and positions; None for a new one of the form.
    """
    fitting = Fitting(data, config, state, model)
    while not fitting.finished:
        found = fitting.advance()
        if keep is not None:
            keep(found)
        said = f", best validation {found.best_rmse_v:.4f} V" if data.validation is not None else ""
        progress.step(f"iterations trained{said}", found.iteration, config.iterations)
    progress.message(f"  {fitting.finished}")
    return fitting
