"""Convolutions beyond the synthesis data: the structure carried on, flagged, bounded by what held-out trials show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.backends.hls4ml.options import hls_layer, hls_options
from ntorc.backends.hls4ml.reuse import legal_reuse_factors
from ntorc.cost.base import QUANTITIES, OptionTable
from ntorc.cost.hls4ml import Hls4mlCosts, load_hls4ml
from ntorc.cost.hls4ml_extension import trials
from ntorc.cost.hls4ml_latency import hls_share, latency_cycles
from ntorc.cost.hls4ml_measured import MeasuredHls4mlCosts, directive_of, read_measurements, subject_of
from ntorc.cost.hls4ml_structure import CONVOLUTION, structure_of
from ntorc.cost.synthesis_data import KINDS, load_synthesis, synthesis_folder
from ntorc.estimator.forms import DEFAULT_WINDOW
from ntorc.estimator.models import build_model
from ntorc.network.hls4ml_mode import Hls4mlMode, hls4ml_network
from ntorc.network.importers.keras_model import from_keras
from ntorc.network.network import Network
from ntorc.store.base import Observation

_DEVICE, _CLOCK_HZ = "xczu7ev-ffvc1156-2-e", 250e6
_SHAPE = {"n_in": 6.0, "size": 10.0, "length": 95.0, "pack": 0.0, "taps": 4.0, "stride": 2.0, "padding": 0.0}


@pytest.fixture(scope="module")
def costs() -> Hls4mlCosts:
    return Hls4mlCosts(load_hls4ml())


def table(reuse: list[float], **shape: float) -> OptionTable:
    columns = {name: np.full(len(reuse), value) for name, value in {**_SHAPE, **shape}.items()}
    return OptionTable("conv", {"reuse_factor": np.array(reuse), **columns})


def test_the_structure_is_the_datas_where_the_layer_is(costs: Hls4mlCosts) -> None:
    """Taps, stride and padding stated as the data has them change nothing."""
    plain = {"n_in": 16.0, "size": 16.0, "length": 64.0}
    columns = {"reuse_factor": np.array([24.0, 48.0]), **{name: np.full(2, value) for name, value in plain.items()}}
    stated = {**columns, **{name: np.full(2, float(value)) for name, value in CONVOLUTION.items()}}
    one, two = (costs.estimate(OptionTable("conv", each), _DEVICE, _CLOCK_HZ) for each in (columns, stated))
    for name in QUANTITIES:
        np.testing.assert_array_equal(one.mean[name], two.mean[name])
        np.testing.assert_array_equal(one.bound[name], two.bound[name])
    assert not two.outside.any()


def test_as_many_inputs_cost_as_much_whatever_they_are(costs: Hls4mlCosts) -> None:
    """Six taps of 8 channels are the product that three of 16 are; its cost is flagged and bounded more widely."""
    inside = costs.estimate(table([48], n_in=16, size=16, length=64, taps=3, stride=1, padding=2), _DEVICE, _CLOCK_HZ)
    found = costs.estimate(table([48], n_in=8, size=16, length=61, taps=6, stride=1, padding=5), _DEVICE, _CLOCK_HZ)
    assert found.outside.all()
    assert not inside.outside.any()
    for name in ("dsp", "bram18"):
        assert found.mean[name] == inside.mean[name]
    for name in ("lut", "ff"):
        assert found.mean[name] == pytest.approx(inside.mean[name], rel=0.01)
        wider = (found.bound[name] / found.mean[name]) / (inside.bound[name] / inside.mean[name])
        assert wider > 1.4
    assert found.mean["latency_cycles"] == inside.mean["latency_cycles"]  # 66 positions each


def test_a_stride_leaves_positions_out() -> None:
    structure = structure_of("conv", table([24]).columns)
    assert (structure.active.tolist(), structure.idle.tolist()) == ([49.0], [46.0])  # 46 outputs and 3 taps before
    assert latency_cycles(structure, {"o1": 0.0}).tolist() == [49 * 34 + 46 * 6]
    assert hls_share(structure)[0] == pytest.approx((49 * 34 + 46 * 6) / (95 * 34))
    full = structure_of("conv", table([24], stride=1).columns)
    assert hls_share(full).tolist() == [1.0]


@given(
    st.integers(1, 40), st.integers(1, 64), st.integers(1, 600), st.integers(1, 12), st.integers(1, 8),
    st.integers(0, 11),
)  # fmt: skip
def test_any_convolution_has_an_ordered_estimate(
    n_in: int, size: int, length: int, taps: int, stride: int, padding: int
) -> None:
    if length + padding < taps:
        return
    reuse = [float(one) for one in legal_reuse_factors(taps * n_in, size)]
    asked = table(reuse, n_in=n_in, size=size, length=length, taps=taps, stride=stride, padding=padding)
    found = Hls4mlCosts(load_hls4ml()).estimate(asked, _DEVICE, _CLOCK_HZ)
    structure = structure_of("conv", asked.columns)
    assert (structure.active >= 1).all()
    assert (structure.idle >= 0).all()
    for name in QUANTITIES:
        assert np.isfinite(found.bound[name]).all()
        assert (found.bound[name] >= found.mean[name] - 1e-9).all()
        assert (found.mean[name] >= 0).all()


def test_bounds_are_what_the_trials_show(recorded_data: Path, costs: Hls4mlCosts) -> None:
    data = load_synthesis(synthesis_folder(recorded_data))
    found = trials({kind: data.layers(kind) for kind in KINDS})
    assert len(found) == 7
    bounds = costs.model.kinds["conv"].bounds
    for name in ("lut", "ff", "latency_cycles"):
        worst = max(float(one.ratios[name].max()) for one in found if name in one.ratios)
        assert bounds[name].beyond == pytest.approx(max(worst, bounds[name].outside), rel=0.02)
        assert bounds[name].beyond >= bounds[name].outside
    left_out = {one.known: one.as_dict() for one in found}
    assert left_out["all but those of 96 inputs"]["lut"]["mape_percent"] < 6  # the widest, from the narrower ones


@pytest.fixture(scope="module")
def window() -> Network:
    return hls4ml_network(from_keras(build_model(DEFAULT_WINDOW, 1), "window"), Hls4mlMode("name"))


def test_the_default_window_has_options_that_say_what_they_are(window: Network, costs: Hls4mlCosts) -> None:
    options = hls_options(window, costs, _DEVICE, _CLOCK_HZ, buildable=True)
    said = {layer.name: {one.basis for one in row} for layer, row in zip(window.layers, options.layers, strict=True)}
    convolutions = [layer for layer in window.layers if layer.kind == "conv1d"]
    assert len(convolutions) == 3
    for layer in convolutions:
        known = hls_layer(layer)
        assert known is not None
        assert known.beyond.startswith(f"{layer.kernel} taps, stride {layer.stride}")
        assert said[layer.name] == {f"model, an estimate outside the data (which has no convolution of {known.beyond})"}


def observed(source: str, reuse: float, **quantities: float) -> Observation:
    subject = subject_of("conv", _SHAPE, _CLOCK_HZ)
    return Observation(source, "hls4ml", _DEVICE, subject, directive_of(reuse), quantities, "HLS")


def test_hls_own_maximum_is_brought_to_the_positions_that_work(costs: Hls4mlCosts) -> None:
    """csynth counts all 95 positions; the measured layer takes the part of it that gives outputs."""
    kept = [observed("csynth", 24, lut=2500, ff=1500, latency_cycles=95 * 34.0)]
    found = MeasuredHls4mlCosts(load_hls4ml(), kept).estimate(table([12, 24]), _DEVICE, _CLOCK_HZ)
    assert found.basis == ("calibrated", "measured")
    assert found.mean["latency_cycles"][1] == pytest.approx(49 * 34 + 46 * 6, rel=1e-6)
    plain = costs.estimate(table([12, 24]), _DEVICE, _CLOCK_HZ)
    ratio = found.mean["latency_cycles"] / plain.mean["latency_cycles"]
    assert ratio == pytest.approx(1, abs=0.05)  # so it moves the model by no stride
    board = [replace(kept[0], source="board_cycles", quantities={"latency_cycles": 2000.0})]
    seen = MeasuredHls4mlCosts(load_hls4ml(), [*kept, *board]).estimate(table([24]), _DEVICE, _CLOCK_HZ)
    assert seen.mean["latency_cycles"][0] == 2000.0


def test_a_table_of_measurements_may_name_them(tmp_path: Path) -> None:
    path = tmp_path / "layers.csv"
    head = "source,tool,device,clock_hz,kind,n_in,size,length,pack,reuse_factor,lut,taps,stride,padding"
    row = "csynth,HLS,xczu7ev,250e6,conv,6,10,95,0,24,2500,4,2,0"
    plain = "csynth,HLS,xczu7ev,250e6,conv,16,16,64,0,24,2500,,,"
    path.write_text(f"{head}\n{row}\n{plain}\n")
    one, two = read_measurements(path)
    assert one.subject == "hls4ml conv n_in=6 size=10 length=95 pack=0 taps=4 stride=2 padding=0 mhz=250"
    assert two.subject == "hls4ml conv n_in=16 size=16 length=64 pack=0 mhz=250"
    assert one.subject == subject_of("conv", _SHAPE, _CLOCK_HZ)
