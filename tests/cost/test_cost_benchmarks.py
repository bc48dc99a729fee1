"""The benchmarks of the cost models on the recorded data, cut short: what they compare, and that ours is the better."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntorc.bench import calibration as calibration_bench
from ntorc.bench import table1
from ntorc.cost.hls4ml import FITTED
from ntorc.cost.splits import SPLITS
from ntorc.cost.synthesis_data import KINDS, SynthesisData, load_synthesis, synthesis_folder
from ntorc.progress import Silent


@pytest.fixture(scope="module")
def synthesis(recorded_data: Path) -> SynthesisData:
    return load_synthesis(synthesis_folder(recorded_data))


def test_a_split_of_table_1(synthesis: SynthesisData, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {kind: synthesis.layers(kind) for kind in KINDS}
    found = table1.grouped(synthesis, keys, "conv", "extrapolation", {}, Silent())
    for target in ("lut", "ff", "latency_max"):
        row = found["targets"][target]
        assert row["ours_mape_percent"] < 0.3 * row["published_mape_percent"]
        assert row["covered_percent"] == 100
    assert found["targets"]["latency_max"]["bound_over_mean_max"] <= 1.05
    monkeypatch.setattr(table1, "load_synthesis", lambda folder: synthesis)
    monkeypatch.setattr(table1, "grouped", lambda *_: found)
    monkeypatch.setattr(table1, "held_out_ratios", lambda *_: {})
    text = table1.as_text(table1.table1(None, Silent()))
    assert "1. as the paper states" in text
    assert "of the test rows have their key among the training rows" in text
    assert all(f"conv, {split}: the paper's recipe" in text for split in SPLITS)


def test_few_measurements_are_worth_most_in_the_update(recorded_data: Path) -> None:
    result = calibration_bench.calibration_accuracy(recorded_data, 6, 3, Silent())
    for target in FITTED:
        rows = result[target]
        assert rows["conjugate update"]["0"] == rows["model"]["0"]
        for count in ("5", "10", "20"):
            others = [rows[way][count] for way in calibration_bench.WAYS if way != "conjugate update"]
            assert rows["conjugate update"][count] < min(others)
    assert "conjugate update" in calibration_bench.as_text(result)
