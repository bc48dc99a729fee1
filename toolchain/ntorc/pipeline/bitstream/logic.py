"""The logic that is deployed, in either way: simulated for the virtual board, or a bitstream by real tools."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import Backend, Products, Utilisation
from ntorc.backends.bitstream.detect import find_here, hls4ml_tool, judge, programs_of, untold_note
from ntorc.backends.bitstream.execute import run_here
from ntorc.backends.bitstream.hls import HLS_PROGRAMS
from ntorc.backends.bitstream.native import TOOLS
from ntorc.backends.bitstream.project import Written
from ntorc.boards import Board
from ntorc.deploy.target import is_virtual_name
from ntorc.errors import ToolError, UsageError
from ntorc.pipeline.bitstream.builder import builder_at
from ntorc.pipeline.bitstream.hardware import Design, Hardware, Runner, build_hardware
from ntorc.pipeline.choose import AUTO
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import Built, backend_for, backend_named, build_stage, bundle_stage, check_dma, gap_of

if TYPE_CHECKING:
    from ntorc.bundle.bundle import Bundle

VIRTUAL = "virtual"
_ELSEWHERE = (
    "`ntorc backend check` says what is here; --plan-only writes the project for a machine that has it, --host"
    " ssh://me@builder runs it there"
)


@dataclass(frozen=True)
class Way:
    """How the logic is made.

    Attributes:
        tool: ``virtual``, or the tool of a bitstream.
        host: where the tools run, ``ssh://user@builder``; empty for here.
        ssh_config: another configuration of ssh than the user's, for ``host``.
        hls: hls4ml's own backend, ``Vitis`` or ``Vivado``; empty for what is there.
        dma: with streams and a DMA for samples and results, beside the registers.
    """

    tool: str = VIRTUAL
    host: str = ""
    ssh_config: Path | None = None
    hls: str = ""
    dma: bool = False

    @property
    def kind(self) -> str:
        """Of the bundle."""
        return VIRTUAL if self.tool == VIRTUAL else "bitstream"

    @property
    def title(self) -> str:
        """For people."""
        if self.tool == VIRTUAL:
            return "simulated logic (Verilator) and synthesis (yosys); no vendor tool runs"
        return f"bitstream by {self.tool}{f' on {self.host}' if self.host else ''}: synthesis, place and route"


@dataclass(frozen=True)
class Made:
    """Logic that is ready to be deployed.

    Attributes:
        allocation: that it follows; its clock is the one that was met.
        built: its plan, folder and figures.
        bundle: signed.
        hardware: of a bitstream, else None.
    """

    allocation: Allocation
    built: Built
    bundle: Bundle
    hardware: Hardware | None

    @property
    def figures(self) -> dict[str, object]:
        """``synthesised`` of the command contract; ``state`` says whether place and route is behind it."""
        products = self.built.products
        state = "synthesised" if self.hardware is None else "routed"
        return {**products.total.as_dict(), "tool": products.tool, "state": state}


def check_way(flow: Flow, way: Way, backend: str, board: Board, target: str) -> Way:
    """Before anything is trained: there is such a way, and its tools are where they are to run.

    Returns:
        The way with hls4ml's own backend settled; see `settled_hls`.

    Raises:
        UsageError: backend, tool, target and board do not go together.
        DeploymentError: the builder cannot be reached.
        ToolError: it, or this machine, lacks a tool, or has one of a version that will not do.
    """
    check_dma(backend, dma=way.dma)
    if way.tool == VIRTUAL:
        if way.host:
            raise UsageError("simulated logic is built here", "take --tool vivado or openxc7 with --host")
        check_virtual_board(board)
        if backend != AUTO:
            backend_named(backend)
        return way
    check_tool(way.tool)
    if is_virtual_name(target):
        raise UsageError(
            "the virtual board has simulated logic, into which no bitstream goes",
            "name a board: --target ssh://xilinx@pynq; or make the bitstream alone: ntorc build NETWORK --tool"
            f" {way.tool}",
        )
    if backend not in (AUTO, "native", "hls4ml"):
        backend_named(backend)
    if backend == "hls4ml" and way.tool != "vivado":
        raise UsageError(f"hls4ml has no way to a bitstream by {way.tool}", "take --tool vivado")
    if way.tool == "openxc7":
        from ntorc.backends.bitstream.openxc7 import check_part

        check_part(board)
    way = replace(way, hls=settled_hls(flow, way, backend))
    check_tools(flow, way, backend)
    return way


def check_virtual_board(board: Board) -> None:
    """Refuse simulated logic for a board whose processing system is not simulated.

    Raises:
        UsageError: says what to do instead.
    """
    if board.family != "zynq7":
        raise UsageError(
            f"the virtual board is a Zynq-7000, and {board.name} is not",
            "build a bitstream: --tool vivado; or write its project: ntorc build NETWORK --tool vivado --plan-only",
        )


def settled_hls(flow: Flow, way: Way, backend: str) -> str:
    """hls4ml's own backend: as asked for, else what the builder has, or this machine; empty where there is no HLS.

    Raises:
        DeploymentError: the builder cannot be reached.
    """
    if way.hls or way.tool != "vivado" or backend not in (AUTO, "hls4ml"):
        return way.hls
    if not way.host:
        return hls4ml_tool()
    names = [name for names in HLS_PROGRAMS.values() for name in names]
    found = builder_at(way.host, way.ssh_config, flow.progress).find(names, versions=False)
    return hls4ml_tool([name for name, one in found.items() if one])


def check_tools(flow: Flow, way: Way, backend: str) -> None:
    """The tools of a way are there, where they are to run, of versions that will do.

    Raises:
        DeploymentError: the builder cannot be reached.
        ToolError: a tool lacks, or is too old; a version that cannot be told is said.
    """
    needed = programs_of("native" if backend == AUTO else backend, way.tool, way.hls)
    names = [name for alternatives in needed for name in alternatives]
    if way.host:
        with flow.stage("builder", f"{way.host}: are the tools there"):
            found = builder_at(way.host, way.ssh_config, flow.progress).find(names)
    else:
        found = find_here(names)
    judged = judge(needed, found)
    where = f" on {way.host}" if way.host else ""
    hint = f"set PATH in settings.sh of its folder ({way.host})" if way.host else _ELSEWHERE
    if judged.lacks:
        raise ToolError(f"not found{where}: {'; '.join(judged.lacks)}", hint)
    if judged.flaws:
        raise ToolError(f"a tool will not do{where}: {'; '.join(judged.flaws)}", f"install another version; {hint}")
    if judged.untold:
        flow.progress.message(f"  note: {untold_note(judged.untold)}")


def check_tool(name: str) -> None:
    """Refuse a tool that there is not; none at all is fine.

    Raises:
        UsageError: lists the known ones.
    """
    if name not in ("", VIRTUAL, *TOOLS):
        raise UsageError(f"there is no tool '{name}'", f"tools: {VIRTUAL}, {', '.join(TOOLS)}")


def backend_of(flow: Flow, way: Way, name: str, board: Board, clock_hz: float) -> Backend:
    """A backend by name for this way."""
    if way.tool == VIRTUAL:
        return backend_named(name, dma=way.dma)
    return backend_for(flow, name, board, clock_hz, way.tool, way.hls, dma=way.dma)


def runner_of(flow: Flow, way: Way, backend: str) -> Runner:
    """What does a project's steps, here or on a builder behind SSH; the tools are looked at first."""

    def run(folder: Path, written: Written) -> None:
        check_tools(flow, way, backend)
        if way.host:
            builder_at(way.host, way.ssh_config, flow.progress).run(folder, written)
        else:
            run_here(folder, written.steps, flow.progress)

    return run


