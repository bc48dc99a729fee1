"""``report_utilization`` of Vivado 2019.1 to 2024.2, flat and by hierarchy, for both Zynq families."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ntorc.backends.base import Resources
from ntorc.backends.reports.tables import Heading, Row, count, heading_of, tables
from ntorc.errors import DataError

# rows of the flat report: 7 series, UltraScale+
_LUT = ("Slice LUTs", "CLB LUTs")
_FF = ("Slice Registers", "CLB Registers")
_APPENDED = re.compile(r"__(?:parameterized|xdcDup__)\d+$")
_RAMB36, _RAMB18, _DSP = ("RAMB36/FIFO",), ("RAMB18",), ("DSPs",)


@dataclass(frozen=True)
class UtilisationReport:
    """What a whole design uses.

    Attributes:
        heading: whose report it is; its state says whether it was placed.
        used: a block RAM of 36 Kb counts as two of 18 Kb.
        available: of the device.
    """

    heading: Heading
    used: Resources
    available: Resources

    @property
    def is_placed(self) -> bool:
        """After place and route, or at least after placement."""
        return any(word in self.heading.state.lower() for word in ("placed", "rout"))


@dataclass(frozen=True)
class Instance:
    """A row of the report by hierarchy: an instance with what is below it."""

    name: str
    module: str
    depth: int
    used: Resources


def parse_utilisation(text: str, name: str = "the report") -> UtilisationReport:
    """The flat report.

    Raises:
        DataError: it is none, or lacks a resource.
    """
    heading = heading_of(text, name)
    rows: dict[str, Row] = {}
    for table in tables(text):
        for row in table:
            site = row.cells.get("Site Type", "").rstrip("*").strip()
            if site and "Used" in row.cells:
                rows.setdefault(site, row)
    return UtilisationReport(heading, _resources(rows, "Used", name), _resources(rows, "Available", name))


def _resources(rows: dict[str, Row], column: str, name: str) -> Resources:
    def of(sites: tuple[str, ...], needed: bool = True) -> float:
        for site in sites:
            if site in rows and rows[site].cells.get(column):
                return count(rows[site].cells[column], f"{name}: {column} of {site}")
        if needed:
            raise DataError(f"{name} has no row {sites[0]!r}", "give a report of `report_utilization`")
        return 0.0

    ramb36 = 2.0 * of(_RAMB36)
    # of what there is, each block is counted twice: as one of 36 Kb, or as two of 18 Kb
    bram18 = ramb36 if column == "Available" else ramb36 + of(_RAMB18)
    return Resources(of(_LUT), of(_FF), of(_DSP), bram18)


def parse_hierarchy(text: str, name: str = "the report") -> tuple[Instance, ...]:
    """The report by hierarchy, the top first; modules are as in the sources, without what synthesis appended.

    Raises:
        DataError: it is none.
    """
    heading_of(text, name)
    for table in tables(text):
        columns = table[0].cells
        if "Instance" in columns and "Module" in columns:
            return tuple(_instance(row, name) for row in table if not row.cells["Instance"].startswith("("))
    raise DataError(f"{name} has no table by hierarchy", "give a report of `report_utilization -hierarchical`")


def _instance(row: Row, name: str) -> Instance:
    def of(*titles: str) -> float:
        for title in titles:
            if title in row.cells:
                return count(row.cells[title], f"{name}: {title} of {row.cells['Instance'][:60]}")
        raise DataError(f"{name} has no column {titles[0]!r}", "give a report of `report_utilization -hierarchical`")

    bram18 = 2.0 * of("RAMB36") + of("RAMB18")
    used = Resources(of("Total LUTs"), of("FFs"), of("DSP Blocks", "DSP48 Blocks"), bram18)
    module = _APPENDED.sub("", row.cells["Module"])
    return Instance(row.cells["Instance"], module, max(row.indent - 1, 0) // 2, used)
