"""``ntorc front`` and ``ntorc allocate`` as a user calls them: every solver, both backends, one object on stdout."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from cli_program import Program
from ntorc.network.exporters.qonnx import write_qonnx
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.store.base import Observation
from ntorc.store.local import LocalStore


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    word = FixedFormat(12, 6)
    layers = (
        Conv1D("c", 32, 1, 4, 3, word, word, padding_left=1, padding_right=1),
        MaxPool1D("p", 32, 4, 2),
        Dense("d", 16, 4, 8, word, word, "relu"),
        Dense("e", 1, 8, 1, word, word),
    )
    return random_network(1, FixedFormat(14, 8), 32, layers).save(tmp_path_factory.mktemp("network"))


def test_front_is_drawn_and_every_solver_agrees(program: Program, network: Path, tmp_path: Path) -> None:
    picture = tmp_path / "front.svg"
    result = program.json("front", network, "--board", "pynq-z2", "--deadline", "100us", "--svg", picture, "--verify")
    assert result["svg"] == str(picture)
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert {"CBC", "HIGHS"} <= set(result["verified"])
    knee = result["points"][result["knee"]]
    for solver in ("CBC", "HIGHS", "MERGE"):
        words = ("--deadline", f"{knee['deadline_s'] * 1e6:.1f}us", "--solver", solver)
        found = program.json("allocate", network, "--board", "pynq-z2", *words)
        assert found["latency_cycles"] == knee["latency_cycles"]
        assert found["area"] == pytest.approx(knee["objective"], rel=1e-9)


def test_front_of_a_deadline_that_nothing_meets_is_a_verdict(program: Program, network: Path) -> None:
    for words in ((), ("--backend", "all")):
        done = program("front", network, "--board", "pynq-z2", "--deadline", "57us", *words)
        assert done.returncode == 3, done.stderr
        said = "57us is met by none of them" if words else "none meets 57us: the smallest deadline is"
        assert said in done.stdout
        done = program("front", network, "--board", "pynq-z2", "--deadline", "1ms", *words)
        assert done.returncode == 0, done.stderr


def test_front_for_hls4ml_and_a_single_resource(program: Program, network: Path) -> None:
    done = program("front", network, "--board", "pynq-z2", "--backend", "hls4ml", "--objective", "dsp")
    assert done.returncode == 0, done.stderr
    assert "knee" in done.stdout
    built = program("build", network, "--board", "pynq-z2", "--backend", "hls4ml", "--deadline", "1ms")
    assert built.returncode == 1  # it would be built by the vendor's tools
    assert "not found: vitis-run or vitis_hls" in built.stderr or "not found: vivado" in built.stderr


def test_all_backends_fronts_are_drawn_together(program: Program, network: Path, tmp_path: Path) -> None:
    picture = tmp_path / "fronts.svg"
    result = program.json("front", network, "--board", "zcu104", "--backend", "all", "--svg", picture)
    finn = result["backends"].pop("finn", None)  # there where it is installed
    assert finn is None or "quantise to 2 to 8 bits" in finn["reason"]
    assert set(result["backends"]) == {"native", "hls4ml"}
    for found in result["backends"].values():
        costs = [point["cost_with_shell"] for point in found["points"]]
        assert costs == sorted(costs, reverse=True)
        assert {point["basis"] for point in found["points"]} <= {"estimate", "synthesised", "measured"}
    text = picture.read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert ">native<" in text
    assert ">hls4ml<" in text


def test_auto_takes_the_best_and_shows_the_table(program: Program, network: Path) -> None:
    words = ("--board", "pynq-z2", "--deadline", "1ms")
    done = program("allocate", network, *words, "--backend", "auto")
    assert done.returncode == 0, done.stderr
    native = program.json("allocate", network, *words)
    table = [line.split() for line in done.stderr.splitlines() if line.strip().startswith(("native", "hls4ml"))]
    assert [row[0] for row in table] == ["native", "hls4ml"]
    assert int(table[0][2]) == native["latency_cycles"]
    none = program("allocate", network, "--board", "pynq-z2", "--deadline", "3us", "--backend", "auto")
    assert none.returncode == 3
    assert "smallest reachable deadline" in none.stderr
    plan = program.json("build", network, *words, "--backend", "auto", "--tool", "vivado", "--plan-only")
    assert plan["backend"] == "native"
    assert [row["backend"] for row in plan["compared"][:2]] == ["native", "hls4ml"]
    for row in plan["compared"]:  # FINN too where it is installed, which cannot have these words
        assert row["words"] == "12/12" and row["predicted"]["lut"] > 0 if row["backend"] != "finn" else row["reason"]


def test_backend_check_says_what_is_here(program: Program) -> None:
    result = program.json("backend", "check")
    ways = {way["name"]: way for one in result["backends"].values() for way in one["bitstream"]}
    assert set(ways) == {"vivado", "openxc7", "hls4ml", "finn"}
    assert any("yosys" in tool["name"] and tool["path"] for tool in ways["openxc7"]["tools"])
    wrong = program("backend", "check", "quartus")
    assert wrong.returncode == 2


def test_the_fastest_choice_is_the_fronts_first_point(program: Program, network: Path) -> None:
    front = program.json("front", network, "--board", "pynq-z2")
    words = ("--deadline", "1ms", "--objective", "latency", "--solver", "HIGHS")
    found = program.json("allocate", network, "--board", "pynq-z2", *words)
    assert found["latency_cycles"] == front["points"][0]["latency_cycles"]


def test_narrower_weights_are_chosen_within_what_the_result_may_move(
    program: Program, network: Path, tmp_path: Path
) -> None:
    words = ("allocate", network, "--board", "pynq-z2", "--deadline", "200us", "--weight-bits", "8,5")
    found = program.json(*words, "--accuracy-budget", "0.1", "--save", tmp_path / "narrow")
    assert found["predicted_rms"] <= 0.1
    chosen = Network.load(tmp_path / "narrow")
    assert found["weight_bits"] == {layer.name: layer.weight_format.bits for layer in chosen.weighted_layers}
    assert found["allocation"]["network"] == chosen.digest
    plain = program.json("allocate", network, "--board", "pynq-z2", "--deadline", "200us")
    assert found["allocation"]["area"] <= plain["area"] * (1 + 1e-9)
    without = program(*words)
    assert without.returncode == 2
    assert "--accuracy-budget" in without.stderr


def test_what_was_measured_on_a_board_is_reckoned_with(program: Program, network: Path, tmp_path: Path) -> None:
    figures = {"share": 1e-5, "is_shown": 1.0, "bound_s": 80e-6, "max_s": 79e-6, "samples": 300000.0}
    device = "pynq-z2@ssh://xilinx@rack"
    seen = Observation("measured_io_overhead", "board", device, "io_overhead", "load=none", figures, "t", "r1")
    LocalStore(tmp_path / "store").observe([seen])
    own = Program(tmp_path, program.cache)
    words = ("allocate", network, "--board", "pynq-z2", "--deadline", "200us", "--target", "ssh://xilinx@rack")
    found = own.json(*words)
    assert found["io_overhead_s"] == pytest.approx(80e-6)
    assert found["budget_cycles"] == 12000


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--objective", "latency"), 2, "axis"),
        (("--objective", "area"), 2, "known objectives"),
        (("--ceiling", "0.012"), 3, "smallest that would do"),
    ],
)
def test_front_says_why_not(program: Program, network: Path, words: tuple[str, ...], code: int, told: str) -> None:
    done = program("front", network, "--board", "pynq-z2", *words, "--json")
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    if code == 3:
        assert json.loads(done.stdout)["verdict"] == "infeasible"
    else:
        assert done.stdout == ""


def test_a_qonnx_model_is_allocated_as_its_network_is(program: Program, tmp_path: Path) -> None:
    word, weights = FixedFormat(8, 4), FixedFormat(5, 4)
    layers = (
        Conv1D("c", 16, 1, 3, 3, weights, word, padding_left=1, padding_right=1, activation="relu"),
        MaxPool1D("p", 16, 3, 2),
        Dense("d", 8, 3, 1, weights, word),
    )
    made = random_network(3, FixedFormat(10, 6), 16, layers)
    words = ("--board", "pynq-z2", "--deadline", "100us")
    found = program.json("allocate", write_qonnx(made, tmp_path / "model.onnx"), *words)
    expected = program.json("allocate", made.save(tmp_path / "network"), *words)
    assert {**found, "network": ""} == {**expected, "network": ""}


def test_a_file_that_is_no_network_is_refused(program: Program, tmp_path: Path) -> None:
    other = tmp_path / "model.tflite"
    other.write_bytes(b"x")
    done = program("allocate", other, "--board", "pynq-z2", "--deadline", "1ms")
    assert done.returncode == 2
    assert "known" in done.stderr
