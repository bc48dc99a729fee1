"""Single stages for commands that start from a saved network or a finished run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.allocate.allocation import Allocation
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Backend
from ntorc.boards import load_board
from ntorc.errors import UsageError
from ntorc.estimator.runs import SAMPLE_RATE_HZ
from ntorc.network.network import Network
from ntorc.pipeline.bitstream.hardware import Design
from ntorc.pipeline.bitstream.logic import check_tool, check_virtual_board
from ntorc.pipeline.board.realtime import BY_TARGET, RealTime
from ntorc.pipeline.choose import AUTO, Allocated, best, candidates, installed
from ntorc.pipeline.finn import network as finn
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import (
    allocation_stage,
    backend_for,
    backend_named,
    build_stage,
    bundle_stage,
    check_dma,
    gap_of,
    hop_for,
    requirement_for,
)
from ntorc.pipeline.measured.knowledge import MISS_PROBABILITY, NO_LOAD, knowledge_of
from ntorc.pipeline.networks import brings_formats, open_network
from ntorc.pipeline.versions import Narrowed, allocate_narrowed, parse_bits, with_budget
from ntorc.progress import Steps
from ntorc.records import load
from ntorc.store.base import RunRecord, Store
from ntorc.units import parse_duration


@dataclass(frozen=True)
class NetworkRequest:
    """What ``ntorc allocate`` and ``ntorc build`` are asked for.

    Attributes:
        network: folder of a saved network, Keras model, or a model's JSON.
        board, backend: by name.
        deadline: with its unit, as ``500us``; a front may leave it empty.
        clock_hz: of the logic, or None for the board's default.
        ceiling: share of each device resource that may be used.
        solver: of the allocation.
        hop: samples from estimate to estimate, or None for the network's own.
        sample_rate_hz: at which samples come.
        objective: what is least.
        weight_bits: widths of weights to offer besides the network's own, as ``12,8,6``; empty for none.
        accuracy_budget: what the result may change by with narrower weights, RMS in its unit.
        data: runs on which that is measured.
        target: the board that it is for: what was measured on it replaces its file's priors.
        tool: what makes a bitstream of it, where that decides what directives cost; else empty.
        hls: hls4ml's own backend, ``Vitis`` or ``Vivado``; empty for what is here.
        arithmetic: of a Keras model, by name; empty for its backend's own (`ntorc.pipeline.networks.mode_of`).
        table_error: what the table of a Keras model's sigmoid or tanh may be off by; None for the default.
        device_tree: a compiled overlay that goes into the bundle, or None.
        dma: with streams and a DMA for samples and results, beside the registers.
    """

    network: Path
    board: str
    deadline: str
    backend: str = "native"
    clock_hz: float | None = None
    ceiling: float = 0.8
    solver: str = "CBC"
    hop: int | None = None
    sample_rate_hz: float = SAMPLE_RATE_HZ
    objective: str = "weighted"
    weight_bits: str = ""
    accuracy_budget: float | None = None
    data: Path | None = None
    target: str = "virtual"
    tool: str = ""
    hls: str = ""
    arithmetic: str = ""
    table_error: float | None = None
    device_tree: Path | None = None
    dma: bool = False


def allocate_network(flow: Flow, request: NetworkRequest) -> Allocation:
    """The exact allocation of a network."""
    request, _ = settled(flow, request)
    return allocate_opened(flow, request, opened(flow, request))


def settled(
    flow: Flow, request: NetworkRequest, tool: str = "", *, here: bool = True
) -> tuple[NetworkRequest, list[dict[str, Any]]]:
    """The request with a backend: the best where ``auto`` was asked for; and what was compared.

    Args:
        flow: the walk.
        request: what is asked for.
        tool: what it is to be built with; empty when nothing is.
        here: by this machine.

    Raises:
        NtorcError: no backend can build the network here with ``tool``.
    """
    check_dma(request.backend, dma=request.dma)
    if request.backend != AUTO:
        return request, []

    def allocate_with(name: str) -> Allocated:
        one = with_backend(request, name)
        network = opened(quiet, one)
        return allocate_opened(quiet, one, network), asked_for(quiet, one, network), network

    quiet = replace(flow, progress=Steps(flow.progress))
    reservations = {name: _narrowed(name, request.network) for name in installed()}
    with flow.stage("choose", "every backend's exact optimum"):
        found = candidates(flow, allocate_with, tool, here=here, reservations=reservations, hls=request.hls)
    return with_backend(request, best(found)), [one.row() for one in found]


def with_backend(request: NetworkRequest, name: str) -> NetworkRequest:
    """A request for any backend, for this one: only hls4ml is told how fine its tables are."""
    return replace(request, backend=name, table_error=request.table_error if name == "hls4ml" else None)


def _narrowed(backend: str, path: Path) -> str:
    """Why a backend's network may not stand for the others': FINN rounds a model without formats to few bits."""
    precision = finn.precision_for(backend)
    if precision is None or brings_formats(path):
        return ""
    return (
        f"not taken, as it rounds the model to weights of {precision.weight_bits} and words of"
        f" {precision.activation_bits} bits (--backend {backend} does)"
    )


def opened(flow: Flow, request: NetworkRequest) -> Network:
    """The network of a request, as its backend has it."""
    network = open_network(
        flow, request.network, finn.precision_for(request.backend), request.backend, request.arithmetic,
        request.table_error,
    )  # fmt: skip
    return finn.network_for(request.backend, network)


def narrow_network(flow: Flow, request: NetworkRequest) -> Narrowed:
    """The exact allocation of directives and widths of weights; the chosen network goes where it is asked to.

    Raises:
        UsageError: no budget for what the result may change by.
    """
    if request.accuracy_budget is None:
        raise UsageError(
            "narrower weights change the result: say by how much they may",
            "add --accuracy-budget 0.005 (RMS, in the result's unit)",
        )
    request, _ = settled(flow, request)
    network = opened(flow, request)
    backend, requirement = _asked(flow, request, network)
    with flow.stage("allocate", f"{network.name} on {requirement.board.part}, widths of weights included"):
        bits, needed = parse_bits(request.weight_bits), with_budget(requirement, request.accuracy_budget)
        return allocate_narrowed(flow, network, backend, needed, bits, request.data)


def allocate_opened(flow: Flow, request: NetworkRequest, network: Network) -> Allocation:
    """The exact allocation of a network that was opened."""
    backend, requirement = _asked(flow, request, network)
    with flow.stage("allocate", f"{network.name} on {requirement.board.part}"):
        return allocation_stage(flow, network, backend, requirement)


def _asked(flow: Flow, request: NetworkRequest, network: Network) -> tuple[Backend, Requirement]:
    check_tool(request.tool)
    requirement = asked_for(flow, request, network)
    board = requirement.board
    backend = backend_for(
        flow, request.backend, board, requirement.clock_hz, request.tool, request.hls, dma=request.dma
    )
    return backend, requirement


def asked_for(flow: Flow, request: NetworkRequest, network: Network) -> Requirement:
    """The requirement of a request, with what was measured on its board; without a deadline, of any."""
    board = load_board(request.board)
    known = knowledge_of(flow.store, board, request.target, NO_LOAD, MISS_PROBABILITY)
    requirement = requirement_for(
        board,
        parse_duration(request.deadline or "1s"),
        request.clock_hz,
        hop_for(network, request.hop),
        request.ceiling,
        request.solver,
        request.sample_rate_hz,
        known,
    )
    return replace(requirement, objective=request.objective)


def build_network(flow: Flow, request: NetworkRequest) -> dict[str, Any]:
    """Allocation, build and bundle of a saved network; the self-test's samples are drawn, as no runs are given."""
    board = load_board(request.board)
    check_virtual_board(board)
    request, compared = settled(flow, request, "virtual")
    network = opened(flow, request)
    backend = backend_named(request.backend, dma=request.dma)
    allocation = allocate_opened(flow, request, network)
    with flow.stage("build", "simulated logic (Verilator) and synthesis (yosys); no vendor tool runs"):
        built = build_stage(flow, network, backend, allocation)
        samples = _drawn_samples(network, allocation)
        gap = gap_of(network, backend, allocation)
        bundle = bundle_stage(flow, network, built, board, samples, gap, request.device_tree)
    return {
        "bundle": str(bundle.folder),
        "gateware": str(built.folder / "gateware"),
        "design_id": built.plan.design_id,
        "latency_cycles": allocation.latency_cycles,
        "synthesised": built.products.total.as_dict(),
        "tool": built.products.tool,
        "target": "virtual",
        "backend": request.backend,
        **({"compared": compared} if compared else {}),
    }


