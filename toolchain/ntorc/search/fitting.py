"""Training a candidate from look to look; between two looks it is a state that any process can go on from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ntorc.estimator.estimator import Labels
from ntorc.estimator.forms import StreamingForm, TrainableForm, WindowForm
from ntorc.network.floating import FloatNetwork
from ntorc.search.budget import Budget
from ntorc.search.material import Material
from ntorc.search.space import WINDOW_HOP

if TYPE_CHECKING:
    from ntorc.estimator.streaming_training import Fitting

Arrays = list[npt.NDArray[np.float32]]

_NO_LIMIT_S = 1e9  # a search counts looks, so that its results do not depend on the machine
_AVERAGE = 0.95
_PIECE = 2048


@dataclass(eq=False)
class State:
    """How far a training is.

    Attributes:
        curve_v: lowest validation RMSE of the float model after each look so far.
        cpu_s: processor time so far.
        variables: of the model, the optimiser, its moving average and the best model, by these names.
    """

    curve_v: tuple[float, ...] = ()
    cpu_s: float = 0.0
    variables: dict[str, Arrays] = field(default_factory=dict)

    @property
    def best_v(self) -> float:
        """The lowest error so far."""
        return self.curve_v[-1]


class Fit(Protocol):
    """A training of one form; `advance` goes on from any state of it to the next look."""

    @property
    def labels(self) -> Labels:
        """What is learned."""

    def advance(self, state: State) -> State:
        """Train to the next look."""

    def best_model(self, variables: dict[str, Arrays]) -> Any:
        """The Keras model of a state's best weights, with its scales folded in."""

    def floating(self, model: Any, name: str) -> FloatNetwork:
        """Such a model with its front end, as layers on samples."""


def fit_of(material: Material, form: TrainableForm, budget: Budget, seed: int) -> Fit:
    """The training of a form; a process keeps the last ones for their next look."""
    return _kept(_Identity(material), form, budget, seed)


@dataclass(frozen=True, eq=False)
class _Identity:
    """Material by identity: comparing it would read all of it."""

    material: Material

    def __hash__(self) -> int:
        return id(self.material)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.material is self.material


@lru_cache(maxsize=3)
def _kept(identity: _Identity, form: TrainableForm, budget: Budget, seed: int) -> Fit:
    if isinstance(form, StreamingForm):
        return StreamingFit(identity.material, form, budget, seed)
    return WindowFit(identity.material, form, budget, seed)


class StreamingFit:
    """See `Fit`: `ntorc.estimator.streaming_training` with a search's budget."""

    def __init__(self, material: Material, form: StreamingForm, budget: Budget, seed: int) -> None:
        from ntorc.estimator.frames import frames_of
        from ntorc.estimator.streaming_training import StreamingConfig, prepare

        self._form, self._sample_rate_hz = form, material.runs.sample_rate_hz
        self._config = StreamingConfig(
            form,
            iterations=budget.looks * budget.iterations,
            batch=budget.batch,
            crop_frames=budget.crop_frames,
            learning_rate=budget.learning_rate,
            average=_AVERAGE,
            check_every=budget.iterations,
            patience=budget.looks,
            seed=seed,
            time_limit_s=_NO_LIMIT_S,
        )
        names = (*material.split.train, *material.split.validation)
        frames = frames_of([material.runs[name] for name in names], form, material.input_fraction_bits)
        self._data = prepare(form, frames, material.split)
        self._fitting: Fitting | None = None
        self._curve_v: tuple[float, ...] = ()

    @property
    def labels(self) -> Labels:
        """See `Fit.labels`."""
        target_v, scales = self._data.train.target_v[self._data.train.usable], self._data.scales
        return Labels(scales.mean_v, scales.std_v, float(target_v.min()), float(target_v.max()))

    def advance(self, state: State) -> State:
        """See `Fit.advance`."""
        from ntorc.estimator.streaming_training import FitState, Fitting

        if self._fitting is None or state.curve_v != self._curve_v:  # another process came so far
            earlier = None
            if state.curve_v:
                best, every = state.curve_v.index(state.best_v) + 1, self._config.check_every
                earlier = FitState(len(state.curve_v) * every, best * every, state.best_v, 0.0, dict(state.variables))
            self._fitting = Fitting(self._data, self._config, earlier)
            if earlier is None:
                weights = initial_weights(self._fitting.model, self._config.seed)
                self._fitting.model.set_weights(weights)
                for mean, value in zip(self._fitting.average, weights, strict=True):
                    mean.assign(value)
        found = self._fitting.advance()
        self._curve_v = (*state.curve_v, found.best_rmse_v)
        return State(self._curve_v, state.cpu_s, dict(found.variables))

    def best_model(self, variables: dict[str, Arrays]) -> Any:
        """See `Fit.best_model`."""
        from ntorc.estimator.streaming_model import build_streaming, fold_scales

        model = build_streaming(self._form, 0)
        model.set_weights(variables["best"])
        fold_scales(model, self._data.scales)
        return model

    def floating(self, model: Any, name: str) -> FloatNetwork:
        """See `Fit.floating`."""
        from ntorc.estimator.streaming_model import to_float_network

        return to_float_network(self._form, model, self._sample_rate_hz, name)


