"""Measurements of hls4ml layers: read from a table, kept as observations, in the predictions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.cost.base import QUANTITIES
from ntorc.cost.hls4ml import Hls4mlCosts, load_hls4ml
from ntorc.cost.hls4ml_measured import (
    COLUMNS,
    MeasuredHls4mlCosts,
    directive_of,
    drifts,
    read_measurements,
    subject_of,
    table_of,
)
from ntorc.errors import DataError
from ntorc.store.base import Observation

_DEVICE, _CLOCK_HZ = "xc7z020clg400-1", 100e6
_HEADER = ",".join((*COLUMNS, *QUANTITIES))
_ROW = "csynth,Vitis HLS 2023.2,xc7z020clg400-1,100e6,conv,16,16,64,0,48,2285,5000,3000,16,7"
_SHAPE = {"n_in": 16.0, "size": 16.0, "length": 64.0, "pack": 0.0}


def observed(factor: float, reuse: float = 48, source: str = "csynth", **shape: float) -> Observation:
    """A layer whose every figure is the model's times a factor."""
    shape = {**_SHAPE, **shape}
    mean = Hls4mlCosts(load_hls4ml()).estimate(table_of("conv", shape, [reuse]), _DEVICE, _CLOCK_HZ).mean
    quantities = {name: factor * float(mean[name][0]) for name in ("lut", "ff")}
    if source == "csynth":
        quantities["latency_cycles"] = float(mean["latency_cycles"][0])
    return Observation(
        source, "hls4ml", _DEVICE, subject_of("conv", shape, _CLOCK_HZ), directive_of(reuse), quantities, "HLS"
    )


def test_a_table_becomes_observations(tmp_path: Path) -> None:
    path = tmp_path / "layers.csv"
    path.write_text(f"{_HEADER}\n{_ROW}\n{_ROW.replace('csynth', 'post_route').replace('2285', '')}\n")
    first, second = read_measurements(path)
    assert first.quantities == {"latency_cycles": 2285, "lut": 5000, "ff": 3000, "dsp": 16, "bram18": 7}
    assert second.quantities == {"lut": 5000, "ff": 3000, "dsp": 16, "bram18": 7}
    assert first.subject == second.subject == "hls4ml conv n_in=16 size=16 length=64 pack=0 mhz=100"
    assert first.device == _DEVICE


@pytest.mark.parametrize(
    "change, told",
    [
        (("csynth", "guess"), "source"), (("conv", "gru"), "kind"), (("48", "4.5"), "reuse_factor"),
        (("5000", "nan"), "lut"), (("5000", "-1"), "lut"), (("64", "0"), "length"), (("100e6", ""), "clock_hz"),
        (("csynth", "post_route"), "post_route can measure"), (("xc7z020clg400-1", ""), "device"),
        (("64", "1e9"), "length"),
    ],
)  # fmt: skip
def test_wrong_rows_are_named_by_line(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = tmp_path / "layers.csv"
    path.write_text(f"{_HEADER}\n{_ROW}\n{_ROW.replace(*change, 1)}\n")
    with pytest.raises(DataError, match="line 3") as found:
        read_measurements(path)
    assert told in str(found.value)


@given(st.text(max_size=120))
def test_no_table_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "layers.csv"
    for content in (text, f"{_HEADER}\n{text}", f"{_HEADER}\n{_ROW}\n{text}"):
        path.write_text(content, encoding="utf-8", newline="")
        with suppress(DataError):
            assert read_measurements(path)


def test_without_measurements_of_the_device_the_model_stands() -> None:
    table = table_of("conv", _SHAPE, [24, 48, 96])
    plain = Hls4mlCosts(load_hls4ml()).estimate(table, _DEVICE, _CLOCK_HZ)
    elsewhere = replace(observed(2.0), device="xczu7ev")
    slower = replace(observed(2.0), subject=subject_of("conv", _SHAPE, 50e6))
    for kept in ([], [elsewhere], [slower], [replace(observed(2.0), subject="shell window=64")]):
        found = MeasuredHls4mlCosts(load_hls4ml(), kept).estimate(table, _DEVICE, _CLOCK_HZ)
        np.testing.assert_array_equal(found.mean["lut"], plain.mean["lut"])
        assert set(found.basis) == {"model"}


def test_measured_options_have_their_figures_and_move_the_others() -> None:
    table = table_of("conv", _SHAPE, [24, 48, 96])
    plain = Hls4mlCosts(load_hls4ml()).estimate(table, _DEVICE, _CLOCK_HZ)
    costs = MeasuredHls4mlCosts(load_hls4ml(), [observed(0.6)])
    found = costs.estimate(table, _DEVICE, _CLOCK_HZ)
    assert found.basis == ("calibrated", "measured", "calibrated")
    assert found.mean["lut"][1] == found.bound["lut"][1] == pytest.approx(0.6 * plain.mean["lut"][1])
    ratio = found.mean["lut"] / plain.mean["lut"]
    assert ((ratio > 0.59) & (ratio < 0.75)).all()
    assert (found.bound["lut"] >= found.mean["lut"]).all()
    assert "HLS" in found.rests_on(0)
    assert found.outside.tolist() == [True, False, True]  # one measurement makes no known device
    many = MeasuredHls4mlCosts(load_hls4ml(), [observed(0.6, reuse=r) for r in (2, 4, 16, 24, 48, 96)])
    beyond = table_of("conv", _SHAPE, [384])
    known, little = many.estimate(beyond, _DEVICE, _CLOCK_HZ), costs.estimate(beyond, _DEVICE, _CLOCK_HZ)
    assert not known.outside.any()
    assert known.bound["lut"][0] / known.mean["lut"][0] < little.bound["lut"][0] / little.mean["lut"][0]


def test_later_sources_are_predicted_from_earlier_ones() -> None:
    table = table_of("conv", {**_SHAPE, "n_in": 32.0, "size": 32.0}, [48])
    kept = [observed(1.0), observed(0.3, source="post_route")]
    routed = MeasuredHls4mlCosts(load_hls4ml(), kept, resource_source="post_route").estimate(table, _DEVICE, _CLOCK_HZ)
    estimate = MeasuredHls4mlCosts(load_hls4ml(), kept).estimate(table, _DEVICE, _CLOCK_HZ)
    assert 0.25 < routed.mean["lut"][0] / estimate.mean["lut"][0] < 0.4


def test_drift_shows_in_later_measurements() -> None:
    steady = [observed(0.8, reuse=r, length=float(n)) for n in (16, 32, 64, 128) for r in (4, 24, 48)]
    assert not drifts(load_hls4ml(), steady)["lut"].is_found
    later = [observed(1.6, reuse=r, length=float(n)) for n in (256, 512) for r in (4, 24, 48)]
    found = drifts(load_hls4ml(), [*steady, *later])["lut"]
    assert found.is_found
    assert found.direction == 1
    assert found.since >= 11
