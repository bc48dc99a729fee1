"""Stages from a bundle to what was learned: Deployment -> Measurement -> Calibration."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import RESOURCES
from ntorc.boards import BoardKnowledge
from ntorc.deploy.target import is_virtual_name
from ntorc.errors import GateError, MeasurementError
from ntorc.estimator.runs import SAMPLE_RATE_HZ
from ntorc.lab import lab_of
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.pipeline.drift import PREDICTION
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import Built, windows_of
from ntorc.pipeline.outputs import write_outputs
from ntorc.pipeline.recalibrate import Change, learn_board
from ntorc.store.base import Observation

if TYPE_CHECKING:
    from ntorc.deploy.target import Target
    from ntorc.measure.measurement import Measurement
    from ntorc.measure.records import Records
    from ntorc.measure.report import HarnessReport

_BATCH = 2048

STIMULUS = "stimulus.npz"
"""File in a run's folder: the raw counts that were fed to the design."""


@dataclass(frozen=True)
class Gate:
    """Outputs compared bit by bit with ``network/reference.py``; ``flags_off`` are called valid wrongly, or not."""

    vectors: int
    mismatches: int
    flags_off: int = 0


@dataclass(frozen=True)
class Calibration:
    """What the measurements and reports changed in the cost models.

    Attributes:
        changes: figures that differ from their prediction.
        confirmed: figures that were predicted exactly.
        added: observations that the store did not have.
        notes: what could not be learned, and why.
    """

    changes: tuple[Change, ...]
    confirmed: int
    added: int
    notes: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """For people."""
        texts = [f"{self.added} new observations stored; {self.confirmed} figures were predicted exactly"]
        for change in self.changes:
            off = 100.0 * (change.measured - change.predicted) / max(change.predicted, 1.0)
            texts.append(
                f"{change.subject}: {change.quantity} predicted {_figure(change.predicted)}, {change.source}"
                f" {_figure(change.measured)} ({off:+.1f} %)"
            )
        return (*texts, *self.notes)


