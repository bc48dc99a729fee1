"""A front as a picture of its own: one SVG file that follows the reader's colour scheme."""

from __future__ import annotations

from collections.abc import Sequence

from ntorc.report.charts import Marker, Size, steps, variants
from ntorc.report.markup import Markup, element, join
from ntorc.report.scales import FloatArray
from ntorc.report.style import CSS

_SIZE = Size("front", 1080.0, 500.0)
_HEAD = 32.0  # above the chart, for the title


def front_svg(
    deadline_us: FloatArray, cost: FloatArray, *, title: str, y_title: str, markers: Sequence[Marker] = ()
) -> str:
    """The picture's file.

    Args:
        deadline_us, cost: of the points ``[m]``, rising and falling.
        title: of the picture.
        y_title: what the costs are, with their unit.
        markers: deadlines to point out, in microseconds.
    """
    description = (
        f"The least cost of every deadline from {deadline_us[0]:.1f} to {deadline_us[-1]:.1f} microseconds,"
        f" {len(cost)} points, from {cost[0]:.4g} down to {cost[-1]:.4g}."
    )

    def draw(size: Size) -> Markup:
        below = Size(size.name, size.width, size.height - _HEAD)
        chart = steps(deadline_us, cost, below, x_title="deadline, us", y_title=y_title, markers=markers)
        return join(
            element("style", Markup(CSS)),
            element("rect", width=f"{size.width:g}", height=f"{size.height:g}", style="fill:var(--paper)"),
            element("text", title, x="68", y="20", style="fill:var(--ink);font-size:14px;font-weight:600"),
            element("g", chart, transform=f"translate(0 {_HEAD:g})"),
        )

    return variants("front", title, description, draw, [_SIZE]) + "\n"
