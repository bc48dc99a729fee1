"""How numbers are written in a report."""

from __future__ import annotations

from ntorc.units import format_seconds

NO_BREAK = "\u00a0"
MINUS = "\u2212"


def count(value: float) -> str:
    """A whole number with grouped digits: ``12,345``."""
    return f"{round(value):,}".replace("-", MINUS)


def duration(seconds: float) -> str:
    """A duration in the unit that suits it: ``76.3 µs``."""
    return format_seconds(seconds).replace(" us", " µs").replace(" ", NO_BREAK).replace("-", MINUS)


def percent(share: float) -> str:
    """A share of one: ``12.3 %``; small ones keep two digits that count."""
    value = 100.0 * share
    written = f"{value:.1f}" if abs(value) >= 1.0 or value == 0.0 else f"{value:.2g}"
    return written.replace("-", MINUS) + NO_BREAK + "%"


def signed(value: float) -> str:
    """A whole difference with its sign; zero is ``0``."""
    return f"{'+' if round(value) > 0 else ''}{count(value)}"


def megahertz(frequency_hz: float) -> str:
    """A clock: ``100 MHz``."""
    return f"{frequency_hz / 1e6:.6g}{NO_BREAK}MHz"


def volts(value_v: float) -> str:
    """A voltage to the millivolt's tenth: ``0.1692 V``."""
    return f"{value_v:.4f}{NO_BREAK}V".replace("-", MINUS)


def probability(value: float) -> str:
    """A probability: ``3.0e-4`` for small ones."""
    return f"{value:.2g}".replace("-", MINUS)
