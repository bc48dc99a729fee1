"""Stages from a bundle to what was measured: Deployment -> Measurement, with the gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ntorc.allocate.allocation import Allocation
from ntorc.deploy.target import is_virtual_name
from ntorc.errors import GateError, MeasurementError
from ntorc.estimator.runs import SAMPLE_RATE_HZ
from ntorc.lab import lab_of
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.pipeline.board.realtime import BY_TARGET, RealTime, refusals
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.junit import DEADLINE, DELIVERED, GATE, Suite
from ntorc.pipeline.make import windows_of
from ntorc.pipeline.outputs import add_cases, not_shown, write_outputs

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
class Observed:
    """The raw result of a measurement: the harness's records and what was fed to them."""

    records: Records
    records_file: Path
    harness: dict[str, Any]
    samples: npt.NDArray[np.int64]
    fclk_hz: float = 0.0
    refused: tuple[str, ...] = ()

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
        realtime: scheduler and processor of the loop.
    """

    estimates: int
    period_ns: int = 0
    load: str = ""
    account: bool = False
    realtime: RealTime = BY_TARGET


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
    request = pace.realtime.asked_of(target, request)
    files = target.measure(request, flow.progress)
    raw.unlink()
    if files.is_cancelled:
        raise KeyboardInterrupt
    observed = Observed(read_records(files.records), files.records, files.harness, samples, files.clock_hz)
    observed = replace(observed, refused=refusals(request, observed.report, target.name))
    for text in observed.refused:
        flow.progress.message(f"warning: {text}")
    return observed


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
    suite: Suite,
    *,
    is_miss_asked: bool,
) -> Measurement:
    """Gate, then verdict; both go into ``summary`` and ``suite`` as they are reached.

    Raises:
        GateError: outputs differ from the reference.
    """
    summary["refused"] = list(observed.refused)
    suite.add(DELIVERED, _lost(observed.records))
    summary["outputs"] = {"junit": str(suite.path)}
    with flow.stage("gate", "every output against network/reference.py, bit by bit"), suite.during(GATE):
        verdict = gate(flow, network, observed, allocation.hop)
        summary["gate"] = {"vectors": verdict.vectors, "mismatches": verdict.mismatches}
        require_gate(verdict, summary)
    suite.add(GATE)
    with suite.during(DEADLINE):
        measurement = evaluate(observed, allocation, miss_probability, folder, target)
    add_cases(suite, measurement, is_miss_asked=is_miss_asked)
    summary["measured"] = measured_summary(measurement)
    summary["verdict"] = measurement.verdict
    summary["verdict_basis"] = measurement.verdict_basis
    summary["outputs"] = write_outputs(measurement, observed.records, folder, suite)
    return measurement


def _lost(records: Records) -> str:
    """What of the estimates was not delivered whole; empty: all were."""
    from ntorc.measure.records import OVERRUN, SKIPPED, TIMEOUT, TORN

    kinds = {"torn": TORN, "timed out": TIMEOUT, "skipped": SKIPPED, "after an overrun": OVERRUN}
    counts = {name: int(np.count_nonzero(records.having(bit))) for name, bit in kinds.items()}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) if any(counts.values()) else ""


def verdict_text(summary: Mapping[str, Any], *, is_miss_asked: bool) -> str:
    """The verdict for people, with what so many estimates do not show, if that was asked for."""
    measured, verdict = summary["measured"], str(summary["verdict"])
    if verdict != "met" or measured["is_shown"] or not is_miss_asked:
        return verdict
    return f"{verdict}; {not_shown(measured['needed'], measured['miss_probability'])}"


def misses_text(measured: Mapping[str, Any]) -> str:
    """Misses, and what so many estimates show of their probability."""
    text = f"{measured['misses']} of {measured['samples']}; rarer than {measured['miss_bound']:.2g} at 95 %"
    if measured["is_shown"]:
        return text
    return f"{text}; {not_shown(measured['needed'], measured['miss_probability'])}"


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
        "miss_probability": measurement.miss_probability,
        "statement": measurement.statement.text if measurement.statement is not None else "",
        "is_shown": measurement.statement is not None and measurement.statement.shown,
        "needed": 0 if measurement.statement is None else measurement.statement.needed,
        "scheduler": measurement.environment.scheduler,
        "bound_cpu": measurement.environment.bound_cpu,
        "probe": None if measurement.probe is None else asdict(measurement.probe),
        "io_overhead_s": None if measurement.overhead is None else asdict(measurement.overhead),
        "true_clock_hz": measurement.true_clock_hz,
    }
