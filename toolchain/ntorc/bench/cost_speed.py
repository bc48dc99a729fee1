"""How many options the cost models answer in a second, each with all means, bounds and flags."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ntorc.backends.hls4ml.reuse import legal_reuse_factors
from ntorc.backends.native.draw import draw_network
from ntorc.backends.native.estimates import option_table
from ntorc.cost.base import BatchCosts, OptionTable
from ntorc.cost.hls4ml import Hls4mlCosts, load_hls4ml
from ntorc.cost.native import NativeCost, load_model
from ntorc.cost.synthesis_data import KERNEL, KINDS
from ntorc.network.layers import Pool

_OPTIONS, _ROUNDS = 100_000, 5


def options_a_second(seed: int = 1) -> dict[str, Any]:
    """Of drawn layers' legal options, by backend and kind; the best of five rounds of 100,000."""
    hls4ml = Hls4mlCosts(load_hls4ml())
    kinds = {
        f"hls4ml {kind}": _speed(hls4ml, _drawn(kind, np.random.default_rng(seed)), "xczu7ev", 250e6) for kind in KINDS
    }
    kinds["native"] = _speed(NativeCost(load_model()), _native(seed), "xc7z020clg400-1", 100e6)
    return {"benchmark": "cost-speed", "kinds": kinds}


def _speed(costs: BatchCosts, table: OptionTable, device: str, clock_hz: float) -> dict[str, float]:
    costs.estimate(table, device, clock_hz)
    times_s = []
    for _ in range(_ROUNDS):
        started_s, used_s = time.perf_counter(), time.process_time()
        costs.estimate(table, device, clock_hz)
        times_s.append((time.perf_counter() - started_s, time.process_time() - used_s))
    best_s, cpu_s = min(pair[0] for pair in times_s), min(pair[1] for pair in times_s)
    return {
        "options": len(table),
        "best_s": round(best_s, 3),
        "options_a_second": round(len(table) / best_s),
        "options_a_second_of_cpu": round(len(table) / cpu_s),
    }


def _native(seed: int) -> OptionTable:
    """The options of a drawn network's first weighted layer, repeated: their features are made beforehand."""
    network = draw_network(seed)
    index = next(number for number, layer in enumerate(network.layers) if not isinstance(layer, Pool))
    table = option_table(network, index)
    columns = {name: np.resize(column, _OPTIONS) for name, column in table.columns.items()}
    return OptionTable(table.kind, columns, table.subject, ("",) * _OPTIONS)


def _drawn(kind: str, draw: np.random.Generator) -> OptionTable:
    """100,000 options of drawn layers; shapes repeat only by chance."""
    rows: list[tuple[float, ...]] = []
    while len(rows) < _OPTIONS:
        n_in, size = int(draw.integers(1, 256)), int(draw.integers(1, 64))
        length, pack = int(draw.integers(1, 512)), int(draw.integers(1, 64))
        product = (KERNEL * n_in if kind == "conv" else n_in), (4 * size if kind == "lstm" else size)
        rows += [(reuse, n_in, size, length, pack) for reuse in legal_reuse_factors(*product)]
    columns = np.array(rows[:_OPTIONS], float).T
    names = ("reuse_factor", "n_in", "size", "length", "pack")
    return OptionTable(kind, dict(zip(names, columns, strict=True)))
