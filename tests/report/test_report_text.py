"""Whatever text a run carries, a report stays one well-formed page that says just that text."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reading import by_id, parse, words
from report_samples import sample

from ntorc.backends.base import Resources
from ntorc.report.data import ReportData
from ntorc.report.figures import aligned, count, duration, percent, probability, signed
from ntorc.report.html import render
from ntorc.report.markup import Markup, element, text

ANYTHING = st.text(st.characters(), max_size=40)
SMALL = sample(points=40)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><b>",
    "]]>",
    "&lt;",
    "<!--",
    "a\u202eb",
    "\x00\x1b[31m",
    "\ud800",
    "it's",
]


def with_text(value: str) -> ReportData:
    """A report that has this text wherever a text comes from outside."""
    layer = replace(SMALL.allocation.layers[0], layer=value, kind=value, basis=value)
    allocation = replace(
        SMALL.allocation,
        board=value,
        part=value,
        backend=value,
        solver=value,
        network=value,
        layers=(layer, *SMALL.allocation.layers[1:]),
    )
    environment = replace(SMALL.measurement.environment, kernel=value, cpu=value, governor=value, scheduler=value)
    measurement = replace(SMALL.measurement, board=value, verdict_basis=value, environment=environment)
    part = replace(SMALL.products.parts[0], subject=value, tool=value)
    deployment = replace(
        SMALL.deployment,
        target=value,
        board=value,
        design_id=value,
        digest=value,
        slot=value,
        replaced=value,
        agent_version=value,
        pynq_version=value,
    )
    return replace(
        SMALL,
        run=value,
        created=value,
        command=value,
        estimator={value: value},
        calibration=(value,),
        notes=(value,),
        summary={**SMALL.summary, "timings_s": {value: 1.0}, "gate": {"vectors": value, "mismatches": value}},
        allocation=allocation,
        measurement=measurement,
        deployment=deployment,
        capacity=Resources(10, 10, 10, 10),
        products=replace(SMALL.products, parts=(part, *SMALL.products.parts[1:]), tool=value),
    )


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """The page's elements with the names of their attributes."""
    return [(item.tag, tuple(sorted(item.keys()))) for item in parse(page).iter()]


PLAIN_SHAPE = shape(render(with_text("plain")))


@settings(max_examples=25)
@given(ANYTHING)
def test_no_text_adds_or_removes_an_element(value: str) -> None:
    value = f"x{value}"  # empty texts have their own words in some places
    page = render(with_text(value))
    page.encode("utf-8")
    assert shape(page) == PLAIN_SHAPE


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_names_are_shown_and_do_nothing(value: str) -> None:
    page = render(with_text(value))
    page.encode("utf-8")
    assert shape(page) == PLAIN_SHAPE
    shown = words(by_id(parse(page), "not-real"))
    if value.isprintable():
        assert " ".join(value.split()) in shown
    else:
        assert "\ufffd" in shown


@given(ANYTHING)
def test_text_is_escaped_once_and_comes_back(value: str) -> None:
    escaped = text(value)
    assert not set(escaped) & set("<>\"'")
    back = html.unescape(escaped)
    assert len(back) <= len(value)
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    assert all(a == b or a == "\ufffd" for a, b in zip(back, lines, strict=True))
    assert text(escaped) == escaped
    assert isinstance(escaped, Markup)


def test_elements() -> None:
    assert element("p", "a<b", class_="x", aria_label='"', hidden=None) == '<p class="x" aria-label="&quot;">a&lt;b</p>'
    assert element("td", None) == "<td></td>"
    assert element("td", 0) == "<td>0</td>"
    assert element("meta", charset="utf-8") == '<meta charset="utf-8"/>'
    assert element("p", element("b", "x")) == "<p><b>x</b></p>"


def spaced(written: str) -> str:
    """With plain spaces for those that do not break."""
    return written.replace("\u00a0", " ")


def test_numbers() -> None:
    assert [count(value) for value in (0, 1234567, 12.5, -1500)] == ["0", "1,234,567", "12", "−1,500"]
    assert [signed(value) for value in (3.2, -3.2, 0.2)] == ["+3", "−3", "0"]
    assert [spaced(percent(value)) for value in (0, 0.1234, 0.00123, 12.5)] == ["0.0 %", "12.3 %", "0.12 %", "1,250 %"]
    assert [spaced(duration(value)) for value in (75.43e-6, 0.0061, 2.0)] == ["75.43 µs", "6.1 ms", "2 s"]
    assert spaced(" ".join(aligned([55.6e-6, 19.83e-6, 424.57e-6], 500e-6))) == "55.6 µs 19.8 µs 424.6 µs"
    assert spaced(aligned([1.0], 1.0)[0]) == "1.000 s"
    assert [spaced(probability(value)) for value in (0.05, 2.5e-4, 1e-5, 0)] == ["0.05", "2.5 × 10⁻⁴", "10⁻⁵", "0"]
