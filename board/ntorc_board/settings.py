"""What a board is: written once below its root when it is set up over SSH."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ntorc_board.errors import BoardError
from ntorc_board.files import replace_file
from ntorc_board.manifest import BITSTREAM, VIRTUAL, canonical_json

_FILE = "board.json"
SIMULATED = "simulated"
"""In `Settings.logic`: the agent itself starts a simulated logic."""
REAL = "real"


@dataclass(frozen=True)
class Settings:
    """What a board is.

    Attributes:
        board: its name, as ``pynq-z2``.
        part: its device.
        logic: ``real``, ``simulated``, or ``MEMORY,CONTROL,REGSLIB`` of a simulated one that runs.
        access_cycles: cycles that one register access takes, of a simulated logic.
        clock_hz: FCLK0 after power-up, of a simulated logic.
    """

    board: str
    part: str
    logic: str = REAL
    access_cycles: int = 70
    clock_hz: int = 100_000_000

    @property
    def is_simulated(self) -> bool:
        """Whether no real logic is there."""
        return self.logic != REAL

    @property
    def kind(self) -> str:
        """The kind of bundle that fits the logic: see `Manifest.kind`."""
        return VIRTUAL if self.is_simulated else BITSTREAM


def read_settings(root: Path) -> Settings | None:
    """The settings below a root, or None where the board was not set up.

    Raises:
        BoardError: the file is damaged.
    """
    path = root / _FILE
    try:
        fields = json.loads(path.read_bytes())
        return parse_settings(fields)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BoardError(f"{path} is damaged", "remove that file, and set the board up again") from error


def parse_settings(fields: dict[str, Any]) -> Settings:
    """Settings from plain values.

    Raises:
        ValueError, KeyError, TypeError: one is missing or of the wrong kind.
    """
    settings = Settings(
        str(fields["board"]), str(fields["part"]), str(fields["logic"]),
        int(fields.get("access_cycles", Settings.access_cycles)), int(fields.get("clock_hz", Settings.clock_hz)),
    )  # fmt: skip
    if not settings.board or not settings.part or min(settings.access_cycles, settings.clock_hz) < 1:
        raise ValueError("a name is empty or a number not positive")
    if settings.logic not in (REAL, SIMULATED) and settings.logic.count(",") != 2:
        raise ValueError(f"there is no logic {settings.logic!r}")
    return settings


def write_settings(root: Path, settings: Settings) -> None:
    """Set a board up.

    Raises:
        BoardError: it cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        replace_file(root / _FILE, canonical_json(asdict(settings)))
    except OSError as error:
        raise BoardError(f"cannot set the board up in {root}: {error.strerror}", "check the folder") from error
