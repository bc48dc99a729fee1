"""Charts as inline SVG whose colours come from the page's style, so that they follow its colour scheme.

Every chart is drawn three times, for a wide, a medium and a narrow page: scaling one drawing would leave
its text unreadable on a phone or clumsy on a screen.  The style shows one of them; all carry a title and
a description for those who do not see them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ntorc.report.markup import Markup, element, join
from ntorc.report.scales import FloatArray, Histogram, Scale, padded, thinned, tick_label

_CHARACTER = 6.6  # width of a digit at the charts' 12 px
_LEFT, _RIGHT, _TOP, _BOTTOM = 68.0, 24.0, 12.0, 44.0
_ROW = 15.0


@dataclass(frozen=True)
class Size:
    """A drawing's size in its own units, which are pixels where it is not scaled."""

    name: str
    width: float
    height: float


WHOLE_PAGE = (Size("wide", 1080.0, 420.0), Size("medium", 720.0, 380.0), Size("narrow", 328.0, 360.0))
HALF_PAGE = (Size("wide", 520.0, 300.0), Size("medium", 720.0, 300.0), Size("narrow", 328.0, 260.0))


@dataclass(frozen=True)
class Marker:
    """A labelled vertical line."""

    value: float
    label: str


def variants(name: str, title: str, description: str, draw: Callable[[Size], Markup], sizes: Sequence[Size]) -> Markup:
    """The same chart for every size, each with its own title and description.

    Args:
        name: unique in the page; part of the ids.
        title, description: what a reader hears instead of seeing the chart.
        draw: gives the inner markup for a size.
        sizes: `WHOLE_PAGE` or `HALF_PAGE`.
    """
    return join(*(_drawing(f"{name}-{size.name}", title, description, size, draw(size)) for size in sizes))


def _drawing(name: str, title: str, description: str, size: Size, inner: Markup) -> Markup:
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
        inner,
        class_=f"chart {size.name}",
        viewBox=f"0 0 {size.width:g} {size.height:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        xmlns="http://www.w3.org/2000/svg",
    )


def _text(x: float, y: float, words: str, class_: str = "tick", anchor: str = "middle") -> Markup:
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_, text_anchor=anchor)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def _x_axis(scale: Scale, y: float, title: str, *, is_whole: bool = False) -> Markup:
    wanted = max(2, int((scale.end - scale.start) / 70))
    values = [value for value in scale.ticks(wanted) if not is_whole or value == round(value)]
    ticks = _sparse([(scale(value), tick_label(value)) for value in values])
    marks = [join(_line(x, y, x, y + 4, "axis"), _text(x, y + 18, words)) for x, words in ticks]
    return join(
        _line(scale.start, y, scale.end, y, "axis"),
        *marks,
        _text((scale.start + scale.end) / 2, y + 37, title, "label"),
    )


