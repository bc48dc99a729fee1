"""How the measuring loop is scheduled on a board, and what to say where the board refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ntorc.errors import UsageError
from ntorc_board.harness import LAST_CPU, MOST_CPU

if TYPE_CHECKING:
    from ntorc.deploy.target import MeasureRequest, Target
    from ntorc.measure.report import HarnessReport

PRIORITY = 80
"""Of SCHED_FIFO: above interrupt threads (50), below the kernel's own watchdogs and migration threads (99)."""
ORDINARY, ANY_CPU = 0, -1
_HIGHEST = 99


@dataclass(frozen=True)
class RealTime:
    """What is asked of a board's system for the loop; what is left out follows from the target.

    Attributes:
        fifo: priority under SCHED_FIFO, 1 to 99; 0 for the ordinary scheduler; None for `PRIORITY` where the board
            has real logic, and the ordinary scheduler where its time says nothing about a board.
        cpu: number of the processor; -1 for any; None likewise: the board's last one, or any.
    """

    fifo: int | None = None
    cpu: int | None = None

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            UsageError: out of range.
        """
        if self.fifo is not None and not ORDINARY <= self.fifo <= _HIGHEST:
            raise UsageError(f"{self.fifo} is no priority of SCHED_FIFO", f"--fifo 1 to {_HIGHEST}, 0 for none")
        if self.cpu is not None and not ANY_CPU <= self.cpu <= MOST_CPU:
            raise UsageError(f"{self.cpu} is no processor's number", f"--cpu 0 to {MOST_CPU}, {ANY_CPU} for any")

    def asked_of(self, target: Target, request: MeasureRequest) -> MeasureRequest:
        """The request with what this asks of that target."""
        fifo, cpu = self.fifo, self.cpu
        if fifo is None:
            fifo = ORDINARY if target.is_virtual else PRIORITY
        if cpu is None:
            cpu = ANY_CPU if target.is_virtual else None
        where = LAST_CPU if cpu is None else None if cpu == ANY_CPU else cpu
        return replace(request, fifo=fifo or None, cpu=where)


BY_TARGET = RealTime()
"""All that is left out."""


def refusals(request: MeasureRequest, report: HarnessReport, target: str) -> tuple[str, ...]:
    """What was asked for and not granted, with what to do; empty where all was granted.

    Args:
        request: as it was sent.
        report: the harness's own.
        target: by name.
    """
    found = []
    if request.fifo is not None and report.priority != request.fifo:
        found.append(
            f"{target} refused SCHED_FIFO: the loop ran under {report.scheduler_text}, where other programs hold it up;"
            " run the agent as root (ssh://root@HOST, or let the user sudo without a password), or ask for the ordinary"
            " scheduler: --fifo 0"
        )
    if request.cpu is not None and report.cpu is None:
        found.append(
            f"{target} did not bind the loop to processor {request.cpu}; name one that it has (--cpu N), or any:"
            " --cpu -1"
        )
    return tuple(found)
