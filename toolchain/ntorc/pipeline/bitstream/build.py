"""``ntorc build`` towards a bitstream: write the project, run it here or on a builder, or take its products back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ntorc.backends.base import Backend
from ntorc.boards import Board
from ntorc.pipeline.bitstream.hardware import as_result, build_hardware, collect, project_of, write_design
from ntorc.pipeline.bitstream.logic import Way, runner_of, settled_hls
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for
from ntorc.pipeline.standalone import NetworkRequest, design_of, settled

PROJECTS = "projects"


def plan_bitstream(flow: Flow, request: NetworkRequest, way: Way, folder: Path | None) -> dict[str, Any]:
    """Write a project and run nothing.

    Args:
        flow: the walk.
        request: what is built.
        way: by which tools; a builder is asked what HLS it has, where that decides what is written.
        folder: where to; below the store's root by the project's digest when left out.
    """
    tool, request = way.tool, replace(request, hls=settled_hls(flow, way, request.backend))
    request, compared = settled(flow, request, tool, here=False)
    design = design_of(flow, request)
    project = project_of(design, tool)
    with flow.stage("plan", f"the project for {tool}; nothing is run"):
        target = folder or flow.root / PROJECTS / f"{design.network.name}-{project.digest[:12]}"
        write_design(design, project, target)
    return {
        "project": str(target.absolute()),
        "tool": tool,
        "digest": project.digest,
        "design_id": project.design_id,
        "part": project.part,
        "clock_hz": project.clock_hz,
        "latency_cycles": design.allocation.latency_cycles,
        "predicted": design.allocation.predicted.as_dict(),
        "files": len(project.files),
        "steps": [step.what for step in project.steps],
        "notes": list(project.notes),
        "backend": request.backend,
        **({"compared": compared} if compared else {}),
    }


def build_bitstream(flow: Flow, request: NetworkRequest, way: Way) -> dict[str, Any]:
    """Run a project's steps here, or on a builder behind SSH, and sign a bundle of what they give.

    Raises:
        ToolError: a tool is missing, of a version that will not do, or failed.  What is in the store needs none.
        VerdictError: the clock is not met, and the one that is reached is too slow.
    """
    way = replace(way, hls=settled_hls(flow, way, request.backend))
    request, compared = settled(flow, replace(request, hls=way.hls), way.tool, here=not way.host)
    design = design_of(flow, request)
    with flow.stage("build", way.title):
        found = as_result(build_hardware(flow, design, way.tool, runner_of(flow, way, request.backend)))
    return {**found, "backend": request.backend, **({"compared": compared} if compared else {})}


def collect_bitstream(flow: Flow, folder: Path) -> dict[str, Any]:
    """The bundle of a project that was run elsewhere."""

    def backend_of(name: str, board: Board, clock_hz: float, hls: str, dma: bool) -> Backend:
        return backend_for(flow, name, board, clock_hz, hls=hls, dma=dma)

    with flow.stage("collect", str(folder)):
        return as_result(collect(flow, folder, backend_of))
