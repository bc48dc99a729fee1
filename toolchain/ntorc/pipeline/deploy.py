"""The main job: walk the pipeline from runs to a measured, calibrated, reported deployment."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Backend
from ntorc.boards import Board, BoardKnowledge, load_board
from ntorc.bundle.device_tree import check_device_tree
from ntorc.errors import DataError, NtorcError, UsageError, VerdictError
from ntorc.measure.loads import load_named
from ntorc.network.network import Network
from ntorc.pipeline.bitstream.hardware import Design, as_result
from ntorc.pipeline.bitstream.logic import Made, Way, backend_of, check_way, make_logic
from ntorc.pipeline.board.realtime import BY_TARGET, RealTime
from ntorc.pipeline.board.target import check_target, extra_stages_of, open_target, settle_target
from ntorc.pipeline.choose import AUTO, Allocated, best, candidates
from ntorc.pipeline.deploy_text import error_text, estimator_rows, not_real, not_real_short
from ntorc.pipeline.estimator.card import CARD_NAME, QUICK, card_in, card_stage, card_text, figures_of
from ntorc.pipeline.estimator.judge import HeldOut, Trace, held_out, judged, trace
from ntorc.pipeline.estimator.learn import Given, Learned, learn
from ntorc.pipeline.finn import network as finn
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.junit import DELIVERED, Suite
from ntorc.pipeline.make import DEFAULT_HOP, allocation_stage, backend_for, hop_for, requirement_for
from ntorc.pipeline.measured.calibration import Calibration, calibrate
from ntorc.pipeline.measured.flagged import flag_counts, flags_text
from ntorc.pipeline.measured.knowledge import drift_warnings, knowledge_of
from ntorc.pipeline.measured.recalibrate import EXACT_BACKEND
from ntorc.pipeline.prove import STIMULUS, Pace, judge, observe, period_ns_on, stream_for
from ntorc.progress import Steps
from ntorc.records import save
from ntorc.store.base import RunRecord
from ntorc.units import Duration, format_seconds

if TYPE_CHECKING:
    from ntorc.deploy.deployment import Deployment
    from ntorc.estimator.streaming_training import StreamingConfig
    from ntorc.estimator.training import TrainingConfig
    from ntorc.measure.measurement import Measurement
    from ntorc.measure.records import Records


@dataclass(frozen=True)
class DeployRequest:
    """What ``ntorc deploy`` is asked for.

    Attributes:
        board, target, backend: by name.
        deadline: from the sample's release to the estimate visible to the control loop.
        miss_probability: share of estimates that may miss it.
        is_miss_asked: that was asked for and is not the default.
        data: folder of recorded runs, or None for simulated ones.
        training: the estimator's form and training, where it is trained.
        ready: folder of an estimator that was trained before; None to train.
        given: the user's own model instead.
        way: simulated logic, or a bitstream by which tool, where.
        clock_hz: of the logic, or None for the board's default.
        estimates: how many to measure.
        ceiling: share of each device resource that may be used.
        solver: of the allocation.
        command: how it was asked, for the record.
        realtime: scheduler and processor of the measuring loop.
        load: interference while measuring, and whose I/O overhead is counted on; empty for none.
        device_tree: a compiled overlay that goes into the bundle, or None.
    """

    board: str
    deadline: Duration
    training: TrainingConfig | StreamingConfig
    target: str = "virtual"
    backend: str = "native"
    miss_probability: float = 1e-5
    data: Path | None = None
    clock_hz: float | None = None
    estimates: int = 10_000
    ceiling: float = 0.8
    solver: str = "CBC"
    command: tuple[str, ...] = ()
    load: str = ""
    ready: Path | None = None
    given: Given | None = None
    way: Way = field(default_factory=Way)
    is_miss_asked: bool = False
    realtime: RealTime = BY_TARGET
    device_tree: Path | None = None


@dataclass
class _Walk:
    """What the walk has gathered so far; ``summary`` is what ``--json`` prints."""

    flow: Flow
    request: DeployRequest
    board: Board
    known: BoardKnowledge
    requirement: Requirement
    record: RunRecord
    summary: dict[str, Any]

    @property
    def folder(self) -> Path:
        return Path(self.record.folder)

    def keep(self, state: str) -> None:
        """Write the run's state and summary."""
        self.summary["timings_s"] = dict(self.flow.timings_s)
        self.record = replace(self.record, state=state, summary=self.summary)
        self.flow.store.save_run(self.record)


