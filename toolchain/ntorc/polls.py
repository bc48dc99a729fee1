"""Polls: when the loop sees a result.

An estimate is seen at the first poll after its result.  Where polls follow the write of the last sample at a fixed
pace, the loop's time grows in steps of one poll: some latency is free, and the next cycle costs a whole poll.
`PollGrid` says where the steps are, as far as measuring has shown.  Where polls fall by chance there is no grid: the
wait for the next one is part of the overhead's spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

HANDSHAKE_S = 20e-9
"""How much sooner than a poll's read a sample's write may take effect, before measuring has said more."""
_SAME_PERIOD = 0.01  # share by which the periods of two measurements of one grid may differ
_ROUNDING = 1e-9  # of a number of polls, by floating point


@dataclass(frozen=True)
class PollGrid:
    """When a result of any latency is seen, by measurement of some.

    Poll j (from 1) sees a result of at most ``j * period_s + phase`` of latency, counted from the write taking effect.
    A measurement that saw ``latency_s`` at poll ``polls`` says that the phase lies in [latency_s - polls * period_s,
    latency_s - (polls - 1) * period_s).

    Attributes:
        period_s: from poll to poll.
        polls: of the measurement that the overhead is from.
        latency_s: its latency in the logic.
        phase_low_s, phase_high_s: what is known of the phase, [low, high).
    """

    period_s: float
    polls: int
    latency_s: float
    phase_low_s: float
    phase_high_s: float

    @property
    def phase_s(self) -> float:
        """The phase to count on: write and read reach the logic alike, unless that contradicts a measurement."""
        return max(self.phase_low_s, min(-HANDSHAKE_S, self.phase_high_s - HANDSHAKE_S))

    def polls_for(self, latency_s: float) -> int:
        """The poll that sees a result of this latency."""
        return max(1, math.ceil((latency_s - self.phase_s) / self.period_s - _ROUNDING))

    def overhead_s(self, measured_s: float, latency_s: float) -> float:
        """The time outside the logic at another latency than that at which ``measured_s`` was measured."""
        more_s = (self.polls_for(latency_s) - self.polls) * self.period_s
        return measured_s + more_s - (latency_s - self.latency_s)

    def longest_s(self, measured_s: float, deadline_s: float) -> float:
        """The longest latency that keeps a deadline; 0 where not even the first poll does."""
        outside_s = measured_s + self.latency_s - self.polls * self.period_s
        polls = math.floor((deadline_s - outside_s) / self.period_s + _ROUNDING)
        return polls * self.period_s + self.phase_s if polls > 0 else 0.0

    def after(self, earlier: PollGrid | None) -> PollGrid:
        """With what an earlier measurement of the same board had shown, where the two agree."""
        if earlier is None or abs(earlier.period_s - self.period_s) > _SAME_PERIOD * self.period_s:
            return self
        low_s = max(self.phase_low_s, earlier.phase_low_s)
        high_s = min(self.phase_high_s, earlier.phase_high_s)
        return replace(self, phase_low_s=low_s, phase_high_s=high_s) if low_s < high_s else self
