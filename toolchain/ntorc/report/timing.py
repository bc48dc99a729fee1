"""Latencies: the three figures side by side, and their histograms."""

from __future__ import annotations

import numpy as np

from ntorc.measure.statistics import Quantiles
from ntorc.report.blocks import Column, figure, folded, paragraph, section, table
from ntorc.report.charts import HALF_PAGE, Marker, Size, histogram, variants
from ntorc.report.data import ReportData
from ntorc.report.figures import aligned, count, duration, probability, unit_of
from ntorc.report.markup import Markup, element, join
from ntorc.report.scales import Histogram, integer_histogram, time_histogram


def latency(data: ReportData) -> Markup:
    """PL, driver and loop with their quantiles, then the histograms of PL cycles and loop times."""
    measured = data.measurement
    own = _whose(data, ", of this computer and not of a board", ", of a simulated board")
    requested = ", at the requested clock" if data.is_virtual else ""
    rows = [
        _row("PL", f"the logic's cycles{requested}", measured.pl_s),
        _row("Driver", f"last sample written to estimate known{own}", measured.driver_s),
        _row("Loop", f"scheduled release to estimate known{own}", measured.loop_s),
    ]
    numbers = [Column(name, True) for name in ("p50", "p99", "p99.999", "max")]
    columns = [Column("Time"), *numbers, Column("What it is", is_prose=True)]
    return section(
        "latency",
        "Latency",
        paragraph(_counts(data), class_="soft small"),
        paragraph(_statement(data), class_="soft small"),
        table(columns, rows, label="Latency quantiles", stacks=True),
        _probe(data),
        element("div", _cycles(data), _loop(data), class_="charts"),
    )


def _whose(data: ReportData, computer: str, simulated: str) -> str:
    """What to say of times that are no real board's; a simulated board's are judged, this computer's are not."""
    if not data.is_virtual:
        return ""
    return computer if data.measurement.overhead is None else simulated


def _probe(data: ReportData) -> Markup | None:
    """The shell's own counts beside those of the records."""
    probe = data.measurement.probe
    if probe is None:
        return None
    records = data.pl_cycles
    deadline = probe.deadline_cycles
    late = int(np.count_nonzero(records > deadline)) if deadline is not None else 0
    rows = [
        ("Results", count(probe.counted), count(data.measurement.samples)),
        ("Smallest latency, cycles", count(probe.latency_min), count(int(records.min()))),
        ("Largest latency, cycles", count(probe.latency_max), count(int(records.max()))),
    ]
    if deadline is not None:
        rows.append((f"Results over {count(deadline)} cycles", count(probe.missed), count(late)))
    for lower, number in probe.histogram:
        name = count(lower) if probe.width == 1 else f"{count(lower)} to {count(lower + probe.width - 1)}"
        inside = np.count_nonzero((records >= lower) & (records < lower + probe.width))
        rows.append((f"Histogram, {name} cycles", count(number), count(int(inside))))
    said = "both agree" if probe.agrees else f"they disagree: {'; '.join(probe.differences)}"
    return folded(
        f"The shell\u2019s own probe beside the records: {said}",
        table([Column("Of the logic"), Column("Probe", True), Column("Records", True)], rows, label="Probe"),
    )


def _row(name: str, meaning: str, times: Quantiles) -> list[str]:
    return [name, *aligned([times.p50, times.p99, times.p99_999, times.max], times.p50), meaning]


def _counts(data: ReportData) -> str:
    measured = data.measurement
    pace = f"a sample every {duration(measured.period_s)}" if measured.period_s else "as fast as the logic answered"
    lost = ", ".join(
        f"{count(number)} {what}"
        for number, what in (
            (measured.torn, "torn"),
            (measured.timeouts, "timed out"),
            (measured.skipped, "after lost ones"),
        )
        if number
    )
    return (
        f"{count(measured.samples)} estimates, one every {count(measured.hop_samples)} samples, {pace};"
        f" {lost or 'all delivered whole'}. {count(measured.misses)} missed the deadline: at 95\u00a0% confidence the"
        f" probability of a miss is at most {probability(measured.miss_bound)}, and"
        f" {probability(measured.miss_probability)} was allowed."
    )


def _statement(data: ReportData) -> str:
    said = data.measurement.statement
    return "" if said is None else f"{said.text[0].upper()}{said.text[1:]}."


def _cycles(data: ReportData) -> Markup:
    bins = integer_histogram(data.pl_cycles)
    low, high = int(data.pl_cycles.min()), int(data.pl_cycles.max())
    several = low != high
    said = (
        f"between {count(low)} and {count(high)} cycles"
        if several
        else f"exactly {count(low)} cycles in all {count(len(data.pl_cycles))} estimates"
    )
    predicted = data.allocation.latency_cycles
    markers = [Marker(predicted, f"predicted {count(predicted)}")] if low <= predicted <= high else []

    def draw(size: Size) -> Markup:
        return histogram(bins, size, x_title="PL cycles", log_y=several, is_whole=True, markers=markers)

    labels = [
        (
            count(left + 0.5) if end - left == 1 else f"{count(left + 0.5)} to {count(end - 0.5)}",
            count(number),
        )
        for left, end, number in zip(bins.edges[:-1], bins.edges[1:], bins.counts, strict=True)
        if number
    ]
    return figure(
        join(element("strong", "Cycles in the logic"), f": {said}"),
        variants("cycles", "Histogram of PL cycles", said, draw, HALF_PAGE),
        folded("As a table", table([Column("Cycles"), Column("Estimates", True)], labels, label="PL cycles")),
    )


def _loop(data: ReportData) -> Markup:
    bins, is_log = time_histogram(np.asarray(data.loop_s, dtype=np.float64))
    times = data.measurement.loop_s
    factor, unit = unit_of(times.p50)
    scaled = Histogram(bins.edges * factor, bins.counts)
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    wanted = [(times.p50, "p50"), (times.p99, "p99"), (times.p99_999, "p99.999"), (times.max, "max")]
    if times.p99_999 == times.max:
        wanted[2:] = [(times.max, "p99.999 = max")]
    if data.measurement.overhead is not None:
        wanted.append((data.measurement.deadline_s, "deadline"))
    markers = [Marker(value * factor, label) for value, label in wanted if low <= value <= high]

    def draw(size: Size) -> Markup:
        title = f"loop time, {unit}{', log scale' if is_log else ''}"
        return histogram(scaled, size, x_title=title, log_x=is_log, log_y=True, markers=markers)

    said = f"half within {duration(times.p50)}, all within {duration(times.max)}"
    whose = _whose(data, " (this computer’s)", " (a simulated board’s)")
    rows = [
        (" to ".join(aligned([left, end], times.p50)), count(number))
        for left, end, number in zip(bins.edges[:-1], bins.edges[1:], bins.counts, strict=True)
        if number
    ]
    return figure(
        join(element("strong", f"Loop time{whose}"), f": {said}"),
        variants("loop", "Histogram of the loop's times", said, draw, HALF_PAGE),
        folded("As a table", table([Column("Loop time"), Column("Estimates", True)], rows, label="Loop times")),
    )
