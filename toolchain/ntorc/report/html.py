"""The report of a run: one HTML file that needs no network and no script.

Equal data give equal bytes.  A content security policy inside the page forbids everything but its own
inline style, so that no name in it can load or run anything.
"""

from __future__ import annotations

from pathlib import Path

from ntorc.records import write_atomically
from ntorc.report.costs import calibration, comparison, layers
from ntorc.report.data import ReportData
from ntorc.report.following import estimates
from ntorc.report.markup import Markup, element, join
from ntorc.report.provenance import provenance
from ntorc.report.style import CSS
from ntorc.report.timing import latency
from ntorc.report.verdict import hero, key_figures, not_real

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(data: ReportData) -> str:
    """The report as one HTML document.

    Raises:
        UsageError: the board is not known and ``data.capacity`` does not say what the device has.
    """
    verdict = "met" if data.measurement.verdict == "met" else "missed"
    title = f"Deadline {verdict}: {data.measurement.board}, run {data.run}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(CSS)),
    )
    body = element(
        "body",
        element(
            "main",
            hero(data),
            not_real(data),
            key_figures(data),
            comparison(data),
            latency(data),
            estimates(data),
            layers(data),
            calibration(data),
            provenance(data),
            element("footer", f"ntorc report of run {data.run}, made {data.created}. Needs no network."),
        ),
    )
    page = element("html", head, body, lang="en")
    return join(Markup("<!DOCTYPE html>\n"), page, Markup("\n"))


def write_report(data: ReportData, path: Path) -> Path:
    """Write the report to ``path`` atomically.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    return write_atomically(path, render(data).encode("utf-8"))
