"""A search's front: points to choose from, beside the paper's networks on true multiplies; JSON, text and picture."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import InfeasibleError, UsageError
from ntorc.network.published import published_network, published_networks, table3
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.search.joint import Searched, costing_of, outcomes
from ntorc.records import digest_of, load, save, to_json, write_atomically
from ntorc.report.search_chart import Cloud, search_svg
from ntorc.search.front import REFERENCE, hypervolume, knee, undominated
from ntorc.search.record import SearchConfig, TrialRecord
from ntorc.search.space import WINDOW_HOP

KNEE = "knee"
_THOUSAND = 1e-3
_AXES = (
    ("area", "area at the deadline, % of the device (sum of shares)"),
    ("multiplies", "thousand multiplies an estimate"),
)


@dataclass(frozen=True)
class PaperPoint:
    """One of the paper's Table III under the search's requirement.

    Attributes:
        name: of its file in the authors' repository.
        rmse_v: as published: on bucketised labels and windows that do not overlap, with replicas of the test runs in
            training.
        stated_multiplies: as the paper counts them, without the convolutions' input channels.
        multiplies: all of them.
        area: of the exact allocation on our gateware with 16-bit words; 0 where nothing keeps the requirement.
    """

    name: str
    rmse_v: float
    stated_multiplies: int
    multiplies: int
    area: float


@dataclass(frozen=True)
class _PaperFile:
    points: tuple[PaperPoint, ...]


def front_of(found: Searched) -> list[TrialRecord]:
    """The trained candidates that no other one beats in all objectives, by rising error.

    By the error on the validation trajectories: that on the test trajectories chooses nothing.
    """
    goal, energy = found.config.goal, found.config.energy
    trained = [one for one in found.records if one.error_v is not None]
    points = [(one.error_v or 0.0, *one.costs(goal, energy)) for one in trained]
    return [trained[place] for place in undominated(points)]


def knee_of(front: list[TrialRecord]) -> int | None:
    """Place of the knee of error and area, of what can be allocated: a search by proxy learns that at its end."""
    places = [place for place, one in enumerate(front) if one.cost.feasible]
    if not places:
        return None
    return places[knee([(front[place].error_v or 0.0, front[place].cost.area) for place in places])]


def picked(found: Searched, pick: str) -> TrialRecord:
    """A point of the front: ``knee``, or its place from 1.

    Raises:
        UsageError: there is no such point.
        InfeasibleError: the knee is asked for, and nothing on the front can be allocated.
    """
    front = front_of(found)
    if not front:
        raise UsageError(
            f"'{found.config.name}' has trained nothing yet", f"ntorc search --resume {found.config.name} --trials 20"
        )
    if pick == KNEE:
        place = knee_of(front)
        if place is None:
            config = found.config
            raise InfeasibleError(
                f"infeasible: no point of '{config.name}' can be allocated for {config.deadline} on {config.board}",
                f"search on: ntorc search --resume {config.name}; or deploy a point with a longer --deadline: --pick 1",
                {"verdict": "infeasible", "search": config.name, "board": config.board, "deadline": config.deadline},
            )
        return front[place]
    if not pick.isdigit() or not 1 <= int(pick) <= len(front):
        raise UsageError(
            f"the front of '{found.config.name}' has no point '{pick}'", f"give knee, or 1 to {len(front)}"
        )
    return front[int(pick) - 1]


def paper_points(flow: Flow, found: Searched) -> tuple[PaperPoint, ...]:
    """Table III on true multiplies, allocated for the search's board and deadline; computed once a requirement."""
    costing = costing_of(flow, found.config)
    key = digest_of({"requirement": digest_of(costing.requirement), "points": 1})

    def make(work: Path) -> None:
        flow.progress.message("  the paper's networks on this board")
        networks = {item.name: item for item in published_networks()}
        points = []
        for row in table3():
            network = published_network(networks[row.name])
            cost = costing.of_network(network, WINDOW_HOP)
            points.append(PaperPoint(row.name, row.rmse_v, row.stated_multiplies, cost.multiplies, cost.area))
        save(_PaperFile(tuple(points)), work / "points.json")

    return load(_PaperFile, flow.once("table3", key, make) / "points.json").points


