"""The published synthesis data: labels, aggregation, damaged files; the published recipe gives the paper's optimum."""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.backends.hls4ml.reuse import BLOCK_FACTOR_LIMIT, legal_reuse_factors
from ntorc.cost.published_forests import FOREST_TARGETS, PublishedForests, train_published
from ntorc.cost.synthesis_data import KERNEL, KINDS, TARGETS, SynthesisData, load_synthesis, synthesis_folder
from ntorc.errors import DataError

_KEY = {"conv": "cnn_filters", "lstm": "lstm_size", "dense": "dense_size"}
_FILES = {
    "conv": ("collapsed_conv_resources.csv", "conv_latency_collapsed.csv"),
    "lstm": ("lstm_resources_collapsed.csv", "lstm_latency_collapsed.csv"),
    "dense": ("dense_resources_collapsed.csv", "dense_latency_collapsed.csv"),
}


def write_folder(folder: Path, rows: list[list[int]]) -> Path:
    """Six files of the published form; a row is requested reuse, reuse, inputs, size, length, and a value."""
    for kind, (resources, latency) in _FILES.items():
        key = ["layer_index", "reuse_factor", f"correct_reuse_factor_{kind}", "n_inputs", _KEY[kind], "sequence_length"]
        columns = {resources: ["bram_18k", "lut", "ff", "dsp48e"], latency: ["latency_min", "latency_max"]}
        for name, targets in columns.items():
            with (folder / name).open("w", newline="") as stream:
                table = csv.writer(stream)
                table.writerow([*key, *targets])
                table.writerows([[2, *row[:5], *[row[5] + i for i in range(len(targets))]] for row in rows])
    return folder


@pytest.fixture(scope="session")
def synthesis(recorded_data: Path) -> SynthesisData:
    return load_synthesis(synthesis_folder(recorded_data))


@pytest.fixture(scope="module")
def forests(synthesis: SynthesisData) -> PublishedForests:
    return train_published(synthesis)


def test_medians_are_joined_one_to_one_and_strategies_apart(tmp_path: Path) -> None:
    rows = [[2, 2, 16, 8, 64, v] for v in (10, 12, 80)] + [[1, 2, 16, 8, 64, 500], [4, 4, 1, 8, 128, 7]]
    data = load_synthesis(write_folder(tmp_path, rows))
    found = data.layers("conv")
    assert len(found) == 3
    assert found.rows.sum() == len(rows)
    resource = found.resource
    assert resource.features.tolist() == [[2, 16, 8, 32], [4, 1, 8, 128]]  # only behind a pool is the length doubled
    assert resource.values["lut"].tolist() == [13, 8]
    assert resource.values["latency_max"].tolist() == [13, 8]
    assert data.layers("conv", repair=False).length.tolist().count(64) == 2
    assert data.layers("lstm").length.tolist().count(64) == 2


def test_a_dense_layer_cannot_be_reused_more_often_than_it_multiplies(tmp_path: Path) -> None:
    data = load_synthesis(write_folder(tmp_path, [[32, 32, 16, 1, 1, 5], [16, 16, 16, 1, 1, 5]]))
    assert data.layers("dense").reuse_factor.tolist() == [16]
    assert len(data.layers("dense", repair=False)) == 2


def test_other_contents_have_another_digest(tmp_path: Path) -> None:
    first = load_synthesis(write_folder(tmp_path, [[2, 2, 16, 8, 64, 1]])).digest
    assert load_synthesis(write_folder(tmp_path, [[2, 2, 16, 8, 64, 1]])).digest == first
    assert load_synthesis(write_folder(tmp_path, [[2, 2, 16, 8, 64, 2]])).digest != first


@pytest.mark.parametrize("cell", ["", "x", "nan", "-1", "inf", "1e300", "2.5"])
def test_a_key_that_is_no_count_is_refused_by_line(tmp_path: Path, cell: str) -> None:
    path = write_folder(tmp_path, [[2, 2, 16, 8, 64, 1]] * 3) / _FILES["lstm"][0]
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace("16", cell)
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"line 3: n_inputs"):
        load_synthesis(tmp_path)


