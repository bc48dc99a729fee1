"""Whether the reference in hls4ml mode equals hls4ml's C++ emulation; rerun by ``ntorc bench hls4ml``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ntorc.backends.hls4ml.draw import draw_mode, draw_model, draw_windows
from ntorc.backends.hls4ml.emulate import emulate, hls4ml_version
from ntorc.network import reference
from ntorc.network.hls4ml_mode import Granularity, hls4ml_network
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.layers import LSTM
from ntorc.pipeline.flow import Flow

_WINDOWS = 20


@dataclass(frozen=True)
class Compared:
    """One network: windows run, windows with another output, and whether it has an LSTM."""

    windows: int
    differences: int
    recurrent: bool


def hls4ml_exactness(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """Random Keras models in both granularities: hls4ml's emulation against the reference.

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
            found.append(compare(flow.cache, seed + done, granularity))
            flow.progress.step("networks", place * count + done + 1, len(granularities) * count)
        networks[granularity] = {
            "networks": count,
            "with_lstm": sum(one.recurrent for one in found),
            "windows": sum(one.windows for one in found),
            "window_mismatches": sum(one.differences for one in found),
        }
    return {"benchmark": "hls4ml", "tool": hls4ml_version(), "seed": seed, "granularities": networks}


def compare(cache: Path, seed: int, granularity: Granularity) -> Compared:
    """One random network: the reference against the emulation, number format of the result included."""
    mode = draw_mode(seed, granularity)
    with tempfile.TemporaryDirectory(prefix="ntorc-drawn-") as name:
        model = draw_model(seed, Path(name), linear_inside=granularity == "model" or mode.result is not None)
        network = hls4ml_network(import_keras(model), mode)
        windows = draw_windows(seed, mode, (network.input_length, network.input_channels), _WINDOWS)
        emulated, word = emulate(model, windows, mode, cache)
    recurrent = any(isinstance(layer, LSTM) for layer in network.layers)
    if word != network.output_format:
        return Compared(len(windows), len(windows), recurrent)
    wrong = (emulated != reference.run(network, windows)).any(axis=1)
    return Compared(len(windows), int(wrong.sum()), recurrent)
