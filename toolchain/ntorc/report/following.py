"""The estimator: what it is, and how its estimates follow the truth on a held-out trajectory."""

from __future__ import annotations

import numpy as np

from ntorc.report.blocks import Column, facts, figure, folded, inner, paragraph, section, table
from ntorc.report.charts import WHOLE_PAGE, Size, tracking, variants
from ntorc.report.data import ReportData
from ntorc.report.figures import count, duration, volts
from ntorc.report.markup import Markup, element, join

_ROWS = 24


def estimates(data: ReportData) -> Markup:
    """Estimate against truth over time, with its errors."""
    title = "Estimate against truth"
    if data.rmse_v is None:
        return section(
            "tracking",
            title,
            paragraph("This run had no held-out trajectory to compare with.", class_="soft"),
            _about(data),
        )
    error = np.asarray(data.estimate_v - data.truth_v, dtype=np.float64)
    figures = [
        ("RMSE", volts(data.rmse_v)),
        ("Mean absolute error", volts(float(np.abs(error).mean()))),
        ("Mean error", volts(float(error.mean()))),
        ("Largest error", volts(float(np.abs(error).max()))),
    ]
    split = inner(data.summary, "estimator")
    said = f"RMSE {volts(data.rmse_v)} on one held-out trajectory of {duration(_span_s(data))}"
    if isinstance(rmse_v := split.get("rmse_v"), (int, float)):
        said += f"; {volts(float(rmse_v))} on the whole test part"

    def draw(size: Size) -> Markup:
        time_s, truth_v, estimate_v = (
            np.asarray(values, dtype=np.float64) for values in (data.time_s, data.truth_v, data.estimate_v)
        )
        return tracking(time_s, truth_v, estimate_v, size)

    legend = element(
        "ul",
        *(
            element("li", element("b", class_=name, aria_hidden="true"), label)
            for name, label in (("truth", "truth"), ("estimate", "estimate"), ("error", "estimate less truth"))
        ),
        class_="legend",
    )
    return section(
        "tracking",
        title,
        figure(
            join(element("strong", said), "."),
            legend,
            variants("tracking", "Estimate and truth over time", said, draw, WHOLE_PAGE),
            folded(
                "As a table",
                _table(data),
                table([Column("Error over the whole trajectory"), Column("Value", True)], figures, label="Errors"),
            ),
        ),
        _about(data),
    )


def _span_s(data: ReportData) -> float:
    return float(data.time_s[-1] - data.time_s[0])


def _table(data: ReportData) -> Markup:
    """Evenly spaced points of the trajectory."""
    chosen = np.unique(np.linspace(0, len(data.time_s) - 1, _ROWS).round().astype(int))
    columns = [Column("Time", True), Column("Truth", True), Column("Estimate", True), Column("Error", True)]
    rows = [
        (
            f"{data.time_s[i]:.3f}\u00a0s",
            volts(float(data.truth_v[i])),
            volts(float(data.estimate_v[i])),
            volts(float(data.estimate_v[i] - data.truth_v[i])),
        )
        for i in chosen
    ]
    return table(columns, rows, label=f"{count(len(chosen))} points of the trajectory")


def _about(data: ReportData) -> Markup | None:
    if not data.estimator:
        return None
    return join(element("h3", "The estimator"), facts(data.estimator.items()))
