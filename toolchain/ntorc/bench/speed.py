"""How long a whole network takes to synthesise, to compile and to simulate, and what other weights cost again."""

from __future__ import annotations

import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.backends.base import Plan, Resources
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.synth import YOSYS, missing_runs, synthesise, units_of, yosys_version
from ntorc.backends.native.verilate import build_logic, runtime_objects, verilator_version
from ntorc.bench.timing import HOP, REUSE_FACTORS, directives_of, window_network
from ntorc.network.network import Network
from ntorc.pipeline.flow import Flow

_CLOCK_HZ = 100e6
_ESTIMATES = 1000
_SIZES = ((16, REUSE_FACTORS), (28, {"conv1": 3, "conv2": 84, "lstm": 56, "dense1": 28, "dense2": 32}))
"""Widths and reuse factors: the network of `ntorc bench timing`, and one of about 5,000 LUTs."""


def speed_of_tools(flow: Flow, seed: int) -> dict[str, Any]:
    """A network at two sizes through synthesis, Verilator and simulation, nothing kept from before.

    Args:
        flow: for progress; its cache is not used, save for tools that are prepared once a machine.
        seed: of weights and samples.
    """
    YOSYS.prepared()
    rows = []
    with tempfile.TemporaryDirectory(prefix="ntorc-speed-") as name:
        runtime_objects(Path(name))  # Verilator's own, once a machine
        for width, factors in _SIZES:
            flow.progress.message(f"width {width}, reuse factors {', '.join(map(str, factors.values()))}")
            rows.append(_row(flow, window_network(seed, width), factors, Path(name), seed))
    return {"benchmark": "speed", "seed": seed, "rows": rows, "tools": [yosys_version(), verilator_version()]}


def _row(flow: Flow, network: Network, factors: dict[str, int], cache: Path, seed: int) -> dict[str, Any]:
    plan, other = _plan(network, factors), _plan(_with_other_weights(network), factors)
    first_s, total = _synthesised(flow, plan, cache)
    again_s, _ = _synthesised(flow, other, cache)
    started_s, cpu_s = time.monotonic(), _cpu_s()
    library = build_logic(plan.files, cache)
    build_s, build_cpu_s = time.monotonic() - started_s, _cpu_s() - cpu_s
    simulated_s, cycles = _simulated(library, network, seed)
    return {
        **total.as_dict(),
        "synthesis_cpu_s": round(first_s, 1),
        "other_weights_synthesis_cpu_s": round(again_s, 1),
        "verilator_build_s": round(build_s, 1),
        "verilator_build_cpu_s": round(build_cpu_s, 1),
        "latency_cycles": cycles,
        "inferences_per_s": round(_ESTIMATES / simulated_s, 1),
    }


def _plan(network: Network, factors: dict[str, int]) -> Plan:
    return NativeBackend().plan(network, directives_of(network, factors), _CLOCK_HZ, HOP)


def _with_other_weights(network: Network) -> Network:
    """The same in reverse order, so that no width of a sum changes."""
    return replace(network, weights={name: array[::-1].copy() for name, array in network.weights.items()})


def _cpu_s() -> float:
    """Of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _synthesised(flow: Flow, plan: Plan, cache: Path) -> tuple[float, Resources]:
    """CPU seconds, and the network's resources with its shell."""
    before_s = _cpu_s()
    units = [unit for part in plan.parts for unit in units_of(plan.files, part)]
    runs = missing_runs(units, cache)
    for done, run in enumerate(runs, start=1):
        synthesise(run, cache)
        flow.progress.step("synthesis", done, len(runs))
    return _cpu_s() - before_s, synthesise(units, cache)


def _simulated(library: Path, network: Network, seed: int) -> tuple[float, int]:
    """Seconds of one core for `_ESTIMATES` estimates, samples and registers included, and the latency in cycles."""
    word = network.input_format
    count = network.input_length + (_ESTIMATES - 1) * HOP
    samples = np.random.default_rng(seed).integers(word.minimum, word.maximum + 1, count)
    with SimulatedLogic(library) as logic:
        before_s = time.process_time()
        _, latencies = logic.estimates(samples, HOP)
        return time.process_time() - before_s, int(latencies[0])
