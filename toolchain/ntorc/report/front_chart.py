"""A front as a picture of its own: one SVG file that follows the reader's colour scheme."""

from __future__ import annotations

from collections.abc import Sequence

from ntorc.report.charts import Marker, Size, Stairs, several_steps, steps, variants
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
        chart = steps(deadline_us, cost, _below(size), x_title="deadline, us", y_title=y_title, markers=markers)
        return _page(size, title, chart)

    return variants("front", title, description, draw, [_SIZE]) + "\n"


def fronts_svg(stairs: Sequence[Stairs], *, title: str, y_title: str, markers: Sequence[Marker] = ()) -> str:
    """Several fronts in one picture; points are hollow for estimates, full when synthesised, diamonds when measured.

    Args:
        stairs: one a front, deadlines in microseconds.
        title: of the picture.
        y_title: what the costs are, with their unit.
        markers: deadlines to point out, in microseconds.
    """
    described = "; ".join(
        f"{one.name}: {len(one.x)} points from {one.x[0]:.1f} to {one.x[-1]:.1f} microseconds, {one.y[0]:.4g} down to"
        f" {one.y[-1]:.4g}"
        for one in stairs
    )

    def draw(size: Size) -> Markup:
        chart = several_steps(stairs, _below(size), x_title="deadline, us", y_title=y_title, markers=markers)
        return _page(size, title, chart)

    return variants("fronts", title, described, draw, [_SIZE]) + "\n"


def _below(size: Size) -> Size:
    return Size(size.name, size.width, size.height - _HEAD)


def _page(size: Size, title: str, chart: Markup) -> Markup:
    return join(
        element("style", Markup(CSS)),
        element("rect", width=f"{size.width:g}", height=f"{size.height:g}", style="fill:var(--paper)"),
        element("text", title, x="68", y="20", style="fill:var(--ink);font-size:14px;font-weight:600"),
        element("g", chart, transform=f"translate(0 {_HEAD:g})"),
    )
