"""What the harness says about its run: its one JSON object, checked."""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.errors import MeasurementError, StorageError
from ntorc.measure.histograms import LogHistogram
from ntorc.records import from_json


@dataclass(frozen=True)
class IntervalReport:
    """One interval's histogram as the harness prints it: bins as (smallest value, count)."""

    count: int
    min: int
    max: int
    bins: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Intervals:
    """Three intervals of the estimates that were delivered whole; ``bits``: see `histograms`."""

    bits: int
    pl_cycles: IntervalReport
    driver_ns: IntervalReport
    loop_ns: IntervalReport

    def histogram(self, name: str) -> LogHistogram:
        """One of them: ``pl_cycles``, ``driver_ns`` or ``loop_ns``.

        Raises:
            MeasurementError: its bins make no sense.
        """
        found: IntervalReport = getattr(self, name)
        return LogHistogram(found.count, found.min, found.max, found.bins, self.bits)


@dataclass(frozen=True)
class BlockMaxima:
    """The largest loop_ns of each block of so many estimates; the last block may be shorter."""

    records: int
    loop_ns: tuple[int, ...]


@dataclass(frozen=True)
class Probe:
    """What the shell's own probe counted since the soft reset, in cycles.

    Attributes:
        latency_min, latency_max: extremes.
        deadline: what it was told; 0xFFFFFFFF: none.
        missed: results over it.
        lost: estimates that fell due while another was computed.
        lower, shift: bin i counts ``lower + i * 2**shift <= latency < lower + (i + 1) * 2**shift``.
        under, over: results outside of the bins.
        bins: [64] counts.
    """

    latency_min: int
    latency_max: int
    deadline: int
    missed: int
    lost: int
    lower: int
    shift: int
    under: int
    over: int
    bins: tuple[int, ...]


@dataclass(frozen=True)
class Polling:
    """How the loop looked for results.

    Attributes:
        waits: for results that came.
        polls: looks, of all waits.
        span_ns: from a wait's first look to its last one, summed up.
        gaps, gap_ns: of it between two looks with nothing in between, and their number.
    """

    waits: int
    polls: int
    span_ns: int
    gaps: int
    gap_ns: int


@dataclass(frozen=True)
class Account:
    """Where the loop's time went, in nanoseconds, when that was asked for.

    Attributes:
        elapsed_ns: the whole loop.
        accesses, access_ns: register accesses and what they took.
        waiting_ns: asleep, or polling for results; with the accesses of the polling.
        waiting_accesses, waiting_access_ns: those accesses.
        polls: looks for a result.
        samples: samples written.
        clock_ns: reading the clock once; two readings belong to the account of each access.
    """

    elapsed_ns: int
    accesses: int
    access_ns: int
    waiting_ns: int
    waiting_accesses: int
    waiting_access_ns: int
    polls: int
    samples: int
    clock_ns: int

    @property
    def own_ns_per_sample(self) -> float:
        """The harness's own time of one turn of the loop: without register accesses, sleep and polling."""
        own = (self.elapsed_ns - self.waiting_ns) - (self.access_ns - self.waiting_access_ns)
        return own / max(self.samples, 1)


@dataclass(frozen=True)
class HarnessReport:
    """The JSON object of ``ntorc-harness``; counts are of estimates unless named otherwise.

    Attributes:
        estimates: recorded, including one that timed out.
        requested: asked for.
        torn: replaced by the next result while they were read.
        timeouts: not delivered in time.
        skipped: preceded by results that were not seen.
        overruns: recorded while the logic's sticky overrun was set.
        late_samples: samples written after the next one's release.
        interrupted: ended by a signal.
        clock: the clock of all times.
        scheduler: SCHED_FIFO or SCHED_OTHER, as granted.
        priority: of SCHED_FIFO, else 0.
        locked: whether memory was locked.
        cpu: processor that the loop was bound to, None for any.
        fault: what ended the run early; empty: nothing.
        starved: samples that a live source did not have in time.
        dropped: estimates without a record, because nobody took the records before.
        unsent: estimates that the sink's socket had no room for.
        source_ended: whether a live source ended the run.
        deadline_ns: of the loop; 0: none.
        misses: estimates over it, or not delivered whole.
        load: the interference meanwhile.
        polling: None where it was not told.
        cycles_passed, ns_passed: of the logic and of the board's clock, over the whole run.
        no_deep_sleep: whether processors were kept awake.
        intervals, block_maxima: of the loop's records, however many.
        probe: None when it could not be read.
        account: None when it was not asked for.
    """

    estimates: int
    requested: int
    torn: int
    timeouts: int
    skipped: int
    overruns: int
    late_samples: int
    interrupted: bool
    design_id: str
    shell_version: int
    clock_hz: int
    window: int
    hop: int
    outputs: int
    period_ns: int
    clock: str
    scheduler: str
    priority: int
    locked: bool
    cpu: int | None
    fault: str = ""
    starved: int = 0
    dropped: int = 0
    unsent: int = 0
    source_ended: bool = False
    deadline_ns: int = 0
    misses: int = 0
    load: str = ""
    polling: Polling | None = None
    cycles_passed: int = 0
    ns_passed: int = 0
    no_deep_sleep: bool = False
    intervals: Intervals | None = None
    block_maxima: BlockMaxima | None = None
    probe: Probe | None = None
    account: Account | None = None

    @property
    def time_is_simulated(self) -> bool:
        """Whether all times are a simulated board's."""
        return self.clock == "simulated"

    @property
    def measured_clock_hz(self) -> float | None:
        """The logic's clock by the board's clock, over the whole run; None where it says nothing."""
        return self.cycles_passed / self.ns_passed * 1e9 if self.ns_passed > 0 and self.cycles_passed > 0 else None

    @property
    def scheduler_text(self) -> str:
        """Scheduler and priority for people: ``SCHED_FIFO 80``."""
        return f"{self.scheduler} {self.priority}" if self.priority > 0 else self.scheduler


def parse_report(text: str) -> HarnessReport:
    """Read what the harness printed.

    Raises:
        MeasurementError: it is not the harness's object.
    """
    try:
        return from_json(HarnessReport, text, "the harness's report")
    except StorageError as error:
        raise MeasurementError(
            f"the harness's report cannot be read: {text.strip()[:200] or 'it is empty'}",
            "see what it said on stderr, and measure again",
        ) from error