def deploy(flow: Flow, request: DeployRequest) -> dict[str, Any]:
    """Everything from runs to report.

    Returns:
        The object of the design's command contract.

    Raises:
        VerdictError: deadline missed, infeasible, or gate failed; its ``result`` is the same object.
        NtorcError: anything else, with what to do next.  The run is kept and says how far it got.
    """
    check_target(request.target)
    board = load_board(request.board)
    check_device_tree(request.device_tree)
    request = replace(request, way=check_way(flow, request.way, request.backend, board, request.target))
    _check_form(request)
    request = replace(request, load=load_named(request.load))
    request = replace(request, target=settle_target(flow, request.target, board, request.way.kind))
    known = knowledge_of(flow.store, board, request.target, request.load, request.miss_probability)
    requirement = requirement_for(
        board, request.deadline, request.clock_hz, DEFAULT_HOP, request.ceiling, request.solver, known=known
    )
    record = flow.store.new_run(shlex.join(request.command))
    summary: dict[str, Any] = {
        "verdict": None,
        "board": board.name,
        "target": request.target,
        "backend": request.backend,
        "deadline_s": requirement.deadline_s,
        "clock_hz": requirement.clock_hz,
        "run": record.run,
        "miss_probability": request.miss_probability,
    }
    walk = _Walk(flow, request, board, known, requirement, record, summary)
    for warning in drift_warnings(flow.store, board, request.target, request.load, request.miss_probability):
        flow.progress.message(f"warning: {warning}")
    try:
        _walk(walk)
    except KeyboardInterrupt:
        walk.keep("interrupted")
        raise
    except VerdictError as verdict:
        summary.update(verdict.result)
        summary.setdefault("run", record.run)
        verdict.result = summary
        walk.keep(str(summary["verdict"] or "failed"))
        raise
    except NtorcError:
        walk.keep("failed")
        raise
    walk.keep(str(summary["verdict"]))
    return summary


def _walk(walk: _Walk) -> None:
    flow, request = walk.flow, walk.request
    learned = learn(flow, request.data, request.training, request.ready, given=request.given)
    hop = hop_for(learned.network, learned.estimator.hop_samples)
    walk.requirement = replace(walk.requirement, hop=hop, sample_rate_hz=learned.estimator.sample_rate_hz)
    save(learned.estimator, walk.folder / "estimator.json")
    learned.network.save(walk.folder / "network")
    data = held_out(learned)
    np.savez_compressed(walk.folder / STIMULUS, counts=data.counts.astype(np.int16))
    name = _settle_backend(walk, learned.network)
    backend = backend_of(flow, request.way, name, walk.board, walk.requirement.clock_hz)
    if name != EXACT_BACKEND:  # what a board takes beyond the closed form says nothing of another estimate
        walk.requirement, walk.known = replace(walk.requirement, offset_cycles=0), replace(walk.known, offset_cycles=0)
    _check_network(backend, learned.network)
    _judge_estimator(walk, learned, data)
    deadline = format_seconds(walk.requirement.deadline_s)
    with flow.stage("allocate", f"exact optimum for {deadline} on {walk.board.part}"):
        allocation = allocation_stage(flow, learned.network, backend, walk.requirement)
    predicted_cycles = allocation.latency_cycles + walk.known.offset_cycles
    walk.summary["predicted"] = {"latency_cycles": predicted_cycles, **allocation.predicted.as_dict()}
    with flow.stage("build", request.way.title):
        design = Design(learned.network, backend, walk.board, allocation, data.counts, request.device_tree)
        made = make_logic(flow, request.way, design, extra_stages_of(request.target))
    save(made.allocation, walk.folder / "allocation.json")
    walk.summary["clock_hz"] = made.allocation.clock_hz
    walk.summary["synthesised"] = made.figures
    if made.hardware is not None:
        walk.summary["timing"] = as_result(made.hardware)["timing"]
    walk.summary["design_id"] = made.built.plan.design_id
    save(made.built.products, walk.folder / "products.json")
    _prove(walk, learned, data, made)


