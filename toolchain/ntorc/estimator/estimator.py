"""The Estimator: a trained Keras model with all that is needed to use and to judge it."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntorc import records
from ntorc.errors import DataError, StorageError, UsageError
from ntorc.estimator.forms import Form, TrainableForm
from ntorc.estimator.runs import FloatArray, Run, Runs
from ntorc.estimator.splits import Split
from ntorc.estimator.windows import ADC_LSB_V, Windows, cut

ESTIMATOR_NAME = "estimator.json"
MODEL_NAME = "model.keras"
FORMAT = 2


@dataclass(frozen=True)
class Estimator:
    """What a trained model is; saved as ``estimator.json`` beside ``model.keras``.

    Attributes:
        format: version of this record.
        name: for people and reports.
        form: the network's shape (`ntorc.estimator.forms`): a window recomputed each hop, or a streaming one.
        hop_samples: samples from one estimate to the next.
        sample_rate_hz: of the input.
        adc_lsb_v: volts a count of the converter.
        input_fraction_bits: the network's input is counts * 2**-input_fraction_bits.
        warm_up_samples: samples after a reset before the first estimate.
        valid_range_v: positions that were trained on; estimates outside are extrapolated.
        label_mean_v, label_std_v: the model learned (position - mean) / std; both are folded into its last layer.
        position_mm_per_v: scale for showing positions in millimetres.
        multiplies: multiplications of one estimate.
        parameters: weights and biases.
        split: which runs trained, chose and judged it.
        validation_rmse_v: RMSE on the validation runs, which chose the epoch; None where an earlier training chose it.
        test_rmse_v: RMSE on the test runs, evaluated once.
        test_rmse_by_run_v: the same for each test run.
        test_mean_rmse_v: error of always answering the training mean, for comparison.
        data_digest: `Runs.digest` of the data.
        data_source: where the data come from.
        training_key: digest of configuration, data and split.
        seed: of initialisation and sampling.
        epochs: epochs trained, the chosen one, in this order; of a streaming network iterations.
        model_sha256: of ``model.keras``.
        versions: of the software that trained it.
    """

    format: int
    name: str
    form: Form
    hop_samples: int
    sample_rate_hz: float
    adc_lsb_v: float
    input_fraction_bits: int
    warm_up_samples: int
    valid_range_v: tuple[float, float]
    label_mean_v: float
    label_std_v: float
    position_mm_per_v: float
    multiplies: int
    parameters: int
    split: Split
    validation_rmse_v: float | None
    test_rmse_v: float
    test_rmse_by_run_v: dict[str, float]
    test_mean_rmse_v: float
    data_digest: str
    data_source: str
    training_key: str
    seed: int
    epochs: tuple[int, int]
    model_sha256: str
    versions: dict[str, str]

    @property
    def rmse_v(self) -> float:
        """The figure to report: on the test runs."""
        return self.test_rmse_v

    @property
    def window_samples(self) -> int:
        """Samples that enter for one estimate."""
        return self.form.frame_samples

    @property
    def period_s(self) -> float:
        """Time from one estimate to the next."""
        return self.hop_samples / self.sample_rate_hz


@dataclass(frozen=True)
class Labels:
    """Positions that were trained on.

    Attributes:
        mean_v, std_v: the model learns (position - mean) / std.
        low_v, high_v: their range.
    """

    mean_v: float
    std_v: float
    low_v: float
    high_v: float


@dataclass(frozen=True)
class OnTest:
    """A trained model on the test runs, which are looked at once.

    Attributes:
        rmse_v: on all of them.
        by_run_v: on each.
        mean_rmse_v: of always answering the training mean.
    """

    rmse_v: float
    by_run_v: dict[str, float]
    mean_rmse_v: float


def check_seed_and_limit(seed: int, time_limit_s: float) -> None:
    """What every training takes.

    Raises:
        UsageError: a negative seed, or a time limit that is not positive.
    """
    if seed < 0:
        raise UsageError(f"a seed of {seed} is negative", "give 0 or more, as --seed 1")
    if not time_limit_s > 0.0:
        raise UsageError(
            f"a training of at most {time_limit_s:g} s cannot begin", "give a positive limit, as --train-limit 600"
        )


def on_test(by_run_v: dict[str, float], target_v: FloatArray, mean_v: float) -> OnTest:
    """Errors by run, and of ``all``, beside that of the training mean on the same positions."""
    runs = {name: value for name, value in by_run_v.items() if name != "all"}
    return OnTest(by_run_v["all"], runs, rmse_v(np.full_like(target_v, mean_v), target_v))


def save_trained(
    folder: Path,
    model: Any,
    runs: Runs,
    split: Split,
    *,
    name: str,
    form: TrainableForm,
    hop_samples: int,
    warm_up_samples: int,
    input_fraction_bits: int,
    labels: Labels,
    validation_rmse_v: float | None,
    test: OnTest,
    training_key: str,
    seed: int,
    epochs: tuple[int, int],
) -> Estimator:
    """Write a trained Keras model and its record; arguments as the record's attributes."""
    from ntorc.estimator import checkpoints

    estimator = Estimator(
        format=FORMAT,
        name=name,
        form=form,
        hop_samples=hop_samples,
        sample_rate_hz=runs.sample_rate_hz,
        adc_lsb_v=ADC_LSB_V,
        input_fraction_bits=input_fraction_bits,
        warm_up_samples=warm_up_samples,
        valid_range_v=(labels.low_v, labels.high_v),
        label_mean_v=labels.mean_v,
        label_std_v=labels.std_v,
        position_mm_per_v=runs.position_mm_per_v,
        multiplies=form.multiplies,
        parameters=int(model.count_params()),
        split=split,
        validation_rmse_v=validation_rmse_v,
        test_rmse_v=test.rmse_v,
        test_rmse_by_run_v=test.by_run_v,
        test_mean_rmse_v=test.mean_rmse_v,
        data_digest=runs.digest,
        data_source=runs.label,
        training_key=training_key,
        seed=seed,
        epochs=epochs,
        model_sha256=checkpoints.save_model(model, folder / MODEL_NAME),
        versions=software_versions(),
    )
    records.save(estimator, folder / ESTIMATOR_NAME)
    return estimator


