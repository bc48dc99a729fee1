"""Whether reference and gateware in hls4ml mode equal hls4ml's C++ emulation; rerun by ``ntorc bench hls4ml``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ntorc.backends.hls4ml.draw import draw_mode, draw_model, draw_windows
from ntorc.backends.hls4ml.emulate import emulate, hls4ml_version
from ntorc.backends.native.backend import NativeBackend
from ntorc.bench.gateware import compare_samples
from ntorc.network import reference
from ntorc.network.hls4ml_mode import Granularity, hls4ml_network
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.layers import LSTM
from ntorc.pipeline.flow import Flow

_WINDOWS = 20


@dataclass(frozen=True)
class Compared:
    """One network.

    Attributes:
        windows: windows run.
        differences: windows with another output of reference and emulation.
        recurrent: it has an LSTM.
        in_gateware: the native backend can build it.
        gateware_differences, latency_differences: windows where gateware and reference, or cycles and
            closed form, differ.
    """

    windows: int
    differences: int
    recurrent: bool
    in_gateware: bool
    gateware_differences: int
    latency_differences: int


def hls4ml_exactness(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """Random Keras models in both granularities: hls4ml's emulation against reference and gateware.

    Args:
        flow: for the cache and progress.
        seed: of the first network; the others follow.
        count: networks for each granularity.
    """
    networks: dict[str, Any] = {}
    granularities = get_args(Granularity)
    for place, granularity in enumerate(granularities):
        found = []
        for done in range(count):
            found.append(compare_with_emulation(flow, seed + done, granularity))
            flow.progress.step("networks", place * count + done + 1, len(granularities) * count)
        networks[granularity] = {
            "networks": count,
            "with_lstm": sum(one.recurrent for one in found),
            "in_gateware": sum(one.in_gateware for one in found),
            "windows": sum(one.windows for one in found),
            "window_mismatches": sum(one.differences for one in found),
            "gateware_mismatches": sum(one.gateware_differences for one in found),
            "latency_mismatches": sum(one.latency_differences for one in found),
        }
    return {"benchmark": "hls4ml", "tool": hls4ml_version(), "seed": seed, "granularities": networks}


def compare_with_emulation(flow: Flow, seed: int, granularity: Granularity) -> Compared:
    """One random network: reference against emulation, the result's format included, and gateware against reference."""
    mode = draw_mode(seed, granularity)
    with tempfile.TemporaryDirectory(prefix="ntorc-drawn-") as name:
        model = draw_model(seed, Path(name), linear_inside=granularity == "model" or mode.result is not None)
        network = hls4ml_network(import_keras(model), mode)
        windows = draw_windows(seed, mode, (network.input_length, network.input_channels), _WINDOWS)
        emulated, word = emulate(model, windows, mode, flow.cache)
    same_format = word == network.output_format
    wrong = (emulated != reference.run(network, windows)).any(axis=1)
    differences = int(wrong.sum()) if same_format else len(windows)
    recurrent = any(isinstance(layer, LSTM) for layer in network.layers)
    if NativeBackend().unsupported(network):
        return Compared(len(windows), differences, recurrent, False, 0, 0)
    _, outputs_off, latencies_off = compare_samples(flow, network, windows.reshape(-1), network.input_length, seed)
    return Compared(len(windows), differences, recurrent, True, outputs_off, latencies_off)
