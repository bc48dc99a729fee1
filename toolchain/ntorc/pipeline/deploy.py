"""The main job: walk the pipeline from runs to a measured, calibrated, reported deployment."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.allocate.allocation import Allocation
from ntorc.allocate.requirement import Requirement
from ntorc.boards import Board, BoardKnowledge, load_board
from ntorc.deploy.target import is_virtual_name
from ntorc.errors import NtorcError, VerdictError
from ntorc.lab import lab_of
from ntorc.network.network import Network
from ntorc.pipeline.card import card_in
from ntorc.pipeline.choose import AUTO, best, candidates
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.judge import HeldOut, Trace, held_out, judged, trace
from ntorc.pipeline.knowledge import drift_warnings, knowledge_of
from ntorc.pipeline.learn import Given, Learned, learn
from ntorc.pipeline.make import (
    DEFAULT_HOP,
    Built,
    allocation_stage,
    backend_for,
    backend_named,
    build_stage,
    bundle_stage,
    gap_of,
    hop_for,
    requirement_for,
)
from ntorc.pipeline.prove import (
    STIMULUS,
    Calibration,
    Pace,
    calibrate,
    judge,
    observe,
    period_ns_on,
    stream_for,
)
from ntorc.pipeline.shipped import UNKNOWN, UNSEEN
from ntorc.pipeline.target import check_target, extra_stages_of, open_target, settle_target
from ntorc.progress import Silent
from ntorc.records import save
from ntorc.store.base import RunRecord
from ntorc.units import Duration, format_seconds

if TYPE_CHECKING:
    from ntorc.bundle.bundle import Bundle
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
        data: folder of recorded runs, or None for simulated ones.
        training: the estimator's form and training, where it is trained.
        ready: folder of an estimator that was trained before; None to train.
        given: the user's own model instead.
        clock_hz: of the logic, or None for the board's default.
        estimates: how many to measure.
        ceiling: share of each device resource that may be used.
        solver: of the allocation.
        command: how it was asked, for the record.
        load: interference while measuring, and whose I/O overhead is counted on; empty for none.
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
    if request.backend != AUTO:
        backend_named(request.backend)
    request = replace(request, target=settle_target(flow, request.target, board, "virtual"))
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
    _judge_estimator(walk, learned, data)
    backend = backend_named(_settle_backend(walk, learned.network))
    deadline = format_seconds(walk.requirement.deadline_s)
    with flow.stage("allocate", f"exact optimum for {deadline} on {walk.board.part}"):
        allocation = allocation_stage(flow, learned.network, backend, walk.requirement)
    save(allocation, walk.folder / "allocation.json")
    predicted_cycles = allocation.latency_cycles + walk.known.offset_cycles
    walk.summary["predicted"] = {"latency_cycles": predicted_cycles, **allocation.predicted.as_dict()}
    with flow.stage("build", "simulated logic (Verilator) and synthesis (yosys); no vendor tool runs"):
        built = build_stage(flow, learned.network, backend, allocation, extra_stages_of(request.target))
        gap = gap_of(learned.network, backend, allocation)
        bundle = bundle_stage(flow, learned.network, built, walk.board, data.counts, gap)
    walk.summary["synthesised"] = {**built.products.total.as_dict(), "tool": built.products.tool}
    walk.summary["design_id"] = built.plan.design_id
    save(built.products, walk.folder / "products.json")
    _prove(walk, learned, data, allocation, built, bundle)


def _settle_backend(walk: _Walk, network: Network) -> str:
    """The backend: the best that can build for the virtual board where ``auto`` was asked for."""
    if walk.request.backend != AUTO:
        return walk.request.backend
    quiet = replace(walk.flow, progress=Silent())

    def allocate_with(name: str) -> tuple[Allocation, Requirement]:
        backend = backend_for(quiet, name, walk.board, walk.requirement.clock_hz)
        return allocation_stage(quiet, network, backend, walk.requirement), walk.requirement

    with walk.flow.stage("choose", "every backend's exact optimum"):
        found = candidates(walk.flow, allocate_with, "virtual")
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


def error_text(estimator: dict[str, Any]) -> str:
    """The estimator's error for people: on which runs, and for a shipped one also what its card says."""
    runs = f"{len(estimator['held_out_runs'])} held-out runs ({estimator['split']} split)"
    if estimator["split"] == UNKNOWN:
        runs = f"{len(estimator['held_out_runs'])} runs, of which it may have been trained on any ({estimator['data']})"
    if estimator["split"] == UNSEEN:
        runs = f"{len(estimator['held_out_runs'])} runs that it was not trained on ({estimator['data']})"
    text = f"{estimator['rmse_v']:.4f} V RMSE on {runs}, {estimator['multiplies']} multiplies an estimate"
    card = estimator.get("card")
    if card and estimator["split"] == UNSEEN:
        text += f"; its card: {card['rmse_v']:.4f} V on held-out trajectories of {card['data']}"
    return text


