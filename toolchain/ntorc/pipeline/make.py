"""Stages from the integer network to a signed bundle: Options -> Allocation -> Build -> Bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.allocate.allocation import Allocation, allocate
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Backend, Plan, Products, Resources
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.plan import with_extra_stages
from ntorc.cost.native import NativeCost, load_model
from ntorc.errors import UsageError
from ntorc.estimator.runs import SAMPLE_RATE_HZ
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.pipeline.finn import network as finn
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.measured.knowledge import prior_knowledge
from ntorc.records import digest_of, digest_of_file, load, save
from ntorc.units import Duration

if TYPE_CHECKING:
    from ntorc.boards import Board, BoardKnowledge
    from ntorc.bundle.bundle import Bundle

_SELF_TEST_ESTIMATES = 32
_STORED = {"block": "in block RAM", "lut": "in logic"}
DEFAULT_HOP = 16
"""Samples from estimate to estimate of a window network."""


@dataclass(frozen=True)
class Built:
    """A finished build: the plan it follows, its folder, what it gave."""

    plan: Plan
    folder: Path
    products: Products


def backend_named(name: str, *, dma: bool = False) -> Backend:
    """A backend by name; the native one's shell with a DMA or without.

    Raises:
        UsageError: there is no such backend in this version.
    """
    if name == "native":
        return NativeBackend(dma=dma)
    if name == "hls4ml":
        raise UsageError(
            "hls4ml's logic comes from the vendor's HLS: there is none for a virtual board",
            "write its project: ntorc build NETWORK --backend hls4ml --plan-only; or take --backend native",
        )
    if name == finn.NAME:
        raise UsageError(
            "FINN's own steps build its hardware, with Vivado and Vitis HLS, and its own PYNQ driver runs it: ntorc"
            " neither builds nor deploys it",
            "write all that a machine with the tools needs: ntorc build NETWORK --backend finn --plan-only (or `ntorc"
            " backend plan finn`); or take --backend native",
        )
    raise UsageError(f"there is no backend '{name}'", "known backends: native, hls4ml, finn")


def backend_for(
    flow: Flow, name: str, board: Board, clock_hz: float, tool: str = "", hls: str = "", *, dma: bool = False
) -> Backend:
    """A backend to allocate and plan with, its costs as measured so far, for what ``tool`` makes of a design.

    ``hls`` is hls4ml's own backend, ``Vitis`` or ``Vivado``; the one that this machine has the tool of if left out.
    ``dma``: with the DMA, which only the native backend has.

    Raises:
        UsageError: there is no such backend, or not with a DMA.
    """
    check_dma(name, dma=dma)
    if name == "hls4ml":
        from ntorc.backends.bitstream.detect import hls4ml_tool
        from ntorc.backends.hls4ml.backend import Hls4mlBackend
        from ntorc.cost.hls4ml import load_hls4ml
        from ntorc.cost.hls4ml_measured import MeasuredHls4mlCosts

        costs = MeasuredHls4mlCosts(load_hls4ml(), flow.store.observations(name, board.part))
        return Hls4mlBackend(board.part, clock_hz, costs, flow.cache, hls or hls4ml_tool(), besides_design(board, tool))
    if name == finn.NAME:
        return finn.finn_backend(flow, board, clock_hz)
    if name == "native":
        return NativeBackend(logic_only=tool == "openxc7", besides=besides_design(board, tool, dma=dma), dma=dma)
    return backend_named(name)


def check_dma(backend: str, *, dma: bool) -> None:
    """Refuse a DMA in what another backend makes.

    Raises:
        UsageError: says what to do instead.
    """
    if dma and backend != "native":
        raise UsageError(
            f"the DMA is the native gateware's, and the backend is {backend}",
            "add --backend native, or leave out --dma",
        )


def besides_design(board: Board, tool: str, *, dma: bool = False) -> Resources:
    """What ``tool`` makes besides layers and shell: in a bitstream, the way to the processing system's ports."""
    from ntorc.backends.bitstream.native import TOOLS
    from ntorc.backends.bitstream.zynq_top import PRIMITIVES

    if tool not in TOOLS:
        return Resources()
    primitive = PRIMITIVES[board.family]
    return primitive.bridge + primitive.memory if dma else primitive.bridge


