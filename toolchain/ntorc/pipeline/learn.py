"""Stages from data to the integer network: Runs -> Estimator -> Network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.errors import DataError
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.pipeline.flow import Flow
from ntorc.records import digest_of, digest_of_file, digest_of_sources, load

if TYPE_CHECKING:
    from ntorc.estimator.runs import Runs
    from ntorc.estimator.splits import Split
    from ntorc.estimator.training import Estimator, TrainingConfig

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
    from ntorc.estimator.readers import read_runs
    from ntorc.estimator.runs import Runs
    from ntorc.estimator.simulator import simulate_runs

    if data is not None:
        return read_runs(data)
    folder = _PACKAGE / "estimator"
    key = digest_of({"seed": seed, "code": digest_of_sources(folder / "simulator.py", folder / "beam.py")})

    def make(work: Path) -> None:
        simulate_runs(seed=seed, progress=flow.progress).save(work)

    return Runs.load(flow.once("runs", key, make))


def estimator_stage(flow: Flow, runs: Runs, config: TrainingConfig) -> tuple[Split, Estimator, Path]:
    """Train, or take the estimator that equal data, configuration and code have given before."""
    from ntorc.estimator.splits import honest_split
    from ntorc.estimator.training import Estimator, train

    split = honest_split(runs)
    names = ("training.py", "models.py", "windows.py")
    sources = [_PACKAGE / "estimator" / name for name in names]
    key = digest_of({
        "runs": runs.digest, "split": digest_of(split), "config": digest_of(config), "code": digest_of_sources(*sources)
    })

    def make(work: Path) -> None:
        train(runs, split, config, work, flow.progress)

    folder = flow.once("estimator", key, make)
    return split, load(Estimator, folder / "estimator.json"), folder


def network_stage(
    flow: Flow, runs: Runs, split: Split, estimator: Estimator, folder: Path, precision: Precision | None = None
) -> Network:
    """The integer network: formats from training windows, weights rounded."""
    from ntorc.estimator.windows import frames_of, input_format

    precision = precision or Precision()
    code = [_PACKAGE / "network", _PACKAGE / "estimator" / "windows.py"]
    key = digest_of({
        "model": digest_of_file(folder / "model.keras"), "runs": runs.digest, "precision": digest_of(precision),
        "code": digest_of_sources(*code),
    })

    def make(work: Path) -> None:
        from ntorc.network.importers.keras_model import import_keras

        flow.progress.message("  network: choosing fixed-point formats")
        frames = frames_of(runs, split.train, estimator, limit=_CALIBRATION_FRAMES)
        if not len(frames):
            raise DataError("the training runs are shorter than one window", "give longer runs")
        floating = import_keras(folder / "model.keras", estimator.name)
        quantise(floating, input_format(estimator), frames, precision).save(work)

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
