"""What a board is: its part, capacity, clock, memory map and I/O overhead, one TOML file a board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from ntorc.errors import UsageError
from ntorc.paths import boards_folder
from ntorc.polls import PollGrid


@dataclass(frozen=True)
class IoOverhead:
    """The time of an estimate that is not in the logic; a prior until it is measured.

    Attributes:
        register_access_s: one register access from C.
        accesses_per_estimate: register accesses from the last sample to the result read.
        wake_up_s: from the scheduled release to the loop running, at the wanted quantile.
        source: where the figures come from, for people.
    """

    register_access_s: float
    accesses_per_estimate: int
    wake_up_s: float
    source: str

    @property
    def total_s(self) -> float:
        """The whole overhead of one estimate, in seconds."""
        return self.register_access_s * self.accesses_per_estimate + self.wake_up_s


@dataclass(frozen=True)
class Board:
    """A board as its file describes it.

    Attributes:
        name: as given to ``--board``.
        description: for people.
        part: the device, as ``xc7z020clg400-1``.
        family: the device's family, as ``zynq7``.
        capacity: what the part has: ``lut``, ``ff``, ``dsp``, ``bram18``.
        default_clock_hz: the clock when none is asked for.
        max_clock_hz: the fastest clock that may be asked for.
        shell_base: address of the shell's registers.
        shell_span: bytes of its address range.
        io_overhead: the time of an estimate outside the logic.
    """

    name: str
    description: str
    part: str
    family: str
    capacity: dict[str, int]
    default_clock_hz: float
    max_clock_hz: float
    shell_base: int
    shell_span: int
    io_overhead: IoOverhead

    def check_clock(self, clock_hz: float) -> None:
        """Refuse a clock that this board cannot have.

        Raises:
            UsageError: it is not positive, or above ``max_clock_hz``.
        """
        if not clock_hz > 0:
            raise UsageError(f"a clock of {clock_hz:g} Hz is not positive", "for example --clock-hz 100e6 for 100 MHz")
        if not clock_hz <= self.max_clock_hz:
            raise UsageError(
                f"{self.name} cannot run at {clock_hz / 1e6:g} MHz",
                f"ask for at most {self.max_clock_hz / 1e6:g} MHz",
            )


@dataclass(frozen=True)
class BoardKnowledge:
    """What an allocation assumes about a board, and why.

    Attributes:
        overhead_s: time of an estimate outside the logic, at the wanted share of misses.
        overhead_source: where it comes from, for people.
        clock_ratio: the logic's true clock over the requested one.
        clock_source: likewise.
        offset_cycles: of the logic beyond the closed form.
        offset_source: likewise.
        grid: when results are seen, None where polls fall by chance or were not measured.
        grid_of: the board that it was measured on.
    """

    overhead_s: float
    overhead_source: str
    clock_ratio: float = 1.0
    clock_source: str = "as requested; not measured on this board"
    offset_cycles: int = 0
    offset_source: str = "the closed form; not measured on this board"
    grid: PollGrid | None = None
    grid_of: str = ""


def list_boards(folder: Path | None = None) -> list[str]:
    """The names of all boards, sorted."""
    return sorted(path.stem for path in (folder or boards_folder()).glob("*.toml"))


def load_board(name: str, folder: Path | None = None) -> Board:
    """A board by its name.

    Args:
        name: one of `list_boards`.
        folder: the board files, or None for the product's own.

    Raises:
        UsageError: there is no such board, or its file is wrong; the hint lists the known ones.
    """
    folder = folder or boards_folder()
    known = list_boards(folder)
    if name not in known:
        raise UsageError(f"there is no board {name!r}", f"known boards: {', '.join(known) or 'none'}")
    path = folder / f"{name}.toml"
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
        board = _board(plain)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, _FieldError) as error:
        raise UsageError(f"{path} is not a board file: {error}", "compare it with another board's file") from error
    if board.name != name:
        raise UsageError(f"{path} calls its board {board.name!r}", f"rename the file to {board.name}.toml")
    return board


class _FieldError(Exception):
    """A field of a board's file is missing or of the wrong kind."""


def _board(plain: dict[str, Any]) -> Board:
    clock, memory, overhead = (_table(plain, name) for name in ("clock", "memory_map", "io_overhead"))
    capacity = _table(plain, "capacity")
    return Board(
        name=_text(plain, "name"),
        description=_text(plain, "description"),
        part=_text(plain, "part"),
        family=_text(plain, "family"),
        capacity={name: int(_number(capacity, name)) for name in ("lut", "ff", "dsp", "bram18")},
        default_clock_hz=_number(clock, "default_hz"),
        max_clock_hz=_number(clock, "max_hz"),
        shell_base=int(_number(memory, "shell_base")),
        shell_span=int(_number(memory, "shell_span")),
        io_overhead=IoOverhead(
            register_access_s=_number(overhead, "register_access_s"),
            accesses_per_estimate=int(_number(overhead, "accesses_per_estimate")),
            wake_up_s=_number(overhead, "wake_up_s"),
            source=_text(overhead, "source"),
        ),
    )


def _table(plain: dict[str, Any], name: str) -> dict[str, Any]:
    value = plain.get(name)
    if not isinstance(value, dict):
        raise _FieldError(f"it has no table [{name}]")
    return value


def _text(table: dict[str, Any], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise _FieldError(f"{name} must be a text")
    return value


def _number(table: dict[str, Any], name: str) -> float:
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or value != value:
        raise _FieldError(f"{name} must be a number that is not negative")
    return value
