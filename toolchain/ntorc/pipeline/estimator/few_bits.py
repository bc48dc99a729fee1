"""``ntorc bench few-bits``: a window network with 2 to 8 bits, rounded and trained on, against its float model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.backends.finn.limits import unsupported
from ntorc.errors import UsageError
from ntorc.estimator.few_bits import FewBitsConfig, rmse_of, train_on
from ntorc.estimator.training import TrainingConfig, prepare
from ntorc.estimator.windows import ADC_BITS, cut
from ntorc.network.few_bits import few_bits_network, with_weights
from ntorc.network.floating import FloatNetwork
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.network import Network
from ntorc.pipeline.estimator.learn import Learned, learn
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, digest_of_file, from_json, save

WIDTHS = (8, 6, 4, 3, 2)
_EPOCHS = {3: 32, 2: 32}
"""By bits, `_FEW_EPOCHS` for all others: the fewer, the longer until nothing gets better."""
_FEW_EPOCHS, _STEPS, _RATE = 8, 150, 1e-3
_CALIBRATION_FRAMES = 1000


def few_bits_stage(flow: Flow, learned: Learned, config: TrainingConfig, bits: int) -> tuple[Network, dict[str, Any]]:
    """The network of few bits of an estimator, and how it came about; made once for equal input.

    Raises:
        UsageError: a width that FINN does not have.
    """
    if not 2 <= bits <= 8:
        raise UsageError(f"{bits} bits are not offered", "give 2 to 8")
    model = learned.folder / "model.keras"
    names = ("few_bits", "quantise", "formats")
    code = code_of(*(f"network/{name}.py" for name in names), "estimator/few_bits.py", "pipeline/estimator/few_bits.py")
    key = digest_of(
        {
            "model": digest_of_file(model),
            "runs": learned.runs.digest,
            "config": digest_of(config),
            "bits": bits,
            "code": code,
        }
    )

    def make(work: Path) -> None:
        network, about = _trained(flow, learned, config, import_keras(model, learned.estimator.name), bits, work)
        network.save(work / "network")
        save(about, work / "about.json")

    folder = flow.once("few-bits", key, make)
    about = from_json(dict[str, Any], (folder / "about.json").read_text(encoding="utf-8"))
    return Network.load(folder / "network"), {**about, "network": str(folder / "network")}


def _trained(
    flow: Flow, learned: Learned, config: TrainingConfig, floating: FloatNetwork, bits: int, work: Path
) -> tuple[Network, dict[str, Any]]:
    data = prepare(learned.runs, learned.split, config)
    word = FixedFormat(ADC_BITS, data.input_fraction_bits)
    step = max(1, len(data.train.ends) // _CALIBRATION_FRAMES)
    frames = data.train.inputs(0, np.arange(0, len(data.train.ends), step)).astype(np.int64)

    rounded = few_bits_network(floating, word, frames, bits)

    def quantised(current: FloatNetwork) -> Network:
        return with_weights(rounded, rounded.layers, current)

    def error_v(network: Network) -> float:
        """Infinite where FINN cannot have the network: sums grow with the weights."""
        return float("inf") if unsupported(network) else rmse_of(network, data.validation)

    epochs = _EPOCHS.get(bits, _FEW_EPOCHS)
    few = FewBitsConfig(epochs, _RATE, replace(config, steps_per_epoch=_STEPS))
    best, best_v, epoch = train_on(floating, data, few, quantised, error_v, flow.progress, work / "training.npz")
    test = cut([learned.runs[name] for name in learned.split.test], data.train.window_samples, config.hop_samples)
    return best, {
        "bits": bits,
        "epoch": epoch,
        "epochs": epochs,
        "validation_rmse_v": best_v,
        "rounded_validation_rmse_v": rmse_of(rounded, data.validation),
        "rounded_test_rmse_v": rmse_of(rounded, test),
        "test_rmse_v": rmse_of(best, test),
        "unsupported": unsupported(best),
    }


def table_of_widths(flow: Flow, data: Path | None, seed: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """Every width: error of rounding alone and of training on, on held-out trajectories, beside the float model's.

    Args:
        flow: the walk.
        data: folder of runs, or None for simulated ones.
        seed: of the float model and of sampling.
        only: of the widths, as text; `WIDTHS` when empty.

    Raises:
        UsageError: a width that is none.
    """
    unknown = [text for text in only if not text.isdecimal()]
    if unknown:
        raise UsageError(f"'{unknown[0]}' is no number of bits", "give 2 to 8")
    config = replace(TrainingConfig(), seed=seed)
    learned = learn(flow, data, config)
    rows = []
    for bits in map(int, only) if only else WIDTHS:
        with flow.stage("few-bits", f"{bits} bits"):
            rows.append(few_bits_stage(flow, learned, config, bits)[1])
    return {"float_test_rmse_v": learned.estimator.test_rmse_v, "split": learned.split.name, "rows": rows}


def as_text(result: dict[str, Any]) -> str:
    """For people."""
    lines = [f"float model: {result['float_test_rmse_v']:.4f} V on held-out trajectories ({result['split']})"]
    lines += [
        f"{row['bits']} bits: {row['test_rmse_v']:.4f} V trained on (epoch {row['epoch']} of {row['epochs']}),"
        f" {row['rounded_test_rmse_v']:.4f} V rounded alone; {row['network']}"
        for row in result["rows"]
    ]
    return "\n".join(lines)
