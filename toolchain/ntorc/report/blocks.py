"""The pieces that sections are made of: tables, lists of facts, figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ntorc.report.markup import Child, Markup, element


@dataclass(frozen=True)
class Column:
    """A table's column: ``is_number`` aligns it right, ``is_prose`` keeps it from becoming too narrow to read."""

    title: Child
    is_number: bool = False
    is_prose: bool = False

    @property
    def class_(self) -> str | None:
        """Its cells' class."""
        if self.is_number:
            return "n"
        return "prose" if self.is_prose else None


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Child]],
    *,
    label: str,
    foot: Iterable[Sequence[Child]] = (),
    above: Markup | None = None,
    stacks: bool = False,
) -> Markup:
    """A table that on a narrow page scrolls in its own frame, or lies each row down as a list.

    Args:
        columns: their titles.
        rows: cells; the first of each row is its header.
        label: what the table is, for those who do not see it.
        foot: rows of totals.
        above: a first row of headers that span columns.
        stacks: lay the rows down on a narrow page; the roles keep it a table for those who hear it.
    """
    head = element(
        "tr", *(element("th", c.title, scope="col", class_=c.class_, role="columnheader") for c in columns), role="row"
    )
    body = [_row(columns, row) for row in rows]
    totals = [_row(columns, row) for row in foot]
    content = element(
        "table",
        element("thead", above, head, role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        element("tfoot", *totals, role="rowgroup") if totals else None,
        class_="stacks" if stacks else "tight" if above else None,
        role="table",
        aria_label=label,
    )
    return element("div", content, class_="scroll", role="region", aria_label=f"{label}, may scroll", tabindex="0")


def _row(columns: Sequence[Column], cells: Sequence[Child]) -> Markup:
    first = element("th", cells[0], scope="row", class_=columns[0].class_, role="rowheader")
    rest = (
        element("td", cell, class_=column.class_, role="cell", data_label=column.title)
        for cell, column in zip(cells[1:], columns[1:], strict=True)
    )
    return element("tr", first, *rest, role="row")


def facts(rows: Iterable[tuple[str, Child]]) -> Markup:
    """Labels with their values, one a line; on a narrow page one above the other."""
    return element(
        "dl", *(element("div", element("dt", label), element("dd", value)) for label, value in rows), class_="facts"
    )


def section(name: str, title: str, *content: Child) -> Markup:
    """A titled part of the page."""
    heading = f"{name}-heading"
    return element("section", element("h2", title, id=heading), *content, id=name, aria_labelledby=heading)


def paragraph(*content: Child, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", *content, class_=class_)


def bullets(lines: Iterable[Child]) -> Markup:
    """A plain list."""
    return element("ul", *(element("li", line) for line in lines), class_="plain")


def folded(summary: str, *content: Child) -> Markup:
    """Content that opens on demand, without any script."""
    return element("details", element("summary", summary), *content)


def figure(title: Child, *content: Child) -> Markup:
    """A chart with its title and what belongs to it."""
    return element("figure", element("figcaption", title), *content)


def code(value: object) -> Markup:
    """An identifier."""
    return element("code", value)


def inner(mapping: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An object inside the summary; empty when the run did not get that far."""
    value = mapping.get(name)
    return value if isinstance(value, Mapping) else {}
