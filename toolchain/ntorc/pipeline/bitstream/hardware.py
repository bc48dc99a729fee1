"""Bitstreams: a project for the tools, run here or on a builder, or collected; judged, measured, bundled."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import Backend, Plan
from ntorc.backends.bitstream import hls
from ntorc.backends.bitstream.judge import Judged, judge_project, missed_clock
from ntorc.backends.bitstream.project import (
    FORMAT,
    PLAN,
    PRODUCTS,
    REPORTS,
    Project,
    Written,
    read_project,
    state_context,
    write_project,
    written_of,
)
from ntorc.backends.hls4ml.convert import NAME
from ntorc.boards import Board, load_board
from ntorc.bundle.processing_system import processing_system
from ntorc.errors import BundleError, NtorcError, VerdictError
from ntorc.network.network import Network
from ntorc.npz import read_arrays
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import Logic, bundle_of, gap_of
from ntorc.records import digest_of, digest_of_file, load, save
from ntorc.store.base import Observation
from ntorc_board.manifest import DEVICE_TREE

if TYPE_CHECKING:
    from ntorc.bundle.bundle import Bundle

CONTEXT = "ntorc"
"""Folder in a project's: what is needed to make a bundle of its products; no tool reads it."""
_CONTEXT_FILES = tuple(
    f"{CONTEXT}/{name}"
    for name in ("network/network.json", "network/weights.npz", "allocation.json", "samples.npz", "context.json")
)
_TREE_FILE = f"{CONTEXT}/{DEVICE_TREE}"
_MOST_CLOCKS = 3  # asked for, before a design is called too slow

Runner = Callable[[Path, Written], None]
"""Does a written project's steps, here or elsewhere; what it leaves in the folder is judged afterwards."""


@dataclass(frozen=True)
class Context:
    """What a project was made for.

    Attributes:
        backend, board: by name.
        board_digest: of the board's file, so that products are not taken for another memory map.
        network: its digest.
        dma: of its plan.
    """

    backend: str
    board: str
    board_digest: str
    network: str
    dma: bool = False


@dataclass(frozen=True)
class Hardware:
    """A design that was placed, routed and judged.

    Attributes:
        folder: with its reports, logs and products.
        plan, allocation: that it follows; the clock is the one that was met.
        judged: what the reports say.
        bundle: signed, of kind ``bitstream``.
        added: observations that the store did not have.
    """

    folder: Path
    plan: Plan
    allocation: Allocation
    judged: Judged
    bundle: Bundle
    added: int


@dataclass(frozen=True)
class Design:
    """What is to become a bitstream: network, backend, board, allocation, and the self-test's samples.

    ``device_tree`` is a compiled overlay that goes with the logic, or None.
    """

    network: Network
    backend: Backend
    board: Board
    allocation: Allocation
    samples: npt.NDArray[np.int64]
    device_tree: Path | None = None

    @cached_property
    def plan(self) -> Plan:
        """Of the allocation's directives and clock."""
        found = self.allocation
        return self.backend.plan(self.network, found.directives, found.clock_hz, found.hop)


def project_of(design: Design, tool: str) -> Project:
    """The inert project of a design for a tool."""
    return design.backend.project(design.network, design.plan, design.board, tool)


def write_design(design: Design, project: Project, folder: Path) -> Path:
    """A project with what a bundle of its products needs; complete for a machine that has the tools.

    Raises:
        UsageError: the folder is a file, or holds something else.
        BundleError: it holds another project.
    """
    write_project(project, folder)
    inside = folder / CONTEXT
    design.network.save(inside / "network")
    save(design.allocation, inside / "allocation.json")
    np.savez(inside / "samples.npz", samples=design.samples)
    (inside / DEVICE_TREE).unlink(missing_ok=True)
    if design.device_tree is not None:
        shutil.copyfile(design.device_tree, inside / DEVICE_TREE)
    board = design.board
    context = Context(design.backend.name, board.name, digest_of(board), design.network.digest, design.plan.dma)
    save(context, inside / "context.json")
    state_context(folder, _CONTEXT_FILES if design.device_tree is None else (*_CONTEXT_FILES, _TREE_FILE))
    return folder


BackendOf = Callable[[str, Board, float, str, bool], Backend]
"""A backend by its name, board, clock in Hz, hls4ml's own backend (empty for others), and whether it has a DMA."""


