"""The noun Deployment: a bundle confirmed on a target, with what it replaced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SelfTestResult:
    """The board's own comparison with the bundle's stored results."""

    vectors: int
    mismatches: int


@dataclass(frozen=True)
class Deployment:
    """A confirmed design.

    Attributes:
        target: ``virtual``, or the board's address.
        board: the board's name.
        design_id: 16 hex digits, as the logic's own registers give it.
        digest: SHA-256 (hex) of the bundle's manifest.
        slot: ``a`` or ``b``.
        replaced: design id of what was confirmed before, or None.
        self_test: the comparison that came before it was confirmed.
        clock_requested_hz: the clock that the design was made for.
        clock_set_hz: FCLK0 as it was set: the highest that its dividers give, not above the requested one.
        clock_read_back_hz: FCLK0 as it reads back.
        agent_version: version of the on-board agent.
        pynq_version: version of pynq on the board.
    """

    target: str
    board: str
    design_id: str
    digest: str
    slot: str
    replaced: str | None
    self_test: SelfTestResult
    clock_requested_hz: float
    clock_set_hz: float
    clock_read_back_hz: float
    agent_version: str
    pynq_version: str
