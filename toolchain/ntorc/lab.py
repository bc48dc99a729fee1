"""A lab: a simulated board with properties that nothing else is told, so that measuring can find them.

``--target virtual:FILE`` gives a virtual board whose time is simulated with its logic: registers take what the
file says, the loop wakes up as late as it says, and FCLK0 is off by what it says.  The harness measures in that
time, as on a board.  Neither the cost models nor the allocation read the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from ntorc.errors import UsageError

_MOST_STAGES = 64


@dataclass(frozen=True)
class Lab:
    """The truth about a simulated board.

    Attributes:
        name: what its measurements are kept under, beside the board's name.
        target: as the user wrote it, ``virtual:FILE``.
        register_access_s: one register access.
        wake_up_s: from a sleep's end to the loop running, at least.
        jitter_s: mean of the exponential delay that comes on top.
        jitter_max_s: where that delay is cut off.
        seed: of its draws.
        clock_error: FCLK0's true frequency is ``1 + clock_error`` times what it reads back.
        extra_stages: registers between shell and network that no closed form knows.
    """

    name: str
    target: str
    register_access_s: float
    wake_up_s: float
    jitter_s: float
    jitter_max_s: float
    seed: int
    clock_error: float
    extra_stages: int

    def words(self) -> tuple[str, ...]:
        """The virtual PL's options."""
        return (
            "--wake-up-ns", str(round(self.wake_up_s * 1e9)),
            "--jitter-ns", str(round(self.jitter_s * 1e9)),
            "--jitter-max-ns", str(round(self.jitter_max_s * 1e9)),
            "--clock-error-ppb", str(round(self.clock_error * 1e9)),
            "--seed", str(self.seed),
        )  # fmt: skip


def lab_of(target: str) -> Lab | None:
    """The lab that a target's name names, None for any other target.

    Raises:
        UsageError: the file cannot be read or is not a lab.
    """
    kind, _, file = target.partition(":")
    return load_lab(Path(file)) if kind == "virtual" and file else None


def load_lab(path: Path) -> Lab:
    """Read a lab's file.

    Raises:
        UsageError: it cannot be read or is not a lab.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
        io, clock, logic = (dict(plain.get(name, {})) for name in ("io", "clock", "logic"))
        lab = Lab(
            name=str(plain["name"]),
            target=f"virtual:{path}",
            register_access_s=_number(io, "register_access_s", 1e-8, 1e-3),
            wake_up_s=_number(io, "wake_up_s", 0.0, 1.0),
            jitter_s=_number(io, "jitter_s", 0.0, 1.0),
            jitter_max_s=_number(io, "jitter_max_s", 0.0, 1.0),
            seed=int(_number(io, "seed", 1, 2**32)),
            clock_error=_number(clock, "error", -0.5, 0.5),
            extra_stages=int(_number(logic, "extra_stages", 0, _MOST_STAGES)),
        )
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a lab: {error}", 'see "A lab of one\'s own" in docs/guide.md') from error
    if not lab.name.replace("-", "").isalnum():
        raise UsageError(f"{path}: the name {lab.name!r} is not of letters, digits and dashes", "rename it")
    return lab


def _number(table: dict[str, Any], name: str, low: float, high: float) -> float:
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}")
    return float(value)
