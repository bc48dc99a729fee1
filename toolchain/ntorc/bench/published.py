"""The published networks on the native backend: allocated, built, simulated, and held against the paper's figures."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.allocate.requirement import Requirement
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.boards import load_board
from ntorc.estimator.runs import SAMPLE_RATE_HZ
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.network.published import Published, published_network, published_networks
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import allocation_stage, windows_of

BUDGETS_CYCLES = (20_000, 50_000)
"""The paper's 200 us at 100 MHz, the clock of our board, and at the 250 MHz that the paper asks of its own."""

_CLOCK_HZ = 100e6
_HOP, _FRAMES = 16, 4


def published_sizes(flow: Flow, names: Sequence[str] = (), budgets: Sequence[int] = BUDGETS_CYCLES) -> dict[str, Any]:
    """Every published network under every budget: synthesised resources with the shell, cycles, outputs.

    Args:
        flow: for the cache and progress.
        names: of the networks; all when empty.
        budgets: cycles from the last sample to the result.
    """
    wanted = [item for item in published_networks() if not names or item.name in names]
    rows = []
    for index, item in enumerate(wanted):
        network = published_network(item)
        for budget in budgets:
            flow.progress.message(f"{item.name}, {budget} cycles")
            rows.append(_row(flow, item, network, budget))
        flow.progress.step("published networks", index + 1, len(wanted))
    return {"benchmark": "published", "clock_hz": _CLOCK_HZ, "rows": rows, "summary": summary(rows)}


def _row(flow: Flow, item: Published, network: Network, budget: int) -> dict[str, Any]:
    board, backend = load_board("pynq-z2"), NativeBackend()
    requirement = Requirement(board, budget / _CLOCK_HZ, _CLOCK_HZ, _HOP, SAMPLE_RATE_HZ, 0.0, "none: logic alone")
    allocation = allocation_stage(flow, network, backend, requirement)
    plan = backend.plan(network, allocation.directives, _CLOCK_HZ, _HOP)
    with tempfile.TemporaryDirectory(prefix="ntorc-published-") as folder:
        products = backend.products(plan, Path(folder), flow.cache, flow.progress)
        word = network.input_format
        generator = np.random.default_rng(budget)
        samples = generator.integers(word.minimum // 4, word.maximum // 4, item.window + (_FRAMES - 1) * _HOP)
        with SimulatedLogic(Path(folder) / products.logic) as logic:
            results, latencies = logic.estimates(samples, _HOP)
    frames = windows_of(samples, item.window, _HOP)
    return {
        "network": item.name,
        "table": "IV" if item.lstm else "III",
        "budget_cycles": budget,
        "latency_cycles": allocation.latency_cycles,
        "output_mismatches": int((results != reference.run(network, frames)).any(axis=1).sum()),
        "latency_mismatches": int((latencies != allocation.latency_cycles).sum()),
        **products.total.as_dict(),
        "predicted": allocation.predicted.as_dict(),
        "paper_lut": item.lut,
        "paper_dsp": item.dsp,
        "lut_ratio": round(item.lut / products.total.lut, 2),
        "fits": all(count <= board.capacity[name] for name, count in products.total.as_dict().items()),
    }


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each table and budget: LUTs against the paper's, and networks with more DSPs than the paper's."""
    found = []
    for table, budget in sorted({(row["table"], row["budget_cycles"]) for row in rows}):
        here = [row for row in rows if (row["table"], row["budget_cycles"]) == (table, budget)]
        ratios = [row["lut_ratio"] for row in here]
        found.append(
            {
                "table": table,
                "budget_cycles": budget,
                "networks": len(here),
                "lut_ratio_geometric_mean": round(math.exp(sum(map(math.log, ratios)) / len(ratios)), 2),
                "lut_ratio_least": min(ratios),
                "dsp": [min(row["dsp"] for row in here), max(row["dsp"] for row in here)],
                "more_dsp_than_paper": [row["network"] for row in here if row["dsp"] > row["paper_dsp"]],
                "do_not_fit": [row["network"] for row in here if not row["fits"]],
                "output_mismatches": sum(row["output_mismatches"] for row in here),
                "latency_mismatches": sum(row["latency_mismatches"] for row in here),
            }
        )
    return found
