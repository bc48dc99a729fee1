"""The joint search of model and hardware: from runs, a board and a deadline to a front to choose from."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ntorc.boards import load_board
from ntorc.errors import UsageError
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.learn import runs_stage
from ntorc.pipeline.make import backend_named, costs_for, requirement_for
from ntorc.search.budget import Budget
from ntorc.search.engine import Engine, Limits
from ntorc.search.hardware import Costing
from ntorc.search.material import Material, material_of
from ntorc.search.record import SearchConfig, TrialRecord
from ntorc.search.space import FORMS, WINDOW_HOP, Goal, Space
from ntorc.search.study import Study, load_config, load_records, new_search
from ntorc.search.workers import opened_pool
from ntorc.units import parse_duration

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class SearchRequest:
    """What ``ntorc search`` is asked for.

    Attributes:
        trials: candidates to train, those of an earlier call included.
        board, deadline: where to and how fast; None with ``resume``, which keeps what the search began with.
        resume: name of a search to go on with.
        workers, scheduler: see `ntorc.search.workers.opened_pool`.
        data: folder of recorded runs; None for simulated ones.
        clock_hz, ceiling: as of ``ntorc allocate``.
        seed, forms, goal, energy, storage, budget, name: see `SearchConfig`.
        cpu_s: processor time of all trainings, after which none begins.
    """

    trials: int
    board: str | None = None
    deadline: str | None = None
    resume: str | None = None
    workers: int = 1
    scheduler: str | None = None
    data: Path | None = None
    clock_hz: float | None = None
    ceiling: float = 0.8
    seed: int = 1
    forms: tuple[str, ...] = FORMS
    goal: Goal = "area"
    energy: bool = False
    storage: Literal["journal", "sqlite"] = "journal"
    budget: Budget = field(default_factory=Budget)
    name: str = ""
    cpu_s: float | None = None


@dataclass(frozen=True)
class Searched:
    """A search as far as it got.

    Attributes:
        config: how it was asked for.
        folder: where it is kept.
        records: of all its candidates.
        wall_s: of this call.
    """

    config: SearchConfig
    folder: Path
    records: tuple[TrialRecord, ...]
    wall_s: float


def searches_folder(flow: Flow) -> Path:
    """Where searches are kept."""
    return flow.root / "searches"


def _folder_of(flow: Flow, name: str) -> Path:
    if _SAFE_NAME.fullmatch(name) is None:
        raise UsageError(f"'{name[:60]}' cannot be the name of a search", "use letters, digits and . _ -")
    return searches_folder(flow) / name


def search(flow: Flow, request: SearchRequest) -> Searched:
    """Begin a search, or go on with one.

    Raises:
        UsageError: neither board and deadline nor a search to resume, or both.
        StorageError: no such search, or it is at work elsewhere.
        DataError: the runs are no longer those that the search began with.
    """
    began_s = time.monotonic()
    folder = None if request.resume is None else _folder_of(flow, request.resume)
    if request.name:
        _folder_of(flow, request.name)
    config = _config(request) if folder is None else load_config(folder)
    with flow.stage("runs", f"reading {config.data}" if config.data else "simulated DROPBEAR runs (no --data given)"):
        material = material_of(runs_stage(flow, Path(config.data) if config.data else None), config.budget.replicas)
    if folder is None:
        config = replace(config, material=material.digest)
        folder = new_search(searches_folder(flow), config)
    elif config.material != material.digest:
        raise UsageError(
            f"the runs in {config.data or 'the simulator'} are no longer those that '{config.name}' began with",
            "begin a new search",
        )
    flow.progress.message(f"search: {folder.name} in {folder}; after Ctrl-C: ntorc search --resume {folder.name}")
    study = Study(folder)
    try:
        _run(flow, study, material, request)
        found = tuple(study.records[number] for number in sorted(study.records))
        return Searched(study.config, folder, found, time.monotonic() - began_s)
    finally:
        study.close()


def read_search(flow: Flow, name: str) -> Searched:
    """A search as it is kept, also while another process works on it.

    Raises:
        StorageError: there is none of that name.
    """
    folder = _folder_of(flow, name)
    return Searched(load_config(folder), folder, tuple(load_records(folder)), 0.0)


def costing_of(flow: Flow, config: SearchConfig) -> Costing:
    """How the candidates of a search are costed: as by ``ntorc allocate`` on the same board."""
    board = load_board(config.board)
    backend = backend_named(config.backend)
    requirement = requirement_for(
        board, parse_duration(config.deadline), config.clock_hz, WINDOW_HOP, config.ceiling, "MERGE"
    )
    return Costing(backend, costs_for(flow, backend, board), requirement)


def _config(request: SearchRequest) -> SearchConfig:
    if request.board is None or request.deadline is None:
        raise UsageError(
            "a search needs a board and a deadline",
            "ntorc search --board pynq-z2 --deadline 200us; or go on with one: --resume ID",
        )
    load_board(request.board)
    parse_duration(request.deadline)
    Space(request.forms)  # what is wrong is said before runs are read
    return SearchConfig(
        request.name,
        request.board,
        request.deadline,
        "",
        clock_hz=request.clock_hz,
        ceiling=request.ceiling,
        data="" if request.data is None else str(request.data.resolve()),
        seed=request.seed,
        forms=request.forms,
        goal=request.goal,
        energy=request.energy,
        storage=request.storage,
        budget=request.budget,
    )


def _run(flow: Flow, study: Study, material: Material, request: SearchRequest) -> None:
    costing = costing_of(flow, study.config)
    with (
        flow.stage("search", f"{request.trials} candidates on {request.scheduler or f'{request.workers} workers'}"),
        opened_pool(material, request.workers, request.scheduler) as pool,
    ):
        engine = Engine(study, costing, pool, flow.progress)
        engine.run(Limits(request.trials, request.cpu_s))
        engine.judge_front()


def outcomes(records: tuple[TrialRecord, ...]) -> dict[str, int]:
    """How many candidates had which outcome."""
    found: dict[str, int] = {}
    for one in records:
        found[one.outcome] = found.get(one.outcome, 0) + 1
    return dict(sorted(found.items()))