@given(st.binary(max_size=200))
def test_no_content_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = write_folder(folder, [[2, 2, 16, 8, 64, 1]]) / _FILES["dense"][1]
    whole = path.read_bytes()
    for damaged in (content, whole + content, content + whole):
        path.write_bytes(damaged)
        with suppress(DataError):
            assert len(load_synthesis(folder).raw["dense"].latency) >= 1


def test_a_folder_without_the_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no published synthesis data"):
        synthesis_folder(tmp_path)
    write_folder(tmp_path, [[2, 2, 16, 8, 64, 1]])
    assert synthesis_folder(tmp_path) == tmp_path
    (tmp_path / _FILES["dense"][1]).unlink()
    with pytest.raises(DataError, match="dense_latency"):
        load_synthesis(tmp_path)


def test_published_keys(synthesis: SynthesisData) -> None:
    counts = {kind: (len(synthesis.layers(kind)), int(synthesis.layers(kind).rows.sum())) for kind in KINDS}
    assert counts == {"conv": (95, 3998), "lstm": (184, 492), "dense": (117, 5651)}
    for kind in KINDS:
        layers = synthesis.layers(kind)
        assert max(Counter(map(tuple, layers.resource.features.tolist())).values()) == 1
        assert set(layers.values) == set(TARGETS)
    conv = synthesis.layers("conv").resource
    np.testing.assert_array_equal(conv.values["latency_min"], 6 * (conv.length + 2))  # so the repaired length is right


def test_repaired_dense_rows_equal_those_that_asked_for_it(synthesis: SynthesisData) -> None:
    raw = synthesis.raw["dense"].resources
    product = raw.n_in * raw.size
    for shape in {(int(n), int(s)) for n, s in zip(raw.n_in, raw.size, strict=True)}:
        here = (raw.n_in == shape[0]) & (raw.size == shape[1])
        asked, beyond = here & (raw.requested_reuse == product), here & (raw.requested_reuse > product)
        if asked.any() and beyond.any():
            for name, column in raw.values.items():
                assert np.median(column[asked]) == np.median(column[beyond]), (shape, name)


@pytest.mark.parametrize("model, options, cost, cycles", [(1, 118, 159_717.733, 48_316), (2, 127, 598_755.469, 49_902)])
def test_the_published_recipe_gives_table_iv(
    recorded_data: Path, forests: PublishedForests, model: int, options: int, cost: float, cycles: int
) -> None:
    network = json.loads((recorded_data / "networks" / f"table4_model_{model}.json").read_text())
    front, counted = [(0.0, 0.0)], 0
    for layer in network["config"]["layers"]:
        config, name = layer["config"], layer["class_name"]
        if name not in ("Conv1D", "LSTM", "Dense"):
            continue
        shape = layer["build_config"]["input_shape"]
        kind, size, n_in = name.lower().replace("1d", ""), config.get("filters", config.get("units")), shape[-1]
        product = (KERNEL * n_in if kind == "conv" else n_in), (4 * size if kind == "lstm" else size)
        reuse = legal_reuse_factors(*product, BLOCK_FACTOR_LIMIT)
        length = 1 if kind == "dense" else shape[1]
        found = forests.predict(kind, [[item, n_in, size, length] for item in reuse])
        assert set(found) == set(FOREST_TARGETS)
        total = found["lut"] + found["ff"] + found["dsp"] + found["bram18"]
        counted += len(reuse)
        merged = sorted((a + x, b + y) for a, b in front for x, y in zip(found["latency_max"], total, strict=True))
        front = []
        for at, best in merged:
            if at <= 50_000 and (not front or best < front[-1][1]):
                front.append((at, best))
    assert counted == options
    assert front[-1][1] == pytest.approx(cost, abs=1e-3)
    assert int(front[-1][0]) == cycles
