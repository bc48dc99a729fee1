"""Verilator's lint, every warning an error, over generated designs: run by ``make lint``.

The designs take the generator through its cases: every engine, padding, stride, dilation,
activation, weights in logic and in block RAM, directives from fewest to most multipliers, and a
handful of random networks.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ntorc.backends.base import Plan
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.draw import draw_bank_network, draw_network, with_wrapping_sums
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.verilate import lint, verilator_version
from ntorc.errors import NtorcError
from ntorc.network.activations import LeakyRelu, Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import GRU, LSTM, AveragePool1D, Conv1D, Dense, MaxPool1D, Recurrent
from ntorc.network.network import Network, random_network

CLOCK_HZ = 100e6
HOP = 16
RANDOM_NETWORKS = 6


def representative_network() -> Network:
    """A window network as they are deployed, with every engine and every way of padding."""
    weights, word, unit = FixedFormat(8, 6), FixedFormat(14, 8), FixedFormat(16, 15)
    gates, tanh = Table("sigmoid", 3, 10), Table("tanh", 2, 8)
    layers = (
        Conv1D("conv1", 256, 1, 8, 5, weights, word, stride=2, padding_left=2, padding_right=2, activation="relu"),
        MaxPool1D("pool1", 128, 8, 4),
        Conv1D("conv2", 32, 8, 12, 3, weights, word, dilation=2, padding_left=2, activation=LeakyRelu(77, 8)),
        AveragePool1D("pool2", 30, 12, 3),
        Conv1D("conv3", 10, 12, 6, 3, weights, word, activation="hard_sigmoid"),
        Conv1D("conv4", 8, 6, 6, 1, weights, word, activation=Table("sigmoid", 3, 6)),
        LSTM("lstm", 8, 6, 5, weights, unit, unit, FixedFormat(18, 13), gates, tanh, return_sequences=True),
        GRU("gru", 8, 5, 6, weights, unit, unit, FixedFormat(18, 12), gates, tanh),
        Dense("dense1", 1, 6, 16, weights, word, activation=Table("tanh", 2, 10)),
        Dense("dense2", 1, 16, 1, weights, FixedFormat(18, 12)),
    )
    return random_network(1, FixedFormat(14, 10), 256, layers)


def designs() -> Iterator[tuple[str, Plan]]:
    """Plans with their names."""
    backend = NativeBackend()
    networks = [(f"random {seed}", draw_network(seed)) for seed in range(RANDOM_NETWORKS)]
    networks += [(f"random bank {seed}", draw_bank_network(seed)) for seed in range(RANDOM_NETWORKS)]
    networks += [("wrapping sums", with_wrapping_sums(representative_network(), 1))]
    networks += [("representative", representative_network())]
    for name, network in networks:
        if backend.unsupported(network):
            continue
        legal = [backend.legal_directives(network, layer) for layer in network.layers]
        for where, share in (("fewest", 0.0), ("middle", 0.5), ("most", 1.0)):
            directives = [row[round(share * (len(row) - 1))] for row in legal]
            yield (
                f"{name}, {where} multipliers",
                backend.plan(network, directives, CLOCK_HZ, network.input_length if network.stateful else HOP),
            )
    window = network.input_length
    kept = [replace(layer, stateful=True) if isinstance(layer, Recurrent) else layer for layer in network.layers]
    streaming = replace(network, layers=tuple(kept), warm_up=3)
    yield "streaming", make_plan(streaming, directives, CLOCK_HZ, window)
    yield "DMA", make_plan(network, directives, CLOCK_HZ, HOP, dma=True)
    yield "streaming with DMA", make_plan(streaming, directives, CLOCK_HZ, window, dma=True)


def main() -> int:
    """Lint all designs; 1 when one of them has a warning."""
    checked = 0
    for name, plan in designs():
        with tempfile.TemporaryDirectory(prefix="ntorc-lint-") as folder:
            for file, content in plan.files.items():
                (Path(folder) / file).write_text(content, encoding="utf-8")
            try:
                lint(Path(folder), [file for file in plan.files if file.endswith(".sv")], plan.top)
            except NtorcError as error:
                print(f"{name}:\n{error}", file=sys.stderr)
                return 1
        checked += 1
    print(f"gateware: no warnings from {verilator_version()} in {checked} designs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