def as_result(flow: Flow, found: Searched) -> dict[str, Any]:
    """Everything as plain values; also written to ``front.json``, with the picture in ``front.svg``."""
    front, config = front_of(found), found.config
    paper, best = paper_points(flow, found), knee_of(front)
    result = {
        "search": config.name,
        "board": config.board,
        "deadline": config.deadline,
        "target": config.target,
        "io_overhead": None if config.known is None else config.known.overhead_source,
        "objectives": ["validation_rmse_v", config.goal, *(["energy"] if config.energy else [])],
        "data": config.data or "simulated",
        "split": "honest",
        "seed": config.seed,
        "budget": {name: getattr(config.budget, name) for name in config.budget.__dataclass_fields__},
        "outcomes": outcomes(found.records),
        "cpu_s": round(sum(one.cpu_s for one in found.records), 1),
        "wall_s": round(found.wall_s, 1),
        "front": [_as_row(place, one) for place, one in enumerate(front, start=1)],
        "knee": None if best is None else best + 1,
        "next": None if best is None else _deployment_of(config),
        "hypervolume": volume(front),
        "hypervolume_test": volume(front, test=True),
        "hypervolume_reference": list(REFERENCE),
        "table3": [
            {
                "name": one.name,
                "published_rmse_v": one.rmse_v,
                "stated_multiplies": one.stated_multiplies,
                "multiplies": one.multiplies,
                "area": one.area or None,
            }
            for one in paper
        ],
        "area_before_training_off_percent": _off_percent(found.records),
        "failures": [f"trial {one.number}: {one.reason}" for one in found.records if one.outcome == "failed"],
        "svg": str(found.folder / "front.svg"),
        "json": str(found.folder / "front.json"),
    }
    write_atomically(found.folder / "front.json", to_json(result).encode())
    write_atomically(found.folder / "front.svg", _drawn(found, front, paper).encode())
    return result


def volume(front: list[TrialRecord], *, test: bool = False) -> float:
    """Hypervolume of a front in volts by area, of what can be allocated; by the error on the test trajectories."""
    points = [((one.test_v if test else one.error_v) or 0.0, one.cost.area) for one in front if one.cost.feasible]
    return round(hypervolume(points, REFERENCE), 6)


def _off_percent(records: Sequence[TrialRecord]) -> dict[str, float] | None:
    """By how much the area of drawn weights differs from that of the trained ones: median, least and most."""
    off = [
        100.0 * (one.hardware.area / one.trained_hardware.area - 1.0)
        for one in records
        if one.hardware is not None and one.hardware.area and one.trained_hardware is not None and one.error_v
    ]
    if not off:
        return None
    return {"median": round(float(np.median(off)), 2), "least": round(min(off), 2), "most": round(max(off), 2)}


def _as_row(place: int, one: TrialRecord) -> dict[str, Any]:
    cost = one.cost
    return {
        "index": place,
        "trial": one.number,
        "estimator": one.describe,
        "validation_rmse_v": one.error_v,
        "test_rmse_v": one.test_v,
        "area": cost.area if cost.feasible else None,
        "feasible": cost.feasible,
        "reason": cost.reason,
        "predicted": cost.resources.as_dict() if cost.feasible else None,
        "latency_cycles": cost.latency_cycles if cost.feasible else None,
        "budget_cycles": cost.budget_cycles,
        "multiplies": cost.multiplies,
        "energy_proxy": cost.energy,
        "values": one.values,
    }


