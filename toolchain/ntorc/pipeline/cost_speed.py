"""How many options the cost model of hls4ml layers answers in a second, each with all means, bounds and flags."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ntorc.backends.hls4ml.reuse import legal_reuse_factors
from ntorc.cost.base import OptionTable
from ntorc.cost.hls4ml import Hls4mlCosts, load_hls4ml
from ntorc.cost.synthesis_data import KERNEL, KINDS

_OPTIONS, _ROUNDS = 100_000, 5


def options_a_second(seed: int = 1) -> dict[str, Any]:
    """Of drawn layers' legal options, by kind; the best of five rounds, on one thread as far as NumPy's is one."""
    costs = Hls4mlCosts(load_hls4ml())
    kinds = {}
    for kind in KINDS:
        table = _drawn(kind, np.random.default_rng(seed))
        costs.estimate(table, "xczu7ev", 250e6)
        times_s = []
        for _ in range(_ROUNDS):
            started_s = time.perf_counter()
            costs.estimate(table, "xczu7ev", 250e6)
            times_s.append(time.perf_counter() - started_s)
        best_s = min(times_s)
        kinds[kind] = {
            "options": len(table),
            "best_s": round(best_s, 3),
            "options_a_second": round(len(table) / best_s),
        }
    return {"benchmark": "cost-speed", "kinds": kinds}


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
