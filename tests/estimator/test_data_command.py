"""``ntorc data``: one object on stdout with --json, messages on stderr, errors with a next step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ntorc.cli.data import app
from ntorc.errors import DataError
from ntorc.estimator.description import describe
from ntorc.estimator.readers import load_runs
from ntorc.estimator.runs import Run, Runs


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "runs"
    result = run("simulate", "--out", out, "--seed", 7, "--trajectories", 4, "--seconds", 3, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["duration_s"] == pytest.approx(24.0)
    assert len(summary["runs"]) == 8
    assert summary["digest"] == load_runs(out).digest
    return out


def test_simulated_runs_are_described(folder: Path) -> None:
    result = run("describe", "--data", folder, "--json")
    assert result.exit_code == 0
    described = json.loads(result.stdout)
    assert described["units"] == {"acceleration": "V", "position": "V"}
    assert described["sample_rate_hz"] == 5000.0
    assert described["families"] == {"Simulated_Random": 8}
    assert [t["replicas"] for t in described["trajectories"].values()] == [
        [f"Simulated_Random_set{number}_test{replica}" for replica in (0, 1)] for number in (1, 2, 3, 4)
    ]
    for name, figures in described["runs"].items():
        rms_v = float(np.sqrt(np.mean(load_runs(folder)[name].acceleration_v ** 2)))
        assert figures["acceleration_rms_v"] == pytest.approx(rms_v, abs=1e-5)


def test_the_text_names_every_run_and_has_no_control_codes(folder: Path) -> None:
    result = run("describe", "--data", folder)
    assert all(name.name.removesuffix(".npz") in result.stdout for name in folder.glob("*.npz"))
    assert "4 trajectories" in result.stdout
    assert "2 replicas of 3.0 s" in result.stdout
    assert "\x1b" not in result.output


def test_the_recorded_data_as_described(dropbear_folder: Path) -> None:
    result = run("describe", "--data", dropbear_folder, "--json")
    described = json.loads(result.stdout)
    assert described["duration_s"] == pytest.approx(926.0)
    assert len(described["trajectories"]) == 12
    assert described["families"]["Standard_Index_Set"] == 13
    spiky = [name for name, figures in described["runs"].items() if figures["spike_samples"]]
    assert "Standard_Index_Set_test10" in spiky
    railed = [name for name, figures in described["runs"].items() if figures["rail_samples"]]
    assert railed == ["Standard_Index_Set_test14", "Standard_Index_Set_test8"]


def test_clipping_and_spikes_are_counted() -> None:
    acceleration_v = np.full(1000, 0.1, np.float32)
    acceleration_v[10:13] = (9.9988, -10.0, 12.0)
    position_v = np.full(1000, 1.3, np.float32)
    position_v[500:502] = 4.0
    figures = describe(Runs((Run("a", "f", acceleration_v, position_v),), "x")).runs["a"]
    assert (figures.rail_samples, figures.spike_samples) == (3, 2)
    assert figures.position_max_v == 4.0


def test_errors_say_what_to_do(tmp_path: Path, ntorc_home: Path, folder: Path) -> None:
    for arguments in (("describe",), ("describe", "--data", tmp_path / "none"), ("simulate", "--out", folder)):
        error = run(*arguments).exception
        assert isinstance(error, DataError)
        assert error.hint


def test_every_command_shows_an_example() -> None:
    for command in ("fetch", "describe", "simulate"):
        result = run(command, "--help")
        assert result.exit_code == 0
        assert f"ntorc data {command}" in result.stdout


def test_the_commands_load_nothing_heavy() -> None:
    heavy = {"numpy", "tensorflow", "keras", "scipy", "pydantic", "pooch"}
    code = "import sys, ntorc.cli.data; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert not heavy & set(done.stdout.split())


def test_signals_stand_beside_the_simulators(folder: Path, tmp_path: Path) -> None:
    plain = run("describe", "--data", folder, "--signals", "--plots", tmp_path)
    assert plain.exit_code == 0, plain.output
    assert "kurtosis" in plain.stdout
    assert (tmp_path / "spectra.svg").read_text().startswith("<svg")
    told = json.loads(run("describe", "--data", folder, "--signals", "--json").stdout)["signals"]
    assert set(told) == {"these runs", "simulated"}
    for card in told.values():
        assert sum(card["band_share"].values()) == pytest.approx(1.0)
        assert sum(card["regime_share"].values()) == pytest.approx(1.0)
        # both are the same beam: its frequencies are found where the model has them
        assert max(card["deviation_percent"]) < 3.0
        assert len(card["frequencies"]) >= 2
