"""The noun Measurement: what was measured, where, and what that says about the deadline.

Two kinds of verdict, never mixed.  On a real board the loop's own times decide: an estimate misses
when more than the deadline passes from its sample's scheduled release until it is known.  On the
virtual board the logic runs slower than real time and the driver's and the loop's times are this
computer's, so that the logic's cycles at the requested clock, plus the I/O overhead that the
board's file states, stand in for them; the text says that no board was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.errors import MeasurementError, ToolError, UsageError
from ntorc.measure.environment import Environment
from ntorc.measure.records import OVERRUN, SKIPPED, TIMEOUT, TORN, Records
from ntorc.measure.statistics import Quantiles, miss_bound, quantiles, samples_needed
from ntorc.records import write_atomically
from ntorc.units import format_seconds

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Requirement:
    """What is asked of the estimator on its board.

    Attributes:
        deadline_s: from the sample's scheduled release to the estimate visible to the loop.
        miss_probability: share of estimates that may miss it.
        clock_hz: clock of the logic, as set and read back.
        io_overhead_s: the board's I/O overhead, from its file; used for virtual boards only.
        is_virtual: whether the target is a virtual board.
    """

    deadline_s: float
    miss_probability: float
    clock_hz: float
    io_overhead_s: float
    is_virtual: bool


@dataclass(frozen=True)
class Measurement:
    """A measured deployment.  Times and cycles are of the estimates that were delivered whole.

    Attributes:
        target: ``virtual``, or the board's address.
        board: the board's name.
        design_id: of the logic that was measured, 16 hexadecimal digits.
        samples: estimates measured.
        hop_samples: input samples from one estimate to the next.
        period_s: time between input samples; 0: as fast as the logic answered.
        clock_hz: clock of the logic.
        pl_cycles_min: fewest cycles from the accepted last sample to the result.
        pl_cycles_max: most of them.
        pl_s: the logic's time, cycles over clock.
        driver_s: from the last sample's write to the estimate being known.
        loop_s: from the last sample's scheduled release to the estimate being known.
        misses: estimates that missed the deadline by the verdict's basis, or were not delivered.
        miss_bound: upper bound of the probability of a miss at 95 % confidence.
        miss_probability: the share that was allowed.
        deadline_s: what was asked for.
        torn: estimates that were replaced while they were read.
        timeouts: estimates that never came.
        skipped: estimates before which others were lost.
        overrun: whether the logic lost an estimate.
        verdict: ``met`` or ``missed``.
        verdict_basis: the reason, and what was not measured.
        environment: the measuring machine.
    """

    target: str
    board: str
    design_id: str
    samples: int
    hop_samples: int
    period_s: float
    clock_hz: float
    pl_cycles_min: int
    pl_cycles_max: int
    pl_s: Quantiles
    driver_s: Quantiles
    loop_s: Quantiles
    misses: int
    miss_bound: float
    miss_probability: float
    deadline_s: float
    torn: int
    timeouts: int
    skipped: int
    overrun: bool
    verdict: str
    verdict_basis: str
    environment: Environment


def evaluate(
    records: Records, requirement: Requirement, environment: Environment, *, target: str, board: str
) -> Measurement:
    """Turn the harness's records into a measurement with its verdict.

    Raises:
        MeasurementError: no estimate was delivered whole, so that there is nothing to judge.
        UsageError: a requirement that makes no sense.
    """
    _check(requirement)
    lost = records.having(TIMEOUT | TORN | SKIPPED)
    whole = records.table[~lost]
    if whole.size == 0:
        raise MeasurementError(
            f"none of the {records.table.size} recorded estimates was delivered",
            "see the harness's messages; deploy the design again",
        )
    cycles = whole["pl_cycles"].astype(np.int64)
    missed = lost | _late(records, requirement)
    misses = int(np.count_nonzero(missed))
    bound = miss_bound(misses, int(missed.size), CONFIDENCE)
    overrun = bool(np.any(records.having(OVERRUN)))
    met, basis = _verdict(requirement, misses, int(missed.size), bound, int(cycles.max()), overrun)
    return Measurement(
        target=target,
        board=board,
        design_id=records.design_id,
        samples=int(records.table.size),
        hop_samples=records.hop_samples,
        period_s=records.period_ns * 1e-9,
        clock_hz=requirement.clock_hz,
        pl_cycles_min=int(cycles.min()),
        pl_cycles_max=int(cycles.max()),
        pl_s=quantiles(cycles / requirement.clock_hz),
        driver_s=quantiles(records.driver_ns[~lost] * 1e-9),
        loop_s=quantiles(records.loop_ns[~lost] * 1e-9),
        misses=misses,
        miss_bound=bound,
        miss_probability=requirement.miss_probability,
        deadline_s=requirement.deadline_s,
        torn=_count(records, TORN),
        timeouts=_count(records, TIMEOUT),
        skipped=_count(records, SKIPPED),
        overrun=overrun,
        verdict="met" if met else "missed",
        verdict_basis=basis,
        environment=environment,
    )


def write_parquet(records: Records, path: Path) -> Path:
    """Write the records, one row an estimate, with the header as the file's metadata.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
        ToolError: pyarrow is missing, or does not go with the installed numpy.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ToolError(f"Parquet files cannot be written: {error}", "install the pinned set: make setup") from error

    columns = {name: np.ascontiguousarray(records.table[name]) for name in records.table.dtype.names or ()}
    header = {
        "hop_samples": records.hop_samples,
        "window_samples": records.window_samples,
        "clock_hz": records.clock_hz,
        "period_ns": records.period_ns,
        "design_id": records.design_id,
    }
    table = pa.table(columns).replace_schema_metadata({name: str(value) for name, value in header.items()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return write_atomically(path, sink.getvalue().to_pybytes())


def _check(requirement: Requirement) -> None:
    if not (requirement.deadline_s > 0 and requirement.clock_hz > 0 and requirement.io_overhead_s >= 0):
        raise UsageError(
            f"a deadline of {requirement.deadline_s} s at {requirement.clock_hz} Hz makes no sense",
            "give positive figures",
        )
    if not 0.0 < requirement.miss_probability < 1.0:
        raise UsageError(
            f"a miss probability of {requirement.miss_probability} is not between 0 and 1", "for example 1e-5"
        )


def _count(records: Records, bit: int) -> int:
    return int(np.count_nonzero(records.having(bit)))


def _late(records: Records, requirement: Requirement) -> npt.NDArray[np.bool_]:
    """[estimates] Whether each estimate is over the deadline by the target's basis."""
    if requirement.is_virtual:
        seconds = records.table["pl_cycles"] / requirement.clock_hz + requirement.io_overhead_s
    else:
        seconds = records.loop_ns * 1e-9
    return np.asarray(seconds > requirement.deadline_s)


def _verdict(
    requirement: Requirement, misses: int, samples: int, bound: float, cycles_max: int, overrun: bool
) -> tuple[bool, str]:
    """Whether the deadline is met, and why."""
    if requirement.is_virtual:
        total_s = cycles_max / requirement.clock_hz + requirement.io_overhead_s
        met = misses == 0
        basis = (
            f"virtual board, no board was measured: at most {cycles_max} cycles at"
            f" {requirement.clock_hz / 1e6:g} MHz plus {format_seconds(requirement.io_overhead_s)} of I/O"
            f" overhead from the board's file give {format_seconds(total_s)}, the deadline is"
            f" {format_seconds(requirement.deadline_s)}"
        )
        if misses and total_s <= requirement.deadline_s:
            basis += f"; {misses} of {samples} estimates were not delivered whole"
    else:
        met, basis = _board_verdict(requirement, misses, samples, bound)
    if overrun:
        return False, basis + "; the logic lost estimates because one fell due while another was computed"
    return met, basis


def _board_verdict(requirement: Requirement, misses: int, samples: int, bound: float) -> tuple[bool, str]:
    """By the loop's times.  Too few samples cannot show a small probability: then any miss decides,
    and the text says what was not shown."""
    allowed = requirement.miss_probability
    basis = (
        f"measured on the board: {misses} of {samples} estimates missed the deadline of"
        f" {format_seconds(requirement.deadline_s)}, so that at 95 % confidence at most {bound:.3g} do;"
        f" {allowed:g} is allowed"
    )
    needed = samples_needed(allowed, 0, CONFIDENCE)
    if samples >= needed:
        return bound <= allowed, basis
    return misses == 0, basis + f"; to show that takes {needed} estimates without a miss"