class WindowFit:
    """See `Fit`: `ntorc.estimator.training` with a search's budget."""

    def __init__(self, material: Material, form: WindowForm, budget: Budget, seed: int) -> None:
        from ntorc.estimator.training import TrainingConfig, prepare

        self._form = form
        self._config = TrainingConfig(
            form,
            WINDOW_HOP,
            epochs=budget.looks,
            steps_per_epoch=budget.steps,
            batch=budget.windows,
            learning_rate=budget.learning_rate,
            patience=budget.looks,
            seed=seed,
            time_limit_s=_NO_LIMIT_S,
        )
        self._data = prepare(material.runs, material.split, self._config)
        self._scored = np.arange(0, len(self._data.validation.ends), budget.scored_every)
        self._model: Any = None
        self._curve_v: tuple[float, ...] = ()

    @property
    def labels(self) -> Labels:
        """See `Fit.labels`."""
        data, target_v = self._data, self._data.train.target_v
        return Labels(data.mean_v, data.std_v, float(target_v.min()), float(target_v.max()))

    def advance(self, state: State) -> State:
        """See `Fit.advance`."""
        from ntorc.estimator.estimator import rmse_v
        from ntorc.estimator.training import epoch_batches

        if self._model is None or state.curve_v != self._curve_v:
            self._model = self._restored(state.variables)
        model, data, config, epoch = self._model, self._data, self._config, len(state.curve_v)
        falling = 0.5 * (1.0 + math.cos(math.pi * epoch / config.epochs))
        model.optimizer.learning_rate = config.learning_rate * falling
        model.fit(epoch_batches(data, config, epoch), epochs=1, shuffle=False, verbose=0)
        inputs = data.validation.inputs(data.input_fraction_bits, self._scored)
        scaled = np.concatenate([np.asarray(model(part, training=False))[:, 0] for part in _parts(inputs)])
        estimates_v = np.asarray(scaled * data.std_v + data.mean_v, np.float32)
        error_v = rmse_v(estimates_v, data.validation.target_v[self._scored])
        variables = {
            "model": model.get_weights(),
            "optimizer": [np.asarray(value) for value in model.optimizer.variables],
            "best": state.variables["best"] if state.curve_v and error_v >= state.best_v else model.get_weights(),
        }
        self._curve_v = (*state.curve_v, min([error_v, *state.curve_v[-1:]]))
        return State(self._curve_v, state.cpu_s, variables)

    def best_model(self, variables: dict[str, Arrays]) -> Any:
        """See `Fit.best_model`."""
        from ntorc.estimator.models import build_model, fold_label_scale

        model = build_model(self._form, 0)
        model.set_weights(variables["best"])
        fold_label_scale(model, self._data.mean_v, self._data.std_v)
        return model

    def floating(self, model: Any, name: str) -> FloatNetwork:
        """See `Fit.floating`."""
        from ntorc.network.importers.keras_model import from_keras

        return from_keras(model, name)

    def _restored(self, variables: dict[str, Arrays]) -> Any:
        from ntorc.estimator.checkpoints import compile_model
        from ntorc.estimator.models import build_model

        model = build_model(self._form, self._config.seed)
        compile_model(model, self._config.learning_rate)
        if not variables:
            model.set_weights(initial_weights(model, self._config.seed))
        else:
            model.set_weights(variables["model"])
            model.optimizer.build(model.trainable_variables)
            for variable, value in zip(model.optimizer.variables, variables["optimizer"], strict=True):
                variable.assign(value)
        return model


def initial_weights(model: Any, seed: int) -> Arrays:
    """Weights drawn as Keras draws them (Glorot uniform, recurrent kernels orthogonal), by a generator of their own.

    Keras takes its seeds from Python's global generator, which the threads of a worker draw from too, so that its own
    weights are not always the same for the same seed.  Biases are constants and stay as they are.
    """
    generator = np.random.default_rng(seed)
    drawn = []
    for variable, value in zip(model.weights, model.get_weights(), strict=True):
        if value.ndim == 1 or variable.name == "bias":
            drawn.append(value)
        elif variable.name == "recurrent_kernel":
            drawn.append(_orthogonal(generator, value.shape))
        else:
            taps = int(np.prod(value.shape[:-2]))
            limit = math.sqrt(6.0 / (taps * (value.shape[-2] + value.shape[-1])))
            drawn.append(generator.uniform(-limit, limit, value.shape).astype(np.float32))
    return drawn


def _orthogonal(generator: np.random.Generator, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Rows or columns, whichever are fewer, orthonormal (Saxe et al., ICLR 2014)."""
    square, triangle = np.linalg.qr(generator.normal(size=(max(shape), min(shape))))
    square = square * np.sign(np.diagonal(triangle))
    return np.asarray(square if shape[0] >= shape[1] else square.T, np.float32)


def _parts(inputs: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Pieces that keep memory small."""
    return [inputs[begin : begin + _PIECE] for begin in range(0, len(inputs), _PIECE)]
