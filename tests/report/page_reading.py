"""Reading a report strictly: as XML, which the report is, and by what its reader sees."""

from __future__ import annotations

from xml.etree import ElementTree

DOCTYPE = "<!DOCTYPE html>\n"


def parse(page: str) -> ElementTree.Element:
    """The page's root; anything not well-formed is an error."""
    assert page.startswith(DOCTYPE)
    root = ElementTree.fromstring(page.removeprefix(DOCTYPE))
    for item in root.iter():
        item.tag = item.tag.rpartition("}")[2]  # SVG's namespace
    return root


def words(item: ElementTree.Element | None) -> str:
    """An element's text with single spaces."""
    assert item is not None
    return " ".join("".join(item.itertext()).split())


def by_id(root: ElementTree.Element, name: str) -> ElementTree.Element:
    """The one element with this id."""
    found = [item for item in root.iter() if item.get("id") == name]
    assert len(found) == 1, f"{len(found)} elements with id {name}"
    return found[0]


def tables(root: ElementTree.Element, label: str) -> list[list[str]]:
    """The body and foot rows of the table with this label."""
    found = [item for item in root.iter("table") if item.get("aria-label") == label]
    assert len(found) == 1, f"{len(found)} tables called {label}"
    rows = [row for part in ("tbody", "tfoot") for body in found[0].iter(part) for row in body.iter("tr")]
    return [[words(cell) for cell in row] for row in rows]
