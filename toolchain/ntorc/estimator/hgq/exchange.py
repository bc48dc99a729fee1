"""What goes into HGQ2's training process and what comes out: a folder with a request, arrays, networks, an outcome.

In: ``request.json``, ``windows.npz``, ``model.keras``, ``start/`` (the integer network whose formats it begins with).
Out: ``network/``, ``outcome.json``, ``outputs.npz``; our side adds ``gate.json``.  ``training/`` holds the last
finished epoch meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ntorc.estimator.training import Prepared, TrainingConfig
from ntorc.estimator.windows import Windows
from ntorc.npz import read_arrays

REQUEST, OUTCOME, WINDOWS, OUTPUTS = "request.json", "outcome.json", "windows.npz", "outputs.npz"
MODEL, START, NETWORK, GATE = "model.keras", "start", "network", "gate.json"

_WINDOWS = ("counts", "ends", "target_v", "run")


@dataclass(frozen=True)
class HgqConfig:
    """How to train on.

    Attributes:
        penalty: of the loss (mean square error over the variance of the positions) for one effective bit operation.
        epochs: how many.
        learning_rate: of the weights at the start (Adam); it falls along a half cosine to 5 %.
        width_rate: the same of the widths, in bits a step; it falls to nothing, after which they stay.
        training: of batches, gains and seed.
    """

    penalty: float
    epochs: int
    learning_rate: float
    width_rate: float
    training: TrainingConfig


@dataclass(frozen=True)
class HgqRequest:
    """What the process is asked.

    Attributes:
        config: how to train on.
        name: of the network.
        input_fraction_bits, mean_v, std_v: see `Prepared`.
        names: of the runs by part.
    """

    config: HgqConfig
    name: str
    input_fraction_bits: int
    mean_v: float
    std_v: float
    names: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class HgqOutcome:
    """What came of it.

    Attributes:
        epoch: that was taken, from 1.
        validation_rmse_v: of its integer network, by the reference.
        history: by epoch, validation RMSE in volts and effective bit operations of the integer network.
        tool: HGQ2's version.
    """

    epoch: int
    validation_rmse_v: float
    history: tuple[tuple[float, int], ...]
    tool: str


def write_windows(folder: Path, data: Prepared, held_out: Windows) -> None:
    """The windows that are trained on, that choose, and (without their positions) those for the comparison of bits."""
    arrays = {"cumulative": data.cumulative}
    for part, windows in (("train", data.train), ("validation", data.validation), ("held_out", held_out)):
        arrays |= {f"{part}.{name}": getattr(windows, name) for name in _WINDOWS}
    arrays["held_out.target_v"] = np.zeros_like(held_out.target_v)  # the process is not to know them
    np.savez(folder / WINDOWS, **arrays)


def read_windows(folder: Path, request: HgqRequest) -> tuple[Prepared, Windows]:
    """What `write_windows` wrote.

    Raises:
        DataError: it is damaged.
    """
    parts = ("train", "validation", "held_out")
    names = [f"{part}.{name}" for part in parts for name in _WINDOWS]
    arrays = read_arrays(folder / WINDOWS, [*names, "cumulative"], "run it again")
    made = [
        Windows(
            arrays[f"{part}.counts"].astype(np.int16),
            arrays[f"{part}.ends"].astype(np.int64),
            arrays[f"{part}.target_v"].astype(np.float32),
            arrays[f"{part}.run"].astype(np.int64),
            request.names[part],
            request.config.training.form.window_samples,
        )
        for part in parts
    ]
    cumulative = arrays["cumulative"].astype(np.float64)
    data = Prepared(made[0], made[1], request.input_fraction_bits, request.mean_v, request.std_v, cumulative)
    return data, made[2]