def _sparse(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leave out ticks until no label touches the next."""
    if len(ticks) < 2:
        return ticks
    room = min(b[0] - a[0] for a, b in pairwise(ticks))
    need = max(len(words) for _, words in ticks) * _CHARACTER + 8
    step = max(1, int(-(-need // room)))
    return ticks[step // 2 if len(ticks) <= 3 else 0 :: step]


def _y_axis(scale: Scale, x: float, end: float, title: str) -> Markup:
    wanted = max(3, int(abs(scale.end - scale.start) / 48))
    parts = []
    for value in scale.ticks(wanted):
        y = scale(value)
        parts.append(join(_line(x, y, end, y, "grid"), _text(x - 7, y + 4, tick_label(value), anchor="end")))
    middle = (scale.start + scale.end) / 2
    turned = element(
        "text",
        title,
        x="0",
        y="0",
        class_="label",
        text_anchor="middle",
        transform=f"translate(11 {middle:.1f}) rotate(-90)",
    )
    return join(*parts, turned)


def histogram(
    bins: Histogram,
    size: Size,
    *,
    x_title: str,
    log_x: bool = False,
    log_y: bool = False,
    is_whole: bool = False,
    markers: Sequence[Marker] = (),
) -> Markup:
    """Bars over their bins, with labelled vertical lines that do not overprint each other.

    Args:
        bins: what is drawn; ``log_x`` says that its bins are of equal ratio.
        size: of the drawing.
        x_title: what is counted, with its unit.
        log_x, log_y: logarithmic axes; a single estimate is visible beside a million on ``log_y``.
        is_whole: only whole numbers are marked on the x axis.
        markers: the vertical lines.
    """
    right = size.width - _RIGHT
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    if not log_x and len(bins.counts) < 3:
        low, high = low - 1.4 * (high - low), high + 1.4 * (high - low)  # one bar alone is not a wall
    x = Scale(low, high, _LEFT, right, log_x)
    rows = _rows([(x(marker.value), marker) for marker in markers], right)
    top = _TOP + _ROW * (1 + max((row for _, _, row in rows), default=-1))
    bottom = size.height - _BOTTOM
    most = float(bins.counts.max())
    y = Scale(0.6, most * 1.25, bottom, top, True) if log_y else Scale(0.0, most * 1.06, bottom, top)
    bars = []
    for left, end, number in zip(bins.edges[:-1], bins.edges[1:], bins.counts, strict=True):
        if number:
            start, height = x(float(left)), bottom - y(float(number))
            width = max(x(float(end)) - start - 0.8, 0.8)
            bars.append(
                element(
                    "rect",
                    x=f"{start:.1f}",
                    y=f"{bottom - height:.1f}",
                    width=f"{width:.1f}",
                    height=f"{height:.1f}",
                    class_="bar",
                )
            )
    lines = [_marker(place, marker, row, bottom, right) for place, marker, row in rows]
    return join(
        _y_axis(y, _LEFT, right, "estimates, log scale" if log_y else "estimates"),
        *bars,
        *lines,
        _x_axis(x, bottom, x_title, is_whole=is_whole),
    )


def _rows(places: list[tuple[float, Marker]], right: float) -> list[tuple[float, Marker, int]]:
    """A row for each label, such that labels in one row keep apart."""
    taken: list[list[tuple[float, float]]] = []
    found = []
    for place, marker in places:
        start, end = _extent(place, marker.label, right)
        row = next(
            (index for index, used in enumerate(taken) if all(end + 6 < a or b + 6 < start for a, b in used)),
            len(taken),
        )
        if row == len(taken):
            taken.append([])
        taken[row].append((start, end))
        found.append((place, marker, row))
    return found


def _extent(place: float, label: str, right: float) -> tuple[float, float]:
    width = len(label) * _CHARACTER + 5
    return (place - width, place) if place + width > right else (place, place + width)


def _marker(place: float, marker: Marker, row: int, bottom: float, right: float) -> Markup:
    top = _TOP + _ROW * row
    start, _ = _extent(place, marker.label, right)
    anchor, shift = ("end", -5.0) if start < place else ("start", 5.0)
    return join(
        _line(place, top - 8, place, bottom, "marker"), _text(place + shift, top + 2, marker.label, "note", anchor)
    )


def _curve(x: FloatArray, y: FloatArray, to_x: Scale, to_y: Scale, class_: str) -> Markup:
    thin_x, thin_y = thinned(x, y, max(1, int(to_x.end - to_x.start)))
    points = "L".join(f"{to_x(float(a)):.1f} {to_y(float(b)):.1f}" for a, b in zip(thin_x, thin_y, strict=True))
    return element("path", d=f"M{points}", class_=class_)


def tracking(time_s: FloatArray, truth_v: FloatArray, estimate_v: FloatArray, size: Size) -> Markup:
    """Truth and estimate above, their difference below, over one time axis.  All series [m], m > 0."""
    right, bottom = size.width - _RIGHT, size.height - _BOTTOM
    inner = bottom - _TOP
    split, lower = _TOP + 0.62 * inner, _TOP + 0.70 * inner
    first, last = float(time_s[0]), float(time_s[-1])
    x = Scale(first, last if last > first else first + 1.0, _LEFT, right)
    both = np.concatenate([truth_v, estimate_v])
    upper = Scale(*padded(float(both.min()), float(both.max())), split, _TOP)
    error = estimate_v - truth_v
    reach = max(float(np.abs(error).max()), 1e-6) * 1.1
    below = Scale(-reach, reach, bottom, lower)
    return join(
        _y_axis(upper, _LEFT, right, "position, V"),
        _curve(time_s, estimate_v, x, upper, "estimate"),
        _curve(time_s, truth_v, x, upper, "truth"),
        _y_axis(below, _LEFT, right, "error, V"),
        _curve(time_s, error, x, below, "error"),
        _line(_LEFT, below(0.0), right, below(0.0), "axis"),
        _x_axis(x, bottom, "time, s"),
    )


def curves(
    x: FloatArray, shown: Sequence[tuple[str, FloatArray]], size: Size, *, x_title: str, y_title: str
) -> Markup:
    """Curves over two logarithmic axes.

    Args:
        x: [m], m > 0, rising and positive.
        shown: of each its class (``truth``, ``estimate``) and values [m], positive.
        size: of the drawing.
        x_title, y_title: with units.
    """
    right, bottom = size.width - _RIGHT, size.height - _BOTTOM
    every = np.concatenate([values for _, values in shown])
    to_x = Scale(float(x[0]), float(x[-1]), _LEFT, right, True)
    to_y = Scale(float(every.min()) / 1.5, float(every.max()) * 1.5, bottom, _TOP, True)
    return join(
        _y_axis(to_y, _LEFT, right, y_title),
        *(_curve(x, values, to_x, to_y, class_) for class_, values in shown),
        _x_axis(to_x, bottom, x_title),
    )


def steps(
    x: FloatArray, y: FloatArray, size: Size, *, x_title: str, y_title: str, markers: Sequence[Marker] = ()
) -> Markup:
    """A falling staircase over two logarithmic axes: from each point on its value holds until the next one's.

    Args:
        x, y: of the points [m], m > 0, both positive; ``x`` rising.
        size: of the drawing.
        x_title, y_title: with units.
        markers: labelled vertical lines.
    """
    right, bottom = size.width - _RIGHT, size.height - _BOTTOM
    ends = [float(x[0]), float(x[-1]), *(marker.value for marker in markers)]
    to_x = Scale(min(ends) / 1.1, max(ends) * 1.1, _LEFT, right, True)
    rows = _rows([(to_x(marker.value), marker) for marker in markers], right)
    top = _TOP + _ROW * (1 + max((row for _, _, row in rows), default=-1))
    to_y = Scale(float(y.min()) / 1.1, float(y.max()) * 1.1, bottom, top, True)
    path = [f"M{to_x(float(x[0])):.1f} {to_y(float(y[0])):.1f}"]
    for a, b in zip(x[1:], y[1:], strict=True):
        path.append(f"H{to_x(float(a)):.1f}V{to_y(float(b)):.1f}")
    path.append(f"H{right:.1f}")
    return join(
        _y_axis(to_y, _LEFT, right, y_title),
        *(_marker(place, marker, row, bottom, right) for place, marker, row in rows),
        element("path", d="".join(path), class_="estimate"),
        _x_axis(to_x, bottom, x_title),
    )


@dataclass(frozen=True)
class Mark:
    """How the points of one kind are drawn.

    Attributes:
        shape: ``circle`` or ``square``.
        colour: of the style.
        radius: or half a side.
        joined: whether a staircase joins them, which has to fall.
    """

    shape: str
    colour: str
    radius: float
    joined: bool = False

    def at(self, x: float, y: float) -> Markup:
        """One point."""
        size, style = self.radius, f"fill:{self.colour}"
        if self.shape == "circle":
            return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{size:g}", style=style)
        corner = {"x": f"{x - size:.1f}", "y": f"{y - size:.1f}"}
        return element("rect", width=f"{2 * size:g}", height=f"{2 * size:g}", style=style, **corner)


def scatter(
    groups: Sequence[tuple[Mark, FloatArray, FloatArray]], size: Size, *, x_title: str, y_title: str
) -> Markup:
    """Points over two logarithmic axes.

    Args:
        groups: how, and where: x and y [m] each, positive, at least one point in all.
        size: of the drawing.
        x_title, y_title: with units.
    """
    right, bottom = size.width - _RIGHT, size.height - _BOTTOM
    x, y = (np.concatenate([group[axis] for group in groups]) for axis in (1, 2))
    to_x = Scale(float(x.min()) / 1.1, float(x.max()) * 1.1, _LEFT, right, True)
    to_y = Scale(float(y.min()) / 1.05, float(y.max()) * 1.05, bottom, _TOP, True)
    parts = []
    for mark, xs, ys in groups:
        order = np.argsort(xs)
        points = [(to_x(float(xs[index])), to_y(float(ys[index]))) for index in order]
        if mark.joined:
            path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(f"H{a:.1f}V{b:.1f}" for a, b in points[1:])
            style = f"fill:none;stroke:{mark.colour};stroke-width:1.5"
            parts.append(element("path", d=path, style=style))
        parts += [mark.at(a, b) for a, b in points]
    return join(_y_axis(to_y, _LEFT, right, y_title), *parts, _x_axis(to_x, bottom, x_title))


@dataclass(frozen=True)
class Stairs:
    """One of several staircases: its name, its points ``[m]``, and what each point's figures rest on."""

    name: str
    x: FloatArray
    y: FloatArray
    bases: Sequence[str]


_DASHES = ("", "7 4", "2 3", "9 3 2 3")
_COLOURS = ("var(--accent)", "var(--over)", "var(--io)", "var(--ink)")


def several_steps(
    stairs: Sequence[Stairs], size: Size, *, x_title: str, y_title: str, markers: Sequence[Marker] = ()
) -> Markup:
    """Staircases as `steps` over common axes, told apart by dash and colour, each with a key.

    A point is hollow where its figures are estimates, full where they were synthesised, a diamond where measured.
    """
    right, bottom = size.width - _RIGHT, size.height - _BOTTOM
    ends = [float(end) for one in stairs for end in (one.x[0], one.x[-1])] + [marker.value for marker in markers]
    to_x = Scale(min(ends) / 1.1, max(ends) * 1.1, _LEFT, right, True)
    rows = _rows([(to_x(marker.value), marker) for marker in markers], right)
    top = _TOP + _ROW * (2 + max((row for _, _, row in rows), default=-1))
    lowest, highest = min(float(one.y.min()) for one in stairs), max(float(one.y.max()) for one in stairs)
    to_y = Scale(lowest / 1.1, highest * 1.1, bottom, top, True)
    drawn = []
    for number, one in enumerate(stairs):
        colour = _COLOURS[number % len(_COLOURS)]
        line = f"fill:none;stroke:{colour};stroke-width:1.6;stroke-dasharray:{_DASHES[number % len(_DASHES)] or 'none'}"
        path = [f"M{to_x(float(one.x[0])):.1f} {to_y(float(one.y[0])):.1f}"]
        path += [f"H{to_x(float(a)):.1f}V{to_y(float(b)):.1f}" for a, b in zip(one.x[1:], one.y[1:], strict=True)]
        drawn.append(element("path", d="".join([*path, f"H{right:.1f}"]), style=line))
        drawn += [
            _point(to_x(float(a)), to_y(float(b)), basis, colour)
            for a, b, basis in zip(one.x, one.y, one.bases, strict=True)
        ]
        at = _LEFT + 12 + 190 * number
        drawn.append(element("path", d=f"M{at:.0f} {top - 8:.0f}h26", style=line))
        drawn.append(element("text", one.name, x=f"{at + 32:.0f}", y=f"{top - 4:.0f}", style="fill:var(--ink)"))
    key = "hollow: estimate; full: synthesised; diamond: measured"
    drawn.append(element("text", key, x=f"{_LEFT + 24 + 190 * len(stairs):.0f}", y=f"{top - 4:.0f}"))
    return join(
        _y_axis(to_y, _LEFT, right, y_title),
        *(_marker(place, marker, row, bottom, right) for place, marker, row in rows),
        *drawn,
        _x_axis(to_x, bottom, x_title),
    )


def _point(x: float, y: float, basis: str, colour: str) -> Markup:
    if basis == "measured":
        return element("path", d=f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z", style=f"fill:{colour}")
    fill = colour if basis == "synthesised" else "var(--paper)"
    return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.4", style=f"fill:{fill};stroke:{colour}")
