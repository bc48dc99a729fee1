"""A streaming estimator from runs: trained, refitted, evaluated once, saved; every look is a checkpoint."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ntorc import records
from ntorc.errors import NtorcError
from ntorc.estimator.estimator import (
    ESTIMATOR_NAME,
    Estimator,
    Labels,
    load_estimator,
    on_test,
    rmse_v,
    save_trained,
    software_versions,
)
from ntorc.estimator.forms import BankFront, StreamingForm
from ntorc.estimator.frames import Frames, frames_of
from ntorc.estimator.runs import SAMPLE_RATE_HZ, FloatArray, Runs
from ntorc.estimator.splits import Split
from ntorc.estimator.streaming_model import fold_scales, merge_members
from ntorc.estimator.streaming_training import FitState, Fitting, StreamData, StreamingConfig, fit, prepare
from ntorc.estimator.windows import choose_fraction_bits, to_counts
from ntorc.network.resonator_design import BankPrecision, warm_up_frames
from ntorc.npz import read_arrays
from ntorc.progress import Progress, Silent

_GROUPS = ("model", "optimizer", "average", "best")


@dataclass(frozen=True)
class Trained:
    """What a training knows besides its weights.

    Attributes:
        key: digest of all that determines it.
        state: how far it is, without its variables.
        counts: arrays of each group of variables.
    """

    key: str
    iteration: int
    best_iteration: int
    best_rmse_v: float
    elapsed_s: float
    counts: dict[str, int]


def train_streaming(
    runs: Runs,
    split: Split,
    config: StreamingConfig,
    folder: Path,
    progress: Progress | None = None,
    *,
    validate: bool = True,
) -> Estimator:
    """Train, evaluate and save an estimator in ``folder``; resumes what was interrupted there.

    First the validation trajectories say how many iterations are best; then the network is trained anew for so many on
    the training and validation trajectories together.  The test part is evaluated once.

    Args:
        runs, split, config, folder, progress: as for `ntorc.estimator.training.train`.
        validate: False goes straight to the second step with all of the configuration's iterations, which an
            earlier training has chosen.

    Raises:
        DataError: the runs do not fit the split or the sample rate.
        StorageError: the folder cannot be written.
    """
    progress = progress or Silent()
    runs.require_sample_rate(SAMPLE_RATE_HZ)
    split.check(runs)
    inputs = [records.digest_of(config), runs.digest, records.digest_of(split), validate]
    key = records.digest_of([*inputs, software_versions()["keras"]])
    if (folder / ESTIMATOR_NAME).is_file():
        found = load_estimator(folder)
        if found.training_key == key:
            return found
    fraction = choose_fraction_bits([to_counts(runs[name].acceleration_v) for name in split.train])
    progress.message(f"  features of {len(runs)} runs: {config.form.describe()}")
    names = [*split.train, *split.validation, *split.test]
    frames = frames_of([runs[name] for name in names], config.form, fraction)
    chosen, validation_v = config.iterations, None
    if validate:
        data = prepare(config.form, frames, split)
        fittings = fit_members(data, config, folder / "training", key, progress)
        chosen = max(fitting.state.best_iteration for fitting in fittings)
        validation_v = rmse_v(mean_v(fittings, data.validation), data.validation.target_v) if data.validation else None
        progress.message(f"  validation {validation_v:.4f} V, {chosen} iterations; again on all but the test runs")
    data = prepare(config.form, frames, split, with_validation=False)
    fittings = fit_members(data, replace(config, iterations=chosen), folder / "refit", key, progress)
    return _finish(fittings, config, frames, runs, split, folder, key, (fraction, chosen, validation_v), progress)


def fit_members(
    data: StreamData, config: StreamingConfig, folder: Path, key: str, progress: Progress
) -> list[Fitting]:
    """Train every member to the end, each from the last look that ``folder`` holds of the same training."""
    fittings = []
    for member in range(config.form.members):
        place = folder / f"member-{member}"
        own = replace(config, form=config.form.member, seed=config.seed * config.form.members + member)
        state = load_state(place, key)
        if state is not None:
            progress.message(f"  resuming after iteration {state.iteration}")
        fittings.append(fit(data, own, progress, state, partial(save_state, folder=place, key=key)))
    return fittings


def mean_v(fittings: list[Fitting], frames: Frames) -> FloatArray:
    """The members' mean estimates in volts of scaled frames."""
    return np.asarray(np.mean([f.predict_v(f.state.variables["best"], frames) for f in fittings], axis=0), np.float32)


