"""What reports of Vivado have in common: a header of ``| Name : value |`` lines, and tables drawn in characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ntorc.errors import DataError

_HEADER = re.compile(r"^\|\s*([A-Z][A-Za-z ]{1,30}?)\s*:\s?(.*?)\s*\|?\s*$")
_VERSION = re.compile(r"v\.?\s*(\d{4}\.\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Heading:
    """Whose report it is.

    Attributes:
        version: of the tool, as ``2023.2``.
        design, device, state: as the report names them; the state says after which step it was made.
        command: that made it.
    """

    version: str
    design: str
    device: str
    state: str
    command: str


@dataclass(frozen=True)
class Row:
    """A table's row: its cells by their column's title; ``indent`` is that of its first cell."""

    indent: int
    cells: dict[str, str]


def heading_of(text: str, name: str) -> Heading:
    """The heading of a report.

    Raises:
        DataError: it has none of Vivado's.
    """
    found: dict[str, str] = {}
    for line in text[:20_000].splitlines()[:60]:
        match = _HEADER.match(line)
        if match is not None:
            found.setdefault(match[1], match[2])
    version = _VERSION.search(found.get("Tool Version", ""))
    if version is None:
        raise DataError(f"{name} is no report of Vivado: it does not say of which version", "run the step again")
    return Heading(
        version[1], found.get("Design", ""), found.get("Device", ""), found.get("Design State", ""),
        found.get("Command", ""),
    )  # fmt: skip


def tables(text: str) -> Iterator[list[Row]]:
    """All tables, in order; rows that do not fit their table's columns are left out."""
    titles: list[str] = []
    rows: list[Row] = []
    for line in text.splitlines():
        if line.startswith("+-"):
            continue
        if not line.startswith("|"):
            if rows:
                yield rows
            titles, rows = [], []
            continue
        cells = line.rstrip().removesuffix("|")[1:].split("|")
        if not titles:
            titles = [cell.strip() for cell in cells]
        elif len(cells) == len(titles):
            first = cells[0].rstrip()
            indent = len(first) - len(first.lstrip())
            rows.append(Row(indent, dict(zip(titles, (cell.strip() for cell in cells), strict=True))))
    if rows:
        yield rows


def count(cell: str, what: str) -> float:
    """A cell's number: not negative, halves allowed; a share in brackets behind it is left out.

    Raises:
        DataError: it is none.
    """
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)(?:\s*\([^)]*\))?", cell)
    if match is None:
        raise DataError(f"{what} is {cell[:40]!r}, and no number", "run the step again")
    return float(match[1])
