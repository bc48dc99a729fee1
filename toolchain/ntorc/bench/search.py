"""What knowing the hardware is worth to a search, and what a second worker is worth to it."""

from __future__ import annotations

import math
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ntorc.errors import UsageError
from ntorc.pipeline.estimator.learn import runs_stage
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.search.front import front_of, volume
from ntorc.pipeline.search.joint import (
    Searched,
    SearchRequest,
    costing_of,
    outcomes,
    read_search,
    search,
    searches_folder,
)
from ntorc.records import digest_of, write_atomically
from ntorc.search.budget import Budget
from ntorc.search.fitting import State
from ntorc.search.front import REFERENCE
from ntorc.search.material import material_of
from ntorc.search.record import Sampler, SearchConfig
from ntorc.search.space import Goal, Space
from ntorc.search.study import load_config
from ntorc.search.tasks import Task, advance, judge
from ntorc.search.workers import Pool, opened_pool
from ntorc.store.local import LocalStore

_BOARD, _DEADLINE = "pynq-z2", "200us"
_CPU_S = 150.0
_BUDGET = Budget(looks=5, steps=60, replicas=1, scored_every=8)
"""Of each candidate: short, so that a machine with two cores gets somewhere in half an hour."""

_WORKERS = 2
_EDITION = 4
_KNOWN, _PAPER, _RANKED = "hardware known", "multiplies as proxy", "multiplies as proxy, ranked"
_ARMS: dict[str, tuple[Goal, Sampler]] = {
    _KNOWN: ("area", "ranked"), _PAPER: ("multiplies", "tpe"), _RANKED: ("multiplies", "ranked"),
}  # fmt: skip
"""What is compared: the product's search, the paper's procedure, and that with the product's way to propose."""

_UNLIMITED = 100_000


