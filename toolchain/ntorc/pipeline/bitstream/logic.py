"""The logic that is deployed, in either way: simulated for the virtual board, or a bitstream by real tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import Backend, Products, Utilisation
from ntorc.backends.bitstream.detect import lacking, programs_of
from ntorc.backends.bitstream.execute import run_here
from ntorc.backends.bitstream.native import TOOLS
from ntorc.backends.bitstream.project import Written
from ntorc.boards import Board
from ntorc.deploy.target import is_virtual_name
from ntorc.errors import ToolError, UsageError
from ntorc.pipeline.bitstream.builder import builder_at
from ntorc.pipeline.bitstream.hardware import Design, Hardware, Runner, build_hardware
from ntorc.pipeline.choose import AUTO
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import Built, backend_for, backend_named, build_stage, bundle_stage, gap_of

if TYPE_CHECKING:
    from ntorc.bundle.bundle import Bundle

VIRTUAL = "virtual"
_ELSEWHERE = "`ntorc backend check` says what is here; --host ssh://me@builder runs it where it is installed"


@dataclass(frozen=True)
class Way:
    """How the logic is made.

    Attributes:
        tool: ``virtual``, or the tool of a bitstream.
        host: where the tools run, ``ssh://user@builder``; empty for here.
        ssh_config: another configuration of ssh than the user's, for ``host``.
    """

    tool: str = VIRTUAL
    host: str = ""
    ssh_config: Path | None = None

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


def check_way(flow: Flow, way: Way, backend: str, board: Board, target: str) -> None:
    """Before anything is trained: there is such a way, and its tools are where they are to run.

    Raises:
        UsageError: backend, tool, target and board do not go together.
        DeploymentError: the builder cannot be reached.
        ToolError: it, or this machine, lacks a tool.
    """
    if way.tool == VIRTUAL:
        if way.host:
            raise UsageError("simulated logic is built here", "take --tool vivado or openxc7 with --host")
        if backend != AUTO:
            backend_named(backend)
        return
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
    needed = programs_of("native" if backend == AUTO else backend, way.tool)
    if way.host:
        with flow.stage("builder", f"{way.host}: are the tools there"):
            missing = builder_at(way.host, way.ssh_config, flow.progress).lacks(needed)
    else:
        missing = lacking(needed)
    if missing:
        where = f" on {way.host}" if way.host else ""
        hint = f"set PATH in settings.sh of its folder ({way.host})" if way.host else _ELSEWHERE
        raise ToolError(f"not found{where}: {'; '.join(missing)}", hint)


def check_tool(name: str) -> None:
    """Refuse a tool that there is not; none at all is fine.

    Raises:
        UsageError: lists the known ones.
    """
    if name not in ("", VIRTUAL, *TOOLS):
        raise UsageError(f"there is no tool '{name}'", f"tools: {VIRTUAL}, {', '.join(TOOLS)}")


def backend_of(flow: Flow, way: Way, name: str, board: Board, clock_hz: float) -> Backend:
    """A backend by name for this way."""
    return backend_named(name) if way.tool == VIRTUAL else backend_for(flow, name, board, clock_hz, way.tool)


def runner_of(flow: Flow, host: str, config: Path | None) -> Runner:
    """What does a project's steps: this machine, or a builder behind SSH."""
    if host:
        return builder_at(host, config, flow.progress).run

    def here(folder: Path, written: Written) -> None:
        run_here(folder, written.steps, flow.progress)

    return here


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
    found = build_hardware(flow, design, way.tool, runner_of(flow, way.host, way.ssh_config))
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
