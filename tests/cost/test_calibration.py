"""The conjugate update: exact against a direct regression, each effect where it belongs; drift found, not imagined."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.cost.calibration import (
    CYCLE_SOURCES,
    RESOURCE_SOURCES,
    SOURCES,
    Asked,
    Calibration,
    Measurement,
    Prior,
    find_drift,
)


def measured(
    ratio: float, kind: str = "conv", subject: str = "a", x: float = 0.0, source: str = "csynth"
) -> Measurement:
    return Measurement(kind, subject, (x, 0.0), source, ratio, f"tool at {x}")


def asked(kind: str = "conv", subject: str = "z", x: float = 0.0, source: str = "csynth") -> Asked:
    return Asked([kind], [subject], np.array([[x, 0.0]]), source)


def one(calibration: Calibration, question: Asked) -> tuple[float, float]:
    mean, deviation = calibration.shift(question)
    return float(mean[0]), float(deviation[0])


def test_without_measurements_the_model_stands_with_the_priors_spread() -> None:
    mean, deviation = one(Calibration([]), asked())
    assert mean == 0
    assert deviation == pytest.approx(math.sqrt(0.4**2 + 0.2**2 + 0.15**2 + 0.06**2))
    mean, _ = one(Calibration([]), asked(source="post_route"))
    assert mean == pytest.approx(-math.log(3))


def test_equal_to_the_normal_equations_of_the_same_effects() -> None:
    """Shift and two kinds as explicit coefficients with Gaussian priors give the same posterior."""
    prior = Prior(smooth=0.0, subject=0.0)
    draw = np.random.default_rng(2)
    kinds = ["conv", "lstm", "conv", "lstm", "lstm"]
    ratios = draw.normal(0.2, 0.3, 5)
    found = Calibration([measured(r, k, str(i)) for i, (r, k) in enumerate(zip(ratios, kinds, strict=True))], prior)
    design = np.array([[1.0, k == "conv", k == "lstm"] for k in kinds])
    noise = RESOURCE_SOURCES["csynth"].noise
    precision = design.T @ design / noise**2 + np.diag([1 / prior.shift**2, 1 / prior.kind**2, 1 / prior.kind**2])
    covariance = np.linalg.inv(precision)
    posterior = covariance @ design.T @ ratios / noise**2
    for kind, row in (("conv", [1.0, 1, 0]), ("lstm", [1.0, 0, 1])):
        mean, deviation = one(found, asked(kind))
        assert mean == pytest.approx(float(np.array(row) @ posterior), abs=1e-9)
        assert deviation == pytest.approx(math.sqrt(np.array(row) @ covariance @ np.array(row)), abs=1e-7)


def test_what_was_measured_moves_its_neighbours_most() -> None:
    found = Calibration([measured(0.5)])
    same, near = one(found, asked(subject="a")), one(found, asked(x=1.0))
    far, other = one(found, asked(x=12.0)), one(found, asked("dense"))
    assert 0.5 > same[0] > near[0] > far[0] > other[0] > 0.3
    assert same[1] < near[1] < far[1] < other[1]


def test_sources_form_a_chain() -> None:
    """A routed design tells about synthesis too, and one HLS estimate about neither's gap."""
    routed = Calibration([measured(-0.5, source="post_route")])
    assert one(routed, asked(source="post_synthesis"))[0] > -0.75  # a prior of -1.1 before
    assert abs(one(routed, asked(source="post_route"))[0] + 0.5) < abs(
        one(Calibration([]), asked(source="post_route"))[0] + 0.5
    )
    estimates = Calibration([measured(0.3, subject=str(i), source="csynth") for i in range(50)])
    gap = one(estimates, asked(source="post_route"))
    assert gap[0] == pytest.approx(0.3 - math.log(3), abs=0.03)
    assert gap[1] > 0.3  # how far routing differs stays open
    both = Calibration([*estimates.measurements, measured(-0.9, subject="r", source="post_route")])
    assert one(both, asked(source="post_route"))[1] < 0.15
    assert set(RESOURCE_SOURCES) | set(CYCLE_SOURCES) == set(SOURCES)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.floats(-2, 2), st.sampled_from(["conv", "lstm"]), st.sampled_from("abc"), st.floats(0, 12),
            st.sampled_from(sorted(RESOURCE_SOURCES)),
        ),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_more_measurements_never_widen_and_order_does_not_matter(
    rows: list[tuple[float, str, str, float, str]],
) -> None:
    items = [measured(*row) for row in rows]
    for source in RESOURCE_SOURCES:
        question = asked(source=source)
        fewer, more = one(Calibration(items[:-1]), question), one(Calibration(items), question)
        assert more[1] <= fewer[1] + 1e-6
        turned = one(Calibration(items[::-1]), question)
        assert turned == pytest.approx(more, abs=1e-6)


def test_drift_is_found_and_dated() -> None:
    draw = np.random.default_rng(4)
    prior = replace(Prior(), shift=0.05, kind=0.02, smooth=0.02)
    steady = [measured(0.1 + draw.normal(0, 0.02), subject=str(i), x=float(i % 7)) for i in range(40)]
    assert not find_drift(steady, prior).is_found
    changed = steady[:25] + [replace(item, log_ratio=item.log_ratio + 0.25, label="new tool") for item in steady[25:]]
    found = find_drift(changed, prior)
    assert found.is_found
    assert found.direction == 1
    assert 24 <= found.since <= 28
    assert found.label == changed[found.since].label
    lower = [replace(item, log_ratio=-item.log_ratio) for item in changed]
    assert find_drift(lower, prior).direction == -1


def test_false_alarms_of_drift_are_rare() -> None:
    alarms = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        prior = Prior()
        shift = draw.normal(0, prior.shift)
        kinds = {kind: draw.normal(0, prior.kind) for kind in ("conv", "lstm")}
        items = []
        for index in range(30):
            kind = "conv" if index % 2 else "lstm"
            noise = math.hypot(prior.subject, RESOURCE_SOURCES["csynth"].noise)
            items.append(measured(shift + kinds[kind] + draw.normal(0, noise), kind, str(index)))
        alarms += find_drift(items, prior).is_found
    assert alarms <= 4
