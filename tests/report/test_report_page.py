"""What a report says, and that it says the same in the same bytes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from page_reading import by_id, parse, tables, words
from report_samples import CLOCK_HZ, IO_OVERHEAD_S, LAYERS, sample

from ntorc.backends.base import Products, Resources
from ntorc.errors import UsageError
from ntorc.report.costs import synthesised_by_layer
from ntorc.report.data import ReportData
from ntorc.report.html import render, write_report
from ntorc.report.verdict import budget_of, decisive_quantile

SPREAD = np.random.default_rng(1).choice([1983, 1984, 1999, 2040], 12_000, p=[0.7, 0.29, 0.0095, 0.0005])


def test_the_verdict_comes_first_and_what_is_not_real_right_below(data: ReportData) -> None:
    root = parse(render(data))
    main = root.find("body/main")
    assert main is not None
    assert [item.tag for item in main][:3] == ["header", "section", "dl"]
    header, notice = main[0], main[1]
    assert header.get("class") == "met"
    assert [words(item) for item in root.iter("h1")] == ["Deadline met"]
    total_s = 1983 / CLOCK_HZ + IO_OVERHEAD_S
    assert f"ready {total_s * 1e6:.4g} µs after its sample" in words(header)
    assert f"{500 - total_s * 1e6:.4g} µs before the deadline of 500 µs" in words(header)
    assert "Virtual board: no board was measured" in words(header)
    assert words(notice.find("h2")) == "What is not real here"
    assert [words(item) for item in notice.iter("li")] == list(data.notes)


def test_a_missed_deadline_says_by_how_much() -> None:
    page = parse(render(sample(cycles=SPREAD, deadline_s=70e-6)))
    header = page.find("body/main/header")
    assert header is not None
    assert header.get("class") == "missed"
    late_us = 2040 / CLOCK_HZ * 1e6 + IO_OVERHEAD_S * 1e6 - 70
    assert f"{late_us:.4g} µs after the deadline of 70 µs" in words(header)
    assert "12,000 of 12,000 estimates missed it" in words(header)
    rows = tables(page, "How the deadline is spent")
    assert rows[2][:2] == ["Over the deadline", f"{late_us:.2f} µs"]


@pytest.mark.parametrize("deadline_s", [500e-6, 76e-6, 70e-6, 56e-6])
def test_the_budget_is_drawn_to_scale(deadline_s: float) -> None:
    data = sample(deadline_s=deadline_s, points=0)
    page = render(data)
    bar = next(item for item in parse(page).iter("div") if item.get("class") == "budget")
    drawn = {}
    for span in bar:
        percents = re.findall(r"([\d.]+)%", span.get("style") or "")
        assert len(percents) == 1
        drawn[span.get("class")] = float(percents[0])
    budget = budget_of(data)
    whole_s = max(deadline_s, budget.total_s)
    assert budget.total_s + budget.margin_s == pytest.approx(deadline_s)
    assert drawn["io"] == pytest.approx(100 * IO_OVERHEAD_S / whole_s, abs=1e-3)
    assert drawn["pl"] == pytest.approx(100 * 1983 / CLOCK_HZ / whole_s, abs=1e-3)
    assert drawn["due"] == pytest.approx(100 * deadline_s / whole_s, abs=1e-3)
    assert drawn["io"] + drawn["pl"] + drawn.get("margin", 0.0) == pytest.approx(100, abs=0.01)
    assert ("late" in drawn) == (budget.margin_s < 0)


def test_predicted_against_measured_to_the_unit(data: ReportData) -> None:
    rows = {row[0]: row[1:] for row in tables(parse(render(data)), "Predicted against measured")}
    budget_cycles = int((500e-6 - IO_OVERHEAD_S) * CLOCK_HZ)
    assert rows["Latency in the logic, cycles"] == [
        "1,983",
        "–",
        "1,983",
        "0",
        f"{budget_cycles:,}",
        f"{100 * 1983 / budget_cycles:.1f} %",
    ]
    capacity = {"LUT": 53200, "FF": 106400, "DSP": 220, "BRAM18": 280}
    for name, available in capacity.items():
        predicted = round(getattr(data.allocation.predicted, name.lower()))
        found = round(getattr(data.products.total, name.lower()))
        row = rows[name]
        assert row[0] == f"{predicted:,}"
        assert row[2] == f"{found:,}"
        assert row[3] == _change(found, predicted)
        assert row[4:] == [f"{available:,}", f"{100 * found / available:.1f} %"]


def _change(found: int, predicted: int) -> str:
    if found == predicted:
        return "0"
    share = f"{abs(100 * (found - predicted) / predicted):.1f} %"
    return f"+{found - predicted:,} ({share})" if found > predicted else f"−{predicted - found:,} (−{share})"


def test_the_layers_with_directives_resources_and_basis(data: ReportData) -> None:
    page = parse(render(data))
    rows = tables(page, "Layers with directives and resources")
    assert [row[0] for row in rows] == [*(layer[0] for layer in LAYERS), "Shell", "Total"]
    assert rows[0][1:6] == ["conv1d", "8", "10", "logic", "measured"]
    assert rows[1][1:6] == ["maxpool1d", "–", "–", "–", "measured"]
    assert rows[3][1:6] == ["dense", "4", "512", "block RAM", "model"]
    assert rows[-1][2] == "29"
    synthesised = [int(row[7].replace(",", "")) for row in rows]
    assert synthesised[0] == data.products.parts[0].resources.lut
    assert sum(synthesised[:-1]) == synthesised[-1] == round(data.products.total.lut)
    assert sum(int(row[6].replace(",", "")) for row in rows[:-1]) == int(rows[-1][6].replace(",", ""))
    assert "2 of 5 predictions rest on measurements" in words(by_id(page, "layers"))


def test_parts_that_are_no_layers_are_not_taken_for_layers(data: ReportData) -> None:
    assert synthesised_by_layer(data.allocation.layers, data.products.parts) is not None
    assert synthesised_by_layer(data.allocation.layers, data.products.parts[1:]) is None
    assert synthesised_by_layer(data.allocation.layers, data.products.parts[::-1]) is None
    whole = Products("", (replace(data.products.parts[0], subject="network"),), data.products.total, "vivado 2024.2")
    rows = tables(parse(render(replace(data, products=whole))), "Layers with directives and resources")
    assert {len(row) for row in rows} == {10}
    assert rows[0][6:] == ["642", "518", "8", "0"]


def test_the_three_latencies_stand_side_by_side(data: ReportData) -> None:
    rows = tables(parse(render(data)), "Latency quantiles")
    assert [row[0] for row in rows] == ["PL", "Driver", "Loop"]
    assert rows[0][1:5] == ["19.83 µs"] * 4
    p50_us = float(np.quantile(data.loop_s, 0.5, method="inverted_cdf")) * 1e6
    assert rows[2][1] == f"{p50_us:,.1f} µs"
    assert "requested clock" in rows[0][5]
    for row in rows[1:]:
        assert "of this computer and not of a board" in row[5]


def test_a_boards_own_times_are_not_called_this_computers() -> None:
    data = sample(target="ssh://lab@zynq", notes=())
    text = words(parse(render(data)))
    assert "this computer" not in text
    assert "no board was measured" not in text
    assert "99.999 % of the estimates are ready within" in text
    assert budget_of(data).total_s == pytest.approx(data.measurement.loop_s.p99_999)


@pytest.mark.parametrize("allowed, name", [(1e-5, "p99.999"), (1e-3, "p99"), (0.05, "p50"), (1e-7, "p99.999")])
def test_a_met_deadline_is_never_shown_as_exceeded(allowed: float, name: str) -> None:
    measured = replace(sample(target="ssh://lab@zynq", points=0).measurement, miss_probability=allowed)
    assert decisive_quantile(measured)[0] == name


def test_histograms_hold_every_estimate() -> None:
    page = parse(render(sample(cycles=SPREAD)))
    for label in ("PL cycles", "Loop times"):
        assert sum(int(row[1].replace(",", "")) for row in tables(page, label)) == len(SPREAD)
    counted = {row[0]: int(row[1].replace(",", "")) for row in tables(page, "PL cycles")}
    assert sum(counted.values()) == 12_000
    both = int(np.count_nonzero((SPREAD == 1983) | (SPREAD == 1984)))
    assert counted["1,983 to 1,984"] == both


@pytest.mark.parametrize("cycles", [SPREAD, np.full(5, 1983), np.array([10, 13]), np.array([7, 9_000_000])])
def test_cycles_are_marked_in_whole_numbers(cycles: np.ndarray) -> None:
    page = parse(render(sample(cycles=cycles, points=0)))
    for name in ("cycles-wide", "cycles-medium", "cycles-narrow"):
        drawing = next(item for item in page.iter("svg") if f"{name}-title" in (item.get("aria-labelledby") or ""))
        ticks = [item for item in drawing.iter("text") if item.get("class") == "tick"]
        places = [words(item) for item in ticks if item.get("text-anchor") == "middle"]
        assert places
        assert len(places) == len(set(places))
        assert all(re.fullmatch(r"[\d,]+", place) for place in places)


def test_the_error_is_that_of_the_series(data: ReportData) -> None:
    page = parse(render(data))
    rmse_v = float(np.sqrt(np.mean((data.estimate_v - data.truth_v) ** 2)))
    assert f"RMSE {rmse_v:.4f} V on one held-out trajectory" in words(by_id(page, "tracking"))
    assert "0.1712 V on the whole test part" in words(by_id(page, "tracking"))
    assert dict(tables(page, "Errors"))["Largest error"] == f"{np.abs(data.estimate_v - data.truth_v).max():.4f} V"
    for row in tables(page, "24 points of the trajectory"):
        truth_v, estimate_v, error_v = (float(cell.removesuffix(" V").replace("−", "-")) for cell in row[1:])
        assert estimate_v - truth_v == pytest.approx(error_v, abs=1.1e-4)


def test_provenance_names_what_it_takes_to_make_it_again(data: ReportData) -> None:
    section = words(by_id(parse(render(data)), "provenance"))
    for wanted in (
        data.command,
        data.deployment.design_id,
        data.deployment.digest,
        data.allocation.network,
        "pynq 4.0.0",
        data.allocation.solver,
        data.products.tool,
        "100 MHz requested, 100 MHz set, 100 MHz read back",
        "SCHED_OTHER",
    ):
        assert wanted in section


def test_equal_data_give_equal_bytes_and_other_data_others(data: ReportData) -> None:
    assert render(data) == render(sample())
    assert render(data) != render(replace(data, run="other"))


def test_every_drawing_says_what_it_shows_and_ids_are_unique(data: ReportData) -> None:
    root = parse(render(data))
    ids = [item.get("id") for item in root.iter() if item.get("id")]
    assert len(ids) == len(set(ids))
    drawings = [item for item in root.iter("svg") if item.get("role") == "img"]
    assert len(drawings) == 9
    for drawing in drawings:
        title, description = (drawing.get("aria-labelledby") or "").split()
        assert words(by_id(root, title))
        assert words(by_id(root, description))
    for item in root.iter():
        for name in (item.get("aria-labelledby") or "").split():
            assert name in ids


def test_nothing_is_fetched_and_nothing_runs(data: ReportData) -> None:
    page = render(data)
    root = parse(page)
    assert not {item.tag for item in root.iter()} & {"script", "link", "img", "iframe", "object", "a", "base", "form"}
    for item in root.iter():
        assert not [name for name in item.keys() if name.startswith("on") or name in ("href", "src", "action")]  # noqa: SIM118
    style = words(root.find("head/style"))
    assert "url(" not in style
    assert "@import" not in style
    policy = next(item.get("content") for item in root.iter("meta") if item.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_a_million_points_stay_below_a_megabyte() -> None:
    points = 1_000_000
    draw = np.random.default_rng(2)
    time_s = np.arange(points) * 2e-4
    truth_v = np.sin(time_s)
    estimate_v = truth_v + draw.normal(size=points)
    estimate_v[123_456] = 77.0
    page = render(sample(points=0, time_s=time_s, truth_v=truth_v, estimate_v=estimate_v))
    assert len(page.encode()) < 1_000_000
    curve = next(i for i in parse(page).iter("path") if i.get("class") == "estimate")
    heights = [float(point.split()[1]) for point in (curve.get("d") or "").lstrip("M").split("L")]
    assert min(heights) < sorted(heights)[1] - 50  # the one outlier is still there


@pytest.mark.parametrize("changes", [
    {"points": 0}, {"points": 1}, {"points": 2}, {"cycles": np.array([7])}, {"cycles": np.array([0, 2**31])},
    {"calibration": ()}, {"notes": ()}, {"summary": {}}, {"estimator": {}},
    {"summary": {"gate": None, "timings_s": [1]}},
])  # fmt: skip
def test_reports_of_little(changes: dict[str, object]) -> None:
    page = render(sample(**{"points": 50, **changes}))  # type: ignore[arg-type]
    parse(page)
    assert not re.search(r"\b(nan|inf|infinity)\b", page.lower())


def test_an_overfull_device_is_shown_as_such(data: ReportData) -> None:
    small = replace(data, capacity=Resources(3000, 106400, 0, 280))
    rows = {row[0]: row for row in tables(parse(render(small)), "Predicted against measured")}
    assert rows["LUT"][-1] == f"{100 * data.products.total.lut / 3000:.1f} %"
    assert rows["DSP"][-1] == "–"


def test_an_unknown_board_without_capacity_is_an_error(data: ReportData) -> None:
    with pytest.raises(UsageError, match="there is no board"):
        render(replace(data, allocation=replace(data.allocation, board="nowhere")))


def test_writing_replaces_the_whole_file(data: ReportData, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = write_report(data, tmp_path / "runs" / "report.html")
    path.write_text("x" * 10_000_000, encoding="utf-8")
    write_report(data, path)
    assert path.read_text(encoding="utf-8") == render(data)
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]