def _deployment_of(config: SearchConfig) -> str:
    """The command that deploys the knee under what the search was asked for."""
    words = ["ntorc", "deploy", "--board", config.board, "--deadline", config.deadline]
    if config.clock_hz is not None:
        words += ["--clock-hz", f"{config.clock_hz:.17g}"]
    if config.ceiling != SearchConfig.ceiling:
        words += ["--ceiling", f"{config.ceiling:g}"]
    if config.target != SearchConfig.target:
        words += ["--target", config.target]
    return shlex.join([*words, "--from-search", config.name, "--pick", KNEE])


def as_text(result: dict[str, Any]) -> str:
    """A table of the front, with the knee and Table III beside it."""
    lines = [f"{'':>3} {'validation':>10} {'test':>8} {'area':>7} {'LUT':>6} {'DSP':>4} {'BRAM':>4} {'multiplies':>10}"]
    for row in result["front"]:
        test = "" if row["test_rmse_v"] is None else f"{row['test_rmse_v']:.4f} V"
        if row["feasible"]:
            need, mark = row["predicted"], "  knee" if row["index"] == result["knee"] else ""
            cost = f"{100 * row['area']:5.2f} % {need['lut']:>6} {need['dsp']:>4} {need['bram18']:>4}"
        else:
            cost, mark = f"{'infeasible':>24}", f"  ({row['reason']})"
        lines.append(
            f"{row['index']:>3} {row['validation_rmse_v']:8.4f} V {test:>8} {cost}"
            f" {row['multiplies']:>10,}  {row['estimator']}{mark}"
        )
    if not result["front"]:
        lines = ["nothing is trained yet"]
    paper = [row for row in result["table3"] if row["area"]]
    if paper:
        ends = (
            f"{row['published_rmse_v']} V with {row['multiplies']:,} multiplies ({row['stated_multiplies']:,} stated),"
            f" {100 * row['area']:.1f} %"
            for row in (paper[0], paper[-1])
        )
        lines.append(f"the paper's Table III here (its RMSE on its own split): {' to '.join(ends)}")
    if result["failures"]:
        lines.append(f"failed: {result['failures'][0]}")
    counts = ", ".join(f"{count} {name}" for name, count in result["outcomes"].items())
    lines.append(f"{result['search']}: {counts}; {result['cpu_s']} s of processor time in training")
    off = result["area_before_training_off_percent"]
    if off is not None:
        lines.append(
            f"area known before training: {off['median']} % off in the median, {off['least']} to {off['most']} %"
        )
    if result["io_overhead"] is not None:
        lines.append(f"I/O overhead when it began: {result['io_overhead']}")
    lines.append(f"area is the sum over LUT, FF, DSP and BRAM18 of the share of {result['board']}, shell included")
    lines.append(f"drawn in {result['svg']}")
    if result["next"]:
        lines.append(f"go on: {result['next']}")
    elif result["front"]:
        lines.append(f"nothing on this front can be allocated for {result['deadline']} on {result['board']}")
    return "\n".join(lines)


def _drawn(found: Searched, front: list[TrialRecord], paper: tuple[PaperPoint, ...]) -> str:
    others = [one for one in found.records if one.error_v is not None and one.cost.area and one not in front]
    front = [one for one in front if one.cost.area]
    allocated = [one for one in paper if one.area]

    def cloud(name: str, kind: str, rows: list[TrialRecord], by: str) -> Cloud:
        x = [100 * one.cost.area if by == "area" else one.cost.multiplies * _THOUSAND for one in rows]
        return Cloud(name, kind, np.array(x), np.array([one.error_v for one in rows]))

    panels = []
    for by, title in _AXES:
        x = [100 * one.area if by == "area" else one.multiplies * _THOUSAND for one in allocated]
        clouds = [
            cloud("searched", "other", others, by),
            cloud("front of the search", "front" if by == "area" else "point", front, by),
            Cloud("Table III, published RMSE", "paper", np.array(x), np.array([one.rmse_v for one in allocated])),
        ]
        panels.append((title, clouds))
    title = f"{found.config.name}: error and hardware on {found.config.board} at {found.config.deadline}"
    return search_svg(title, "RMSE, V (validation)", panels)
