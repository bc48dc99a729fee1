"""The cost model of hls4ml layers: closed forms on the recorded data, the shipped numbers, its bounds and its speed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.backends.hls4ml.reuse import legal_reuse_factors
from ntorc.cost.base import QUANTITIES, OptionTable
from ntorc.cost.hls4ml import FITTED, Hls4mlCosts, load_hls4ml, save_hls4ml
from ntorc.cost.hls4ml_fit import conformal_factor, fit_hls4ml, fit_residuals, long_process
from ntorc.cost.hls4ml_latency import fit_offsets, latency_cycles
from ntorc.cost.hls4ml_structure import bram18_count, dsp_count, residual_inputs, structure_of
from ntorc.cost.hls4ml_weights import structure_of_data
from ntorc.cost.splits import SPLITS, folds
from ntorc.cost.synthesis_data import KERNEL, KINDS, SynthesisData, load_synthesis, synthesis_folder
from ntorc.errors import StorageError, UsageError

_DEVICE, _CLOCK_HZ = "xczu7ev-ffvc1156-2-e", 250e6


@pytest.fixture(scope="session")
def synthesis(recorded_data: Path) -> SynthesisData:
    return load_synthesis(synthesis_folder(recorded_data))


@pytest.fixture(scope="module")
def costs() -> Hls4mlCosts:
    return Hls4mlCosts(load_hls4ml())


def options(kind: str, n_in: int, size: int, length: int, pack: int = 16) -> OptionTable:
    """All legal reuse factors of a layer."""
    rows = KERNEL * n_in if kind == "conv" else n_in
    reuse = np.array(legal_reuse_factors(rows, 4 * size if kind == "lstm" else size), float)
    columns = {"reuse_factor": reuse}
    for name, value in (("n_in", n_in), ("size", size), ("length", length), ("pack", pack)):
        columns[name] = np.full(len(reuse), float(value))
    return OptionTable(kind, columns)


@pytest.mark.parametrize(
    "kind, latency, dsp, bram", [("conv", 1.0, 0.97, 0.96), ("lstm", 0.3, 1, 1), ("dense", 0.95, 1, 1)]
)
def test_closed_forms_are_exact_on_most_keys(
    synthesis: SynthesisData, kind: str, latency: float, dsp: float, bram: float
) -> None:
    data = synthesis.layers(kind).resource
    structure = structure_of_data(data)
    cycles = data.values["latency_max"]
    predicted = latency_cycles(structure, fit_offsets(structure, cycles))
    assert np.mean(np.abs(predicted - cycles) < 0.5) >= latency
    assert np.mean(np.abs(predicted / cycles - 1)) < 0.006
    assert np.mean(np.abs(dsp_count(structure) - data.values["dsp"]) < 0.5) >= dsp
    assert np.mean(bram18_count(structure) == data.values["bram18"]) >= bram


def test_weights_that_were_held_out_are_predicted(synthesis: SynthesisData) -> None:
    """One fold of a kind; `ntorc reproduce table1` has all."""
    keys = {kind: synthesis.layers(kind) for kind in KINDS}
    own = keys["lstm"]
    test = folds(own, "weights")[2]
    train = np.setdiff1d(np.arange(len(own)), test)
    model = fit_hls4ml({**keys, "lstm": own.take(train)}, kinds=("lstm",))
    asked = structure_of_data(own.take(test))
    mean = model.mean(asked)
    for target, limit in (("lut", 0.06), ("ff", 0.06)):
        assert np.mean(np.abs(mean[target] / own.values[target][test] - 1)) < limit
    bound = model.bound(asked, mean, model.is_outside(asked))
    assert (bound["latency_cycles"] >= own.values["latency_max"][test]).mean() >= 0.99
    assert (bound["latency_cycles"] / mean["latency_cycles"]).max() < 1.05


def test_the_shipped_model_is_the_fit_of_the_recorded_data(synthesis: SynthesisData, costs: Hls4mlCosts) -> None:
    source = costs.model.provenance
    assert source["data_digest"] == synthesis.digest
    again = fit_hls4ml({kind: synthesis.layers(kind) for kind in KINDS})
    for target in FITTED:
        assert set(again.coefficients[target]) == set(costs.model.coefficients[target])
        for name, weight in again.coefficients[target].items():
            assert weight == pytest.approx(costs.model.coefficients[target][name], rel=1e-6)
    for kind in KINDS:
        assert again.kinds[kind].offsets == costs.model.kinds[kind].offsets
        for name, pair in again.kinds[kind].bounds.items():
            assert pair.inside == pytest.approx(costs.model.kinds[kind].bounds[name].inside, rel=0.02)


def test_processes_equal_scikit_learns() -> None:
    draw = np.random.default_rng(3)
    inputs, logs = draw.normal(0, 2, (80, 7)), draw.normal(0, 0.1, 80)
    found = fit_residuals(inputs, logs, 0.5)
    process = long_process(7).fit(inputs, logs)
    asked = draw.normal(0, 3, (2500, 7))
    np.testing.assert_allclose(found[0].log_factor(asked, inputs), 0.5 * process.predict(asked), atol=1e-9)
    both = sum(item.log_factor(inputs, inputs) for item in found)
    np.testing.assert_allclose(both, logs, atol=0.02)  # the short one takes up what the share leaves


def test_saved_models_predict_the_same(costs: Hls4mlCosts, tmp_path: Path) -> None:
    path = save_hls4ml(costs.model, tmp_path / "model.json")
    assert path.stat().st_size < 1_500_000
    again = Hls4mlCosts(load_hls4ml(path))
    for table in (options("conv", 20, 24, 100), options("lstm", 16, 16, 32), options("dense", 128, 16, 1)):
        first, second = (item.estimate(table, _DEVICE, _CLOCK_HZ) for item in (costs, again))
        for name in QUANTITIES:
            np.testing.assert_array_equal(first.mean[name], second.mean[name])
            np.testing.assert_array_equal(first.bound[name], second.bound[name])


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"kinds": {"conv": {}}}', '{"kinds": 3}'])
def test_damaged_models_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(StorageError, match="--refit"):
        load_hls4ml(tmp_path / "m.json")


@settings(max_examples=60)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 128),
    st.integers(1, 96),
    st.integers(1, 600),
    st.integers(1, 64),
)
def test_estimates_of_any_layer_are_ordered(kind: str, n_in: int, size: int, length: int, pack: int) -> None:
    costs = Hls4mlCosts(load_hls4ml())
    table = options(kind, n_in, size, length, pack)
    found = costs.estimate(table, _DEVICE, _CLOCK_HZ)
    assert len(found) == len(table) == len(found.basis)
    for name in QUANTITIES:
        assert np.isfinite(found.bound[name]).all()
        assert (found.mean[name] >= 0).all()
        assert (found.bound[name] >= found.mean[name] - 1e-9).all()
    latency = found.mean["latency_cycles"]
    reuse = table.columns["reuse_factor"]
    steep = np.diff(latency) / np.diff(reuse)
    assert (steep[np.diff(reuse) > 4] >= 0).all()  # offsets differ by a few cycles; a stream may set an LSTM's pace
    assert (np.diff(found.mean["dsp"][reuse > 1]) <= 0).all()


def test_what_lies_outside_the_data_is_flagged(costs: Hls4mlCosts) -> None:
    inside = costs.estimate(options("conv", 16, 16, 64), _DEVICE, _CLOCK_HZ)
    seen = np.isin(options("conv", 16, 16, 64).columns["reuse_factor"], [2, 4, 16, 24, 48, 96, 384])
    assert not inside.outside[seen].any()
    assert costs.estimate(options("conv", 64, 64, 64), _DEVICE, _CLOCK_HZ).outside.all()
    assert costs.estimate(options("conv", 16, 16, 64), "xc7z020clg400-1", _CLOCK_HZ).outside.all()
    assert costs.estimate(options("conv", 16, 16, 64), _DEVICE, 100e6).outside.all()
    assert "Vivado HLS 2019.1" in inside.rests_on(0)
    with pytest.raises(UsageError, match="no layer kind 'gru'"):
        costs.estimate(OptionTable("gru", {}), _DEVICE, _CLOCK_HZ)
    with pytest.raises(UsageError, match="length"):
        costs.estimate(OptionTable("conv", {"reuse_factor": np.ones(1), "n_in": np.ones(1), "size": np.ones(1)}), "", 1)


def test_a_batch_gives_what_single_options_give(costs: Hls4mlCosts) -> None:
    draw = np.random.default_rng(5)
    for kind in KINDS:
        tables = [options(kind, int(n), int(s), 64) for n, s in draw.integers(4, 64, (12, 2))]
        names = tables[0].columns
        joined = OptionTable(kind, {name: np.concatenate([t.columns[name] for t in tables]) for name in names})
        whole = costs.estimate(joined, _DEVICE, _CLOCK_HZ)
        parts = [costs.estimate(table, _DEVICE, _CLOCK_HZ) for table in tables]
        for name in QUANTITIES:
            np.testing.assert_allclose(whole.mean[name], np.concatenate([p.mean[name] for p in parts]), rtol=1e-12)
        np.testing.assert_array_equal(whole.outside, np.concatenate([p.outside for p in parts]))


def test_recurrent_products_take_the_closest_legal_reuse_factor() -> None:
    columns = {"reuse_factor": [512.0], "n_in": [16.0], "size": [8.0], "length": [8.0]}
    structure = structure_of("lstm", {name: np.array(value) for name, value in columns.items()})
    assert [item.reuse.tolist() for item in structure.products] == [[512.0], [256.0]]
    assert residual_inputs(structure).shape == (1, 10)
    assert bram18_count(structure).tolist() == [21.0]  # as synthesised


def test_conformal_factor_covers() -> None:
    draw = np.random.default_rng(1)
    covered = []
    for _ in range(300):
        ratio = np.exp(draw.normal(0, 0.1, 150))
        covered.append(np.exp(draw.normal(0, 0.1, 50)) <= conformal_factor(ratio, 0.9))
    assert np.mean(covered) >= 0.9
    assert conformal_factor(np.array([0.5, 0.7]), 0.99) == 1.0
    assert conformal_factor(np.array([]), 0.99) == 1.0


def test_folds_hold_every_group_out_whole(synthesis: SynthesisData) -> None:
    for kind in KINDS:
        data = synthesis.layers(kind)
        for split in SPLITS:
            every = folds(data, split)
            together = np.concatenate(every)
            assert len(set(together.tolist())) == len(together)
            assert len(together) == len(data) or split == "extrapolation"
        for test in folds(data, "weights"):
            shapes = set(zip(data.n_in[test].tolist(), data.size[test].tolist(), strict=True))
            rest = np.setdiff1d(np.arange(len(data)), test)
            assert not shapes & set(zip(data.n_in[rest].tolist(), data.size[rest].tolist(), strict=True))


def test_one_object_answers_many_options_quickly(costs: Hls4mlCosts) -> None:
    """No figure is asserted, a loaded machine may be slow; that it is one batch and not a loop is."""
    table = options("lstm", 32, 32, 64)
    big = OptionTable("lstm", {name: np.resize(column, 20_000) for name, column in table.columns.items()})
    started = time.perf_counter()
    assert len(costs.estimate(big, _DEVICE, _CLOCK_HZ)) == 20_000
    assert time.perf_counter() - started < 60


def test_the_file_holds_numbers_only() -> None:
    from ntorc.cost.hls4ml import MODEL_FILE
    from ntorc.paths import project_root

    content = json.loads((project_root() / MODEL_FILE).read_text())
    assert set(content) == {"coefficients", "confidence", "dsp_share", "kinds", "provenance"}
    assert content["provenance"]["source"] == "csynth"
