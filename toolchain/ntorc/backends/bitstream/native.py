"""Projects of the native gateware: the plan's sources behind a processing system, for each tool."""

from __future__ import annotations

from ntorc.backends.base import Plan
from ntorc.backends.bitstream.openxc7 import openxc7_project
from ntorc.backends.bitstream.project import Project
from ntorc.backends.bitstream.vivado import vivado_project, words_of
from ntorc.backends.bitstream.zynq_top import PRIMITIVES, TOP, top_sources, zynq_top
from ntorc.backends.native.sources import library_sources
from ntorc.boards import Board
from ntorc.errors import UsageError

TOOLS = ("vivado", "openxc7")


def native_project(name: str, plan: Plan, board: Board, tool: str) -> Project:
    """The project of a native plan.

    Args:
        name: of the network.
        plan: with its sources in compilation order.
        board: it is for.
        tool: one of `TOOLS`.

    Raises:
        UsageError: there is no such tool, or not for this board.
    """
    if board.family not in PRIMITIVES:
        raise UsageError(f"{board.name} is of the family {board.family}", f"families: {', '.join(PRIMITIVES)}")
    sources = {**plan.files, **library_sources(top_sources(board.family, dma=plan.dma))}
    sources[f"{TOP}.sv"] = zynq_top(board.family, dma=plan.dma)
    files = {f"src/{file}": text for file, text in sources.items()}
    if tool == "vivado":
        verilog = [file for file in files if file.endswith(".sv")]
        reads = [f"read_verilog -sv [list {words_of(verilog)}]", "read_xdc src/clock.xdc"]
        return vivado_project(name, board, plan.design_id, plan.clock_hz, files, reads, ["src"])
    if tool == "openxc7":
        return openxc7_project(name, board, plan.design_id, plan.clock_hz, files)
    raise UsageError(f"there is no tool '{tool}'", f"tools: {', '.join(TOOLS)}")
