"""The exact front of a network on a board: what every deadline costs at the least, and where the knee lies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ntorc.allocate.allocation import check_supported, problem_of
from ntorc.allocate.front import Front, FrontPoint, exact_front
from ntorc.allocate.infeasible import explain
from ntorc.allocate.problem import Problem
from ntorc.allocate.requirement import Requirement
from ntorc.allocate.solver import is_installed, smallest_area
from ntorc.backends.base import RESOURCES
from ntorc.errors import ToolError, UsageError
from ntorc.network.network import Network
from ntorc.pipeline.bitstream.logic import check_tool
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for, costs_for
from ntorc.pipeline.standalone import NetworkRequest, asked_for, opened
from ntorc.progress import Progress

_SHOWN_ROWS = 24
_AGREE = 1e-9


@dataclass(frozen=True)
class NetworkFront:
    """A front with what it is of.

    Attributes:
        network: that is allocated.
        requirement: of the deadline that was asked for, or of any.
        problem: options, capacity and caps.
        front: of latencies that leave the logic done before its next work comes.
        too_slow: undominated points that do not.
        seconds: that finding it took, options apart.
    """

    network: Network
    requirement: Requirement
    problem: Problem
    front: Front
    too_slow: int
    seconds: float

    def deadline_s(self, point: FrontPoint) -> float:
        """The deadline that a point just meets, in seconds."""
        return self.requirement.deadline_for(point.latency_cycles)

    @property
    def least(self) -> FrontPoint | None:
        """The cheapest point for the deadline that was asked for, or for any; None where no point meets it."""
        return self.front.at(self.problem.budget_cycles)


def network_front(flow: Flow, request: NetworkRequest) -> NetworkFront:
    """All deadlines of a network at once.

    Raises:
        UsageError: the objective is the latency, which a front has on its other axis.
        InfeasibleError: no deadline can be met.
    """
    if request.objective == "latency":
        raise UsageError("a front has the latency on one axis already", "take another --objective")
    network = opened(flow, request)
    requirement = asked_for(flow, request, network)
    board = requirement.board
    check_tool(request.tool)
    backend = backend_for(flow, request.backend, board, requirement.clock_hz, request.tool)
    with flow.stage("front", f"{network.name} on {board.part}, every deadline"):
        check_supported(backend, network)
        options = backend.options(network, costs_for(flow, backend, board), requirement.hop)
        problem = problem_of(options, network, requirement)
        started_s = time.perf_counter()
        front = exact_front(problem, flow.progress)
        seconds = time.perf_counter() - started_s
    pace = requirement.pace_cycles(network)
    kept = tuple(point for point in front.points if point.latency_cycles <= pace)
    if not kept:
        raise explain(problem, requirement, network)
    return NetworkFront(
        network, requirement, problem, replace(front, points=kept), len(front.points) - len(kept), seconds
    )


def verify(found: NetworkFront, progress: Progress) -> dict[str, Any]:
    """Every point against the integer programs of all installed solvers, at its own latency and a cycle less.

    Raises:
        ToolError: a solver disagrees.
    """
    points = found.front.points
    checked: dict[str, Any] = {}
    for solver in ("CBC", "HIGHS", "GRB"):
        if not is_installed(solver):
            continue
        largest, started_s = 0.0, time.perf_counter()
        for index, point in enumerate(points):
            for budget, wanted in ((point.latency_cycles, point), (point.latency_cycles - 1, _before(points, index))):
                solution = smallest_area(replace(found.problem, budget_cycles=budget), solver)
                if (solution is None) != (wanted is None):
                    raise ToolError(f"{solver} and the front differ about {budget} cycles", "please report this")
                if solution is not None and wanted is not None:
                    largest = max(largest, abs(solution.objective / wanted.objective - 1.0))
            progress.step(f"points by {solver}", index + 1, len(points))
        if largest > _AGREE:
            raise ToolError(f"{solver} and the front differ by {largest:.3g} (relative)", "please report this")
        checked[solver] = {
            "points": len(points),
            "programs": 2 * len(points),
            "largest_relative_difference": largest,
            "seconds": round(time.perf_counter() - started_s, 3),
        }
    return checked


def _before(points: Sequence[FrontPoint], index: int) -> FrontPoint | None:
    return points[index - 1] if index else None


def as_result(found: NetworkFront) -> dict[str, Any]:
    """Everything as plain values."""
    need, knee = found.requirement, found.front.knee
    return {
        "network": found.network.name,
        "board": need.board.name,
        "part": need.board.part,
        "clock_hz": need.clock_hz,
        "io_overhead_s": need.io_overhead_s,
        "ceiling": need.ceiling,
        "objective": need.objective,
        "method": found.front.method,
        "latency_paths": found.front.paths,
        "seconds": round(found.seconds, 4),
        "points": [_as_row(found, point) for point in found.front.points],
        "knee": None if knee is None else found.front.points.index(knee),
        "least": None if found.least is None else found.front.points.index(found.least),
        "smallest_deadline_s": found.deadline_s(found.front.points[0]),
        "too_slow_for_the_sample_rate": found.too_slow,
    }


def _as_row(found: NetworkFront, point: FrontPoint) -> dict[str, Any]:
    rows = zip(found.problem.options.layers, point.choice, strict=True)
    return {
        "latency_cycles": point.latency_cycles,
        "latency_s": point.latency_cycles / found.requirement.clock_hz,
        "deadline_s": found.deadline_s(point),
        "objective": point.objective,
        "predicted": found.problem.total(point.choice).as_dict(),
        "directives": {
            layer.name: str(row[index].directive)
            for layer, (row, index) in zip(found.network.layers, rows, strict=True)
            if row[index].directive.multipliers
        },
    }


def as_text(found: NetworkFront, drawn: Path, deadline: str) -> str:
    """A table of points spread over the front, with the knee and the deadline that was asked for."""
    points, knee = found.front.points, found.front.knee
    asked = found.least if deadline else None
    lines = [f"{'deadline':>12} {'cycles':>9} {found.requirement.objective:>11} {'LUT':>7} {'FF':>7} {'DSP':>5} BRAM18"]
    for point in _spread(points, [knee, asked]):
        total = found.problem.total(point.choice)
        note = "  knee" if point == knee else ""
        note += f"  least for {deadline}" if point == asked else ""
        cost = f"{100 * point.objective:.3f} %" if found.requirement.objective != "count" else f"{point.objective:.0f}"
        lines.append(
            f"{found.deadline_s(point) * 1e6:10.1f}us {point.latency_cycles:9} {cost:>11} {total.lut:7.0f}"
            f" {total.ff:7.0f} {total.dsp:5.0f} {total.bram18:6.0f}{note}"
        )
    lines.append(
        f"{len(points)} points, all that no choice beats, by {found.front.method} in {found.seconds:.3g} s"
        f" ({found.front.paths} latency path{'s' if found.front.paths > 1 else ''}); --json has them all"
    )
    if found.too_slow:
        lines.append(f"{found.too_slow} slower ones are left out: they would not be done before the next samples' work")
    if deadline and asked is None:
        lines.append(f"none meets {deadline}: the smallest deadline is {found.deadline_s(points[0]) * 1e6:.1f}us")
    lines.append(f"drawn in {drawn}")
    return "\n".join(lines)


def _spread(points: Sequence[FrontPoint], wanted: Sequence[FrontPoint | None]) -> list[FrontPoint]:
    """The wanted points and others, at equal steps of the front."""
    count = min(_SHOWN_ROWS, len(points))
    chosen = {points[round(index * (len(points) - 1) / max(count - 1, 1))] for index in range(count)}
    chosen |= {point for point in wanted if point is not None}
    return sorted(chosen, key=lambda point: point.latency_cycles)


def axis_title(objective: str) -> str:
    """What the front's other axis counts."""
    if objective == "count":
        return "LUT + FF + DSP + BRAM18"
    if objective in RESOURCES:
        return f"{objective.upper()}, % of the device"
    return "capacity-weighted resources, %"
