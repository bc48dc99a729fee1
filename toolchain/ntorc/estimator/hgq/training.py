"""Training on by HGQ2, from this side of its process: what it can train, the request, the comparison of bits."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import DataError, GateError, UsageError
from ntorc.estimator.few_bits import rmse_of
from ntorc.estimator.forms import Form, WindowForm
from ntorc.estimator.hgq import exchange
from ntorc.estimator.hgq.environment import require
from ntorc.estimator.hgq.exchange import HgqConfig, HgqOutcome, HgqRequest
from ntorc.estimator.training import Prepared
from ntorc.estimator.windows import Windows
from ntorc.network import reference
from ntorc.network.floating import FloatConv1D, FloatDense, FloatMaxPool1D, FloatNetwork
from ntorc.network.network import Network
from ntorc.processes import run_reporting
from ntorc.progress import Progress
from ntorc.records import load, save

_INSTEAD = "HGQ2 is for Conv1D, MaxPooling1D and Dense with relu; layers that keep a state train with --qat native"
_PIECE = 2048


@dataclass(frozen=True)
class Gate:
    """Windows that were compared, and those whose bits differ."""

    vectors: int
    mismatches: int


def check_form(form: Form) -> None:
    """Whether a form's layers are those that HGQ2 and hls4ml compute alike.

    Raises:
        UsageError: names the others, and says what to do.
    """
    if not isinstance(form, WindowForm):
        raise UsageError(
            "HGQ2 has no resonator bank and no GRU that is exact in hls4ml, which this estimator is made of",
            "use --qat native for it, or --form window with --qat hgq",
        )
    if form.lstm:
        layers = ", ".join(f"LSTM {units}" for units in form.lstm)
        raise UsageError(f"HGQ2 has no {layers} ({form.describe()})", _INSTEAD)


def check_layers(floating: FloatNetwork) -> None:
    """The same for a network.

    Raises:
        DataError: names the layers that are not trained.
    """
    wrong = [
        f"'{layer.name}' ({type(layer).__name__.removeprefix('Float')})"
        for layer in floating.layers
        if not isinstance(layer, FloatConv1D | FloatDense | FloatMaxPool1D)
        or (not isinstance(layer, FloatMaxPool1D) and layer.activation not in ("relu", "linear"))
    ]
    last = floating.layers[-1]
    if not wrong and not (isinstance(last, FloatDense) and last.activation == "linear"):
        wrong = [f"'{last.name}', which is last and no dense layer without activation"]
    if wrong:
        raise DataError(f"HGQ2 does not train {', '.join(wrong)} of '{floating.name}'", _INSTEAD)


def train_by_hgq(
    model: Path,
    floating: FloatNetwork,
    start: Network,
    data: Prepared,
    held_out: Windows,
    config: HgqConfig,
    folder: Path,
    progress: Progress,
) -> tuple[Network, HgqOutcome]:
    """Train on in a process of its own; goes on where it was left in ``folder``.

    Args:
        model: Keras model of volts, the one that ``floating`` was read from.
        floating: what HGQ2 begins with.
        start: its integer network, whose formats HGQ2 begins with.
        data: what is trained on, and what chooses the epoch.
        held_out: windows on which HGQ2's own model and the integer network must give equal bits; not their positions.
        config: how.
        folder: for the process.
        progress: for people.

    Raises:
        DataError: a layer that is not trained.
        GateError: a bit differs.
        ToolError: HGQ2 is missing, or its process failed.
    """
    check_layers(floating)
    packages = require()
    folder.mkdir(parents=True, exist_ok=True)
    names = {"train": data.train.names, "validation": data.validation.names, "held_out": held_out.names}
    request = HgqRequest(config, floating.name, data.input_fraction_bits, data.mean_v, data.std_v, names)
    exchange.write_windows(folder, data, held_out)
    shutil.copyfile(model, folder / exchange.MODEL)
    start.save(folder / exchange.START)
    save(request, folder / exchange.REQUEST)

    def on_line(line: str) -> None:
        what, done, total = _progress_of(line)
        if what:
            progress.step(what, done, total)

    paths = [str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]
    run_reporting(
        [sys.executable, "-m", "ntorc.estimator.hgq.process", folder], on_line, log=folder / "hgq.log",
        environment={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "KERAS_BACKEND": "tensorflow"}, what="HGQ2",
    )  # fmt: skip
    network, outcome = Network.load(folder / exchange.NETWORK), load(HgqOutcome, folder / exchange.OUTCOME)
    save(gate(network, held_out, folder), folder / exchange.GATE)
    found_v = rmse_of(network, data.validation)
    if found_v != outcome.validation_rmse_v:
        raise GateError(
            f"HGQ2's process said {outcome.validation_rmse_v:.6f} V on validation, its network errs {found_v:.6f} V",
            "train it again; please report the network",
        )
    shutil.rmtree(folder / "training", ignore_errors=True)
    return network, outcome


def gate(network: Network, held_out: Windows, folder: Path) -> Gate:
    """Compare HGQ2's outputs for the held-out windows with the reference's.

    Raises:
        GateError: they differ.
    """
    from ntorc.npz import read_arrays

    given = read_arrays(folder / exchange.OUTPUTS, ["outputs"], "train it again")["outputs"].astype(np.float64)
    wrong = int(len(given) != held_out.ends.size)
    for begin in range(0, held_out.ends.size, _PIECE):
        piece = slice(begin, begin + _PIECE)
        own = reference.run(network, held_out.inputs(0, piece).astype(np.int64))[:, 0]
        wrong += int((given[piece] != own).sum())  # as they are: HGQ2's need not be whole
    if wrong:
        raise GateError(
            f"gate failed: HGQ2's model differs from the integer network in {wrong} of {held_out.ends.size} windows",
            "the network must not be used; please report it",
            {"gate": {"vectors": held_out.ends.size, "mismatches": wrong}},
        )
    return Gate(held_out.ends.size, wrong)


def _progress_of(line: str) -> tuple[str, int, int]:
    """What a line says, or nothing."""
    try:
        message: Any = json.loads(line)
        what, done, total = message["progress"]
        return str(what), int(done), int(total)
    except (ValueError, TypeError, KeyError):
        return "", 0, 0
