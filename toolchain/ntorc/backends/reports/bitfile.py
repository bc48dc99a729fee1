"""The header of a Xilinx ``.bit`` file: whose design it is, for which part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ntorc.errors import DataError

_MAGIC = bytes.fromhex("0ff00ff00ff00ff000")
_KEYS = {b"a": "design", b"b": "part", b"c": "date", b"d": "time"}
_HEADER_BYTES = 8192


@dataclass(frozen=True)
class BitHeader:
    """The fields of a header.

    Attributes:
        design: the top module, with what the tool appended cut off.
        part: without the family's ``xc``, as ``7z020clg400``; the speed grade is not in it.
        user_id: 32 bits that the design was given, or None.
        version: of the tool, or empty.
        length: bytes of configuration data.
    """

    design: str
    part: str
    user_id: int | None
    version: str
    length: int


def read_bit_header(path: Path) -> BitHeader:
    """The header, checked against the file's length.

    Raises:
        DataError: it is no such file, or it was cut off.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", "run the step again") from error
    return bit_header(head, size, str(path))


def bit_header(head: bytes, size: int, name: str = "the file") -> BitHeader:
    """The same from a file's first bytes and its length."""
    wrong = DataError(f"{name} is not a whole .bit file", "make the bitstream again")
    start = int.from_bytes(head[:2], "big") + 2
    if head[2 : 2 + len(_MAGIC)] != _MAGIC or head[start : start + 2] != b"\x00\x01":
        raise wrong
    at, fields = start + 2, {}
    while head[at : at + 1] in _KEYS:
        length = int.from_bytes(head[at + 1 : at + 3], "big")
        value = head[at + 3 : at + 3 + length]
        if len(value) != length:
            raise wrong
        fields[_KEYS[head[at : at + 1]]] = value.rstrip(b"\0").decode("ascii", errors="replace")
        at += 3 + length
    length = int.from_bytes(head[at + 1 : at + 5], "big")
    if head[at : at + 1] != b"e" or len(head) < at + 5 or length == 0 or size < at + 5 + length:
        raise wrong
    design, *rest = fields.get("design", "").split(";")
    named = dict(item.split("=", 1) for item in rest if "=" in item)
    user = re.fullmatch(r"(?:0X)?([0-9A-F]{1,8})", named.get("UserID", "").upper())
    return BitHeader(
        design, fields.get("part", ""), int(user[1], 16) if user is not None else None, named.get("Version", ""), length
    )
