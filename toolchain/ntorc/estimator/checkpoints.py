"""Checkpoints of a training: each finished epoch on disk, whole or not at all.

Layout: ``<folder>/training/state.json`` names the files of the last and the best epoch; it is
replaced last, so that a kill at any moment leaves the previous epoch complete.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntorc import records
from ntorc.errors import StorageError

_FOLDER = "training"
_STATE = "state.json"


@dataclass(frozen=True)
class TrainingState:
    """How far a training is.

    Attributes:
        key: `ntorc.estimator.training.training_key`.
        epoch: epochs finished.
        best_epoch: the epoch with the lowest validation RMSE, from 1; 0 before the first.
        best_rmse_v: that RMSE.
        elapsed_s: wall time of training so far.
    """

    key: str
    epoch: int = 0
    best_epoch: int = 0
    best_rmse_v: float = 0.0
    elapsed_s: float = 0.0


def restore(folder: Path, key: str) -> tuple[TrainingState, Any]:
    """The state and the compiled model of the last finished epoch, or a fresh state and None.

    A training of another key in the folder is discarded.

    Raises:
        StorageError: the folder cannot be read.
    """
    import keras

    place = folder / _FOLDER
    if (place / _STATE).is_file():
        try:
            state = records.load(TrainingState, place / _STATE)
            if state.key == key:
                return state, keras.saving.load_model(_epoch_file(place, state.epoch), safe_mode=True)
        except (StorageError, OSError, ValueError, TypeError, KeyError):
            # a damaged checkpoint only costs the time to train again
            pass
        clear(folder)
    return TrainingState(key), None


def compile_model(model: Any, learning_rate: float) -> None:
    """Give a new model its optimiser (Adam) and loss, which its checkpoints then carry."""
    import keras

    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="mse")


def save_epoch(folder: Path, state: TrainingState, model: Any, rmse_v: float, elapsed_s: float) -> TrainingState:
    """Save a finished epoch and return the new state; epochs no longer needed are removed."""
    place = folder / _FOLDER
    epoch = state.epoch + 1
    better = state.best_epoch == 0 or rmse_v < state.best_rmse_v
    new = TrainingState(
        state.key, epoch, epoch if better else state.best_epoch, rmse_v if better else state.best_rmse_v, elapsed_s
    )
    save_model(model, _epoch_file(place, epoch))
    records.save(new, place / _STATE)
    needed = {_epoch_file(place, new.epoch), _epoch_file(place, new.best_epoch)}
    for file in place.glob("epoch-*.keras"):
        if file not in needed:
            file.unlink(missing_ok=True)
    return new


def best_model(folder: Path, state: TrainingState) -> Any:
    """The model of the best epoch, without optimiser.

    Raises:
        StorageError: it is missing or damaged.
    """
    import keras

    file = _epoch_file(folder / _FOLDER, state.best_epoch)
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(f"cannot read the checkpoint {file}: {error}", "run the training again") from error


def clear(folder: Path) -> None:
    """Remove the checkpoints."""
    shutil.rmtree(folder / _FOLDER, ignore_errors=True)


def save_model(model: Any, path: Path) -> str:
    """Save a Keras model atomically; returns the SHA-256 of its file.

    Raises:
        StorageError: it cannot be written.
    """
    # Keras writes by path and insists on the suffix
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.keras")
    with records.storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            model.save(temporary)
            descriptor = os.open(temporary, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return records.digest_of_file(path)


def _epoch_file(place: Path, epoch: int) -> Path:
    return place / f"epoch-{epoch:04d}.keras"