def _figure(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


@dataclass(frozen=True)
class Observed:
    """The raw result of a measurement: the harness's records and what was fed to them."""

    records: Records
    records_file: Path
    harness: dict[str, Any]
    samples: npt.NDArray[np.int64]
    fclk_hz: float = 0.0

    @property
    def report(self) -> HarnessReport:
        """The harness's object, checked."""
        from ntorc.measure.report import parse_report

        return parse_report(json.dumps(self.harness))


def stream_for(samples: npt.NDArray[np.int64], window: int, hop: int, estimates: int) -> npt.NDArray[np.int64]:
    """Raw counts for so many estimates; a recording that is too short is played again from its start."""
    needed = window + (estimates - 1) * hop
    return np.resize(samples, needed)


@dataclass(frozen=True)
class Pace:
    """How a measurement is run.

    Attributes:
        estimates: how many.
        period_ns: between samples; 0 lets the logic set the pace.
        load: interference, empty for none.
        account: measure the harness's own time too.
    """

    estimates: int
    period_ns: int = 0
    load: str = ""
    account: bool = False


def period_ns_on(target: str, sample_rate_hz: float = SAMPLE_RATE_HZ) -> int:
    """The samples' period where the target has time of its own; 0 on a virtual board that is no lab's."""
    has_time = lab_of(target) is not None or not is_virtual_name(target)
    return round(1e9 / sample_rate_hz) if has_time else 0


_VIRTUAL_TIMEOUT_US = 30_000_000  # simulated logic on a busy computer may stand still for seconds
_PROBE_MARGIN = 32  # cycles below the predicted latency at which the probe's 64 bins begin


def observe(
    flow: Flow,
    target: Target,
    folder: Path,
    samples: npt.NDArray[np.int64],
    pace: Pace,
    allocation: Allocation | None = None,
    expected_cycles: int | None = None,
) -> Observed:
    """Run the harness on a target and read its records.

    Args:
        flow: for progress.
        target: where.
        folder: for the records.
        samples: raw counts, used in a circle.
        pace: how many and how fast.
        allocation: for the deadline and the probe's histogram, or None for no deadline.
        expected_cycles: where the probe's histogram lies, or None for the allocation's latency.
    """
    from ntorc.deploy.target import MeasureRequest, write_samples
    from ntorc.measure.records import read_records

    raw = folder / "samples.i32"
    write_samples(raw, samples)
    request = MeasureRequest(
        raw, folder / "records.bin", pace.estimates, period_ns=pace.period_ns, load=pace.load or None,
        account=pace.account or None, timeout_us=_VIRTUAL_TIMEOUT_US if target.is_virtual else None,
    )  # fmt: skip
    if allocation is not None:
        request = replace(
            request,
            deadline_ns=round(allocation.deadline_s * 1e9),
            deadline_cycles=allocation.budget_cycles,
        )
        expected_cycles = allocation.latency_cycles if expected_cycles is None else expected_cycles
    if expected_cycles is not None:
        request = replace(request, hist_lower=max(0, expected_cycles - _PROBE_MARGIN), hist_shift=0)
    files = target.measure(request, flow.progress)
    raw.unlink()
    if files.is_cancelled:
        raise KeyboardInterrupt
    return Observed(read_records(files.records), files.records, files.harness, samples, files.clock_hz)


def expected(
    flow: Flow, network: Network, samples: npt.NDArray[np.int64], hop: int, count: int
) -> npt.NDArray[np.int64]:
    """The reference's first output for the first ``count`` windows of a stream: ``[count]``."""
    frames = windows_of(samples, network.input_length, hop)[:count]
    batch = max(len(frames), 1) if network.stateful else _BATCH  # a state goes through all frames in turn
    parts = []
    for start in range(0, len(frames), batch):
        parts.append(reference.run(network, frames[start : start + batch])[:, 0])
        flow.progress.step("reference", min(start + batch, len(frames)), len(frames))
    return np.concatenate(parts)


def gate(flow: Flow, network: Network, observed: Observed, hop: int) -> Gate:
    """Compare every delivered estimate with the reference.

    Raises:
        MeasurementError: estimates are missing in between, so that windows cannot be matched.
    """
    from ntorc.measure.records import WARMING

    values = observed.records.table["value"].astype(np.int64)
    sequence = observed.records.table["seq"].astype(np.int64)
    if not np.array_equal(sequence, np.arange(1, len(sequence) + 1)):
        raise MeasurementError(
            "the estimates are not numbered without gaps, so outputs cannot be compared",
            "measure again; lower the sample rate if samples were lost",
        )
    wanted = expected(flow, network, observed.samples, hop, len(values))
    warming = observed.records.having(WARMING)
    flags_off = np.count_nonzero(warming != (np.arange(len(values)) < network.warm_up))
    return Gate(len(values), int(np.count_nonzero(values != wanted)), int(flags_off))


def require_gate(result: Gate, summary: dict[str, object]) -> None:
    """Stop at any difference.

    Raises:
        GateError: at least one output differs.
    """
    if result.mismatches:
        raise GateError(
            f"gate failed: {result.mismatches} of {result.vectors} outputs differ from the reference",
            "the design must not be used; keep the run's folder and report it",
            summary,
        )
    if result.flags_off:
        raise GateError(
            f"gate failed: {result.flags_off} of {result.vectors} outputs are called valid too early or not at all",
            "the design must not be used; keep the run's folder and report it",
            summary,
        )


def evaluate(
    observed: Observed, allocation: Allocation, miss_probability: float, folder: Path, target: str
) -> Measurement:
    """The measurement with its verdict; the records become Parquet in ``folder``."""
    from ntorc.measure import measurement as judged
    from ntorc.measure.environment import environment
    from ntorc.measure.parquet import write_parquet

    report = observed.report
    is_virtual = is_virtual_name(target)
    has_time = report.time_is_simulated or not is_virtual
    asked = judged.Requirement(
        allocation.deadline_s,
        miss_probability,
        allocation.clock_hz,
        allocation.io_overhead_s,
        is_virtual=is_virtual,
        time_is_simulated=report.time_is_simulated,
        true_clock_hz=report.measured_clock_hz if has_time else None,
    )
    write_parquet(observed.records, folder / "records.parquet")
    observed.records_file.unlink()
    machine = environment(
        report.scheduler_text,
        memory_locked=report.locked,
        bound_cpu=report.cpu,
        no_deep_sleep=report.no_deep_sleep,
        machine=observed.harness.get("machine"),
        fclk_hz=observed.fclk_hz,
        load=report.load,
    )
    return judged.evaluate(observed.records, asked, machine, target=target, board=allocation.board, report=report)


def judge(
    flow: Flow,
    network: Network,
    observed: Observed,
    allocation: Allocation,
    miss_probability: float,
    folder: Path,
    target: str,
    summary: dict[str, object],
) -> Measurement:
    """Gate, then verdict; both go into ``summary`` as they are reached.

    Raises:
        GateError: outputs differ from the reference.
    """
    with flow.stage("gate", "every output against network/reference.py, bit by bit"):
        verdict = gate(flow, network, observed, allocation.hop)
        summary["gate"] = {"vectors": verdict.vectors, "mismatches": verdict.mismatches}
        require_gate(verdict, summary)
    measurement = evaluate(observed, allocation, miss_probability, folder, target)
    summary["measured"] = measured_summary(measurement)
    summary["verdict"] = measurement.verdict
    summary["verdict_basis"] = measurement.verdict_basis
    summary["outputs"] = write_outputs(measurement, observed.records, folder)
    return measurement


def measured_summary(measurement: Measurement) -> dict[str, object]:
    """The ``measured`` part of the command contract."""
    return {
        "samples": measurement.samples,
        "pl_cycles_min": measurement.pl_cycles_min,
        "pl_cycles_max": measurement.pl_cycles_max,
        "pl_s": asdict(measurement.pl_s),
        "driver_s": asdict(measurement.driver_s),
        "loop_s": asdict(measurement.loop_s),
        "misses": measurement.misses,
        "miss_bound": measurement.miss_bound,
        "statement": measurement.statement.text if measurement.statement is not None else "",
        "probe": None if measurement.probe is None else asdict(measurement.probe),
        "io_overhead_s": None if measurement.overhead is None else asdict(measurement.overhead),
        "true_clock_hz": measurement.true_clock_hz,
    }


def _predictions(allocation: Allocation, built: Built, run: str) -> list[Observation]:
    """What the model alone said of parts that nothing was known of; drift is judged by it."""
    found = []
    for layer, part in zip(allocation.layers, built.products.parts, strict=False):  # the shell comes last
        if layer.basis == "model":
            quantities = {name: float(getattr(layer.resources, name)) for name in RESOURCES}
            found.append(
                Observation(
                    PREDICTION,
                    allocation.backend,
                    allocation.part,
                    part.subject,
                    part.directive,
                    quantities,
                    "cost model",
                    run,
                )
            )
    return found


def calibrate(
    flow: Flow,
    allocation: Allocation,
    built: Built,
    measurement: Measurement,
    run: str,
    known: BoardKnowledge | None = None,
) -> Calibration:
    """Store synthesised resources, measured cycles and what the board showed of itself; say what they change.

    ``known`` is what the allocation assumed about the board, None for its file alone.
    """
    tool = built.products.tool
    flow.store.observe(_predictions(allocation, built, run))
    observations, changes, confirmed = [], [], 0
    predicted = {item.layer: item.resources for item in allocation.layers}
    names = [*(item.layer for item in allocation.layers), "shell"]
    for name, part in zip(names, built.products.parts, strict=True):
        quantities = {resource: float(getattr(part.resources, resource)) for resource in RESOURCES}
        observations.append(
            Observation(
                "post_synthesis",
                allocation.backend,
                allocation.part,
                part.subject,
                part.directive,
                quantities,
                tool,
                run,
            )
        )
        before = predicted.get(name, allocation.fixed)
        for resource in RESOURCES:
            guess, truth = round(getattr(before, resource)), quantities[resource]
            if guess == truth:
                confirmed += 1
            else:
                changes.append(Change(name, resource.upper(), guess, truth, "synthesised"))
    learned = learn_board(allocation, measurement, run, known)
    source = "simulated_cycles" if is_virtual_name(measurement.target) else "board_cycles"
    observations.append(
        Observation(
            source,
            allocation.backend,
            "any",
            f"network:{allocation.network}",
            ";".join(str(directive) for directive in allocation.directives),
            {"latency_cycles": float(measurement.pl_cycles_max)},
            "latency probe",
            run,
        )
    )
    cycles = allocation.latency_cycles + (known.offset_cycles if known is not None else 0)
    if measurement.pl_cycles_max == cycles:
        confirmed += 1
    else:
        text = source.replace("_", " ")
        changes.append(Change("network", "latency cycles", cycles, measurement.pl_cycles_max, text))
    changes += learned.changes
    added = flow.store.observe([*observations, *learned.observations])
    return Calibration(tuple(changes), confirmed, added, learned.notes)
