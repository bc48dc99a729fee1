"""The top of the page: the verdict, the deadline's budget to scale, the figures that matter most, what is not real."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ntorc.backends.base import RESOURCES
from ntorc.measure.measurement import Measurement
from ntorc.report.blocks import Column, inner, paragraph, table
from ntorc.report.data import ReportData
from ntorc.report.figures import aligned, count, duration, megahertz, percent, volts
from ntorc.report.markup import Markup, element, join

_MICROSECONDS = re.compile(r"(?<=\d) us\b")
_MARKS = {"met": "M7 12.5l3.4 3.4L17 8.6", "missed": "M8 8l8 8M16 8l-8 8"}


@dataclass(frozen=True)
class Budget:
    """How the deadline is spent.

    Attributes:
        deadline_s: what was asked for.
        io_s: outside the logic.
        pl_s: in the logic, its longest.
        io_basis, pl_basis: where the two come from.
    """

    deadline_s: float
    io_s: float
    pl_s: float
    io_basis: str
    pl_basis: str

    @property
    def total_s(self) -> float:
        """From the sample's scheduled release to the estimate."""
        return self.io_s + self.pl_s

    @property
    def margin_s(self) -> float:
        """What is left of the deadline; negative when it is exceeded."""
        return self.deadline_s - self.total_s


def budget_of(data: ReportData) -> Budget:
    """The deadline's budget by the verdict's own basis.

    On a virtual board: the board file's I/O overhead and the logic's most cycles at the requested
    clock.  On a board: a high quantile of the loop's measured times, of which the logic's longest time
    is the logic's.
    """
    measured = data.measurement
    pl_s = measured.pl_cycles_max / measured.clock_hz
    pl_basis = f"{count(measured.pl_cycles_max)} cycles at most, at {megahertz(measured.clock_hz)}"
    if data.is_virtual:
        return Budget(
            measured.deadline_s,
            data.allocation.io_overhead_s,
            pl_s,
            "prior from the board's file, not measured",
            f"{pl_basis} as requested",
        )
    name, loop_s = decisive_quantile(measured)
    rest_s = max(loop_s - pl_s, 0.0)
    return Budget(measured.deadline_s, rest_s, pl_s, f"measured: {name} of the loop less the logic", pl_basis)


def decisive_quantile(measured: Measurement) -> tuple[str, float]:
    """The highest reported quantile of the loop, in seconds, that the allowed misses do not excuse."""
    if measured.miss_probability > 1e-2:
        return "p50", measured.loop_s.p50
    if measured.miss_probability > 1e-5:
        return "p99", measured.loop_s.p99
    return "p99.999", measured.loop_s.p99_999


def hero(data: ReportData) -> Markup:
    """Verdict, reason and budget."""
    measured = data.measurement
    state = "met" if measured.verdict == "met" else "missed"
    mark = element(
        "svg",
        element("circle", cx="12", cy="12", r="12"),
        element("path", d=_MARKS[state]),
        viewBox="0 0 24 24",
        aria_hidden="true",
        xmlns="http://www.w3.org/2000/svg",
    )
    where = f"{measured.board}, virtual board" if data.is_virtual else f"{measured.board} at {measured.target}"
    budget = budget_of(data)
    return element(
        "header",
        paragraph(f"ntorc run {data.run} · {where} · {data.allocation.backend} backend", class_="eyebrow"),
        element("h1", mark, f"Deadline {state}", class_="verdict"),
        paragraph(_sentence(data, budget), class_="lead"),
        paragraph("Virtual board: no board was measured", class_="tag") if data.is_virtual else None,
        _bar(budget),
        _key(budget),
        paragraph("Basis of the verdict: ", _MICROSECONDS.sub(" µs", measured.verdict_basis), ".", class_="soft small"),
        class_=state,
    )


def _sentence(data: ReportData, budget: Budget) -> str:
    measured = data.measurement
    if data.is_virtual:
        ready = f"The estimate is ready {duration(budget.total_s)} after its sample"
    else:
        share = decisive_quantile(measured)[0].removeprefix("p")
        ready = f"{share}\u00a0% of the estimates are ready within {duration(budget.total_s)} of their sample"
    if budget.margin_s >= 0.0:
        said = f"{ready}, {duration(budget.margin_s)} before the deadline of {duration(budget.deadline_s)}."
    else:
        said = f"{ready}, {duration(-budget.margin_s)} after the deadline of {duration(budget.deadline_s)}."
    if measured.misses:
        said += f" {count(measured.misses)} of {count(measured.samples)} estimates missed it."
    if measured.overrun:
        said += " The logic lost estimates because one fell due while another was computed."
    return said