def costs_for(flow: Flow, backend: Backend, board: Board) -> NativeCost:
    """The native cost model as calibrated so far."""
    return NativeCost(load_model(), flow.store.observations(backend.name, board.part))


def hop_for(network: Network, asked: int | None) -> int:
    """Samples from estimate to estimate: as asked, else the network's own.

    Raises:
        UsageError: a network that keeps state, with another hop than its frame.
    """
    if not network.stateful:
        return asked or DEFAULT_HOP
    if asked not in (None, network.input_length):
        raise UsageError(
            f"'{network.name}' keeps its state, so that an estimate comes each {network.input_length} samples,"
            f" not each {asked}",
            "leave out --hop",
        )
    return network.input_length


def requirement_for(
    board: Board,
    deadline: Duration,
    clock_hz: float | None,
    hop: int,
    ceiling: float,
    solver: str,
    sample_rate_hz: float = SAMPLE_RATE_HZ,
    known: BoardKnowledge | None = None,
) -> Requirement:
    """The deadline at a clock that the board can have, with what is known of this board.

    Args:
        board, deadline, hop, ceiling, solver, sample_rate_hz: see `Requirement`.
        clock_hz: None for the board's default.
        known: what was measured on the board, or None for its file alone.
    """
    clock_hz = board.default_clock_hz if clock_hz is None else clock_hz
    board.check_clock(clock_hz)
    known = known or prior_knowledge(board)
    return Requirement(
        board,
        deadline.seconds(clock_hz),
        clock_hz,
        hop,
        sample_rate_hz,
        known.overhead_s,
        known.overhead_source,
        ceiling,
        solver,
        clock_ratio=known.clock_ratio,
        offset_cycles=known.offset_cycles,
        grid=known.grid,
    )


def allocation_stage(flow: Flow, network: Network, backend: Backend, requirement: Requirement) -> Allocation:
    """The exact optimum with the cost model as calibrated so far."""
    allocation = allocate(network, backend, costs_for(flow, backend, requirement.board), requirement)
    for item in allocation.layers:
        chosen = item.directive
        if chosen.multipliers:
            kind = " in logic" if chosen.multiplier_kind == "logic" else ""
            flow.progress.message(
                f"  {item.layer}: {chosen.multipliers} multipliers{kind}, reuse factor {chosen.reuse_factor},"
                f" weights {_STORED.get(chosen.weight_storage, 'where the tool puts them')}"
            )
    flow.progress.message(
        f"  predicted {allocation.latency_cycles} cycles of {allocation.budget_cycles};"
        f" resources from measurements for {allocation.measured_layers} of {len(allocation.layers)} layers,"
        " from the model for the others"
    )
    return allocation


def build_stage(flow: Flow, network: Network, backend: Backend, allocation: Allocation, extra_stages: int = 0) -> Built:
    """Execute the plan: simulated logic and synthesis; the folder is reused when the plan is the same.

    ``extra_stages`` are registers that a lab's simulated board has beyond the plan.
    """
    plan = backend.plan(network, allocation.directives, allocation.clock_hz, allocation.hop)
    plan = with_extra_stages(network, plan, extra_stages)
    key = digest_of({"plan": digest_of(plan), "backend": backend.name})

    def make(work: Path) -> None:
        save(backend.products(plan, work, flow.cache, flow.progress), work / "products.json")

    folder = flow.once("build", key, make)
    return Built(plan, folder, load(Products, folder / "products.json"))