def _prove(walk: _Walk, learned: Learned, data: HeldOut, allocation: Allocation, built: Built, bundle: Bundle) -> None:
    flow, request, hop = walk.flow, walk.request, allocation.hop
    samples = stream_for(data.counts, learned.network.input_length, hop, request.estimates)
    with open_target(flow, request.target, walk.board) as target:
        with flow.stage("deploy", f"to {request.target} through pynq, verified, self-tested"):
            deployment = target.install(bundle.folder, flow.progress)
            save(deployment, walk.folder / "deployment.json")
        with flow.stage("measure", f"{request.estimates} estimates by the C harness"):
            pace = Pace(request.estimates, period_ns_on(request.target), request.load)
            observed = observe(flow, target, walk.folder, samples, pace, allocation)
    measurement = judge(
        flow, learned.network, observed, allocation, request.miss_probability, walk.folder, request.target, walk.summary
    )
    save(measurement, walk.folder / "measurement.json")
    with flow.stage("calibrate", "what was measured becomes the cost model's next answer"):
        calibration = calibrate(flow, allocation, built, measurement, walk.record.run, walk.known)
        save(calibration, walk.folder / "calibration.json")
        for line in calibration.lines():
            flow.progress.message(f"  {line}")
    values = observed.records.table["value"].astype(np.int64)
    seen = trace(data, values, learned.network, hop)
    _report(walk, learned, allocation, built, deployment, measurement, calibration, seen, observed.records)
    _conclude(walk, measurement)


def _report(
    walk: _Walk,
    learned: Learned,
    allocation: Allocation,
    built: Built,
    deployment: Deployment,
    measurement: Measurement,
    calibration: Calibration,
    seen: Trace,
    records: Records,
) -> None:
    from ntorc.measure.records import SKIPPED, TIMEOUT, TORN
    from ntorc.report.data import ReportData
    from ntorc.report.html import write_report

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
                allocation=allocation,
                measurement=measurement,
                products=built.products,
                deployment=deployment,
                estimator=estimator_rows(walk, learned),
                pl_cycles=records.table["pl_cycles"][whole].astype(np.int64),
                loop_s=records.loop_ns[whole] * 1e-9,
                time_s=seen.time_s[first],
                truth_v=seen.truth_v[first],
                estimate_v=seen.estimate_v[first],
                calibration=calibration.lines(),
                notes=not_real(walk.known, allocation, request_target=walk.request.target),
            ),
            path,
        )


def estimator_rows(walk: _Walk, learned: Learned) -> dict[str, str]:
    """The estimator for people."""
    estimator, summary = learned.estimator, walk.summary["estimator"]
    return {
        "Name": estimator.name,
        "Data": learned.runs.source,
        "Form": f"{estimator.form.describe()}; an estimate each {walk.requirement.hop} samples",
        "Error": f"{error_text(summary)}; integer arithmetic, {summary['windows']} estimates",
        "Trained on": estimator.data_source,
        "Split": f"{summary['split']}: judged on {', '.join(summary['held_out_runs'])}",
        "Multiplies per estimate": f"{learned.network.multiplies:,}",
        "Formats": ", ".join(str(word) for word in learned.network.formats),
    }


def not_real(known: BoardKnowledge, allocation: Allocation, request_target: str) -> tuple[str, ...]:
    """What a reader must not take for a measurement of hardware."""
    overhead = (
        f"The I/O overhead of {format_seconds(allocation.io_overhead_s)} that was counted on: {known.overhead_source}."
    )
    clock = f"The clock of {allocation.clock_hz / 1e6:g} MHz is a request: no place and route has closed it."
    utilisation = "Utilisation is from synthesis before place and route: an estimate."
    if not is_virtual_name(request_target):
        return (clock, utilisation, overhead)
    simulated = lab_of(request_target) is not None
    times = "a simulated board's" if simulated else "this computer's"
    return (
        f"No board was measured. The logic ran cycle by cycle in a simulator; driver and loop times are {times}.",
        clock,
        utilisation,
        overhead,
        "The bundle is for the virtual board; a bitstream for the part needs Vivado or openXC7.",
    )


def _conclude(walk: _Walk, measurement: Measurement) -> None:
    progress = walk.flow.progress
    for note in not_real_short(walk):
        progress.message(f"note: {note}")
    progress.message(f"verdict: {measurement.verdict} - {measurement.verdict_basis}")
    progress.message(f"report: {walk.summary['report']}")
    if measurement.verdict != "met":
        raise VerdictError(
            f"deadline missed: {measurement.verdict_basis}", "see the report; allow a longer deadline", walk.summary
        )


def not_real_short(walk: _Walk) -> tuple[str, ...]:
    """The same in two lines for the terminal."""
    if not is_virtual_name(walk.request.target):
        return ()
    return (
        "no board was measured and no vendor tool ran; this bundle is for the virtual board",
        f"the clock ({walk.requirement.clock_hz / 1e6:g} MHz) is a request, utilisation is before place and route",
    )