def _bar(budget: Budget) -> Markup:
    """The deadline drawn to scale; what exceeds it lies beyond the mark."""
    whole_s = max(budget.deadline_s, budget.total_s)
    parts = [("io", budget.io_s), ("pl", budget.pl_s)]
    if budget.margin_s > 0:
        parts.append(("margin", budget.margin_s))
    due = 100 * budget.deadline_s / whole_s
    spans = [element("span", class_=name, style=f"width:{100 * value / whole_s:.3f}%") for name, value in parts]
    if budget.margin_s < 0:
        spans.append(element("span", class_="late", style=f"left:{due:.3f}%"))
    said = f"Of {duration(budget.deadline_s)}: I/O {duration(budget.io_s)}, logic {duration(budget.pl_s)}, " + (
        f"margin {duration(budget.margin_s)}" if budget.margin_s >= 0 else f"{duration(-budget.margin_s)} too late"
    )
    marked = element("span", class_="due", style=f"left:calc({due:.3f}% - 1px)")
    place = f"right:{100 - due:.3f}%" if due > 60 else f"left:{due:.3f}%"
    ends = element(
        "div",
        element("span", "0", style="left:0"),
        element("span", f"deadline {duration(budget.deadline_s)}", style=place),
        class_="ends",
        aria_hidden="true",
    )
    return join(element("div", *spans, marked, class_="budget", role="img", aria_label=said), ends)


def _key(budget: Budget) -> Markup:
    late = budget.margin_s < 0
    times = aligned([budget.io_s, budget.pl_s, abs(budget.margin_s)], budget.deadline_s)
    rows = [
        ("io", "I/O overhead", budget.io_s, budget.io_basis),
        ("pl", "Logic (PL)", budget.pl_s, budget.pl_basis),
        ("late" if late else "margin", "Over the deadline" if late else "Margin", abs(budget.margin_s), ""),
    ]
    return table(
        [Column("Part of the deadline"), Column("Time", True), Column("Share", True), Column("From", is_prose=True)],
        [
            (
                join(element("span", element("i", class_=name), class_="key", aria_hidden="true"), label),
                written,
                percent(value / budget.deadline_s),
                basis,
            )
            for (name, label, value, basis), written in zip(rows, times, strict=True)
        ],
        label="How the deadline is spent",
        stacks=True,
    )


def key_figures(data: ReportData) -> Markup:
    """The four figures that a reader asks for first."""
    measured, total, device = data.measurement, data.products.total, data.device
    gate = inner(data.summary, "gate")
    if measured.pl_cycles_min == measured.pl_cycles_max:
        cycles = f"{count(measured.pl_cycles_max)} cycles"
        spread = f"all {count(measured.samples)} estimates"
    else:
        cycles = f"{count(measured.pl_cycles_min)} to {count(measured.pl_cycles_max)} cycles"
        spread = f"over {count(measured.samples)} estimates"
    fullest = max(RESOURCES, key=lambda name: _share(getattr(total, name), getattr(device, name)))
    tiles = [("Latency in the logic", cycles, f"predicted {count(data.allocation.latency_cycles)}; {spread}")]
    if data.rmse_v is not None:
        over = f"over {count(len(data.time_s))} estimates"
        tiles.append(("RMSE on the held-out trajectory", volts(data.rmse_v), over))
    tiles.append(
        (
            "Fullest resource",
            percent(_share(getattr(total, fullest), getattr(device, fullest))),
            f"{fullest.upper()} of the {data.allocation.part}, after"
            f" {'place and route' if data.is_routed else 'synthesis'}",
        )
    )
    if gate:
        tiles.append(
            (
                "Outputs unlike the reference",
                str(gate.get("mismatches", "?")),
                f"of {gate.get('vectors', '?')} windows compared bit by bit",
            )
        )
    return element(
        "dl",
        *(
            element("div", element("dt", label), element("dd", value, element("small", note)))
            for label, value, note in tiles
        ),
        class_="figures",
    )


def _share(used: float, available: float) -> float:
    return used / available if available else 0.0


def not_real(data: ReportData) -> Markup:
    """What the figures are not; directly below the verdict."""
    if not data.notes:
        said = "The run declared nothing that was assumed or simulated."
        return element("section", paragraph(said, class_="soft small"), aria_label="What is not real")
    return element(
        "section",
        element("h2", "What is not real here", id="not-real-heading"),
        element("ul", *(element("li", note) for note in data.notes)),
        class_="notice",
        aria_labelledby="not-real-heading",
        id="not-real",
    )
