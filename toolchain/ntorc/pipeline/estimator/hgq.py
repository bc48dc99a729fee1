"""``ntorc train --qat hgq``: a window network trained on by HGQ2, at one penalty or a family of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import UsageError
from ntorc.estimator.few_bits import rmse_of
from ntorc.estimator.hgq.environment import require
from ntorc.estimator.hgq.exchange import GATE, OUTCOME, HgqConfig, HgqOutcome
from ntorc.estimator.hgq.exchange import NETWORK as NETWORK_FOLDER
from ntorc.estimator.hgq.training import Gate, check_form, train_by_hgq
from ntorc.estimator.training import Prepared, TrainingConfig, prepare
from ntorc.estimator.windows import ADC_BITS, Windows, cut
from ntorc.network.bit_operations import effective_bit_operations
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.pipeline.estimator.learn import Learned
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, digest_of_file, load

PENALTIES = (1e-8, 3e-8, 1e-7)
"""Of the loss for one effective bit operation; the default estimator's window form has 1.7 million where it begins."""
EPOCHS = 8
ALLOWED_LOSS = 1.05
"""The penalty that is chosen has the fewest bit operations among those that err at most so many times the least."""

_STEPS, _RATE, _WIDTH_RATE = 150, 1e-3, 1e-2
_START = Precision(activation_bits=9, weight_bits=8)
_CALIBRATION_FRAMES = 1000


@dataclass(frozen=True)
class Trained:
    """One penalty.

    Attributes:
        penalty: of the loss for an effective bit operation.
        network: the integer network.
        folder: of the network.
        outcome: what the training says.
        operations: effective bit operations.
        widths: bits of weights and of the words behind them, by layer.
        gate: held-out windows on which HGQ2's own model and the network gave equal bits.
    """

    penalty: float
    network: Network
    folder: Path
    outcome: HgqOutcome
    operations: int
    widths: dict[str, tuple[int, int]]
    gate: Gate

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "penalty": self.penalty,
            "validation_rmse_v": self.outcome.validation_rmse_v,
            "bit_operations": self.operations,
            "bits": {name: list(pair) for name, pair in self.widths.items()},
            "epoch": self.outcome.epoch,
            "network": str(self.folder),
        }

    def text(self) -> str:
        """For people."""
        bits = ", ".join(f"{weights}/{words}" for weights, words in self.widths.values())
        return (
            f"penalty {self.penalty:g}: validation {self.outcome.validation_rmse_v:.4f} V,"
            f" {self.operations / 1e3:.0f}k bit operations, bits of weights/words by layer {bits}"
        )


@dataclass(frozen=True)
class Material:
    """What every penalty is trained on."""

    data: Prepared
    held_out: Windows
    frames: IntArray
    word: FixedFormat


def material(learned: Learned, config: TrainingConfig) -> Material:
    """Windows of the parts, and frames of the training part that formats are chosen on."""
    data = prepare(learned.runs, learned.split, config)
    step = max(1, len(data.train.ends) // _CALIBRATION_FRAMES)
    frames = data.train.inputs(0, np.arange(0, len(data.train.ends), step)).astype(np.int64)
    held_out = cut([learned.runs[name] for name in learned.split.test], data.train.window_samples, config.hop_samples)
    return Material(data, held_out, frames, FixedFormat(ADC_BITS, data.input_fraction_bits))


def hgq_stage(flow: Flow, learned: Learned, config: TrainingConfig, penalty: float, epochs: int = EPOCHS) -> Trained:
    """An estimator's network trained on at one penalty; made once for equal input, goes on after Ctrl-C.

    Raises:
        UsageError: a form with other layers, or a penalty that is none.
        ToolError: HGQ2 is not installed.
    """
    check_form(learned.estimator.form)
    if not 0.0 <= penalty < 1.0:
        raise UsageError(f"a penalty of {penalty:g} is not offered", "give 0 or more, as 3e-8")
    require()
    model = learned.folder / "model.keras"
    code = [f"estimator/{name}" for name in ("hgq", "few_bits.py", "training.py", "windows.py")]
    steps = replace(config, steps_per_epoch=min(_STEPS, config.steps_per_epoch))
    hgq = HgqConfig(penalty, epochs, _RATE, _WIDTH_RATE, steps)
    key = digest_of(
        {
            "model": digest_of_file(model),
            "runs": learned.runs.digest,
            "split": digest_of(learned.split),
            "config": digest_of(hgq),
            "start": digest_of(_START),
            "code": code_of(*code, "network"),
        }
    )

    def make(work: Path) -> None:
        found, floating = material(learned, config), import_keras(model, learned.estimator.name)
        start = quantise(floating, found.word, found.frames, _START)
        train_by_hgq(model, floating, start, found.data, found.held_out, hgq, work, flow.progress)

    folder = flow.once("hgq", key, make)
    network = Network.load(folder / NETWORK_FOLDER)
    widths = {layer.name: (layer.weight_format.bits, layer.output_format.bits) for layer in network.weighted_layers}
    outcome, gate = load(HgqOutcome, folder / OUTCOME), load(Gate, folder / GATE)
    operations = effective_bit_operations(network)
    return Trained(penalty, network, folder / NETWORK_FOLDER, outcome, operations, widths, gate)


def family(
    flow: Flow, learned: Learned, config: TrainingConfig, penalties: Sequence[float] = PENALTIES, epochs: int = EPOCHS
) -> tuple[list[Trained], Trained]:
    """Every penalty, and the one chosen on validation."""
    found = []
    for penalty in penalties:
        with flow.stage(f"hgq {penalty:g}", "training on with learned widths"):
            found.append(hgq_stage(flow, learned, config, penalty, epochs))
        flow.progress.message("  " + found[-1].text())
    least = min(one.outcome.validation_rmse_v for one in found)
    near = [one for one in found if one.outcome.validation_rmse_v <= ALLOWED_LOSS * least]
    return found, min(near, key=lambda one: one.operations)


def hgq_trained(
    flow: Flow, learned: Learned, config: TrainingConfig, penalty: float | None
) -> tuple[Learned, dict[str, Any], str]:
    """The estimator with the network of a penalty, or of the one that validation chooses; what each gave, and in words.

    Only the chosen network is judged on the held-out trajectories.
    """
    penalties = PENALTIES if penalty is None else (penalty,)
    found, chosen = family(flow, learned, config, penalties, min(EPOCHS, config.epochs))
    error_v = held_out_error_v(learned, chosen.network, config)
    about = {
        "tool": chosen.outcome.tool,
        "chosen": chosen.penalty,
        "float_test_rmse_v": learned.estimator.test_rmse_v,
        "test_rmse_v": error_v,
        "gate": vars(chosen.gate),
        "penalties": [one.as_dict() for one in found],
    }
    lines = [("* " if one is chosen and len(found) > 1 else "  ") + one.text() for one in found]
    lines.append(
        f"penalty {chosen.penalty:g}: {error_v:.4f} V on held-out trajectories, float"
        f" {learned.estimator.test_rmse_v:.4f} V; HGQ2's own model gives the same bits on {chosen.gate.vectors} windows"
    )
    return replace(learned, network=chosen.network), about, "\n".join(lines)


def held_out_error_v(learned: Learned, network: Network, config: TrainingConfig) -> float:
    """RMSE of an integer network on the held-out trajectories."""
    test = [learned.runs[name] for name in learned.split.test]
    return rmse_of(network, cut(test, learned.estimator.window_samples, config.hop_samples))