def design_of(flow: Flow, request: NetworkRequest) -> Design:
    """A network with its allocation, ready to become a bitstream; the self-test's samples are drawn.

    Raises:
        UsageError: FINN, which makes its own bitstreams.
    """
    if request.backend == finn.NAME:
        backend_named(request.backend)
    network, board = opened(flow, request), load_board(request.board)
    allocation = allocate_opened(flow, request, network)
    backend = backend_for(
        flow, request.backend, board, allocation.clock_hz, request.tool, request.hls, dma=request.dma
    )
    return Design(network, backend, board, allocation, _drawn_samples(network, allocation), request.device_tree)


def _drawn_samples(network: Network, allocation: Allocation) -> npt.NDArray[np.int64]:
    word = network.input_format
    count = network.input_length + 64 * allocation.hop
    return np.random.default_rng(1).integers(word.minimum, word.maximum + 1, count)


def find_run(store: Store, name: str, holding: str) -> RunRecord:
    """A run by name, or the newest one that got as far as a file in its folder.

    Args:
        store: where runs are kept.
        name: the run's name; empty for the newest.
        holding: the file that it must have, as ``report.html``.

    Raises:
        UsageError: there is none, or it did not get that far.
    """
    hint = "`ntorc runs` lists them; `ntorc deploy --board pynq-z2 --deadline 500us` makes one"
    chosen = [record for record in store.runs() if not name or record.run == name]
    if not chosen:
        raise UsageError(f"there is no run '{name}'" if name else "there are no runs yet", hint)
    far_enough = [record for record in chosen if (Path(record.folder) / holding).is_file()]
    if not far_enough:
        raise UsageError(f"run {chosen[0].run} has no {holding}: it is {chosen[0].state}", hint)
    return far_enough[0]


def measure_run(
    flow: Flow,
    name: str,
    estimates: int,
    miss_probability: float | None = None,
    interference: str = "",
    realtime: RealTime = BY_TARGET,
) -> dict[str, Any]:
    """Restore the confirmed design on a run's target and measure it against the run's deadline; see `remeasure`."""
    from ntorc.deploy.deployment import Deployment
    from ntorc.pipeline.board.remeasure import remeasure

    record = find_run(flow.store, name, "deployment.json")
    folder = Path(record.folder)
    allocation = load(Allocation, folder / "allocation.json")
    deployment = load(Deployment, folder / "deployment.json")
    return remeasure(
        flow, record, allocation, deployment, estimates, miss_probability=miss_probability, load=interference,
        realtime=realtime,
    )  # fmt: skip
