"""Estimators that were trained before, and the one that is shipped with ntorc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.errors import UsageError
from ntorc.network.network import Network
from ntorc.paths import project_root

if TYPE_CHECKING:
    from ntorc.estimator.estimator import Estimator
    from ntorc.estimator.runs import Runs
    from ntorc.estimator.splits import Split

UNSEEN = "unseen"
"""Name of a split of which no run was trained on or chosen by."""

UNKNOWN = "unknown"
"""Name of a split of runs of which it is not known whether a model was trained on them."""


def shipped_folder() -> Path:
    """The shipped estimator: ``estimator.json``, ``model.keras``, ``network.json``, ``weights.npz``, ``card.json``."""
    return project_root() / "models" / "estimators" / "default"


def split_for(estimator: Estimator, runs: Runs) -> Split:
    """Which runs may judge an estimator: its own test runs of its own data, all runs of any other.

    Other data with a run of a name that it was trained on may hold that very run, so nobody knows what it has seen.
    """
    from ntorc.estimator.named_splits import whole_run

    if runs.digest == estimator.data_digest:
        return estimator.split
    seen = {whole_run(name) for name in (*estimator.split.train, *estimator.split.validation)}
    return all_of(runs, UNKNOWN if any(run.name in seen for run in runs) else UNSEEN)


def all_of(runs: Runs, name: str) -> Split:
    """A split of that name whose runs all judge."""
    from ntorc.estimator.splits import Split
    from ntorc.estimator.trajectories import recognise

    trajectories = {run: found.name for found in recognise(runs) for run in found.replicas}
    return Split(name, (), (), tuple(run.name for run in runs), trajectories)


def load_ready(folder: Path) -> tuple[Estimator, Network]:
    """A trained estimator and its integer network.

    Raises:
        UsageError: the folder holds none.
        StorageError: it is damaged.
    """
    from ntorc.estimator.estimator import ESTIMATOR_NAME, load_estimator

    if not (folder / ESTIMATOR_NAME).is_file() or not (folder / "network.json").is_file():
        raise UsageError(f"{folder} holds no trained estimator", "make one: ntorc train FOLDER")
    return load_estimator(folder), Network.load(folder)
