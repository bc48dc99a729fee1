"""Runs: validation, digest, saving and loading."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.errors import DataError, StorageError
from ntorc.estimator.runs import INDEX_NAME, Run, Runs, family_of, make_run


def a_run(name: str = "Random_set1_test0", samples: int = 400, seed: int = 0, rate_hz: float = 5000.0) -> Run:
    generator = np.random.default_rng(seed)
    acceleration_v = generator.normal(0.0, 0.3, samples).astype(np.float32)
    return Run(name, family_of(name), acceleration_v, np.linspace(1.2, 3.0, samples, dtype=np.float32), rate_hz)


def test_saved_runs_come_back_bit_by_bit(tmp_path: Path) -> None:
    runs = Runs((a_run("b_test1", seed=1), a_run("a_test0")), "a test", 40.0, 0.1, "note")
    back = Runs.load(runs.save(tmp_path / "runs"))
    assert [run.name for run in back] == ["a_test0", "b_test1"]
    for run in runs:
        np.testing.assert_array_equal(back[run.name].acceleration_v, run.acceleration_v)
        np.testing.assert_array_equal(back[run.name].position_v, run.position_v)
        assert back[run.name].family == run.family
    assert back.digest == runs.digest
    assert (back.source, back.position_mm_per_v, back.position_mm_per_v_relative_uncertainty, back.note) == (
        "a test",
        40.0,
        0.1,
        "note",
    )


def test_saving_twice_gives_equal_bytes(tmp_path: Path) -> None:
    runs = Runs((a_run(),), "a test")
    first, second = runs.save(tmp_path / "1"), runs.save(tmp_path / "2")
    names = sorted(path.name for path in first.iterdir())
    assert names == ["Random_set1_test0.npz", INDEX_NAME]
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_digest_follows_content_and_not_origin() -> None:
    base = Runs((a_run(),), "here")
    assert Runs((a_run(),), "there").digest == base.digest
    changed = a_run().position_v.copy()
    changed[17] += np.float32(1e-6)
    run = a_run()
    others = (
        Run(run.name, run.family, run.acceleration_v, changed),
        Run("other", run.family, run.acceleration_v, run.position_v),
        Run(run.name, run.family, run.acceleration_v, run.position_v, 4000.0),
    )
    assert len({base.digest} | {Runs((other,), "here").digest for other in others}) == 4


@pytest.mark.parametrize("damage", ["altered", "missing", "truncated", "swapped"])
def test_damage_to_saved_runs_is_found(tmp_path: Path, damage: str) -> None:
    folder = Runs((a_run("a"), a_run("b", seed=1)), "a test").save(tmp_path)
    file = folder / "a.npz"
    if damage == "altered":
        np.savez(file, acc=a_run("a").acceleration_v, pin=a_run("a").position_v + np.float32(0.1))
    elif damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-40])
    else:
        file.write_bytes((folder / "b.npz").read_bytes())
    with pytest.raises(DataError, match=r"a\.npz"):
        Runs.load(folder)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "x"}', "\udcff"])
def test_a_damaged_index_is_a_storage_error(tmp_path: Path, text: str) -> None:
    folder = Runs((a_run(),), "a test").save(tmp_path)
    (folder / INDEX_NAME).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StorageError, match=r"runs\.json"):
        Runs.load(folder)


def test_an_index_cannot_reach_outside_its_folder(tmp_path: Path) -> None:
    folder = Runs((a_run("a"),), "a test").save(tmp_path / "runs")
    index = json.loads((folder / INDEX_NAME).read_text())
    index["runs"] = {"../a": index["runs"]["a"]}
    (folder / INDEX_NAME).write_text(json.dumps(index))
    with pytest.raises(DataError, match="unusable"):
        Runs.load(folder)


def test_an_index_of_another_format_is_refused(tmp_path: Path) -> None:
    folder = Runs((a_run("a"),), "a test").save(tmp_path)
    index = json.loads((folder / INDEX_NAME).read_text())
    (folder / INDEX_NAME).write_text(json.dumps({**index, "format": 99}))
    with pytest.raises(DataError, match="format 99"):
        Runs.load(folder)


def test_what_is_not_a_run_is_refused() -> None:
    good = np.ones(400, dtype=np.float32)
    bad_value = good.copy()
    bad_value[7] = np.nan
    cases = [
        (good, good[:-1], "399 position samples"),
        (good[:10], good[:10], "only 10 samples"),
        (bad_value, good, "at sample 7"),
        (good, np.where(np.arange(400) == 3, np.inf, 1.0), "at sample 3"),
        (good, np.full(400, 1e300), "at sample 0"),
        (good.reshape(20, 20), good, "not one series"),
        (good, np.full(400, "x"), "not one series"),
        (good, good + 1j, "not one series"),
    ]
    for acceleration, position, message in cases:
        with pytest.raises(DataError, match=message):
            make_run("r", "f", acceleration, position, 5000.0)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x\n", "ä" * 3, "a" * 300])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="cannot be the name"):
        a_run(name)


@pytest.mark.parametrize("rate_hz", [0.0, -5.0, float("nan"), float("inf")])
def test_sample_rates_must_be_positive(rate_hz: float) -> None:
    with pytest.raises(DataError, match="sample rate"):
        a_run(rate_hz=rate_hz)


def test_runs_agree_in_rate_and_differ_in_name() -> None:
    with pytest.raises(DataError, match="no runs"):
        Runs((), "nowhere")
    with pytest.raises(DataError, match="two runs"):
        Runs((a_run("a"), a_run("a")), "x")
    with pytest.raises(DataError, match="4000 Hz but a at 5000 Hz"):
        Runs((a_run("a"), a_run("b", rate_hz=4000.0)), "x")
    with pytest.raises(DataError, match="works at 5000 Hz"):
        Runs((a_run("b", rate_hz=4000.0),), "x").require_sample_rate(5000.0)
    with pytest.raises(DataError, match="no run named z"):
        Runs((a_run("a"),), "x")["z"]


def test_series_cannot_be_changed_after_they_were_checked() -> None:
    mine = np.ones(400, dtype=np.float32)
    run = Run("r", "f", mine, mine)
    mine[0] = np.nan
    assert run.acceleration_v[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        run.acceleration_v[0] = 2.0


def test_families_of_published_names() -> None:
    assert family_of("Random_Index_Set_Random_Dwell_set3_test0") == "Random_Index_Set_Random_Dwell"
    assert family_of("Slow_Postional_Displacement_10steps_test1") == "Slow_Postional_Displacement_10steps"
    assert family_of("Standard_Index_Set_test10") == "Standard_Index_Set"


@given(st.text())
def test_every_name_has_a_family(name: str) -> None:
    assert family_of(name) or not name
