"""Options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ntorc.estimator.training import TrainingConfig
    from ntorc.progress import Progress

Board = Annotated[str, typer.Option("--board", help="Board by name; `ntorc board list` shows them.")]
Deadline = Annotated[str, typer.Option("--deadline", help="With its unit: 500us, 0.2ms or 20000cycles.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of recorded runs (.npz, .txt, .lvm); else simulated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
BackendName = Annotated[
    str, typer.Option("--backend", help="How the network becomes hardware: native; hls4ml, finn (costs only).")
]
ClockHz = Annotated[
    float | None, typer.Option("--clock-hz", help="Clock of the logic; the board's default if left out.")
]
Ceiling = Annotated[
    float, typer.Option("--ceiling", min=0.01, max=1.0, help="Share of each resource that may be used.")
]
Solver = Annotated[
    str, typer.Option("--solver", help="CBC, HIGHS or GRB (integer program); MERGE (undominated labels).")
]
Objective = Annotated[
    str,
    typer.Option("--objective", help="What is least: weighted (shares of the device), lut, ff, dsp, bram18, latency."),
]
MeasuredTarget = Annotated[
    str, typer.Option("--target", help="The board that it is for: what was measured on it is reckoned with.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of weights and batches.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Of training at the most.")]
TimeLimit = Annotated[float | None, typer.Option("--train-limit", help="Seconds of training at the most.")]


def progress() -> Progress:
    """Progress for people, on stderr."""
    from ntorc.progress import Console

    return Console()


def training(seed: int, limit_s: float | None = None, epochs: int | None = None) -> TrainingConfig:
    """The default estimator's configuration with the user's changes."""
    from dataclasses import replace

    from ntorc.estimator.training import TrainingConfig

    changes: dict[str, Any] = {"seed": seed, "time_limit_s": limit_s, "epochs": epochs}
    return replace(TrainingConfig(), **{name: value for name, value in changes.items() if value is not None})


def show(result: Any, *, as_json: bool, text: str) -> None:
    """The result on stdout: as JSON, or as text."""
    from ntorc.records import to_json

    sys.stdout.write(to_json(result) if as_json else text.rstrip("\n") + "\n")
