"""Where and how a front is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ntorc.pipeline.flow import Flow
from ntorc.pipeline.front.fronts import NetworkFront, axis_title
from ntorc.records import write_atomically
from ntorc.report.charts import Marker
from ntorc.report.front_chart import front_svg


def draw_front(flow: Flow, found: NetworkFront, path: Path | None, deadline: str) -> Path:
    """Draw a front to a file, or to one of its own below the store; the deadline that was asked for is marked."""
    need, points = found.requirement, found.front.points
    path = path or flow.root / "fronts" / f"{found.network.name}-{need.board.name}-{need.objective}.svg"
    factor = 1.0 if need.objective == "count" else 100.0
    markers = [Marker(need.deadline_s * 1e6, f"asked: {deadline}")] if deadline else []
    if found.front.knee is not None:
        knee_us = found.deadline_s(found.front.knee) * 1e6
        markers.append(Marker(knee_us, f"knee: {knee_us:.1f} us"))
    text = front_svg(
        np.array([found.deadline_s(point) * 1e6 for point in points]),
        np.array([factor * point.objective for point in points]),
        title=f"{found.network.name} on {need.board.name}: what a deadline costs",
        y_title=axis_title(need.objective),
        markers=markers,
    )
    return write_atomically(path, text.encode())
