"""The three intervals of a measurement as one picture: linear time, logarithmic counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ntorc.measure.measurement import Measurement
from ntorc.measure.records import SKIPPED, TIMEOUT, TORN, Records
from ntorc.report.charts import Marker, Size, histogram
from ntorc.report.figures import unit_of
from ntorc.report.markup import Markup, element
from ntorc.report.scales import Histogram, integer_histogram
from ntorc.report.style import PICTURE_CSS

_PANEL = Size("picture", 720.0, 260.0)
_HEAD = 30.0
_BINS = 80


def intervals_picture(measurement: Measurement, records: Records) -> str:
    """A whole SVG file: PL cycles, driver and loop, one below the other; it follows the reader's colour scheme."""
    whole = ~records.having(TIMEOUT | TORN | SKIPPED)
    own = " (this computer's, not a board's)" if measurement.overhead is None else ""
    cycles = records.table["pl_cycles"][whole].astype(np.int64)
    panels = [("Logic, by its probe", _cycles(cycles))]
    deadline_s = None if measurement.overhead is None else measurement.deadline_s
    driver_s, loop_s = records.driver_ns[whole] * 1e-9, records.loop_ns[whole] * 1e-9
    panels.append((f"Driver: sample written to estimate known{own}", _times(driver_s, None)))
    panels.append((f"Loop: scheduled release to estimate known{own}", _times(loop_s, deadline_s)))
    height = len(panels) * (_PANEL.height + _HEAD)
    parts = []
    for row, (title, drawing) in enumerate(panels):
        top = row * (_PANEL.height + _HEAD)
        heading = element("text", title, x="12", y=f"{_HEAD - 10:.0f}", class_="label")
        inner = element("g", drawing, transform=f"translate(0 {_HEAD:.0f})")
        parts.append(element("g", heading, inner, transform=f"translate(0 {top:.0f})"))
    svg = element(
        "svg",
        element("title", f"Latencies of {measurement.samples} estimates of design {measurement.design_id}"),
        element("style", Markup(PICTURE_CSS)),
        element("rect", width=f"{_PANEL.width:.0f}", height=f"{height:.0f}", class_="paper"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_PANEL.width:.0f} {height:.0f}",
        width=f"{_PANEL.width:.0f}",
        height=f"{height:.0f}",
        role="img",
    )
    return f"{svg}\n"


def _cycles(cycles: npt.NDArray[np.int64]) -> Markup:
    bins = integer_histogram(cycles)
    markers = [Marker(float(cycles.max()), "largest seen")]
    return histogram(bins, _PANEL, x_title="cycles", log_y=True, is_whole=True, markers=markers)


def _times(seconds: npt.NDArray[np.float64], deadline_s: float | None) -> Markup:
    largest = float(seconds.max())
    factor, unit = unit_of(largest)
    shown = [Marker(largest * factor, "largest seen")]
    high = largest
    if deadline_s is not None and deadline_s <= 3.0 * largest:
        shown.append(Marker(deadline_s * factor, "deadline"))
        high = max(high, deadline_s)
    low = float(seconds.min())
    room = max((high - low) * 0.03, 1e-9)
    counts, edges = np.histogram(seconds, _BINS, (max(low - room, 0.0), high + room))
    bins = Histogram(edges * factor, counts.astype(np.int64))
    return histogram(bins, _PANEL, x_title=f"time, {unit}", log_y=True, markers=shown)
