"""The report in a real browser, and its colours."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from report_samples import sample

from ntorc.report import style
from ntorc.report.data import ReportData
from ntorc.report.html import render, write_report

OWN = {"/ruler.html", "/page.html", "/favicon.ico"}  # the frame, the report, and what browsers ask every server for


@pytest.fixture(scope="module")
def browser(require: Callable[[str], Path]) -> Browser:
    return Browser(require("chromium"))


@pytest.mark.parametrize("width, kind", [(360, "narrow"), (690, "medium"), (970, "wide"), (1400, "wide")])
def test_nothing_is_wider_than_the_page(browser: Browser, data: ReportData, width: int, kind: str) -> None:
    measured, asked = browser.measure(render(data), width)
    assert measured["client"] == width
    assert measured["scroll"] == width
    assert measured["wide"] == []
    assert measured["charts"] == [kind] * 3
    assert float(str(measured["text_px"])) >= 9.5
    assert measured["fetched"] == []
    assert set(asked) <= OWN


def test_long_names_do_not_widen_a_narrow_page(browser: Browser, data: ReportData) -> None:
    long = "x" * 300
    layer = replace(data.allocation.layers[0], layer=long)
    page = render(
        replace(
            data,
            run=long,
            command=long,
            notes=(long,),
            estimator={long: long},
            calibration=(long,),
            allocation=replace(data.allocation, layers=(layer, *data.allocation.layers[1:]), part=long, solver=long),
        )
    )
    measured, _ = browser.measure(page, 360)
    assert measured["scroll"] == 360
    assert measured["wide"] == []


def test_the_measures_see_overflow_and_requests(browser: Browser, data: ReportData) -> None:
    """The checks above are worth something: a page that overflows and fetches is caught."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*/>', "", render(data))
    page = page.replace("</main>", '<img src="/probe.png" style="width:2000px;height:9px"></main>')
    measured, asked = browser.measure(page, 360)
    assert measured["scroll"] != 360
    assert measured["wide"] != []
    assert [str(name).rpartition("/")[2] for name in measured["fetched"]] == ["probe.png"]  # type: ignore[attr-defined]
    assert "/probe.png" in asked


def test_the_page_forbids_what_it_does_not_need(browser: Browser, data: ReportData) -> None:
    """Even markup that somehow came in could neither load nor run anything."""
    hostile = '<img src="/probe.png"><script>document.title="ran";fetch("/run")</script></main>'
    _, asked = browser.measure(render(data).replace("</main>", hostile), 800)
    assert set(asked) <= OWN


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_screenshot_shows_a_report_in_the_colour_scheme(
    browser: Browser, data: ReportData, tmp_path: Path, scheme: str
) -> None:
    page = write_report(data, tmp_path / "report.html")
    picture = browser.picture(page, tmp_path / "shot.png", 1400, 2400, scheme)
    assert picture.shape == (2400, 1400, 3)
    colours = palette(scheme)
    paper = close_to(picture, colours["paper"])
    assert 0.6 < paper < 0.97
    for name in ("ink", "met", "pl", "io", "bar", "estimate"):
        assert close_to(picture, colours[name]) > 5e-5, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_missed_deadline_is_red(browser: Browser, tmp_path: Path, scheme: str) -> None:
    page = write_report(sample(deadline_s=60e-6, points=0), tmp_path / "report.html")
    picture = browser.picture(page, tmp_path / "shot.png", 1400, 700, scheme)
    assert close_to(picture, palette(scheme)["missed"]) > 1e-3
    assert close_to(picture, palette(scheme)["met"]) < 1e-4


def close_to(picture: np.ndarray, colour: tuple[float, float, float]) -> float:
    """The share of a picture that has this colour."""
    return float(np.mean(np.all(np.abs(picture - np.array(colour)) < 2.5 / 255, axis=2)))


def palette(scheme: str) -> dict[str, tuple[float, float, float]]:
    """The style's colours by name, red, green and blue in 0..1."""
    light = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", style._LIGHT))
    chosen = light if scheme == "light" else {**light, **dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", style._DARK))}
    return {name: tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)) for name, code in chosen.items()}  # type: ignore[misc]


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """The contrast ratio of WCAG 2.2 (relative luminance of sRGB)."""

    def luminance(colour: tuple[float, float, float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_lines_stand_out(scheme: str) -> None:
    colours = palette(scheme)
    for name in ("ink", "soft", "accent", "met", "missed", "marker"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    assert contrast(colours["ink"], colours["panel"]) >= 4.5
    for name in ("notice", "ink"):
        assert contrast(colours[name], colours["notice-paper"]) >= 4.5, name
    for name in ("io", "pl", "over", "truth", "estimate", "error", "bar"):
        assert contrast(colours[name], colours["paper"]) >= 3.0, name