def _check_form(request: DeployRequest) -> None:
    """Before it is trained: a form that the backend has no layers for.

    Raises:
        UsageError: says which form to take.
    """
    from ntorc.estimator.streaming_training import StreamingConfig

    is_trained = request.given is None and request.ready is None
    if request.backend == "hls4ml" and is_trained and isinstance(request.training, StreamingConfig):
        raise UsageError("the streaming estimator keeps its state from frame to frame; hls4ml's layers do not", _WINDOW)


_WINDOW = "take the window form: --estimator window; or --backend native"


def _check_network(backend: Backend, network: Network) -> None:
    """As soon as there is a network.

    Raises:
        DataError: it has what the backend cannot build.
    """
    reasons = backend.unsupported(network)
    if reasons:
        raise DataError(f"{backend.name} cannot build this estimator: {'; '.join(reasons)}", _WINDOW)


def _settle_backend(walk: _Walk, network: Network) -> str:
    """The backend: the best that can build for the virtual board where ``auto`` was asked for."""
    if walk.request.backend != AUTO:
        return walk.request.backend
    quiet, way = replace(walk.flow, progress=Steps(walk.flow.progress)), walk.request.way

    def allocate_with(name: str) -> Allocated:
        own = finn.network_for(name, network)
        backend = backend_for(quiet, name, walk.board, walk.requirement.clock_hz, way.tool, way.hls)
        return allocation_stage(quiet, own, backend, walk.requirement), walk.requirement, own

    with walk.flow.stage("choose", "every backend's exact optimum"):
        found = candidates(walk.flow, allocate_with, way.tool, here=not way.host, hls=way.hls)
    walk.summary["backend"] = best(found)
    walk.summary["compared"] = [one.row() for one in found]
    return best(found)


def _judge_estimator(walk: _Walk, learned: Learned, data: HeldOut) -> None:
    """The error on the held-out trajectories in the arithmetic that the gateware runs."""
    with walk.flow.stage("judge", f"integer network on held-out runs ({', '.join(data.names[:3])}...)"):
        network, hop = learned.network, walk.requirement.hop
        result = judged(data, network, hop, walk.flow.progress.step)
    walk.summary["estimator"] = {
        "name": learned.estimator.name,
        "rmse_v": round(result.rmse_v, 5),
        "multiplies": network.multiplies,
        "split": learned.split.name,
        "held_out_runs": list(data.names),
        "windows": len(result.truth_v),
        "data": learned.runs.source,
        "trained_on": learned.estimator.data_source,
        "form": learned.estimator.form.describe(),
    }
    card = card_in(learned.folder)
    if card is not None:  # of an estimator that was trained before: what it reached on its own held-out runs
        walk.summary["estimator"]["card"] = {
            "rmse_v": round(card.metrics.total.rmse_v, 5),
            "split": card.split,
            "held_out_runs": list(card.test_runs),
            "data": card.data_source,
        }
    walk.flow.progress.message(f"  {error_text(walk.summary['estimator'])}")
    if card is None:
        with walk.flow.stage("card", "its errors, disturbed sensors and faults, in integer arithmetic"):
            card = card_stage(walk.flow, learned, QUICK)
        for line in card_text(card).splitlines():
            walk.flow.progress.message(f"  {line}")
    save(card, walk.folder / CARD_NAME)
    walk.summary["estimator"]["figures"] = figures_of(card)