def read_design(folder: Path, backend_of: BackendOf) -> tuple[Design, Written]:
    """The design that a project's folder was made for, and the project, nothing of which may be altered.

    Raises:
        BundleError: it is no project, was altered, or this version would make another design of the same input.
    """
    written, inside = read_project(folder), folder / CONTEXT
    if sorted(set(written.context) - {_TREE_FILE}) != sorted(_CONTEXT_FILES):
        raise BundleError(f"{folder / PLAN} does not state all that a bundle is made of", "make the project anew")
    context = load(Context, inside / "context.json")
    board, network = load_board(context.board), Network.load(inside / "network")
    if digest_of(board) != context.board_digest:
        raise BundleError(f"the file of the board {board.name} has changed since", "make the project anew")
    allocation = load(Allocation, inside / "allocation.json")
    samples = read_arrays(inside / "samples.npz", ["samples"], "make the project anew")["samples"]
    own_hls = hls.backend_of_steps(written.steps)
    backend = backend_of(context.backend, board, allocation.clock_hz, own_hls, context.dma)
    tree = inside / DEVICE_TREE if _TREE_FILE in written.context else None
    design = Design(network, backend, board, allocation, np.asarray(samples, np.int64), tree)
    if network.digest != context.network or written_of(project_of(design, written.tool), written.context) != written:
        raise BundleError(
            f"{folder} is not the design that this version makes of its input",
            "it was made by another version, or altered: make the project anew",
        )
    return design, written


def build_hardware(flow: Flow, design: Design, tool: str, runner: Runner) -> Hardware:
    """Run the tools, judge what they gave, and sign a bundle; at the clock that is reached, if the deadline allows it.

    Raises:
        ToolError: a tool is missing or failed; what was done is kept.
        VerdictError: the clock is not met, and the one that is reached is too slow.
    """
    for attempt in range(_MOST_CLOCKS):
        project = project_of(design, tool)
        try:
            folder = _once(flow, design, project, runner)
            return finish(flow, design, folder)
        except ClockMissed as missed:
            slower = at_reached_clock(design, missed, last=attempt + 1 == _MOST_CLOCKS)
            flow.progress.message(
                f"  {design.allocation.clock_hz / 1e6:g} MHz is not met ({missed.judged.timing.worst_path});"
                f" the deadline also holds at {slower.allocation.clock_hz / 1e6:g} MHz: built again for that"
            )
            design = slower
    raise AssertionError("at_reached_clock raises at the last attempt")


class ClockMissed(NtorcError):
    """A routed design is slower than its clock; nothing of it may be programmed."""

    def __init__(self, judged: Judged) -> None:
        super().__init__("the clock is not met", judged.timing.worst_path)
        self.judged = judged


def _once(flow: Flow, design: Design, project: Project, runner: Runner) -> Path:
    """The finished project's folder in the store."""

    def make(work: Path) -> None:
        folder = write_design(design, project, work / "project")
        written = read_project(folder)
        judged = missed_clock(folder, written)
        if judged is None:
            try:
                runner(folder, written)
            except NtorcError:
                judged = missed_clock(folder, written)
                if judged is None:
                    raise
        judged = judged or missed_clock(folder, written)
        if judged is not None:
            raise ClockMissed(judged)
        judge_project(folder, written)

    return flow.once("hardware", _key(project.digest, design), make) / "project"


def _key(project: str, design: Design, products: str = "") -> str:
    """Where finished hardware lies in the store; with ``products``, by what the tools gave too."""
    stated = {"format": FORMAT, "project": project, "board": digest_of(design.board)}
    return digest_of({**stated, "products": products} if products else stated)


