"""Benchmark: random designs through bundle, agent, virtual board and harness; cycles against the closed form."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import Products, Resources
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.draw import draw_bank_network, draw_network
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.verilate import build_logic
from ntorc.boards import Board, load_board
from ntorc.measure.probe import compare_probe
from ntorc.network.layers import Pool
from ntorc.network.network import Network
from ntorc.pipeline.board.target import open_target
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import Built, bundle_stage
from ntorc.pipeline.prove import Pace, gate, observe, stream_for
from ntorc.store.local import LocalStore

if TYPE_CHECKING:
    from ntorc.deploy.target import Target

BOARD = "pynq-z2"
ESTIMATES = 40
_SELF_TEST = 32
_MOST_CYCLES = 60_000  # of an estimate: the simulator's speed bounds the benchmark


def deployments(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """Deploy random networks under random directives; one in five begins with a resonator bank.

    Args:
        flow: for the cache and progress; bundles and slots go into a store of the benchmark's own.
        seed: of the first network; the others follow.
        count: designs.
    """
    exact = outputs_off = probe_off = 0
    off: list[dict[str, int]] = []
    with tempfile.TemporaryDirectory(prefix="ntorc-deployments-") as name:
        fresh = Flow(LocalStore(Path(name) / "store"), flow.cache, Path(name), flow.progress)
        board = load_board(BOARD)
        with open_target(fresh, "virtual", board) as target:
            for done in range(count):
                found = _deploy(fresh, target, board, seed + done, Path(name))
                exact += found["measured_min"] == found["measured_max"] == found["predicted"]
                outputs_off += found["output_mismatches"]
                probe_off += found["probe_mismatches"]
                if not found["measured_min"] == found["measured_max"] == found["predicted"]:
                    off.append(found)
                flow.progress.step("deployments", done + 1, count)
    return {
        "benchmark": "deployments",
        "seed": seed,
        "deployments": count,
        "exact": exact,
        "latency_mismatches": count - exact,
        "output_mismatches": outputs_off,
        "probe_mismatches": probe_off,
        "off": off,
    }


@dataclass(frozen=True)
class Design:
    """A random design as it is deployed."""

    network: Network
    hop: int
    predicted: int
    bundle: Path
    samples: npt.NDArray[np.int64]


@contextmanager
def deployed_design(flow: Flow, board: Board, seed: int, root: Path) -> Iterator[tuple[Target, Design]]:
    """A virtual board of its own with a random design on it."""
    fresh = Flow(LocalStore(root / "store"), flow.cache, root, flow.progress)
    design = make_design(fresh, board, seed, root)
    with open_target(fresh, "virtual", board) as target:
        target.install(design.bundle)
        yield target, design


def make_design(flow: Flow, board: Board, seed: int, root: Path) -> Design:
    """A random network under random directives, built and signed; it is not synthesised."""
    draw, backend = random.Random(f"deployment {seed}"), NativeBackend()
    for attempt in range(1000):
        network = (draw_bank_network if seed % 5 == 4 else draw_network)(seed + 1_000_000 * attempt)
        directives = [
            NO_DIRECTIVE if isinstance(layer, Pool) else draw.choice(backend.legal_directives(network, layer))
            for layer in network.layers
        ]
        predicted = latency_cycles(network, [one.multipliers for one in directives if one.multipliers])
        if predicted <= _MOST_CYCLES and not backend.unsupported(network):
            break
    hop = network.input_length if network.stateful else draw.randint(1, network.input_length)
    clock_hz = board.default_clock_hz
    plan = make_plan(network, directives, clock_hz, hop)
    folder = root / f"design-{seed}"
    folder.mkdir()
    (folder / "logic.so").write_bytes(build_logic(plan.files, flow.cache).read_bytes())
    built = Built(plan, folder, Products("logic.so", (), Resources(), "not synthesised"))
    word = network.input_format
    counts = np.random.default_rng(seed).integers(
        word.minimum, word.maximum + 1, network.input_length + (max(ESTIMATES, _SELF_TEST) - 1) * hop
    )
    gap = backend.gap_cycles(network, directives, predicted)
    bundle = bundle_stage(flow, network, built, board, counts, gap)
    samples = stream_for(counts, network.input_length, hop, ESTIMATES)
    return Design(network, hop, predicted, bundle.folder, samples)


def _deploy(flow: Flow, target: Target, board: Board, seed: int, root: Path) -> dict[str, int]:
    design = make_design(flow, board, seed, root)
    target.install(design.bundle)
    observed = observe(flow, target, root, design.samples, Pace(ESTIMATES), expected_cycles=design.predicted)
    cycles = observed.records.table["pl_cycles"]
    result = gate(flow, design.network, observed, design.hop)
    probe = observed.report.probe
    agrees = probe is not None and compare_probe(probe, observed.records).agrees
    return {
        "seed": seed,
        "predicted": design.predicted,
        "measured_min": int(cycles.min()),
        "measured_max": int(cycles.max()),
        "output_mismatches": result.mismatches + result.flags_off,
        "probe_mismatches": int(not agrees),
    }
