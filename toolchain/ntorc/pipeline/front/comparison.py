"""``ntorc front --backend all``: the fronts of all backends side by side, each point with what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.allocate.problem import objective_value
from ntorc.errors import DataError, InfeasibleError, NtorcError
from ntorc.pipeline.choose import installed, words_of
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.front.fronts import NetworkFront, as_result, axis_title, network_front
from ntorc.pipeline.standalone import NetworkRequest
from ntorc.records import write_atomically
from ntorc.report.charts import Marker, Stairs
from ntorc.report.front_chart import fronts_svg
from ntorc.store.base import Store

ESTIMATE, SYNTHESISED, MEASURED = "estimate", "synthesised", "measured"
_COUNTED = ("simulated_cycles", "board_cycles")
_SHOWN = 8


@dataclass(frozen=True)
class OneFront:
    """A backend's front, costs with the shell, and each point's basis; or why there is none."""

    backend: str
    found: NetworkFront | None
    costs: tuple[float, ...]
    bases: tuple[str, ...]
    reason: str = ""


def all_fronts(flow: Flow, request: NetworkRequest) -> list[OneFront]:
    """Every backend's exact front.

    Raises:
        NtorcError: none has one.
    """
    fronts = []
    for name in installed():
        try:
            found = network_front(flow, replace(request, backend=name))
        except (DataError, InfeasibleError) as error:
            fronts.append(OneFront(name, None, (), (), f"{error.message}: {error.hint}".replace("\n", "; ")))
            continue
        costs = tuple(_with_shell(found, index) for index in range(len(found.front.points)))
        fronts.append(OneFront(name, found, costs, bases_of(flow.store, name, found)))
    if not any(one.found for one in fronts):
        raise NtorcError(
            "no backend has a front of this network", "; ".join(f"{one.backend}: {one.reason}" for one in fronts)
        )
    return fronts


def _with_shell(found: NetworkFront, index: int) -> float:
    """A point's objective with what does not depend on the choice, which is not the same for all backends."""
    problem = found.problem
    return objective_value(problem.objective, problem.total(found.front.points[index].choice), problem.capacity)


def bases_of(store: Store, backend: str, found: NetworkFront) -> tuple[str, ...]:
    """What each point rests on: its cycles were counted, every layer was synthesised or routed, or a model's word."""
    counted = {
        item.directive
        for item in store.observations(backend)
        if item.source in _COUNTED and item.subject == f"network:{found.network.digest}"
    }
    bases = []
    for point in found.front.points:
        chosen = [row[index] for row, index in zip(found.problem.options.layers, point.choice, strict=True)]
        if ";".join(str(option.directive) for option in chosen) in counted:
            bases.append(MEASURED)
        elif all(option.basis.startswith("measured") for option in chosen if option.directive.multipliers):
            bases.append(SYNTHESISED)
        else:
            bases.append(ESTIMATE)
    return tuple(bases)


def comparison_result(fronts: Sequence[OneFront]) -> dict[str, Any]:
    """For ``--json``."""
    rows: dict[str, Any] = {}
    for one in fronts:
        if one.found is None:
            rows[one.backend] = {"reason": one.reason}
            continue
        result = as_result(one.found)
        for point, cost, basis in zip(result["points"], one.costs, one.bases, strict=True):
            point["cost_with_shell"], point["basis"] = cost, basis
        rows[one.backend] = {**result, "words": words_of(one.found.network)}
    return {"backends": rows}


def draw_comparison(flow: Flow, fronts: Sequence[OneFront], path: Path | None, deadline: str) -> Path:
    """Draw all of them to a file, or to one of its own below the store."""
    shown = [one for one in fronts if one.found is not None]
    first = shown[0].found
    assert first is not None
    need = first.requirement
    path = path or flow.root / "fronts" / f"{first.network.name}-{need.board.name}-{need.objective}-all.svg"
    factor = 1.0 if need.objective == "count" else 100.0
    stairs = [
        Stairs(
            one.backend,
            np.array([one.found.deadline_s(point) * 1e6 for point in one.found.front.points]),
            np.array([factor * cost for cost in one.costs]),
            one.bases,
        )
        for one in shown
        if one.found is not None
    ]
    markers = [Marker(need.deadline_s * 1e6, f"asked: {deadline}")] if deadline else []
    text = fronts_svg(
        stairs,
        title=f"{first.network.name} on {need.board.name}: what a deadline costs, by backend",
        y_title=axis_title(need.objective),
        markers=markers,
    )
    return write_atomically(path, text.encode())


def meet(fronts: Sequence[OneFront]) -> tuple[str, ...]:
    """The backends with a point for the deadline that was asked for."""
    return tuple(one.backend for one in fronts if one.found is not None and one.found.least is not None)


def comparison_text(fronts: Sequence[OneFront], drawn: Path, deadline: str = "") -> str:
    """A table for people; with a deadline, who meets it."""
    head = f"{'backend':8} {'words':>6} {'deadline':>12} {'cycles':>9} {'LUT':>7} {'FF':>7} {'DSP':>5} {'BRAM18':>6}"
    lines = [f"{head}  basis"]
    for one in fronts:
        if one.found is None:
            lines.append(f"{one.backend:8} {one.reason}")
            continue
        points, problem = one.found.front.points, one.found.problem
        places = sorted({round(at * (len(points) - 1) / max(_SHOWN - 1, 1)) for at in range(_SHOWN)})
        for at in places:
            total = problem.total(points[at].choice)
            lines.append(
                f"{one.backend:8} {words_of(one.found.network):>6}"
                f" {one.found.deadline_s(points[at]) * 1e6:10.1f}us {points[at].latency_cycles:9}"
                f" {total.lut:7.0f} {total.ff:7.0f} {total.dsp:5.0f} {total.bram18:6.0f}  {one.bases[at]}"
            )
    lines.append("estimate: the cost model; synthesised: every layer by a tool; measured: its cycles were counted;"
                 " words: bits of weights and between layers")
    if deadline:
        lines.append(f"{deadline} is met by {', '.join(meet(fronts)) or 'none of them'}")
    lines.append(f"drawn in {drawn}; --json has all points")
    return "\n".join(lines)