def digest_of_products(folder: Path) -> str:
    """SHA-256 (hex) over all that the tools left for judgement and programming: reports and products."""
    files = [path for name in (REPORTS, PRODUCTS) for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return digest_of({str(path.relative_to(folder)): digest_of_file(path) for path in files})


def collect(flow: Flow, folder: Path, backend_of: BackendOf) -> Hardware:
    """Take the products of a project that was run elsewhere.

    The first products of a project are kept as if they were made here, so that nothing is run again for it.  Others of
    the same project, as another version of a tool gives them, are kept beside.

    Raises:
        BundleError: the folder is no project, was altered, or is not done.
        VerdictError: its clock is not met.
    """
    design, written = read_design(folder, backend_of)
    judged = missed_clock(folder, written)
    if judged is not None:
        raise too_slow(design, judged, f"make the project anew with --clock-hz {reached_hz(design, judged):.0f}")
    judge_project(folder, written)

    def make(work: Path) -> None:
        shutil.copytree(folder, work / "project", dirs_exist_ok=True)

    products, key = digest_of_products(folder), _key(written.digest, design)
    known = flow.store.get("hardware", key)
    if known is not None and digest_of_products(known / "project") != products:
        key = _key(written.digest, design, products)
    return finish(flow, design, flow.once("hardware", key, make) / "project")


def finish(flow: Flow, design: Design, folder: Path) -> Hardware:
    """Bundle and measurements of a finished project."""
    written, plan = read_project(folder), design.plan
    judged = judge_project(folder, written)
    logic = Logic("bitstream", folder / written.bitstream, judged.tool)
    gap = gap_of(design.network, design.backend, design.allocation)
    bundle = bundle_of(flow, design.network, plan, logic, design.board, design.samples, gap, design.device_tree)
    added = flow.store.observe(observations(design, plan, judged, folder))
    return Hardware(folder, plan, design.allocation, judged, bundle, added)


def observations(design: Design, plan: Plan, judged: Judged, folder: Path) -> list[Observation]:
    """What the reports measured, as the cost models take it: parts of the plan, and what the backend reads itself."""
    run, backend, device = folder.parent.name, design.backend.name, design.board.part
    found = []
    for part in plan.parts:
        used = judged.parts.get(part.top)
        if used is not None:
            quantities = {name: float(value) for name, value in used.as_dict().items()}
            found.append(
                Observation(
                    "post_route", backend, device, part.subject, part.directive, quantities, judged.tool, run
                )
            )
    if (folder / hls.REPORTS).is_dir():
        report, layers = hls.read_hls_reports(folder, NAME)
        for part in plan.parts:
            estimate = layers.get(part.top)
            if estimate is not None:
                quantities = {name: float(value) for name, value in estimate.resources.as_dict().items()}
                if estimate.latency_cycles:
                    quantities["latency_cycles"] = float(estimate.latency_cycles)
                tool = f"HLS {report.version}"
                found.append(
                    Observation("csynth", backend, device, part.subject, part.directive, quantities, tool, run)
                )
    return found


def reached_hz(design: Design, judged: Judged) -> float:
    """The highest clock that the processing system can give and the routed design reaches."""
    return processing_system(design.board.part).clock_hz(judged.timing.reached_hz)


def at_reached_clock(design: Design, missed: ClockMissed, *, last: bool) -> Design:
    """The same directives at the clock that was reached.

    Raises:
        VerdictError: the deadline does not hold there, hold times are missed, or it was tried often enough.
    """
    judged, allocation = missed.judged, design.allocation
    if judged.timing.setup_ns >= 0:
        raise too_slow(design, judged, "hold times or pulse widths are missed, which no slower clock mends")
    clock_hz = reached_hz(design, judged)
    budget = int((allocation.deadline_s - allocation.io_overhead_s) * clock_hz + 1e-6)
    budget = min(budget, int(allocation.budget_cycles * clock_hz / allocation.clock_hz + 1e-6))
    if budget < allocation.latency_cycles:
        needed_hz = allocation.clock_hz * allocation.latency_cycles / allocation.budget_cycles
        raise too_slow(
            design, judged,
            f"the deadline needs {needed_hz / 1e6:.1f} MHz with these directives; allocate for the clock that is"
            f" reached: --clock-hz {clock_hz:.0f}",
        )  # fmt: skip
    if last:
        raise too_slow(design, judged, f"{_MOST_CLOCKS} clocks were tried; ask for a slower one with --clock-hz")
    return replace(design, allocation=replace(allocation, clock_hz=clock_hz, budget_cycles=budget))


def too_slow(design: Design, judged: Judged, advice: str) -> VerdictError:
    """The verdict on a design that does not meet its clock."""
    timing = judged.timing
    return VerdictError(
        f"timing is not met: {design.allocation.clock_hz / 1e6:g} MHz asked for, {timing.reached_hz / 1e6:.1f} MHz"
        f" reached by {judged.tool}; the worst path is {timing.worst_path}",
        advice,
        {
            "verdict": "timing_missed",
            "clock_hz": design.allocation.clock_hz,
            "reached_hz": timing.reached_hz,
            "setup_slack_ns": timing.setup_ns,
            "hold_slack_ns": timing.hold_ns,
            "worst_path": timing.worst_path,
        },
    )


def as_result(found: Hardware) -> dict[str, Any]:
    """For ``--json``."""
    timing = found.judged.timing
    return {
        "bundle": str(found.bundle.folder),
        "project": str(found.folder),
        "design_id": found.plan.design_id,
        "target": "bitstream",
        "latency_cycles": found.allocation.latency_cycles,
        "clock_hz": found.allocation.clock_hz,
        "routed": found.judged.used.as_dict(),
        "tool": found.judged.tool,
        "timing": {
            "reached_hz": timing.reached_hz,
            "setup_slack_ns": timing.setup_ns,
            "hold_slack_ns": timing.hold_ns,
            "worst_path": timing.worst_path,
        },
        "observations": found.added,
    }
