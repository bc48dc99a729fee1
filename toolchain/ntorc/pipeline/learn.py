"""Stages from data to the integer network: Runs -> Estimator -> Network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.pipeline.flow import Flow
from ntorc.records import digest_of, digest_of_file, digest_of_sources

if TYPE_CHECKING:
    from ntorc.estimator.estimator import Estimator
    from ntorc.estimator.runs import Runs
    from ntorc.estimator.splits import Split
    from ntorc.estimator.training import TrainingConfig

_PACKAGE = Path(__file__).resolve().parents[1]
_CALIBRATION_FRAMES = 2000


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


def runs_stage(flow: Flow, data: Path | None, seed: int = 1) -> Runs:
    """Recorded runs of a folder, or simulated ones (made once for a seed and a version of the simulator)."""
    from ntorc.estimator.readers import load_runs
    from ntorc.estimator.runs import Runs
    from ntorc.estimator.simulator import simulate_runs

    if data is not None:
        return load_runs(data, progress=flow.progress)
    folder = _PACKAGE / "estimator"
    names = ("simulator.py", "beam.py", "motions.py", "excitation.py", "runs.py", "windows.py")
    key = digest_of({"seed": seed, "code": digest_of_sources(*(folder / name for name in names))})

    def make(work: Path) -> None:
        simulate_runs(seed=seed, progress=flow.progress).save(work)

    return Runs.load(flow.once("runs", key, make))


def estimator_stage(flow: Flow, runs: Runs, config: TrainingConfig) -> tuple[Split, Estimator, Path]:
    """Train, or take the estimator that equal data, configuration and code have given before."""
    from ntorc.estimator.estimator import load_estimator
    from ntorc.estimator.splits import honest
    from ntorc.estimator.training import train

    split = honest(runs)
    names = ("training.py", "forms.py", "models.py", "windows.py", "checkpoints.py", "estimator.py")
    sources = [_PACKAGE / "estimator" / name for name in names]
    key = digest_of(
        {
            "runs": runs.digest,
            "split": digest_of(split),
            "config": digest_of(config),
            "code": digest_of_sources(*sources),
        }
    )

    def make(work: Path) -> None:
        train(runs, split, config, work, flow.progress)

    folder = flow.once("estimator", key, make)
    return split, load_estimator(folder), folder


def network_stage(
    flow: Flow, runs: Runs, split: Split, estimator: Estimator, folder: Path, precision: Precision | None = None
) -> Network:
    """The integer network: formats from training windows, weights rounded."""
    from ntorc.estimator.windows import ADC_BITS, cut

    precision = precision or Precision()
    code = [_PACKAGE / "network", _PACKAGE / "estimator" / "windows.py"]
    key = digest_of(
        {
            "model": digest_of_file(folder / "model.keras"),
            "runs": runs.digest,
            "precision": digest_of(precision),
            "code": digest_of_sources(*code),
        }
    )

    def make(work: Path) -> None:
        from ntorc.network.importers.keras_model import import_keras

        flow.progress.message("  network: choosing fixed-point formats")
        windows = cut([runs[name] for name in split.train], estimator.window_samples, estimator.hop_samples)
        step = max(1, len(windows.ends) // _CALIBRATION_FRAMES)
        frames = windows.inputs(0, np.arange(0, len(windows.ends), step))  # counts: no binary point yet
        word = FixedFormat(ADC_BITS, estimator.input_fraction_bits)
        floating = import_keras(folder / "model.keras", estimator.name)
        quantise(floating, word, frames, precision).save(work)

    return Network.load(flow.once("network", key, make))


def learn(flow: Flow, data: Path | None, config: TrainingConfig) -> Learned:
    """All three."""
    with flow.stage("runs", f"reading {data}" if data else "simulated DROPBEAR runs (no --data given)"):
        runs = runs_stage(flow, data)
    with flow.stage("train", "estimator on an honest split (whole trajectories held out)"):
        split, estimator, folder = estimator_stage(flow, runs, config)
    with flow.stage("network", "integer network, formats chosen from training data"):
        network = network_stage(flow, runs, split, estimator, folder)
    return Learned(runs, split, estimator, folder, network)