def hardware_awareness(
    flow: Flow,
    data: Path | None,
    seed: int,
    seeds: int = 3,
    cpu_s: float | None = None,
    budget: Budget | None = None,
    only: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The search that knows the hardware against the paper's procedure, at equal processor time.

    The paper's procedure (N-TORC, FCCM 2025) weighs the number of multiplies against the error, lets Optuna's
    multi-objective sampler propose, and allocates what is on that front afterwards.  A third search weighs
    multiplies too but proposes as the first one does, so that what the hardware's knowledge is worth stands apart from
    what another sampler is worth.  All have the same space, trainings and pruning, and their time counts proposing,
    costing, training and judging.  A search that was interrupted, or had less time,
    goes on; one that is done is read.

    Args:
        flow: for the store and progress.
        data: folder of recorded runs, or None for simulated ones.
        seed: the first one.
        seeds: how many.
        cpu_s: of each search.
        budget: of each training.
        only: of the searches, by name; all if left out.

    Raises:
        UsageError: a search that there is not, or one that has had more time already.
    """
    for arm in only:
        if arm not in _ARMS:
            raise UsageError(f"there is no search '{arm}'", f"known: {', '.join(_ARMS)}")
    arms, cpu_s, rows = only or tuple(_ARMS), cpu_s or _CPU_S, []
    for one in range(seed, seed + seeds):
        for arm in arms:
            flow.progress.message(f"seed {one}, {arm}")
            rows.append(_row(_searched(flow, data, one, arm, cpu_s, budget or _BUDGET), one, arm))
    return {
        "benchmark": "search",
        "board": _BOARD,
        "deadline": _DEADLINE,
        "data": str(data) if data else "simulated",
        "cpu_s_each": cpu_s,
        "budget": {name: getattr(budget or _BUDGET, name) for name in _BUDGET.__dataclass_fields__},
        "reference": {"rmse_v": REFERENCE[0], "area": REFERENCE[1]},
        "rows": rows,
        "against": {arm: _against(rows, arm) for arm in (_PAPER, _RANKED) if {arm, _KNOWN} <= set(arms)},
    }


def _against(rows: list[dict[str, Any]], arm: str) -> dict[str, Any]:
    """The search that knows the hardware over another one."""
    volumes = [[row for row in rows if row["search_kind"] == kind] for kind in (_KNOWN, arm)]
    pairs = list(zip(*volumes, strict=True))
    return {
        "ratio_validation": _geometric([(a["hypervolume"], b["hypervolume"]) for a, b in pairs]),
        "ratio_test": _geometric([(a["hypervolume_test"], b["hypervolume_test"]) for a, b in pairs]),
        "better_on_test": sum(a["hypervolume_test"] > b["hypervolume_test"] for a, b in pairs),
    }


def _searched(flow: Flow, data: Path | None, seed: int, arm: str, cpu_s: float, budget: Budget) -> Searched:
    goal, sampler = _ARMS[arm]
    asked = digest_of({"data": str(data), "budget": digest_of(budget), "edition": _EDITION})
    name = f"bench-{goal}-{sampler}-{seed}-{asked[:8]}"
    folder = searches_folder(flow) / name
    done_s = float((folder / _DONE).read_text()) if (folder / _DONE).is_file() else 0.0
    if done_s > cpu_s:
        raise UsageError(f"'{name}' has had {done_s:g} s already, more than {cpu_s:g} s", f"remove {folder}")
    if done_s == cpu_s:
        return read_search(flow, name)
    begin = SearchConfig(
        name, _BOARD, _DEADLINE, data=str(data) if data else "", seed=seed, goal=goal, sampler=sampler, budget=budget
    )
    request = SearchRequest(_UNLIMITED, begin, workers=_WORKERS, cpu_s=cpu_s)
    if folder.is_dir():
        load_config(folder)
        request = replace(request, begin=None, resume=name)
    found = search(flow, request)
    write_atomically(folder / _DONE, f"{cpu_s}".encode())
    return found


_DONE = "done"


def _row(found: Searched, seed: int, arm: str) -> dict[str, Any]:
    front = front_of(found)
    kept = [one for one in front if one.cost.feasible]
    return {
        "seed": seed,
        "search_kind": arm,
        "search": found.config.name,
        "outcomes": outcomes(found.records),
        "judged_only": sum(one.from_trial >= 0 for one in found.records),
        "cpu_s": round(sum(one.cpu_s for one in found.records), 1),
        "front": len(front),
        "not_feasible": len(front) - len(kept),
        "best_validation_v": min((one.error_v or 0.0 for one in kept), default=None),
        "best_test_v": min((one.test_v or 0.0 for one in kept), default=None),
        "smallest_area": min((one.cost.area for one in kept), default=None),
        "hypervolume": volume(front),
        "hypervolume_test": volume(front, test=True),
    }


def _geometric(pairs: list[tuple[float, float]]) -> float | None:
    """Mean ratio of pairs; None where one has no volume at all."""
    if any(min(pair) <= 0.0 for pair in pairs):
        return None
    return round(math.exp(sum(math.log(a / b) for a, b in pairs) / len(pairs)), 3)


def in_words(result: dict[str, Any]) -> str:
    """A row a search, and the ratio."""
    lines = []
    for row in result["rows"]:
        counts = ", ".join(f"{count} {name}" for name, count in row["outcomes"].items())
        lines.append(
            f"seed {row['seed']}, {row['search_kind']}: hypervolume {row['hypervolume']:.5f} on validation,"
            f" {row['hypervolume_test']:.5f} on test; {row['front']} points, {row['not_feasible']} cannot be allocated;"
            f" {counts}; {row['cpu_s']} s"
        )
    for arm, ratio in result["against"].items():
        lines.append(
            f"hypervolume with the hardware known over that with {arm}, geometric mean of the seeds:"
            f" {ratio['ratio_validation']} on validation, {ratio['ratio_test']} on test trajectories; larger for"
            f" {ratio['better_on_test']} of {sum(row['search_kind'] == arm for row in result['rows'])} seeds"
            f" (reference {REFERENCE[0]} V, {REFERENCE[1]})"
        )
    return "\n".join(lines)


def worker_scaling(
    flow: Flow, data: Path | None, seed: int, count: int, budget: Budget | None = None
) -> dict[str, Any]:
    """Trainings an hour with one worker and with two, on the same candidates; and whole searches with each.

    The first feasible candidates that the seed draws, each trained to the end and judged, so that both have the same
    work whatever order it comes back in.  Workers have loaded what they need before the time begins, by other
    candidates.  A whole search also proposes, costs, stops and keeps; what it trains depends on what comes back first.
    """
    from optuna.logging import ERROR, set_verbosity
    from optuna.samplers import RandomSampler
    from optuna.study import create_study

    set_verbosity(ERROR)

    budget = budget or _BUDGET
    material = material_of(runs_stage(flow, data), budget.replicas)
    costing = costing_of(flow, SearchConfig("scaling", _BOARD, _DEADLINE, material.digest))
    study, space = create_study(sampler=RandomSampler(seed=seed)), Space(("streaming",))
    tasks: list[Task] = []
    while len(tasks) < count + 2:
        candidate = space.candidate(study.ask())
        if costing.of(candidate).feasible:
            tasks.append(Task(candidate, budget, seed))
    rows = []
    for workers in (1, 2):
        with opened_pool(material, workers) as pool:
            _train_all(pool, tasks[count : count + workers])  # imports
            load = os.getloadavg()[0]
            began_s = time.monotonic()
            _train_all(pool, tasks[:count])
            seconds = time.monotonic() - began_s
        rows.append({"workers": workers, "seconds": round(seconds, 2), "load_before": round(load, 2)})
        flow.progress.message(f"  {workers} workers: {seconds:.1f} s for {count} candidates")
    hourly = [round(3600 * count / row["seconds"], 1) for row in rows]
    searches = [_whole_search(flow, data, seed, count, workers, budget) for workers in (1, 2)]
    return {
        "benchmark": "search-scaling",
        "candidates": count,
        "cores": os.cpu_count(),
        "rows": [{**row, "candidates_an_hour": rate} for row, rate in zip(rows, hourly, strict=True)],
        "ratio": round(rows[0]["seconds"] / rows[1]["seconds"], 3),
        "searches": searches,
        "ratio_of_searches": round(searches[1]["candidates_an_hour"] / searches[0]["candidates_an_hour"], 3),
    }


def _whole_search(
    flow: Flow, data: Path | None, seed: int, count: int, workers: int, budget: Budget
) -> dict[str, Any]:
    """A search from reading the runs to its front, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        own = Flow(LocalStore(Path(name) / "store"), flow.cache, Path(name), flow.progress)
        begin = SearchConfig(
            f"scaling-{workers}", _BOARD, _DEADLINE, data=str(data) if data else "", seed=seed, budget=budget,
            forms=("streaming",),
        )  # fmt: skip
        load = os.getloadavg()[0]
        found = search(own, SearchRequest(count, begin, workers=workers))
    trained = sum(one.outcome in ("trained", "stopped", "outgrown") for one in found.records if one.from_trial < 0)
    flow.progress.message(f"  a search with {workers} workers: {found.wall_s:.1f} s for {trained} trained candidates")
    return {
        "workers": workers,
        "seconds": round(found.wall_s, 2),
        "load_before": round(load, 2),
        "outcomes": outcomes(found.records),
        "candidates": trained,
        "candidates_an_hour": round(3600 * trained / found.wall_s, 1),
    }


def _train_all(pool: Pool, tasks: list[Task]) -> None:
    """Each from its beginning to its judgement, as many at a time as there are workers."""
    left = list(enumerate(tasks))[::-1]
    states: dict[int, State] = {}
    while left or len(pool):
        while left and len(pool) < pool.slots:
            number, task = left.pop()
            pool.submit(number, advance, task, State())
        number, result = pool.next()
        if isinstance(result, BaseException):
            raise result
        if not isinstance(result, State):
            continue
        states[number] = result
        if len(result.curve_v) < tasks[number].budget.looks:
            pool.submit(number, advance, tasks[number], result)
        else:
            pool.submit(number, judge, tasks[number], {"best": result.variables["best"]}, f"scaling-{number}")
