"""What a search found, as a picture of its own: clouds of points over logarithmic axes, panels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ntorc.report.charts import Mark, Size, scatter, variants
from ntorc.report.markup import Markup, element, join
from ntorc.report.scales import FloatArray
from ntorc.report.style import CSS

_WIDTH, _HEIGHT, _HEAD = 1180.0, 520.0, 58.0
_MARKS = {
    "front": Mark("circle", "var(--accent)", 5.0, joined=True),
    "point": Mark("circle", "var(--accent)", 5.0),
    "other": Mark("circle", "var(--io)", 3.0),
    "paper": Mark("square", "var(--marker)", 4.0),
}


@dataclass(frozen=True)
class Cloud:
    """Points of one kind.

    Attributes:
        name: for the legend.
        kind: ``front``, whose points a staircase joins, ``point``, ``other`` or ``paper``.
        x, y: shape [m], positive.
    """

    name: str
    kind: str
    x: FloatArray
    y: FloatArray


def search_svg(title: str, y_title: str, panels: Sequence[tuple[str, Sequence[Cloud]]]) -> str:
    """The picture's file.

    Args:
        title: of the picture.
        y_title: of the axis that all panels share.
        panels: title of the other axis and clouds of each; clouds may be empty, not all of them.
    """
    width = _WIDTH / len(panels)
    named = {cloud.name: cloud.kind for cloud in panels[0][1] if len(cloud.x)}
    counts = ", ".join(f"{len(cloud.x)} of {cloud.name}" for cloud in panels[0][1])
    below = Size("panel", width, _HEIGHT - _HEAD)

    def draw(_: Size) -> Markup:
        parts = [
            element("style", Markup(CSS)),
            element("rect", width=f"{_WIDTH:g}", height=f"{_HEIGHT:g}", style="fill:var(--paper)"),
            element("text", title, x="68", y="20", style="fill:var(--ink);font-size:14px;font-weight:600"),
            *_legend(named),
        ]
        for place, (x_title, clouds) in enumerate(panels):
            groups = [(_MARKS[cloud.kind], cloud.x, cloud.y) for cloud in clouds if len(cloud.x)]
            if groups:
                chart = scatter(groups, below, x_title=x_title, y_title=y_title)
                parts.append(element("g", chart, transform=f"translate({place * width:g} {_HEAD:g})"))
        return join(*parts)

    return variants("search", title, f"Error against cost: {counts}.", draw, [Size("search", _WIDTH, _HEIGHT)]) + "\n"


def _legend(named: dict[str, str]) -> list[Markup]:
    parts, x = [], 68.0
    for name, kind in named.items():
        parts.append(_MARKS[kind].at(x + 5, 40.0))
        parts.append(element("text", name, x=f"{x + 16:g}", y="44", class_="tick", text_anchor="start"))
        x += 40 + 6.6 * len(name)
    return parts
