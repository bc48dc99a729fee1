"""Stages from data to the integer network: Runs -> Estimator -> Network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ntorc.errors import DataError, UsageError
from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, digest_of_file, write_atomically

if TYPE_CHECKING:
    from ntorc.estimator.estimator import Estimator
    from ntorc.estimator.runs import Runs
    from ntorc.estimator.splits import Split
    from ntorc.estimator.streaming_training import StreamingConfig
    from ntorc.estimator.training import TrainingConfig

_CALIBRATION_FRAMES = 2000
_CALIBRATION_CROP = 512


_SPLITS = {
    "honest": "an honest split (whole trajectories held out)",
    "paper": "the paper's split (replicas of its test runs are trained on)",
    "leaky": "a leaky split (pieces of every run are in every part)",
}
_BOTH = ("forms", "windows", "estimator")
WINDOW_CODE = tuple(f"estimator/{name}.py" for name in (*_BOTH, "training", "models", "checkpoints"))
STREAMING_CODE = (
    *(f"estimator/{name}.py" for name in (*_BOTH, "frames", "streaming", "streaming_model", "streaming_training")),
    "network/floating.py",
)
"""What an estimator's weights depend on: other code of these names trains again."""


@dataclass(frozen=True)
class Learned:
    """An estimator with what it was made from and its integer network.

    Attributes:
        runs: the data.
        split: which runs trained, chose and judge.
        estimator: metadata.
        folder: of the estimator (``model.keras``, ``estimator.json``).
        network: the integer network.
    """

    runs: Runs
    split: Split
    estimator: Estimator
    folder: Path
    network: Network


@dataclass(frozen=True)
class Given:
    """A user's model.

    Attributes:
        file: Keras (``.keras``, ``.h5``) or QONNX (``.onnx``).
        unit: what its input is: accelerations in volts, or the converter's counts; it gives positions in volts.
        arithmetic: of a Keras model, by name; empty for ntorc's (`ntorc.pipeline.networks.mode_of`).
        table_error: what the table of a Keras model's sigmoid or tanh may be off by; None for the default.
    """

    file: Path
    unit: Literal["volts", "counts"] = "volts"
    arithmetic: str = ""
    table_error: float | None = None


def runs_stage(flow: Flow, data: Path | None, seed: int = 1) -> Runs:
    """Recorded runs of a folder, or simulated ones (made once for a seed and a version of the simulator)."""
    from ntorc.estimator.readers import load_runs
    from ntorc.estimator.runs import Runs
    from ntorc.estimator.simulator import SOURCES, simulate_runs

    if data is not None:
        return load_runs(data, progress=flow.progress)
    code = code_of(*SOURCES, "estimator/runs.py", "estimator/windows.py")
    key = digest_of({"seed": seed, "code": code})

    def make(work: Path) -> None:
        simulate_runs(seed=seed, progress=flow.progress).save(work)

    return Runs.load(flow.once("runs", key, make))


def estimator_stage(
    flow: Flow,
    runs: Runs,
    config: TrainingConfig | StreamingConfig,
    split: Split | None = None,
    *,
    validate: bool = True,
    resume: bool = False,
) -> tuple[Split, Estimator, Path]:
    """Train, or take the estimator that equal data, configuration and code have given before.

    Args:
        flow: store and progress.
        runs: the data.
        config: how to train, and which form.
        split: the honest one if left out.
        validate: see `train_streaming`.
        resume: only goes on with what was begun before.

    Raises:
        UsageError: nothing was begun that could be resumed.
        DataError: runs that are too short, or do not fit the split.
    """
    from ntorc.estimator.estimator import load_estimator
    from ntorc.estimator.lengths import check_lengths
    from ntorc.estimator.splits import honest
    from ntorc.estimator.streaming import train_streaming
    from ntorc.estimator.training import TrainingConfig, train

    chosen = split or honest(runs)
    code = code_of(*(WINDOW_CODE if isinstance(config, TrainingConfig) else STREAMING_CODE))
    key = digest_of(
        {
            "runs": runs.digest,
            "split": digest_of(chosen),
            "config": digest_of(config),
            "code": code,
            **({} if validate else {"validate": False}),
        }
    )

    if resume and not flow.store.begun("estimator", key):
        raise UsageError(
            f"there is nothing to resume: no training of this form, data, split and seed ({config.seed}) was begun"
            " with this program",
            "the same command without --resume begins it",
        )
    check_lengths(runs, chosen, config.form)

    def make(work: Path) -> None:
        if isinstance(config, TrainingConfig):
            train(runs, chosen, config, work, flow.progress)
        else:
            train_streaming(runs, chosen, config, work, flow.progress, validate=validate)

    folder = flow.once("estimator", key, make)
    return chosen, load_estimator(folder), folder


