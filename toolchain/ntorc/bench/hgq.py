"""``ntorc bench hgq``: what learned widths lose in error and save in area; gated in gateware and hls4ml."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.allocate.allocation import Allocation, allocate
from ntorc.backends.hls4ml.convert import GATE_WINDOWS, ConvertRequest, convert
from ntorc.backends.hls4ml.reuse import legal_reuse_factors
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.errors import DataError, InfeasibleError
from ntorc.estimator.few_bits import rmse_of
from ntorc.estimator.training import TrainingConfig
from ntorc.network import reference
from ntorc.network.bit_operations import effective_bit_operations
from ntorc.network.few_bits import network_of_widths
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.network import Network
from ntorc.pipeline.estimator.few_bits import few_bits_stage
from ntorc.pipeline.estimator.hgq import EPOCHS, PENALTIES, Material, family, held_out_error_v, material
from ntorc.pipeline.estimator.learn import Learned, learn
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for, backend_named, costs_for, windows_of
from ntorc.pipeline.standalone import NetworkRequest, asked_for
from ntorc.records import digest_of, from_json, save

_BOARD, _DEADLINE = "pynq-z2", "200us"
_UNIFORM = (8, 6, 4)
_SIMULATED = 128
_BUILT = "built.json"


def learned_widths(flow: Flow, data: Path | None, seed: int) -> dict[str, Any]:
    """Every row: after training with 16 and 12 bits, uniform few bits trained on, and HGQ2's penalties.

    The penalty is chosen on validation; errors on held-out trajectories chose nothing.

    Args:
        flow: the walk; what was made before is reused.
        data: recorded runs, or None for simulated ones.
        seed: of the training.
    """
    config = replace(TrainingConfig(), seed=seed)
    learned = learn(flow, data, config)
    found = material(learned, config)
    rows = [_row(flow, learned, found, learned.network, "16 and 12 bits, rounded after training", config)[0]]
    for bits in _UNIFORM:
        with flow.stage("few-bits", f"{bits} bits everywhere, trained on"):
            network, about = few_bits_stage(flow, learned, config, bits)
        row, _ = _row(flow, learned, found, network, f"{bits} bits, trained on", config)
        rows.append({**row, "same_widths_test_rmse_v": about["rounded_test_rmse_v"]})
    trained, chosen = family(flow, learned, config)
    for one in trained:
        row, allocation = _row(flow, learned, found, one.network, f"HGQ2, penalty {one.penalty:g}", config)
        after, rule = _rounded_alike(learned, found, one.widths)
        rows.append(
            {
                **row,
                "penalty": one.penalty,
                "chosen": one is chosen,
                "epoch": one.outcome.epoch,
                "network": str(one.folder),
                "same_widths_test_rmse_v": held_out_error_v(learned, after, config),
                "same_widths_rule": rule,
                "hgq_gate": vars(one.gate),
                "hls4ml_windows_equal": _emulated(flow, one.network, allocation),
            }
        )
        flow.progress.step("penalties", len(rows) - 1 - len(_UNIFORM), len(PENALTIES))
    return {
        "benchmark": "hgq",
        "seed": seed,
        "split": learned.split.name,
        "board": _BOARD,
        "deadline": _DEADLINE,
        "epochs": EPOCHS,
        "tool": chosen.outcome.tool,
        "float_validation_rmse_v": learned.estimator.validation_rmse_v,
        "float_test_rmse_v": learned.estimator.test_rmse_v,
        "rows": rows,
    }


def _rounded_alike(learned: Learned, found: Material, widths: dict[str, tuple[int, int]]) -> tuple[Network, str]:
    """The float model rounded to the same widths without training on: the better of two rules on validation."""
    floating = import_keras(learned.folder / "model.keras", learned.estimator.name)
    rules = {"nothing saturates": 0, "least square error": 3}
    made = {name: network_of_widths(floating, found.word, found.frames, widths, finer) for name, finer in rules.items()}
    best = min(made, key=lambda name: rmse_of(made[name], found.data.validation))
    return made[best], best


def _row(
    flow: Flow, learned: Learned, found: Material, network: Network, name: str, config: TrainingConfig
) -> tuple[dict[str, Any], Allocation]:
    with flow.stage("costs", f"{name}: allocation, synthesis, outputs"):
        allocation = _allocated(flow, network, "native")
        if not isinstance(allocation, Allocation):
            raise DataError(f"the native gateware does not keep {_DEADLINE} with {name}", allocation)
        hls4ml = _allocated(flow, network, "hls4ml")
        return {
            "name": name,
            "bits": {
                layer.name: [layer.weight_format.bits, layer.output_format.bits] for layer in network.weighted_layers
            },
            "validation_rmse_v": rmse_of(network, found.data.validation),
            "test_rmse_v": held_out_error_v(learned, network, config),
            "bit_operations": effective_bit_operations(network),
            "zero_weights": float(np.mean(np.concatenate([a.ravel() for a in network.weights.values()]) == 0)),
            "latency_cycles": allocation.latency_cycles,
            "predicted": allocation.predicted.as_dict(),
            **_built(flow, learned, network, allocation),
            "hls4ml_predicted": hls4ml.predicted.as_dict() if isinstance(hls4ml, Allocation) else None,
            "hls4ml_reason": hls4ml if isinstance(hls4ml, str) else "",
        }, allocation


def _allocated(flow: Flow, network: Network, name: str) -> Allocation | str:
    """The exact optimum, or why there is none."""
    need = asked_for(flow, NetworkRequest(Path(), _BOARD, _DEADLINE, name), network)
    backend = backend_for(flow, name, need.board, need.clock_hz)
    try:
        return allocate(network, backend, costs_for(flow, backend, need.board), need)
    except (DataError, InfeasibleError) as error:
        return error.hint or error.message


def _built(flow: Flow, learned: Learned, network: Network, allocation: Allocation) -> dict[str, Any]:
    """Synthesised with its shell, and simulated on held-out samples; kept in the store."""
    from ntorc.estimator.windows import to_counts

    backend, window, hop = backend_named("native"), network.input_length, allocation.hop
    run = learned.runs[learned.split.test[0]]
    samples = to_counts(run.acceleration_v, learned.estimator.adc_lsb_v).astype(np.int64)
    middle = max((len(samples) - window - _SIMULATED * hop) // 2, 0)
    samples = samples[middle : middle + window + (_SIMULATED - 1) * hop]
    plan = backend.plan(network, allocation.directives, allocation.clock_hz, hop)

    def make(work: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="ntorc-hgq-") as folder:
            products = backend.products(plan, Path(folder), flow.cache, flow.progress)
            with SimulatedLogic(Path(folder) / products.logic) as logic:
                results, latencies = logic.estimates(samples, hop)
        wanted = reference.run(network, windows_of(samples, window, hop))
        found = {
            "synthesised": products.total.as_dict(),
            "gateware_windows": len(wanted),
            "output_mismatches": int((results != wanted).any(axis=1).sum()),
            "latency_mismatches": int((latencies != allocation.latency_cycles).sum()),
        }
        save(found, work / _BUILT)

    key = {"plan": digest_of(plan), "network": network.digest, "samples": samples.tolist()}
    kept = flow.once("hgq-built", digest_of(key), make) / _BUILT
    return from_json(dict[str, Any], kept.read_text(encoding="utf-8"), str(kept))


def _emulated(flow: Flow, network: Network, allocation: Allocation) -> int:
    """Windows that hls4ml's emulation was equal to the reference on, with its largest legal reuse factors.

    Raises:
        GateError: one of them differs.
    """
    reuse = {
        layer.name: legal_reuse_factors(prod(layer.weights_shape[:-1]), layer.weights_shape[-1])[-1]
        for layer in network.weighted_layers
    }
    convert(network, ConvertRequest("Vitis", allocation.part, allocation.clock_hz, reuse), flow.cache)
    return GATE_WINDOWS


def as_text(result: dict[str, Any]) -> str:
    """For people."""
    lines = [
        f"float model: validation {result['float_validation_rmse_v']:.4f} V, held out"
        f" {result['float_test_rmse_v']:.4f} V; {result['board']}, {result['deadline']}",
        f"{'':40} validation held out  rounded alike  bit op.     LUT     FF  DSP BRAM18  cycles  gateware, hls4ml",
    ]
    for row in result["rows"]:
        need, mark = row["synthesised"], "*" if row.get("chosen") else " "
        alike = row.get("same_widths_test_rmse_v")
        gateware = f"{row['output_mismatches']} of {row['gateware_windows']} differ"
        hls4ml = f", {row['hls4ml_windows_equal']} equal" if "hls4ml_windows_equal" in row else ""
        lines.append(
            f"{mark} {row['name']:38} {row['validation_rmse_v']:8.4f} V {row['test_rmse_v']:6.4f} V"
            f" {f'{alike:.4f} V' if alike else '-':>14} {row['bit_operations'] / 1e3:7.0f}k {need['lut']:7}"
            f" {need['ff']:6} {need['dsp']:4} {need['bram18']:6} {row['latency_cycles']:7}"
            f"  {gateware}{hls4ml}"
        )
        lines.append(f"    bits of weights/words: {', '.join(f'{w}/{a}' for w, a in row['bits'].values())}")
    reasons = sorted({row["hls4ml_reason"] for row in result["rows"] if row["hls4ml_reason"]})
    lines += [f"no hls4ml costs: {reason}" for reason in reasons]
    lines.append("* chosen on validation; synthesised by yosys, shell included")
    return "\n".join(lines)
