"""What the harness says about its run: its one JSON object, checked."""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.errors import MeasurementError, StorageError
from ntorc.records import from_json


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
