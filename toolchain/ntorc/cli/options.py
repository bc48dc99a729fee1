"""Options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ntorc.estimator.streaming_training import StreamingConfig
    from ntorc.estimator.training import TrainingConfig
    from ntorc.pipeline.estimator.learn import Given
    from ntorc.progress import Progress

NETWORK_FORMS = "Folder of an ntorc network, a Keras (.keras, .h5) or QONNX model (.onnx)"
NetworkArgument = Annotated[Path, typer.Argument(help=f"{NETWORK_FORMS}, or a model's JSON (costs only).")]
Arithmetic = Annotated[
    str,
    typer.Option(
        "--arithmetic",
        help="Of a Keras model: ntorc, or hls4ml's, bit by bit: hls4ml-name, hls4ml-model (its granularities).",
    ),
]
TableError = Annotated[
    float | None,
    typer.Option(
        "--table-error", min=1e-4, max=0.25, help="What a sigmoid's or tanh's table may be off by: its size."
    ),
]
Hop = Annotated[
    int | None,
    typer.Option("--hop", min=1, help="Samples from one estimate to the next: 16, or the frame if state is kept."),
]
SampleRate = Annotated[float, typer.Option("--sample-rate-hz", min=1e-3, help="Of the sensor.")]
Board = Annotated[str, typer.Option("--board", help="Board by name; `ntorc board list` shows them.")]
Deadline = Annotated[str, typer.Option("--deadline", help="With its unit: 500us, 0.2ms or 20000cycles.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of recorded runs (.npz, .txt, .lvm); else simulated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
BackendName = Annotated[
    str, typer.Option("--backend", help="How it becomes hardware: native, hls4ml, finn; auto takes the best.")
]
Tool = Annotated[
    str, typer.Option("--tool", help="virtual (simulated logic), vivado or openxc7 (a bitstream, for a real board).")
]
CostedTool = Annotated[
    str,
    typer.Option("--tool", help="What will build it, where that changes costs: openxc7 puts everything into logic."),
]
Host = Annotated[str, typer.Option("--host", help="Run the tools there: ssh://user@builder.")]
SshConfig = Annotated[
    Path | None, typer.Option("--ssh-config", help="Another configuration of ssh than yours, for --host.")
]
Hls = Annotated[
    str,
    typer.Option("--hls", help="HLS of --backend hls4ml: vitis, or vivado (old installations); else what is there."),
]
DeviceTree = Annotated[
    Path | None,
    typer.Option("--dtbo", help="A compiled device-tree overlay that the board's kernel is given with the logic."),
]
Dma = Annotated[
    bool,
    typer.Option(
        "--dma", help="With streams and a DMA for samples and results, driven by pynq's own class; registers stay."
    ),
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
Load = Annotated[
    str, typer.Option("--load", help="Interference meanwhile: cpu, mem, io, net, or several with commas.")
]
Miss = Annotated[
    float | None,
    typer.Option("--miss", help="Share that may miss the deadline, between 0 and 1; asked for, it has to be shown."),
]
Fifo = Annotated[
    int | None,
    typer.Option(
        "--fifo", min=0, max=99, help="SCHED_FIFO priority of the loop; 0 for none. A real board: 80 if left out."
    ),
]
Cpu = Annotated[
    int | None,
    typer.Option(
        "--cpu", min=-1, max=1023, help="Processor of the loop; -1 for any. A real board: its last if left out."
    ),
]
Objective = Annotated[
    str,
    typer.Option(
        "--objective",
        help="What is least: weighted (shares of the device), lut, ff, dsp, bram18, count (their plain sum), latency.",
    ),
]
MEASURED_TARGET = typer.Option("--target", help="The board that it is for: what was measured on it is reckoned with.")
MeasuredTarget = Annotated[str, MEASURED_TARGET]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of weights and batches.")]
Epochs = Annotated[
    int | None, typer.Option("--epochs", min=1, help="Of training at the most; streaming: of 50 iterations.")
]
Form = Annotated[
    str,
    typer.Option(
        "--form", help="streaming (resonators and GRU), window (convolutions), or a model's JSON (its layers, trained)."
    ),
]
Estimator = Annotated[
    str | None,
    typer.Option(
        "--estimator",
        help="shipped (default without --data), streaming (default with it) or window: trained; or a folder that"
        " `ntorc train` wrote.",
    ),
]
FromSearch = Annotated[
    str | None, typer.Option("--from-search", help="Deploy a point of this search's front (`ntorc search`).")
]
Pick = Annotated[str, typer.Option("--pick", help="Which: knee, or its number on the front.")]
TimeLimit = Annotated[float | None, typer.Option("--train-limit", help="Seconds of training at the most.")]


def miss_probability(share: float | None) -> float | None:
    """What ``--miss`` asks for, None where it was left out.

    Raises:
        UsageError: it is no share between 0 and 1, or no number.
    """
    from ntorc.errors import UsageError

    if share is not None and not 0.0 < share < 1.0:  # no comparison holds for NaN
        raise UsageError(f"a miss probability of {share:g} is not between 0 and 1", "for example --miss 1e-5")
    return share


def progress() -> Progress:
    """Progress for people, on stderr."""
    from ntorc.progress import Console

    return Console()


def training(
    form: str, seed: int, limit_s: float | None = None, epochs: int | None = None
) -> TrainingConfig | StreamingConfig:
    """How to train a form, with the user's changes; an epoch of a streaming one is a look at the validation runs.

    Raises:
        UsageError: no such form.
    """
    from dataclasses import replace

    from ntorc.errors import UsageError
    from ntorc.estimator.json_forms import form_of_json
    from ntorc.estimator.streaming_training import StreamingConfig
    from ntorc.estimator.training import TrainingConfig

    if form not in ("streaming", "window") and not form.lower().endswith(".json"):
        raise UsageError(
            f"there is no form '{form}'", "use streaming, window, or a file of a Keras model's JSON (model.to_json())"
        )
    changes: dict[str, Any] = {"seed": seed, "time_limit_s": limit_s}
    config: TrainingConfig | StreamingConfig = TrainingConfig()
    if form.lower().endswith(".json"):
        config = TrainingConfig(form=form_of_json(Path(form)))
    if form == "streaming":
        config = StreamingConfig()
        changes["iterations"] = None if epochs is None else epochs * config.check_every
    else:
        changes["epochs"] = epochs
    return replace(config, **{name: value for name, value in changes.items() if value is not None})


def ready(estimator: str | None, data: Path | None) -> tuple[Path | None, str]:
    """Folder of a trained estimator, or None, and the form to train; the shipped one where neither data nor form is."""
    from ntorc.pipeline.estimator.shipped import shipped_folder

    chosen = estimator or ("streaming" if data else "shipped")
    if chosen in ("streaming", "window"):
        return None, chosen
    return (shipped_folder() if chosen == "shipped" else Path(chosen)), "streaming"


def searched(name: str, pick: str, other: str | Path | None, data: Path | None) -> tuple[str, Path | None]:
    """Folder of a point of a search's front, as an estimator, and the data, which the search brings with it.

    Raises:
        UsageError: ``other`` says what to deploy besides.
    """
    from ntorc.errors import UsageError
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.search.pick import estimator_from_search

    if other is not None:
        raise UsageError(f"both --from-search and {other} say what to deploy", "give one of them")
    folder, searched_on = estimator_from_search(open_flow(progress()), name, pick)
    return str(folder), data or searched_on


def hls(name: str, backend: str) -> str:
    """hls4ml's own backend by its name on the command line; empty when left out.

    Raises:
        UsageError: no such one, or for another backend.
    """
    if not name:
        return ""
    from ntorc.backends.bitstream.hls import HLS_NAMES
    from ntorc.errors import UsageError

    if backend not in ("hls4ml", "auto"):
        raise UsageError(f"--hls is hls4ml's, and the backend is {backend}", "add --backend hls4ml, or leave it out")
    if name not in HLS_NAMES:
        raise UsageError(f"there is no HLS '{name}'", f"use {' or '.join(HLS_NAMES)}")
    return HLS_NAMES[name]


def given(
    model: Path | None, unit: str, estimator: str | None, arithmetic: str = "", table_error: float | None = None
) -> Given | None:
    """The user's own model, or None.

    Raises:
        UsageError: beside an estimator, or of another unit; or words are asked for without a model.
    """
    from ntorc.errors import UsageError
    from ntorc.pipeline.estimator.given import check_given
    from ntorc.pipeline.estimator.learn import Given

    if model is None:
        if arithmetic or table_error is not None:
            raise UsageError("--arithmetic and --table-error are of a given model", "add --model my_model.keras")
        return None
    if estimator is not None:
        raise UsageError("--model and --estimator ask for two estimators", "give one of them")
    check_given(model)
    if unit == "volts":
        return Given(model, "volts", arithmetic, table_error)
    if unit == "counts":
        return Given(model, "counts", arithmetic, table_error)
    raise UsageError(f"a model does not take '{unit}'", "--model-input is volts or counts")


def resources_text(figures: Mapping[str, float]) -> str:
    """Resources by name as `Resources.as_dict` gives them, for people: ``2044 LUT, 1879 FF, 4 DSP, 10 BRAM18``."""
    return ", ".join(f"{figures[name]:.0f} {name.upper()}" for name in ("lut", "ff", "dsp", "bram18"))


def show(result: Any, *, as_json: bool, text: str) -> None:
    """The result on stdout: as JSON, or as text."""
    from ntorc.records import to_json

    sys.stdout.write(to_json(result) if as_json else text.rstrip("\n") + "\n")
