"""``ntorc deploy --model`` from end to end: one small network as .keras, .h5 and QONNX files, and what is refused.

All three are the same integers, so that one build serves them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from cli_program import Program
from ntorc.estimator.windows import ADC_LSB_V
from ntorc.network.exporters.qonnx import write_qonnx
from ntorc.network.hls4ml_mode import hls4ml_network
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.network import Network
from ntorc.pipeline.estimator.given import scaled_input
from ntorc.pipeline.networks import ARITHMETICS

WORDS = ("deploy", "--board", "pynq-z2", "--deadline", "500us", "--estimates", "200")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    folder = tmp_path_factory.mktemp("model-runs") / "runs"
    made = program("data", "simulate", "--out", folder, "--seed", "6", "--trajectories", "3", "--seconds", "2")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights as a new and an old Keras file."""
    keras.utils.set_random_seed(4)
    layers = [keras.layers.Conv1D(3, 8, strides=4, activation="relu", name="conv"), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((32, 1)), *layers, keras.layers.Dense(1, name="position")])
    folder = tmp_path_factory.mktemp("models")
    found = {kind: folder / f"mine.{kind}" for kind in ("keras", "h5")}
    for path in found.values():
        model.save(path)
    return found


@pytest.fixture(scope="module")
def first(program: Program, runs: Path, models: dict[str, Path]) -> dict[str, Any]:
    return program.json(*WORDS, "--data", runs, "--model", models["keras"])


def network_of(program: Program, summary: dict[str, Any]) -> Path:
    return program.home / "store" / "runs" / summary["run"] / "network"


def check(summary: dict[str, Any]) -> None:
    assert summary["verdict"] == "met"
    assert summary["gate"] == {"vectors": 200, "mismatches": 0}
    cycles = summary["predicted"]["latency_cycles"]
    assert summary["measured"]["pl_cycles_min"] == summary["measured"]["pl_cycles_max"] == cycles
    assert summary["estimator"]["name"] == "mine"
    assert summary["estimator"]["split"] == "unknown"
    assert summary["estimator"]["multiplies"] == 7 * 8 * 3 + 21


def test_a_keras_file(first: dict[str, Any]) -> None:
    check(first)


def test_an_h5_file_is_the_same_design(
    program: Program, runs: Path, models: dict[str, Path], first: dict[str, Any]
) -> None:
    found = program.json(*WORDS, "--data", runs, "--model", models["h5"])
    check(found)
    assert found["estimator"]["rmse_v"] == first["estimator"]["rmse_v"]
    assert Network.load(network_of(program, found)).digest == Network.load(network_of(program, first)).digest


def test_a_qonnx_file_brings_its_words(
    program: Program, runs: Path, first: dict[str, Any], tmp_path: Path
) -> None:
    path = write_qonnx(Network.load(network_of(program, first)), tmp_path / "mine.onnx")
    words = (*WORDS, "--data", runs, "--model", path)
    refused = program(*words)
    assert refused.returncode == 2
    assert "--model-input counts" in refused.stderr
    found = program.json(*words, "--model-input", "counts")
    check(found)
    assert found["estimator"]["rmse_v"] == first["estimator"]["rmse_v"]
    assert found["design_id"] == first["design_id"]


@pytest.mark.parametrize("name", ["hls4ml-name", "hls4ml-model"])
def test_hls4mls_arithmetic_in_native_gateware(
    name: str, program: Program, runs: Path, models: dict[str, Path], first: dict[str, Any]
) -> None:
    """Not only the gate's verdict: the network is hls4ml's arithmetic of the model on counts, integer by integer."""
    found = program.json(*WORDS, "--data", runs, "--model", models["keras"], "--arithmetic", name)
    check(found)
    network, mode = Network.load(network_of(program, found)), ARITHMETICS[name]
    assert mode is not None
    scaled = scaled_input(import_keras(models["keras"], "mine"), 2.0**mode.precision.fraction * ADC_LSB_V)
    assert network.digest == hls4ml_network(scaled, mode).digest
    assert network.digest != Network.load(network_of(program, first)).digest
    assert abs(found["estimator"]["rmse_v"] - first["estimator"]["rmse_v"]) < 0.02


def test_an_arithmetic_without_a_keras_model_is_refused(program: Program, runs: Path) -> None:
    done = program(*WORDS, "--data", runs, "--arithmetic", "hls4ml-name")
    assert done.returncode == 2
    assert "--model my_model.keras" in done.stderr


def test_a_layer_that_is_not_supported_is_named_with_what_to_do(program: Program, runs: Path, tmp_path: Path) -> None:
    layers = [keras.Input((32, 1)), keras.layers.Bidirectional(keras.layers.GRU(3), name="both")]
    keras.Sequential([*layers, keras.layers.Dense(1)]).save(tmp_path / "mine.keras")
    done = program(*WORDS, "--data", runs, "--model", tmp_path / "mine.keras", "--json")
    assert done.returncode == 1, done.stderr
    assert "'both' is a Bidirectional" in done.stderr
    assert "supported: Conv1D" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "told"), [("mine.onnx", "there is no file"), ("mine.pt", "no model that is known")]
)
def test_a_file_that_is_none(program: Program, runs: Path, tmp_path: Path, name: str, told: str) -> None:
    done = program(*WORDS, "--data", runs, "--model", tmp_path / name)
    assert done.returncode == 2
    assert told in done.stderr
    assert "keras" in done.stderr
