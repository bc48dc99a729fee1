"""Benchmarks that docs/results.md states; each is rerun by ``ntorc bench``."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.draw import draw_bank_network, draw_network
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.verilate import build_logic
from ntorc.network import reference
from ntorc.network.layers import Pool
from ntorc.network.network import Network
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import windows_of

_FRAMES = 20
_HOP = 4


def gateware_exactness(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """Random networks and directives: Verilator's outputs and latencies against reference and closed form.

    One in five begins with a resonator bank.

    Args:
        flow: for the cache and progress.
        seed: of the first network; the others follow.
        count: networks.
    """
    frames = outputs_off = latencies_off = 0
    for done in range(count):
        found = compare(flow, seed + done, draw_bank_network if done % 5 == 4 else draw_network)
        frames += found[0]
        outputs_off += found[1]
        latencies_off += found[2]
        flow.progress.step("networks", done + 1, count)
    return {
        "benchmark": "gateware",
        "seed": seed,
        "networks": count,
        "frames": frames,
        "output_mismatches": outputs_off,
        "latency_mismatches": latencies_off,
    }


def compare(flow: Flow, seed: int, drawn: Callable[[int], Network] = draw_network) -> tuple[int, int, int]:
    """One drawn network, see `compare_network`."""
    return compare_network(flow, drawn(seed), seed)


def compare_network(flow: Flow, network: Network, seed: int) -> tuple[int, int, int]:
    """One network under random directives and samples: frames, those with wrong outputs, with another latency.

    A network that keeps state takes every sample once, so its frames follow one another without overlap.
    """
    hop = network.input_length if network.stateful else _HOP
    word, generator = network.input_format, np.random.default_rng(seed)
    samples = generator.integers(word.minimum, word.maximum + 1, network.input_length + (_FRAMES - 1) * hop)
    return compare_samples(flow, network, samples, hop, seed)


def compare_samples(
    flow: Flow, network: Network, samples: npt.NDArray[np.int64], hop: int, seed: int
) -> tuple[int, int, int]:
    """One network on a stream of samples, with directives drawn from ``seed``; see `compare_network`."""
    draw = random.Random(seed)
    backend = NativeBackend()
    directives = [
        NO_DIRECTIVE if isinstance(layer, Pool) else draw.choice(backend.legal_directives(network, layer))
        for layer in network.layers
    ]
    plan = make_plan(network, directives, 100e6, hop)
    predicted = latency_cycles(network, [d.multipliers for d in directives if d.multipliers])
    with SimulatedLogic(build_logic(plan.files, flow.cache)) as logic:
        results, latencies = logic.estimates(samples, hop, pause_cycles=predicted if network.stateful else 0)
    wanted = reference.run(network, windows_of(samples, network.input_length, hop))
    return len(results), int((results != wanted).any(axis=1).sum()), int((latencies != predicted).sum())


def simulator_accuracy(flow: Flow, seed: int) -> dict[str, Any]:
    """The beam model and the simulator against the rig's natural frequencies, and the simulator's speed.

    Args:
        flow: for progress.
        seed: of the simulated runs.
    """
    from ntorc.estimator.beam import Beam
    from ntorc.estimator.rig_frequencies import deviation_from_rig
    from ntorc.estimator.simulator import Rig, simulate_runs

    relative = deviation_from_rig(Beam())
    rms = np.sqrt(np.mean(relative**2, axis=0))
    corrected = 100.0 * deviation_from_rig(Beam(), Rig().modes)
    started_s = time.process_time()
    runs = simulate_runs(seed=seed, progress=flow.progress)
    return {
        "benchmark": "simulator",
        "dwells": len(relative),
        "f1_rms_percent": round(100 * float(rms[0]), 3),
        "f2_rms_percent": round(100 * float(rms[1]), 3),
        "worst_percent": round(100 * float(np.abs(relative).max()), 3),
        "simulator_f1_rms_percent": round(float(np.sqrt(np.mean(corrected[:, 0] ** 2))), 3),
        "simulator_f2_rms_percent": round(float(np.sqrt(np.mean(corrected[:, 1] ** 2))), 3),
        "simulator_worst_percent": round(float(np.abs(corrected).max()), 3),
        "simulated_s": runs.duration_s,
        "cpu_s": round(time.process_time() - started_s, 2),
    }
