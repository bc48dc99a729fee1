"""``ntorc train`` and its neighbours as their user sees them: what is refused, and that it is refused at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli_program import Program
from ntorc.errors import UsageError
from ntorc.paths import check_folder


def refused(program: Program, *words: object, code: int = 2) -> str:
    """What is said, where nothing was read, simulated or trained before."""
    done = program(*words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not any(line.startswith(("runs:", "train:", "samples")) for line in done.stderr.splitlines()), done.stderr
    return done.stderr


def test_a_window_network_has_a_card(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "window"
    found: dict[str, Any] = program.json("train", out, "--form", "window", "--epochs", "1")
    card = json.loads((out / "card.json").read_text())
    assert found["card"]["rmse_v"] == pytest.approx(card["metrics"]["total"]["rmse_v"], abs=1e-5)
    assert found["card"]["split"] == "honest"
    assert found["card"]["multiplies"] == found["multiplies"]
    assert set(found["card"]["faults"]) == {"dead", "stuck", "at its limit", "cable off", "offset of 1 V"}


def test_there_must_be_something_to_resume(fresh_program: Program, tmp_path: Path) -> None:
    done = fresh_program("train", tmp_path / "out", "--resume")
    assert done.returncode == 2
    assert "nothing to resume" in done.stderr
    assert "without --resume" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--train-limit", "0"), "training of at most 0 s"),
        (("--seed", "-1"), "--seed"),
        (("--form", "gru"), "no form 'gru'"),
        (("--form", "nofile.json"), "nofile.json cannot be read"),
    ],
)
def test_what_cannot_be_trained(program: Program, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    code = 1 if "nofile.json" in words else 2
    assert told in refused(program, "train", tmp_path / "out", *words, code=code)


def test_results_do_not_go_where_a_file_is(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "afile"
    file.write_text("mine")
    rest = ("--board", "pynq-z2", "--deadline", "1ms", "--save", file)
    for words in (
        ("train", file),
        ("train", file / "below"),
        ("train", "/proc/x"),
        ("data", "simulate", "--out", file),
        ("data", "describe", "--signals", "--plots", file),
        ("allocate", tmp_path, *rest),
    ):
        assert "cannot be a folder for results" in refused(program, *words)
    assert file.read_text() == "mine"


def test_checking_a_folder_leaves_nothing(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("x")
    check_folder(tmp_path / "there")
    assert (tmp_path / "there" / "file").read_text() == "x"
    with pytest.raises(UsageError, match="it is a file"):
        check_folder(tmp_path / "there" / "file")


def test_names_of_files_that_are_not_there(program: Program, tmp_path: Path) -> None:
    deploy = ("deploy", "--board", "pynq-z2", "--deadline", "500us")
    assert "there is no file" in refused(program, *deploy, "--model", tmp_path / "none.keras")
    assert "there is no network" in refused(program, "front", tmp_path / "none.onnx", "--board", "pynq-z2")
    (tmp_path / "bad.keras").write_bytes(b"no archive")
    said = refused(program, "front", tmp_path / "bad.keras", "--board", "pynq-z2", code=1)
    assert "bad.keras is not a Keras model" in said
    assert "not found" not in said
    assert "a clock of -5 Hz is not positive" in refused(program, *deploy, "--clock-hz", "-5")


def test_counts_in_place_of_volts(program: Program, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    for number in range(3):
        counts = generator.normal(0.0, 800.0, 5_000).astype(np.int16)
        np.savez(tmp_path / f"a_test{number}.npz", acc=counts, pin=2.0 + np.sin(np.arange(5_000) / 300.0 + number))
    done = program("data", "describe", "--data", tmp_path)
    assert done.returncode == 1
    assert "are no volts" in done.stderr
    assert "volts a count" in done.stderr


def test_a_long_name_does_not_shift_the_table(program: Program, tmp_path: Path) -> None:
    import keras

    name = "a_layer_with_quite_a_long_name_of_its_own"
    model = keras.Sequential([keras.Input((16, 1)), keras.layers.Flatten(), keras.layers.Dense(4, name=name)])
    model.save(tmp_path / "m.keras")
    done = program("allocate", tmp_path / "m.keras", "--board", "pynq-z2", "--deadline", "1ms")
    assert done.returncode == 0, done.stderr
    head, *rows = [line for line in done.stdout.splitlines() if "LUT" in line or name in line or "shell" in line]
    end = head.index("BRAM18") + len("BRAM18")
    assert all(len(row) >= end and row[end - 1].isdigit() for row in rows)
