"""Stages from a bundle to what was learned: Deployment -> Measurement -> Calibration."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import RESOURCES
from ntorc.deploy.target import is_virtual_name
from ntorc.errors import GateError, MeasurementError
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import Built, windows_of
from ntorc.store.base import Observation

if TYPE_CHECKING:
    from ntorc.deploy.target import Target
    from ntorc.measure.measurement import Measurement
    from ntorc.measure.records import Records

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
class Change:
    """One figure of the cost model that a measurement replaced."""

    subject: str
    quantity: str
    predicted: float
    measured: float
    source: str


@dataclass(frozen=True)
class Calibration:
    """What the measurements and reports changed in the cost models.

    Attributes:
        changes: figures that differ from their prediction.
        confirmed: figures that were predicted exactly.
        added: observations that the store did not have.
    """

    changes: tuple[Change, ...]
    confirmed: int
    added: int

    def lines(self) -> tuple[str, ...]:
        """For people."""
        texts = [f"{self.added} new observations stored; {self.confirmed} figures were predicted exactly"]
        for change in self.changes:
            off = 100.0 * (change.measured - change.predicted) / max(change.predicted, 1.0)
            texts.append(
                f"{change.subject}: {change.quantity} predicted {change.predicted:.0f}, {change.source}"
                f" {change.measured:.0f} ({off:+.1f} %)"
            )
        return tuple(texts)


@dataclass(frozen=True)
class Observed:
    """The raw result of a measurement: the harness's records and what was fed to them."""

    records: Records
    records_file: Path
    harness: dict[str, object]
    samples: npt.NDArray[np.int64]


def stream_for(samples: npt.NDArray[np.int64], window: int, hop: int, estimates: int) -> npt.NDArray[np.int64]:
    """Raw counts for so many estimates; a recording that is too short is played again from its start."""
    needed = window + (estimates - 1) * hop
    return np.resize(samples, needed)


def observe(
    flow: Flow, target: Target, folder: Path, samples: npt.NDArray[np.int64], estimates: int, period_ns: int
) -> Observed:
    """Run the harness on a target and read its records."""
    from ntorc.deploy.target import MeasureRequest, write_samples
    from ntorc.measure.records import read_records

    raw = folder / "samples.i32"
    write_samples(raw, samples)
    files = target.measure(MeasureRequest(raw, folder / "records.bin", estimates, period_ns=period_ns), flow.progress)
    raw.unlink()
    if files.is_cancelled:
        raise KeyboardInterrupt
    return Observed(read_records(files.records), files.records, files.harness, samples)


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

    asked = judged.Requirement(
        allocation.deadline_s,
        miss_probability,
        allocation.clock_hz,
        allocation.io_overhead_s,
        is_virtual=is_virtual_name(target),
    )
    judged.write_parquet(observed.records, folder / "records.parquet")
    observed.records_file.unlink()
    harness = observed.harness
    machine = environment(str(harness.get("scheduler", "")), memory_locked=bool(harness.get("locked", False)))
    return judged.evaluate(observed.records, asked, machine, target=target, board=allocation.board)


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
    }


def calibrate(flow: Flow, allocation: Allocation, built: Built, measurement: Measurement, run: str) -> Calibration:
    """Store synthesised resources and measured cycles, and say what they change."""
    tool = built.products.tool
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
    if measurement.pl_cycles_max == allocation.latency_cycles:
        confirmed += 1
    else:
        changes.append(
            Change(
                "network",
                "latency cycles",
                allocation.latency_cycles,
                measurement.pl_cycles_max,
                source.replace("_", " "),
            )
        )
    return Calibration(tuple(changes), confirmed, flow.store.observe(observations))
