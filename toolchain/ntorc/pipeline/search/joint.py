"""The joint search of model and hardware: from runs, a board and a deadline to a front to choose from."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ntorc.boards import load_board
from ntorc.errors import InfeasibleError, UsageError
from ntorc.pipeline.board.target import check_target
from ntorc.pipeline.estimator.learn import runs_stage
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_named, costs_for, requirement_for
from ntorc.pipeline.measured.knowledge import MISS_PROBABILITY, NO_LOAD, knowledge_of
from ntorc.search.engine import Engine, Limits
from ntorc.search.hardware import Costing
from ntorc.search.material import Material, material_of
from ntorc.search.record import SearchConfig, TrialRecord
from ntorc.search.space import WINDOW_HOP, Space
from ntorc.search.study import Study, load_config, load_records, new_search
from ntorc.search.workers import opened_pool
from ntorc.units import format_seconds, parse_duration

_SEEDS = 1 << 32
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class SearchRequest:
    """What ``ntorc search`` is asked for.

    Attributes:
        trials: candidates to train, those of an earlier call included.
        begin: how to begin a search; None with ``resume``.
        resume: name of a search to go on with, as it began.
        workers, scheduler: see `ntorc.search.workers.opened_pool`.
        cpu_s: processor time of all trainings, after which none begins.
    """

    trials: int
    begin: SearchConfig | None = None
    resume: str | None = None
    workers: int = 1
    scheduler: str | None = None
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
        InfeasibleError: the board's I/O alone takes longer than the deadline.
        StorageError: no such search, or it is at work elsewhere.
        DataError: the runs are no longer those that the search began with.
    """
    began_s = time.monotonic()
    folder = None if request.resume is None else _folder_of(flow, request.resume)
    if request.begin is not None and request.begin.name:
        _folder_of(flow, request.begin.name)
    config = begun(flow, request) if folder is None else load_config(folder)
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
    """How the candidates of a search are costed: as by ``ntorc allocate`` for the same target when it began."""
    board = load_board(config.board)
    backend = backend_named(config.backend)
    requirement = requirement_for(
        board,
        parse_duration(config.deadline),
        config.clock_hz,
        WINDOW_HOP,
        config.ceiling,
        "MERGE",
        known=config.known,
    )
    return Costing(backend, costs_for(flow, backend, board), requirement)


def begun(flow: Flow, request: SearchRequest) -> SearchConfig:
    """The configuration of a new search, with what is known of its board now: its candidates must compare."""
    config = request.begin
    if config is None:
        raise UsageError(
            "a search needs a board and a deadline",
            "ntorc search --board pynq-z2 --deadline 200us; or go on with one: --resume ID",
        )
    check_target(config.target)
    if not 0 <= config.seed < _SEEDS:
        raise UsageError(f"--seed {config.seed} is not from 0 to {_SEEDS - 1}", "1 is the default")
    parse_duration(config.deadline)
    Space(config.forms)  # what is wrong is said before runs are read
    known = knowledge_of(flow.store, load_board(config.board), config.target, NO_LOAD, MISS_PROBABILITY)
    data = str(Path(config.data).resolve()) if config.data else ""
    config = replace(config, known=known, data=data)
    need = costing_of(flow, config).requirement
    if need.budget_cycles <= 0:  # no network is small enough, and none need be drawn to know
        overhead = f"{format_seconds(need.io_overhead_s)} ({need.io_overhead_source})"
        raise InfeasibleError(
            f"infeasible: deadline {config.deadline} on {config.board}: the board's I/O alone takes {overhead}",
            "allow a longer deadline; a shorter one needs less I/O: by measurement, or a better operating system",
            {
                "verdict": "infeasible",
                "board": config.board,
                "deadline_s": need.deadline_s,
                "io_overhead_s": need.io_overhead_s,
                "reason": "io_overhead",
            },
        )
    return config


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
