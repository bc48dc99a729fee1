"""Benchmarks that docs/results.md states; each is rerun by ``ntorc bench``."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import Directive
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.draw import draw_bank_network, draw_network
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.schedule import leaving_cycles
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.stream_bench import build_network, drive
from ntorc.backends.native.verilate import build_logic
from ntorc.network import reference
from ntorc.network.layers import Pool, Recurrent
from ntorc.network.network import Network
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import windows_of

_FRAMES = 20
_HOP = 4
_STREAM_FRAMES = 8
_PATTERN = [0, 0, 1, 0, 1, 1, *[0] * 50]
WRITE_CYCLES = 3
"""Of the simulated bus: from one accepted write to the next."""


def gateware_exactness(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """Random networks and directives: Verilator's outputs and latencies against reference and closed form.

    One in five begins with a resonator bank.  Every second one that keeps its state gets its samples with the least
    gap that its bundle would state.  One in four, and one in two of those with a bank, also runs without its shell,
    with irregular samples and a late receiver (`compare_stream`).

    Args:
        flow: for the cache and progress.
        seed: of the first network; the others follow.
        count: networks.
    """
    found, late = Found(), Found()
    banks = recurrent_behind = late_networks = 0
    for done in range(count):
        number = seed + done
        network = (draw_bank_network if done % 5 == 4 else draw_network)(number)
        bank = isinstance(network.layers[0], ResonatorBank)
        banks += bank
        recurrent_behind += bank and any(isinstance(layer, Recurrent) for layer in network.layers)
        found += compare_network(flow, network, number)
        if done % 4 == 0 or (bank and done % 10 == 4):
            late += compare_stream(flow, network, number)
            late_networks += 1
        flow.progress.step("networks", done + 1, count)
    return {
        "benchmark": "gateware",
        "seed": seed,
        "networks": count,
        "with_bank": banks,
        "with_recurrent_layers_behind_a_bank": recurrent_behind,
        "frames": found.frames,
        "output_mismatches": found.outputs_off,
        "latency_mismatches": found.latencies_off,
        "late_receiver": {
            "networks": late_networks,
            "frames": late.frames,
            "output_mismatches": late.outputs_off,
            "latency_mismatches": late.latencies_off,
        },
    }


class Found(NamedTuple):
    """Frames, those with wrong outputs, those that came in another cycle than the closed form says."""

    frames: int = 0
    outputs_off: int = 0
    latencies_off: int = 0

    def __add__(self, other: Found) -> Found:  # type: ignore[override]
        return Found(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def compare(flow: Flow, seed: int, drawn: Callable[[int], Network] = draw_network) -> Found:
    """One drawn network, see `compare_network`."""
    return compare_network(flow, drawn(seed), seed)


def compare_network(flow: Flow, network: Network, seed: int) -> Found:
    """One network in its shell under random directives and samples.

    A network that keeps state takes every sample once, so its frames follow one another without overlap; in one half
    of the seeds with the gap that a bundle states (`Backend.gap_cycles`), else with a whole latency between samples.
    """
    hop = network.input_length if network.stateful else _HOP
    word, generator = network.input_format, np.random.default_rng(seed)
    samples = generator.integers(word.minimum, word.maximum + 1, network.input_length + (_FRAMES - 1) * hop)
    least = random.Random(f"gap {seed}").random() < 0.5
    return compare_samples(flow, network, samples, hop, seed, least_gap=least)


def drawn_directives(network: Network, seed: int) -> list[Directive]:
    """Legal ones of the native backend, drawn from a seed."""
    draw, backend = random.Random(seed), NativeBackend()
    return [
        NO_DIRECTIVE if isinstance(layer, Pool) else draw.choice(backend.legal_directives(network, layer))
        for layer in network.layers
    ]


def compare_samples(
    flow: Flow, network: Network, samples: npt.NDArray[np.int64], hop: int, seed: int, *, least_gap: bool = False
) -> Found:
    """One network on a stream of samples, with directives drawn from ``seed``; see `compare_network`."""
    directives = drawn_directives(network, seed)
    plan = make_plan(network, directives, 100e6, hop)
    predicted = latency_cycles(network, [d.multipliers for d in directives if d.multipliers])
    pause = predicted if network.stateful else 0
    if least_gap:
        pause = max(0, NativeBackend().gap_cycles(network, directives, predicted) - WRITE_CYCLES)
    with SimulatedLogic(build_logic(plan.files, flow.cache)) as logic:
        results, latencies = logic.estimates(samples, hop, pause_cycles=pause)
    wanted = reference.run(network, windows_of(samples, network.input_length, hop))
    return Found(len(results), int((results != wanted).any(axis=1).sum()), int((latencies != predicted).sum()))


def compare_stream(flow: Flow, network: Network, seed: int) -> Found:
    """One network without its shell, whose stream can be held up: irregular samples, two kinds of receivers.

    The shell always has room for a result, so what stands behind the network is played here.  Frames of a network
    that keeps state overlap: its samples come in bursts, with the gap that its bundle states, or at random.

    - A receiver that is late for output vectors: every one leaves in the cycle that `schedule.leaving_cycles` states.
    - A receiver that is ready in some cycles only, in the middle of a vector too: outputs equal, none before the cycle
      in which one that is always ready would get it.
    """
    draw, generator = random.Random(f"stream {seed}"), np.random.default_rng([seed, 1])
    directives = drawn_directives(network, seed)
    lanes = [d.multipliers for d in directives if d.multipliers]
    predicted = latency_cycles(network, lanes)
    plan = make_plan(network, directives, 100e6, network.input_length if network.stateful else _HOP)
    library = build_network(network, plan, flow.cache)
    word, last, length = network.input_format, network.layers[-1], network.input_length
    count = _STREAM_FRAMES * length
    samples = generator.integers(word.minimum, word.maximum + 1, count)
    wanted = reference.run(network, samples.reshape(-1, length, 1))
    gap = NativeBackend().gap_cycles(network, directives, predicted)
    widest = draw.choice([0, 1, 3, gap, 2 * gap])
    steps = np.full(count, gap) if widest == gap else generator.integers(0, widest + 1, count)
    if not network.stateful:  # cycles count from each frame's begin
        steps[::length] = 0
        arrival = np.cumsum(steps.reshape(-1, length), axis=1).reshape(-1)
    else:
        arrival = np.cumsum(steps)

    def leaving(gates: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        if network.stateful:
            return leaving_cycles(network, lanes, arrival, gates)
        rows = arrival.reshape(-1, length)
        split = [None] * len(rows) if gates is None else list(gates.reshape(len(rows), -1))
        return np.concatenate([leaving_cycles(network, lanes, *pair) for pair in zip(rows, split, strict=True)])

    at_once, late_by = leaving(None), generator.integers(0, 2 * predicted, _STREAM_FRAMES * last.output_length)
    late_by[generator.random(len(late_by)) < 0.5] = 0
    gates = np.maximum(at_once - last.output_channels + late_by, 0)
    found = Found()
    for ready, given, times in (([1], None, at_once), ([1], gates, leaving(gates)), (_PATTERN, None, None)):
        got = drive(library, network, samples, arrival, ready, given, disturb=draw.randint(0, 300))
        left = got.left.reshape(_STREAM_FRAMES, last.output_length, -1)[:, :, -1]
        off = left < at_once.reshape(left.shape) if times is None else left != times.reshape(left.shape)
        outputs_off = int((got.words != wanted).any(axis=1).sum())
        found += Found(_STREAM_FRAMES, outputs_off, int(off.any(axis=1).sum()))
    return found


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
