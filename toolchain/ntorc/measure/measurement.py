"""The noun Measurement: what was measured, where, and what that says about the deadline.

Kinds of verdict, never mixed.  On a real board the loop's own times decide: an estimate misses
when more than the deadline passes from its sample's scheduled release until it is known.  On the
virtual board the logic runs slower than real time and the driver's and the loop's times are this
computer's, so that the logic's cycles at the requested clock, plus the I/O overhead that the
board's file states, stand in for them; the text says that no board was measured.  A lab's board (`ntorc.lab`)
simulates its time with its logic: there the loop's times decide, and the text says that they are simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.errors import MeasurementError, UsageError
from ntorc.measure.environment import Environment
from ntorc.measure.polling import grid_of
from ntorc.measure.probe import ProbeResult, compare_probe
from ntorc.measure.records import OVERRUN, SKIPPED, TIMEOUT, TORN, Records
from ntorc.measure.report import HarnessReport
from ntorc.measure.statement import CONFIDENCE, Statement, state
from ntorc.measure.statistics import Quantiles, miss_bound, quantile_bound, quantiles, samples_needed
from ntorc.polls import PollGrid
from ntorc.units import format_seconds


@dataclass(frozen=True)
class Requirement:
    """What is asked of the estimator on its board.

    Attributes:
        deadline_s: from the sample's scheduled release to the estimate visible to the loop.
        miss_probability: share of estimates that may miss it.
        clock_hz: clock of the logic, as set and read back.
        io_overhead_s: the board's I/O overhead, from its file; used for virtual boards only.
        is_virtual: whether the target is a virtual board.
        time_is_simulated: whether a virtual board's times are its own, so that they can be judged.
        true_clock_hz: clock of the logic by the board's time, None where that says nothing.
    """

    deadline_s: float
    miss_probability: float
    clock_hz: float
    io_overhead_s: float
    is_virtual: bool
    time_is_simulated: bool = False
    true_clock_hz: float | None = None

    @property
    def judges_time(self) -> bool:
        """Whether the loop's times decide."""
        return self.time_is_simulated or not self.is_virtual


@dataclass(frozen=True)
class Overhead:
    """An estimate's time outside the logic: the loop's less the logic's.

    Attributes:
        seconds: its quantiles.
        bound_s: what at most the allowed share of estimates exceeds at 95 % confidence, or the largest one seen.
        is_shown: whether there were enough estimates to show that; else ``bound_s`` is only the largest one.
        share: that allowed share.
        grid: how it depends on the logic's latency, None where that was not seen.
    """

    seconds: Quantiles
    bound_s: float
    is_shown: bool
    share: float
    grid: PollGrid | None = None


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
        statement: what the misses show, and what they do not.
        overhead: time outside the logic; None where times are this computer's.
        true_clock_hz: clock of the logic by the board's time; None likewise.
        probe: the shell's own counts, None when they were not read.
        block_records, block_max_s: the largest loop time of each block of so many estimates.
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
    statement: Statement | None = None
    overhead: Overhead | None = None
    true_clock_hz: float | None = None
    probe: ProbeResult | None = None
    block_records: int = 0
    block_max_s: tuple[float, ...] = ()


def evaluate(
    records: Records,
    requirement: Requirement,
    environment: Environment,
    *,
    target: str,
    board: str,
    report: HarnessReport | None = None,
) -> Measurement:
    """Turn the harness's records into a measurement with its verdict.

    Args:
        records: of every estimate.
        requirement: what is asked.
        environment: the measuring machine.
        target, board: where.
        report: the harness's own, for the probe's counts and the block maxima.

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
    series, clock_hz = judged_s(records, requirement), requirement.true_clock_hz or requirement.clock_hz
    probe = compare_probe(report.probe, records) if report is not None and report.probe is not None else None
    if probe is not None and not probe.agrees and not np.any(lost):
        met, basis = False, basis + f"; probe and records disagree: {'; '.join(probe.differences)}"
    if requirement.judges_time and not requirement.is_virtual:
        basis += f"; {_scheduling(environment)}"
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
        pl_s=quantiles(cycles / clock_hz),
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
        statement=state(series[~lost], missed, requirement.miss_probability),
        overhead=_overhead(records, requirement, lost, report) if requirement.judges_time else None,
        true_clock_hz=requirement.true_clock_hz,
        probe=probe,
        **_blocks(report),
    )


def _scheduling(environment: Environment) -> str:
    where = "any processor" if environment.bound_cpu is None else f"processor {environment.bound_cpu}"
    return f"the loop ran under {environment.scheduler} on {where}"


def judged_s(records: Records, requirement: Requirement) -> npt.NDArray[np.float64]:
    """[estimates] The latency that the verdict judges, in seconds."""
    if requirement.judges_time:
        return np.asarray(records.loop_ns * 1e-9)
    return np.asarray(records.table["pl_cycles"] / requirement.clock_hz + requirement.io_overhead_s)


def _overhead(
    records: Records, requirement: Requirement, lost: npt.NDArray[np.bool_], report: HarnessReport | None
) -> Overhead:
    clock_hz = requirement.true_clock_hz or requirement.clock_hz
    seconds = (records.loop_ns * 1e-9 - records.table["pl_cycles"] / clock_hz)[~lost]
    bound_s, is_shown = quantile_bound(seconds, requirement.miss_probability, CONFIDENCE)
    grid = None if report is None or np.any(lost) else grid_of(report.polling, records, clock_hz)
    return Overhead(quantiles(seconds), bound_s, is_shown, requirement.miss_probability, grid)


def _blocks(report: HarnessReport | None) -> dict[str, Any]:
    if report is None or report.block_maxima is None:
        return {}
    blocks = report.block_maxima
    return {"block_records": blocks.records, "block_max_s": tuple(value * 1e-9 for value in blocks.loop_ns)}


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
    return np.asarray(judged_s(records, requirement) > requirement.deadline_s)


def _verdict(
    requirement: Requirement, misses: int, samples: int, bound: float, cycles_max: int, overrun: bool
) -> tuple[bool, str]:
    """Whether the deadline is met, and why."""
    if not requirement.judges_time:
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
    where = "measured on a simulated board, no real one" if requirement.is_virtual else "measured on the board"
    basis = (
        f"{where}: {misses} of {samples} estimates missed the deadline of"
        f" {format_seconds(requirement.deadline_s)}, so that at 95 % confidence at most {bound:.3g} do;"
        f" {allowed:g} is allowed"
    )
    needed = samples_needed(allowed, 0, CONFIDENCE)
    if samples >= needed:
        return bound <= allowed, basis
    return misses == 0, basis + f"; to show that takes {needed} estimates without a miss"
