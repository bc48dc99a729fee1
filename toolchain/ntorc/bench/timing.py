"""The clock that a network's gateware reaches by open place and route: a stand-in for vendor timing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ntorc.backends.base import Directive
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.timing import place_and_route
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import LSTM, Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import Flow

WANTED_HZ = 120e6
"""What docs/results.md asks of the stand-in; the first prototype of such gateware reached 85 MHz."""

REUSE_FACTORS = {"conv1": 12, "conv2": 192, "lstm": 128, "dense1": 128, "dense2": 32}
_AIM_HZ = 125e6
HOP = 16


def window_network(seed: int, width: int = 16) -> Network:
    """A 16-bit network over 128 samples: two convolutions with pools, an LSTM of 30 steps, two dense layers.

    Args:
        seed: of the weights.
        width: filters of the convolutions, and units of the LSTM.
    """
    weight, word, unit = FixedFormat(16, 12), FixedFormat(16, 8), FixedFormat(16, 15)
    gates, tanh = Table("sigmoid", 3, 10), Table("tanh", 2, 11)
    layers = (
        Conv1D("conv1", 128, 1, width, 3, weight, word, activation="relu"),
        MaxPool1D("pool1", 126, width, 2),
        Conv1D("conv2", 63, width, width, 3, weight, word, activation="relu"),
        MaxPool1D("pool2", 61, width, 2),
        LSTM("lstm", 30, width, width, weight, unit, unit, FixedFormat(18, 13), gates, tanh),
        Dense("dense1", 1, width, 32, weight, word, activation="relu"),
        Dense("dense2", 1, 32, 1, weight, word),
    )
    return random_network(seed, word, 128, layers)


def placed_clock(flow: Flow, seed: int) -> dict[str, Any]:
    """Place and route `window_network` in its shell: its clock, and where the longest path lies.

    Args:
        flow: for the cache and progress.
        seed: of the weights and of the placer.
    """
    backend, network = NativeBackend(), window_network(seed)
    directives = directives_of(network)
    plan = backend.plan(network, directives, WANTED_HZ, HOP)
    timing = place_and_route(plan.files, plan.top, flow.cache, flow.progress, asked_hz=_AIM_HZ, seed=seed)
    return {
        "benchmark": "timing",
        "stands_in_for": "vendor timing",
        "seed": seed,
        "wanted_hz": WANTED_HZ,
        "closes": timing.fmax_hz >= WANTED_HZ,
        "latency_cycles": latency_cycles(network, [d.multipliers for d in directives if d.multipliers]),
        "from_module": timing.from_module,
        "to_module": timing.to_module,
        **asdict(timing),
    }


def directives_of(network: Network, factors: Mapping[str, int] = REUSE_FACTORS) -> list[Directive]:
    """Those of `window_network`, by each layer's reuse factor."""
    legal = [NativeBackend().legal_directives(network, layer) for layer in network.layers]
    wanted = [factors.get(layer.name, 0) for layer in network.layers]
    return [_directive(row, factor) for row, factor in zip(legal, wanted, strict=True)]


def _directive(legal: tuple[Directive, ...], reuse_factor: int) -> Directive:
    """The directive of this reuse factor, its weights in block RAM; of a pool, its only one."""
    return next(d for d in legal if d.reuse_factor == reuse_factor and d.weight_storage in ("block", "none"))