def _prove(walk: _Walk, learned: Learned, data: HeldOut, made: Made) -> None:
    flow, request, allocation, hop = walk.flow, walk.request, made.allocation, made.allocation.hop
    samples = stream_for(data.counts, learned.network.input_length, hop, request.estimates)
    with Suite(walk.board.name, request.target, walk.folder) as suite:
        with open_target(flow, request.target, walk.board) as target:
            with flow.stage("deploy", f"to {request.target} through pynq, verified, self-tested"):
                deployment = target.install(made.bundle.folder, flow.progress)
                save(deployment, walk.folder / "deployment.json")
            with flow.stage("measure", f"{request.estimates} estimates by the C harness"), suite.during(DELIVERED):
                pace = Pace(request.estimates, period_ns_on(request.target), request.load, realtime=request.realtime)
                observed = observe(flow, target, walk.folder, samples, pace, allocation)
        measurement = judge(
            flow, learned.network, observed, allocation, request.miss_probability, walk.folder, request.target,
            walk.summary, suite, is_miss_asked=request.is_miss_asked,
        )  # fmt: skip
    save(measurement, walk.folder / "measurement.json")
    with flow.stage("calibrate", "what was measured becomes the cost model's next answer"):
        is_routed = made.hardware is not None
        calibration = calibrate(
            flow, allocation, made.built, measurement, walk.record.run, walk.known, is_routed=is_routed
        )
        save(calibration, walk.folder / "calibration.json")
        for line in calibration.lines():
            flow.progress.message(f"  {line}")
    values = observed.records.table["value"].astype(np.int64)
    walk.summary["measured"]["flags"] = flag_counts(observed.samples, values, learned.network, hop, learned.estimator)
    seen = trace(data, values, learned.network, hop)
    _report(walk, learned, made, deployment, measurement, calibration, seen, observed.records)
    _conclude(walk, measurement)


def _report(
    walk: _Walk,
    learned: Learned,
    made: Made,
    deployment: Deployment,
    measurement: Measurement,
    calibration: Calibration,
    seen: Trace,
    records: Records,
) -> None:
    from ntorc.measure.records import SKIPPED, TIMEOUT, TORN
    from ntorc.report.data import ReportData
    from ntorc.report.html import write_report

    rows = estimator_rows(learned, walk.summary["estimator"], walk.requirement.hop)
    rows["Flags of the measured estimates"] = flags_text(walk.summary["measured"]["flags"], len(records.table))
    with walk.flow.stage("report", "one self-contained page"):
        first = seen.run_index == 0
        whole = ~records.having(TIMEOUT | TORN | SKIPPED)
        path = walk.folder / "report.html"
        walk.summary["report"] = str(path)
        write_report(
            ReportData(
                run=walk.record.run,
                created=walk.record.created,
                command=walk.record.command,
                summary=walk.summary,
                allocation=made.allocation,
                measurement=measurement,
                products=made.built.products,
                deployment=deployment,
                estimator=rows,
                pl_cycles=records.table["pl_cycles"][whole].astype(np.int64),
                loop_s=records.loop_ns[whole] * 1e-9,
                time_s=seen.time_s[first],
                truth_v=seen.truth_v[first],
                estimate_v=seen.estimate_v[first],
                calibration=calibration.lines(),
                notes=not_real(walk.known, made.allocation, walk.request.target, walk.request.way),
            ),
            path,
        )


def _conclude(walk: _Walk, measurement: Measurement) -> None:
    progress = walk.flow.progress
    for note in not_real_short(walk.request.target, walk.requirement.clock_hz):
        progress.message(f"note: {note}")
    progress.message(f"verdict: {measurement.verdict} - {measurement.verdict_basis}")
    progress.message(f"report: {walk.summary['report']}")
    if measurement.verdict != "met":
        raise VerdictError(
            f"deadline missed: {measurement.verdict_basis}", "see the report; allow a longer deadline", walk.summary
        )
