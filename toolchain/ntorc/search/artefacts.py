"""What a search keeps of a candidate besides its record: the state of its training, and what came of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ntorc import records
from ntorc.errors import NtorcError, StorageError
from ntorc.estimator.estimator import Labels
from ntorc.network.network import Network
from ntorc.npz import read_arrays
from ntorc.search.fitting import Arrays, State

_STATE, _LABELS, _NETWORK, _FOLDED = "state.npz", "labels.json", "network", "folded"
_HINT = "search again"


@dataclass(frozen=True, eq=False)
class Kept:
    """A trained candidate.

    Attributes:
        network: the integer network.
        weights: of the Keras model, scales folded in.
        labels: what it learned.
    """

    network: Network
    weights: Arrays
    labels: Labels


@dataclass(frozen=True)
class _About:
    curve_v: tuple[float, ...]
    cpu_s: float
    groups: dict[str, int]


def save_state(folder: Path, state: State) -> None:
    """Write how far a training is: one file, replaced whole."""
    arrays = {f"{group}.{index}": array for group, row in state.variables.items() for index, array in enumerate(row)}
    about = _About(state.curve_v, state.cpu_s, {group: len(row) for group, row in state.variables.items()})
    content = io.BytesIO()
    np.savez(content, about=np.frombuffer(records.to_json(about).encode(), np.uint8), **arrays)
    records.write_atomically(folder / _STATE, content.getvalue())


def load_state(folder: Path) -> State:
    """How far a training is; its beginning where nothing usable is kept: that only costs the time to train again."""
    path = folder / _STATE
    if not path.is_file():
        return State()
    try:
        text = read_arrays(path, ("about",), _HINT)["about"].tobytes().decode()
        about = records.from_json(_About, text, str(path))
        names = [f"{group}.{index}" for group, count in about.groups.items() for index in range(count)]
        arrays = read_arrays(path, names, _HINT)
    except (NtorcError, UnicodeDecodeError):
        return State()
    variables: dict[str, Arrays] = {
        group: [np.asarray(arrays[f"{group}.{index}"], np.float32) for index in range(count)]
        for group, count in about.groups.items()
    }
    return State(about.curve_v, about.cpu_s, variables)


def save_kept(folder: Path, kept: Kept, state: State) -> None:
    """Write a trained candidate; of its training's state the best weights alone."""
    kept.network.save(folder / _NETWORK)
    records.save(kept.labels, folder / _LABELS)
    variables = {"best": state.variables["best"], _FOLDED: kept.weights}
    save_state(folder, State(state.curve_v, state.cpu_s, variables))


def load_network(folder: Path) -> Network:
    """The integer network of a trained candidate."""
    return Network.load(folder / _NETWORK)


def load_kept(folder: Path) -> Kept:
    """A trained candidate.

    Raises:
        StorageError: it is missing or damaged.
    """
    state = load_state(folder)
    if _FOLDED not in state.variables:
        raise StorageError(f"{folder} holds no trained candidate", _HINT)
    return Kept(load_network(folder), state.variables[_FOLDED], records.load(Labels, folder / _LABELS))