def load_estimator(folder: Path) -> Estimator:
    """Read and check an estimator's record.

    Raises:
        StorageError: missing or damaged, or its model is missing or altered.
    """
    estimator = records.load(Estimator, folder / ESTIMATOR_NAME)
    hint = "train it again: `ntorc train`"
    if estimator.format != FORMAT:
        raise StorageError(f"{folder} holds an estimator of format {estimator.format}, not {FORMAT}", hint)
    try:
        digest = records.digest_of_file(folder / MODEL_NAME)
    except OSError as error:
        raise StorageError(f"cannot read {folder / MODEL_NAME}: {error}", hint) from error
    if digest != estimator.model_sha256:
        raise StorageError(f"{folder / MODEL_NAME} was altered after it was trained", hint)
    return estimator


def load_model(folder: Path) -> Any:
    """The Keras model of an estimator that `load_estimator` accepts; input [window, 1], output volts [1].

    Raises:
        StorageError: as `load_estimator`, or Keras cannot read it.
    """
    import keras

    load_estimator(folder)
    try:
        return keras.saving.load_model(folder / MODEL_NAME, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(f"Keras cannot read {folder / MODEL_NAME}: {error}", "train it again") from error


def predict_v(model: Any, windows: Windows, input_fraction_bits: int) -> FloatArray:
    """Estimates in volts for windows, shape [m]; in pieces, so that memory stays small."""
    pieces = []
    size = 4096
    for begin in range(0, windows.ends.size, size):
        inputs = windows.inputs(input_fraction_bits, slice(begin, begin + size))
        pieces.append(np.asarray(model(inputs, training=False))[:, 0])
    return np.asarray(np.concatenate(pieces), dtype=np.float32)


def rmse_v(estimates_v: FloatArray, target_v: FloatArray) -> float:
    """Root mean square error in volts."""
    return float(np.sqrt(np.mean(np.square(estimates_v.astype(np.float64) - target_v))))


def evaluate(folder: Path, runs: Runs, names: tuple[str, ...]) -> dict[str, float]:
    """RMSE in volts of a saved estimator on some runs: by name, and ``all`` for all their windows.

    Raises:
        DataError: no such run, or another sample rate.
        StorageError: see `load_model`.
    """
    estimator = load_estimator(folder)
    runs.require_sample_rate(estimator.sample_rate_hz)
    if not names:
        raise DataError("no runs to evaluate on")
    return errors_by_run_v(
        load_model(folder),
        [runs[name] for name in names],
        estimator.window_samples,
        estimator.hop_samples,
        estimator.input_fraction_bits,
    )


def errors_by_run_v(
    model: Any, runs: list[Run], window_samples: int, hop_samples: int, input_fraction_bits: int
) -> dict[str, float]:
    """RMSE in volts by run and for ``all`` windows; every window counts, also after sensor spikes."""
    windows = cut(runs, window_samples, hop_samples)
    estimates_v = predict_v(model, windows, input_fraction_bits)
    errors = {"all": rmse_v(estimates_v, windows.target_v)}
    for number, name in enumerate(windows.names):
        own = windows.run == number
        if own.any():
            errors[name] = rmse_v(estimates_v[own], windows.target_v[own])
    return errors


def software_versions() -> dict[str, str]:
    """Versions that a trained model depends on."""
    packages = ("ntorc", "keras", "numpy", "tensorflow-cpu", "tensorflow")
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # one of the two TensorFlow distributions is always absent
    return found