def save_state(state: FitState, folder: Path, key: str) -> None:
    """Write a checkpoint: one file, replaced whole."""
    arrays = {f"{group}.{index}": a for group in _GROUPS for index, a in enumerate(state.variables[group])}
    counts = {group: len(state.variables[group]) for group in _GROUPS}
    plain = Trained(key, state.iteration, state.best_iteration, state.best_rmse_v, state.elapsed_s, counts)
    content = io.BytesIO()
    np.savez(content, about=np.frombuffer(records.to_json(plain).encode(), np.uint8), **arrays)
    records.write_atomically(folder / "state.npz", content.getvalue())


def load_state(folder: Path, key: str) -> FitState | None:
    """A checkpoint of this training, or None: a damaged one only costs the time to train again."""
    path = folder / "state.npz"
    if not path.is_file():
        return None
    try:
        text = read_arrays(path, ("about",), "train again")["about"].tobytes().decode()
        plain = records.from_json(Trained, text, str(path))
        if plain.key != key:
            return None
        names = [f"{group}.{index}" for group in _GROUPS for index in range(plain.counts[group])]
        arrays = read_arrays(path, names, "train again")
    except (NtorcError, UnicodeDecodeError, KeyError):
        return None
    variables: dict[str, Any] = {
        group: [arrays[f"{group}.{index}"] for index in range(plain.counts[group])] for group in _GROUPS
    }
    return FitState(plain.iteration, plain.best_iteration, plain.best_rmse_v, plain.elapsed_s, variables)


def warm_up_of(form: StreamingForm, sample_rate_hz: float) -> int:
    """Frames after a reset before the first estimate that counts."""
    if not isinstance(form.front, BankFront):
        return 16
    poles = form.front.real(sample_rate_hz).poles
    return warm_up_frames(poles, form.front.dc_shift, form.frame_samples, BankPrecision().log2_error)


def errors_v(estimates_v: FloatArray, frames: Frames, warm_up: int) -> dict[str, float]:
    """RMSE in volts by run and for ``all`` frames behind the warm-up; frames at sensor spikes count too."""
    within = np.concatenate([np.arange(length) for length in frames.lengths]) >= warm_up
    errors = {"all": rmse_v(estimates_v[within], frames.target_v[within])}
    for name, begin, end in zip(frames.names, frames.starts, frames.starts[1:], strict=False):
        own = slice(begin + warm_up, end)
        if begin + warm_up < end:
            errors[name] = rmse_v(estimates_v[own], frames.target_v[own])
    return errors


def _finish(
    fittings: list[Fitting],
    config: StreamingConfig,
    frames: Frames,
    runs: Runs,
    split: Split,
    folder: Path,
    key: str,
    chosen: tuple[int, int, float | None],
    progress: Progress,
) -> Estimator:
    """Evaluate on test, once, in float; fold the scales; save the model, then its record."""
    scales, train = fittings[0].data.scales, fittings[0].data.train
    form, warm_up = config.form, warm_up_of(config.form, runs.sample_rate_hz)
    fraction, best, validation_v = chosen
    test = frames.of(split.test)
    scaled = replace(test, features=scales.scaled(test.features))
    errors = errors_v(mean_v(fittings, scaled), test, warm_up)
    model = merge_members(form, [fitting.best_model() for fitting in fittings])
    fold_scales(model, scales)
    target_v = train.target_v[train.usable]
    labels = Labels(scales.mean_v, scales.std_v, float(target_v.min()), float(target_v.max()))
    estimator = save_trained(
        folder,
        model,
        runs,
        split,
        name=f"streaming-{form.units}-{key[:8]}",
        form=form,
        hop_samples=form.frame_samples,
        warm_up_samples=warm_up * form.frame_samples,
        input_fraction_bits=fraction,
        labels=labels,
        validation_rmse_v=validation_v,
        test=on_test(errors, test.target_v, scales.mean_v),
        training_key=key,
        seed=config.seed,
        epochs=(fittings[0].state.iteration, best),
    )
    for place in ("training", "refit"):
        shutil.rmtree(folder / place, ignore_errors=True)
    progress.message(
        f"trained {estimator.name}: test {estimator.test_rmse_v:.4f} V (float),"
        f" {estimator.multiplies} multiplies an estimate"
    )
    return estimator
