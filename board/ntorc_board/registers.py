"""The shell's register map as ``registers.json`` describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntorc_board.errors import BoardError

MAP_FILE = Path(__file__).with_name("registers.json")
"""The register map that this version of the shell has."""
_ACCESS = ("RO", "RW", "WO")


@dataclass(frozen=True)
class Field:
    """One bit of a register."""

    name: str
    bit: int
    description: str


@dataclass(frozen=True)
class Register:
    """A 32-bit register, or ``count`` of them, each ``stride`` bytes after the one before.

    Attributes:
        name: in upper case.
        offset: bytes from the shell's base.
        access: ``RO``, ``RW`` or ``WO``.
    """

    name: str
    offset: int
    access: str
    description: str
    fields: tuple[Field, ...] = ()
    count: int = 1
    stride: int = 4


def load_registers(path: Path = MAP_FILE) -> list[Register]:
    """The registers of a map, in its order.

    Raises:
        BoardError: the file is not such a map.
    """
    try:
        plain = json.loads(path.read_bytes())
        registers = [_register(item) for item in plain["registers"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BoardError(f"{path} is not a register map: {error}", "build the bundle again") from error
    return registers


def _register(item: dict[str, Any]) -> Register:
    fields = tuple(Field(str(f["name"]), int(f["bit"]), str(f["description"])) for f in item.get("fields", ()))
    register = Register(
        str(item["name"]),
        int(item["offset"]),
        str(item["access"]),
        str(item["description"]),
        fields,
        int(item.get("count", 1)),
        int(item.get("stride", 4)),
    )
    if register.access not in _ACCESS or register.offset < 0 or register.offset % 4 or register.count < 1:
        raise ValueError(f"register {register.name} has an access, offset or count that cannot be")
    return register