def network_stage(
    flow: Flow, runs: Runs, split: Split, estimator: Estimator, folder: Path, precision: Precision | None = None
) -> Network:
    """The integer network: formats from training data, weights rounded."""
    from ntorc.estimator.forms import StreamingForm

    precision = precision or Precision()
    key = digest_of(
        {
            "model": digest_of_file(folder / "model.keras"),
            "runs": runs.digest,
            "split": digest_of(split),
            "precision": digest_of(precision),
            "code": code_of("network", "estimator/windows.py", "estimator/streaming_model.py"),
        }
    )

    def make(work: Path) -> None:
        flow.progress.message("  network: choosing fixed-point formats")
        streams = isinstance(estimator.form, StreamingForm)
        made = _streaming_network if streams else _window_network
        made(runs, split, estimator, folder, precision).save(work)

    return Network.load(flow.once("network", key, make))


def _window_network(runs: Runs, split: Split, estimator: Estimator, folder: Path, precision: Precision) -> Network:
    from ntorc.estimator.windows import ADC_BITS, cut
    from ntorc.network.importers.keras_model import import_keras

    windows = cut([runs[name] for name in split.train], estimator.window_samples, estimator.hop_samples)
    step = max(1, len(windows.ends) // _CALIBRATION_FRAMES)
    frames = windows.inputs(0, np.arange(0, len(windows.ends), step))  # counts: no binary point yet
    word = FixedFormat(ADC_BITS, estimator.input_fraction_bits)
    return quantise(import_keras(folder / "model.keras", estimator.name), word, frames, precision)


def _streaming_network(runs: Runs, split: Split, estimator: Estimator, folder: Path, precision: Precision) -> Network:
    """Formats from all training runs, cut into crops of one length that each begin from a reset."""
    from ntorc.estimator.estimator import load_model
    from ntorc.estimator.forms import StreamingForm
    from ntorc.estimator.streaming_model import to_float_network
    from ntorc.estimator.windows import ADC_BITS, to_counts

    form = estimator.form
    if not isinstance(form, StreamingForm):
        raise DataError(f"{estimator.name} is no streaming estimator")
    crop = _CALIBRATION_CROP * form.frame_samples
    counts = np.concatenate([to_counts(runs[name].acceleration_v, estimator.adc_lsb_v) for name in split.train])
    crop = min(crop, len(counts) // form.frame_samples * form.frame_samples)
    streams = len(counts) // crop
    frames = counts[: streams * crop].reshape(-1, form.frame_samples, 1).astype(np.int64)
    floating = to_float_network(form, load_model(folder), estimator.sample_rate_hz, estimator.name)
    word = FixedFormat(ADC_BITS, estimator.input_fraction_bits)
    return quantise(floating, word, frames, precision, streams)


def learn(
    flow: Flow,
    data: Path | None,
    config: TrainingConfig | StreamingConfig,
    ready: Path | None = None,
    precision: Precision | None = None,
    given: Given | None = None,
    split: str = "honest",
    resume: bool = False,
) -> Learned:
    """All three; or runs, and an estimator that was trained before.

    Args:
        flow: store and progress.
        data: folder of recorded runs, or None for simulated ones.
        config: how to train.
        ready: folder of a trained estimator, which is judged on runs that it has not seen; None to train.
        precision: widths of a network that is made here.
        given: a model file instead of all that.
        split: that is trained under, by its name (`ntorc.estimator.named_splits`).
        resume: see `estimator_stage`.
    """
    if given is not None:
        from ntorc.pipeline.estimator.given import check_given

        check_given(given.file)
    with flow.stage("runs", f"reading {data}" if data else "simulated DROPBEAR runs (no --data given)"):
        runs = runs_stage(flow, data)
    if ready is not None:
        from ntorc.pipeline.estimator.shipped import load_ready, split_for

        with flow.stage("estimator", f"trained before: {ready}"):
            estimator, network = load_ready(ready)
            runs.require_sample_rate(estimator.sample_rate_hz)
            return Learned(runs, split_for(estimator, runs), estimator, ready, network)
    if given is not None:
        from ntorc.pipeline.estimator.given import given_estimator, given_network

        with flow.stage("network", f"{given.file.name}, formats chosen from the runs"):
            network = given_network(
                flow, runs, given.file, given.unit, precision, given.arithmetic, given.table_error
            )
            estimator = given_estimator(runs, network, given.file)
        return Learned(runs, estimator.split, estimator, given.file.parent, network)
    from ntorc.estimator.named_splits import split_named

    runs, parts = split_named(runs, split)
    with flow.stage("train", f"estimator on {_SPLITS[parts.name]}"):
        parts, estimator, folder = estimator_stage(flow, runs, config, parts, resume=resume)
    with flow.stage("network", "integer network, formats chosen from training data"):
        network = network_stage(flow, runs, parts, estimator, folder, precision)
    return Learned(runs, parts, estimator, folder, network)


def save_learned(learned: Learned, out: Path) -> Path:
    """Write an estimator as a folder that `learn` takes as ready: record, Keras model and integer network."""
    learned.network.save(out)
    for name in ("model.keras", "estimator.json"):
        write_atomically(out / name, (learned.folder / name).read_bytes())
    return out