def make_logic(flow: Flow, way: Way, design: Design, extra_stages: int = 0) -> Made:
    """Build a design and sign its bundle.

    Args:
        flow: the walk.
        way: how.
        design: what; its samples are also the self-test's.
        extra_stages: of a lab's simulated logic.

    Raises:
        ToolError: a tool failed; the same command goes on there.
        VerdictError: the clock that a bitstream reaches is too slow for the deadline.
    """
    if way.tool == VIRTUAL:
        built = build_stage(flow, design.network, design.backend, design.allocation, extra_stages)
        gap = gap_of(design.network, design.backend, design.allocation)
        bundle = bundle_stage(flow, design.network, built, design.board, design.samples, gap, design.device_tree)
        return Made(design.allocation, built, bundle, None)
    found = build_hardware(flow, design, way.tool, runner_of(flow, way, design.backend.name))
    return Made(found.allocation, Built(found.plan, found.folder, routed_products(found)), found.bundle, found)


def routed_products(found: Hardware) -> Products:
    """A routed design's figures; its parts where the tool tells of every one."""
    judged = found.judged
    parts = tuple(
        Utilisation(part.subject, part.directive, judged.parts[part.top], judged.tool)
        for part in found.plan.parts
        if part.top in judged.parts
    )
    return Products("", parts if len(parts) == len(found.plan.parts) else (), judged.used, judged.tool)
