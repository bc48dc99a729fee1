"""How numbers are written in a report."""

from __future__ import annotations

from collections.abc import Sequence

from ntorc.units import format_seconds

NO_BREAK = "\u00a0"
MINUS = "\u2212"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(value: float) -> str:
    """A whole number with grouped digits: ``12,345``."""
    return f"{round(value):,}".replace("-", MINUS)


def duration(seconds: float) -> str:
    """A duration in the unit that suits it: ``76.3 µs``."""
    return format_seconds(seconds).replace(" us", " µs").replace(" ", NO_BREAK).replace("-", MINUS)


_UNITS = ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (float("inf"), 1.0, "s"))


def unit_of(seconds: float) -> tuple[float, str]:
    """The factor and the name of the unit that suits a duration."""
    return next((factor, unit) for limit, factor, unit in _UNITS if abs(seconds) < limit)


def aligned(values_s: Sequence[float], reference_s: float) -> list[str]:
    """Durations that stand under each other: one unit and one number of decimals, as suits the reference."""
    factor, unit = unit_of(reference_s)
    digits = len(f"{abs(reference_s) * factor:.0f}")
    decimals = max(1, 4 - digits)
    return [f"{value * factor:,.{decimals}f}{NO_BREAK}{unit}".replace("-", MINUS) for value in values_s]


def percent(share: float) -> str:
    """A share of one: ``12.3 %``; small ones keep two digits that count, large ones lose their decimal."""
    value = 100.0 * share
    if abs(value) >= 999.95:
        written = f"{value:,.0f}"
    else:
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
    """A probability: ``0.05``, and ``2.5 × 10⁻⁴`` for small ones."""
    if value >= 1e-3 or value == 0.0:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    power = "10" + str(int(exponent)).translate(_RAISED)
    return power if mantissa == "1.0" else f"{mantissa}{NO_BREAK}×{NO_BREAK}{power}"
