"""Spectra of runs as a picture of its own."""

from __future__ import annotations

from ntorc.report.charts import Size, curves, variants
from ntorc.report.markup import Markup, element, join
from ntorc.report.scales import FloatArray
from ntorc.report.style import CSS

_SIZE = Size("spectra", 1080.0, 500.0)
_HEAD = 32.0


def spectra_svg(frequency_hz: FloatArray, first: tuple[str, FloatArray], second: tuple[str, FloatArray] | None) -> str:
    """Power spectral densities in V2/Hz over one frequency axis, both logarithmic.

    Args:
        frequency_hz: [m], rising, positive.
        first, second: name and densities [m], positive.
    """
    shown = [("truth", first[1])] + ([("estimate", second[1])] if second else [])
    names = f"{first[0]} (dark)" + (f" and {second[0]} (blue)" if second else "")
    title = f"Acceleration: {names}, median spectrum of the runs"

    def draw(size: Size) -> Markup:
        below = Size(size.name, size.width, size.height - _HEAD)
        chart = curves(frequency_hz, shown, below, x_title="frequency, Hz", y_title="V\u00b2/Hz")
        return join(
            element("style", Markup(CSS)),
            element("rect", width=f"{size.width:g}", height=f"{size.height:g}", style="fill:var(--paper)"),
            element("text", title, x="68", y="20", style="fill:var(--ink);font-size:14px;font-weight:600"),
            element("g", chart, transform=f"translate(0 {_HEAD:g})"),
        )

    return variants("spectra", title, f"{title}, {len(frequency_hz)} frequencies.", draw, [_SIZE]) + "\n"