def self_test(
    network: Network, samples: npt.NDArray[np.int64], hop: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Samples and expected results (first output) for the board's self-test.

    Args:
        network: the network.
        samples: raw counts ``[n]``, at least one window.
        hop: samples from estimate to estimate.
    """
    window = network.input_length
    used = samples[: window + (_SELF_TEST_ESTIMATES - 1) * hop]
    frames = windows_of(used, window, hop)
    return used.astype(np.int32), reference.run(network, frames)[:, 0].astype(np.int32)


def windows_of(samples: npt.NDArray[np.int64], window: int, hop: int) -> npt.NDArray[np.int64]:
    """Every complete frame of a stream as the shell forms them: ``[m, window, 1]``."""
    view: npt.NDArray[np.int64] = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop, :, None]
    return view


def gap_of(network: Network, backend: Backend, allocation: Allocation) -> int:
    """`Backend.gap_cycles` of an allocation."""
    return backend.gap_cycles(network, allocation.directives, allocation.latency_cycles)


@dataclass(frozen=True)
class Logic:
    """What is programmed: a simulated logic or a bitstream, and the tool that made it or its figures."""

    kind: str
    path: Path
    tool: str


def bundle_stage(
    flow: Flow,
    network: Network,
    built: Built,
    board: Board,
    samples: npt.NDArray[np.int64],
    gap_cycles: int,
    device_tree: Path | None = None,
) -> Bundle:
    """The signed bundle of a simulated build for a board; ``gap_cycles``: see `Backend.gap_cycles`."""
    logic = Logic("virtual", built.folder / built.products.logic, built.products.tool)
    return bundle_of(flow, network, built.plan, logic, board, samples, gap_cycles, device_tree)


def bundle_of(
    flow: Flow,
    network: Network,
    plan: Plan,
    logic: Logic,
    board: Board,
    samples: npt.NDArray[np.int64],
    gap_cycles: int,
    device_tree: Path | None = None,
) -> Bundle:
    """The signed bundle of a plan's logic for a board.

    Args:
        flow: the walk.
        network: what the logic computes.
        plan: of the logic.
        logic: what is programmed.
        board: it is for.
        samples: raw counts ``[n]`` for the self-test, at least one window.
        gap_cycles: see `Backend.gap_cycles`.
        device_tree: a compiled overlay that goes with the logic, or None.
    """
    from ntorc import __version__
    from ntorc.bundle.bundle import BundleParts, SelfTestVectors, make_bundle, read_bundle
    from ntorc.bundle.issue import sequence_for
    from ntorc.bundle.keys import signing_key, trusted_keys

    key = signing_key()
    inputs, results = self_test(network, samples, plan.hop)
    identity = digest_of(
        {
            "design": plan.design_id,
            "network": network.digest,
            "board": digest_of(board),
            "key": key.key_id,
            "inputs": inputs.tolist(),
            "gap_cycles": gap_cycles,
            **({} if logic.kind == "virtual" else {"logic": digest_of_file(logic.path)}),
            **({} if device_tree is None else {"device_tree": digest_of_file(device_tree)}),
        }
    )

    sequence = sequence_for(key.key_id, identity)

    def make(work: Path) -> None:
        network.save(work / "network")
        parts = BundleParts(
            name=network.name,
            board=board,
            clock_hz=round(plan.clock_hz),
            design_id=plan.design_id,
            kind=logic.kind,
            window=network.input_length,
            hop=plan.hop,
            logic=logic.path,
            vectors=SelfTestVectors(inputs, results, plan.hop),
            gap_cycles=gap_cycles,
            sequence=sequence,
            network={name: work / "network" / name for name in ("network.json", "weights.npz")},
            versions={"ntorc": __version__, "synthesis": logic.tool},
            device_tree=device_tree,
            dma=plan.dma,
        )
        make_bundle(work / "bundle", parts, key)

    folder = flow.once("bundle", digest_of({"content": identity, "sequence": sequence}), make) / "bundle"
    return read_bundle(folder, trusted_keys(), board.name, board.part)
