"""FINN for real, where its environment is there: one network from QONNX to a plan, in as few processes as it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

from ntorc.allocate.allocation import Allocation, allocate, problem_of
from ntorc.allocate.front import exact_front
from ntorc.allocate.requirement import Requirement
from ntorc.backends.finn import environment, vendor_free
from ntorc.backends.finn.client import FinnProcess
from ntorc.backends.finn.limits import unsupported, with_whole_result
from ntorc.backends.finn.plan import finn_plan
from ntorc.backends.finn.prepared import Prepared
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.errors import GateError
from ntorc.network import reference
from ntorc.network.exporters.qonnx import qonnx_model, write_qonnx
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.qonnx_model import from_qonnx
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.choose import AUTO
from ntorc.pipeline.finn import network as finn
from ntorc.pipeline.finn.install import install_backend
from ntorc.pipeline.finn.plan import write_plan
from ntorc.pipeline.flow import Flow, open_flow
from ntorc.pipeline.standalone import NetworkRequest, settled
from ntorc.progress import Silent
from ntorc.records import load

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "network"))

from drawn_networks import networks

PART, CLOCK_HZ = "xc7z020clg400-1", 100e6


@pytest.fixture(scope="module")
def python(require: Callable[[str], Path]) -> Path:
    return require("finn")


@pytest.fixture(scope="module")
def network() -> Network:
    """Strides, padding, a pool, a signed word between layers, several outputs; a bias that brings sums onto ties."""
    weights = FixedFormat(5, 4)
    layers = (
        Conv1D("first", 20, 1, 4, 3, weights, FixedFormat(6, 2), 1, 1, 1, 1, "relu"),
        MaxPool1D("pool", 20, 4, 2),
        Conv1D("second", 10, 4, 6, 3, weights, FixedFormat(6, 1), 2, 1, 0, 0, "linear"),
        Dense("third", 4, 6, 5, weights, FixedFormat(7, 2), "relu"),
        Dense("last", 1, 5, 2, weights, FixedFormat(8, 4)),
    )
    drawn = random_network(7, FixedFormat(10, 6), 20, layers)
    biases = {name: bias % 257 - 128 for name, bias in drawn.biases.items()}
    made = with_whole_result(Network("small", drawn.input_format, 20, 1, layers, drawn.weights, biases))
    assert unsupported(made) == []
    return made


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Flow:
    patch = pytest.MonkeyPatch()
    patch.setenv("NTORC_HOME", str(tmp_path_factory.mktemp("finn-home")))
    made = open_flow(Silent())
    patch.undo()
    return made


@pytest.fixture(scope="module")
def prepared(python: Path, network: Network, flow: Flow) -> Prepared:
    return finn.prepare(flow, network, PART, CLOCK_HZ)


@pytest.fixture(scope="module")
def process(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinnProcess]:
    """One for all that needs no other."""
    with FinnProcess(python, tmp_path_factory.mktemp("finn") / "log") as made:
        yield made


def test_the_environment_is_the_locked_one_and_installing_again_does_nothing(python: Path) -> None:
    folder = python.parents[1]
    before = (folder / "finn-environment.json").stat().st_mtime_ns
    result = install_backend("finn", folder, False, Silent())
    assert result["was_there"]
    assert result["packages"]["finn-plus"] == vendor_free.WRITTEN_FOR
    assert (folder / "finn-environment.json").stat().st_mtime_ns == before


def test_the_graphs_are_the_reference_bit_by_bit(prepared: Prepared, flow: Flow, network: Network) -> None:
    assert (prepared.gate_frames, prepared.gate_mismatches) == (finn.GATE_FRAMES, 0)
    again = finn.folder_of(flow, network, PART, CLOCK_HZ)
    assert all((again / graph).is_file() for graph in finn.GRAPHS)
    assert "finn" in flow.reused


def test_every_layer_has_its_foldings(prepared: Prepared, network: Network) -> None:
    counts = [len(rows) for rows in prepared.layers]
    assert counts == [3 * 2, 3, 4 * 6, 2 * 8, 2 * 2]  # divisors of outputs times divisors of inputs; of channels
    for rows in prepared.layers:
        assert all(row.cycles > 0 and row.filled.mean.ff > 0 and row.filled.mean.lut > 0 for row in rows)
        assert min(row.cycles for row in rows) < max(row.cycles for row in rows)


def test_the_allocation_is_the_least_of_all_and_finn_comes_to_the_same_cycles(
    process: FinnProcess, prepared: Prepared, network: Network, flow: Flow
) -> None:
    board = load_board("pynq-z2")
    backend = finn.finn_backend(flow, board, CLOCK_HZ)
    need = Requirement(board, 59e-6, CLOCK_HZ, 16, 5000.0, 55.6e-6, "test", solver="CBC")
    cost = NativeCost(load_model(), ())
    found = allocate(network, backend, cost, need)
    assert found.latency_cycles <= found.budget_cycles
    options = backend.options(network, cost, 16)
    point = exact_front(problem_of(options, network, need)).at(found.budget_cycles)
    assert point is not None
    assert point.objective == pytest.approx(found.area, rel=1e-9)
    folder = finn.folder_of(flow, network, PART, CLOCK_HZ)
    settings = backend.settings(network, found.directives)
    report = process.ask("estimate", folder=str(folder), part=PART, settings=settings)
    assert report["applied"] == settings
    assert report["critical_path_cycles"] == found.latency_cycles
    rows = [row for layer in network.layers for row in backend.foldings(network, layer) if _is(row.settings, settings)]
    assert report["resources"]["LUT"] == sum(row.estimated.lut for row in rows)
    assert report["resources"]["DSP"] == sum(row.estimated.dsp for row in rows)


def _is(part: dict[str, dict[str, int]], whole: dict[str, dict[str, int]]) -> bool:
    return all(whole[name] == values for name, values in part.items())


def test_a_graph_that_differs_is_found(
    process: FinnProcess, network: Network, flow: Flow, prepared: Prepared, tmp_path: Path
) -> None:
    """The gate can fail: FINN's graph of this network against the reference of another one."""
    other = Network(
        network.name, network.input_format, 20, 1, network.layers, network.weights,
        {**network.biases, "last": network.biases["last"] + 1},
    )  # fmt: skip
    for graph in finn.GRAPHS:
        (tmp_path / graph).write_bytes((finn.folder_of(flow, network, PART, CLOCK_HZ) / graph).read_bytes())
    with pytest.raises(GateError) as failed:
        finn.gate(process, other, tmp_path, 4)
    assert "4 of 4 results of FINN's streamlined.onnx" in failed.value.message


@pytest.fixture(scope="module")
def plan(prepared: Prepared, network: Network, flow: Flow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instrumented one, which FINN has walked as far as it needs no tool."""
    folder = tmp_path_factory.mktemp("plan")
    request = NetworkRequest(network.save(folder / "network"), "pynq-z2", "65us", "finn", CLOCK_HZ)
    assert write_plan(flow, request, folder / "plan", instrumented=True)["checked_steps"] == 10
    return folder / "plan"


def test_the_plan_says_what_finn_is_to_do(plan: Path, network: Network, flow: Flow) -> None:
    configuration = json.loads((plan / "build.json").read_text())
    assert configuration["enable_instrumentation"]
    assert configuration["steps"][-1] == "step_deployment_package"
    frames: Any = np.load(plan / "input.npy")
    expected = reference.run(network, frames[..., 0].transpose(0, 2, 1).astype(np.int64))
    np.testing.assert_array_equal(np.load(plan / "expected_output.npy"), expected)
    backend = finn.finn_backend(flow, load_board("pynq-z2"), CLOCK_HZ)
    directives = load(Allocation, plan / "allocation.json").directives
    inputs = backend, network, directives, load_board("pynq-z2"), CLOCK_HZ, finn.gate_frames(network, 1, seed=2)
    for name, content in finn_plan(*inputs, instrumented=True).items():
        assert (plan / name).read_bytes() == content, name


def test_the_plan_comes_to_a_bitstream_with_stand_ins(
    python: Path, plan: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    """17 of its 18 steps: FINN's scripts run under tclsh, where the tools' commands are recorded."""
    require("tclsh")
    here, tools, record = Path(__file__).resolve().parent, tmp_path / "bin", tmp_path / "record"
    for folder in ("bin", "home", "work"):
        (tmp_path / folder).mkdir()
    for tool in ("vivado", "vitis_hls"):
        (tools / tool).symlink_to(here / "vendor" / "vivado")
    done = subprocess.run(
        [python, "-B", here / "walk.py", plan, tmp_path / "work"],
        capture_output=True, text=True, timeout=600,
        env={"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tmp_path / "home"), "MOCK_RECORD": str(record),
             "XILINX_VIVADO": str(tmp_path / "Vivado" / "2024.2")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    made = tmp_path / "work" / "output"
    assert {one.name for one in (made / "deploy" / "bitfile").iterdir()} == {"finn-accel.bit", "finn-accel.hwh"}
    driver = json.loads((made / "deploy" / "driver" / "settings.json").read_text())["driver_information"]
    assert driver["driver_type"] == "FINNInstrumentationOverlay"
    assert [one.name for one in (made / "verification_output").iterdir()] == ["verify_streamlined_python_0_SUCCESS.npy"]
    commands = record.read_text().splitlines()
    assert "set_property board_part tul.com.tw:pynq-z2:part0:1.0 {}" in commands
    assert commands.count("csynth_design") == commands.count("create_clock -period 10.0 -name default") >= 3
    assert "launch_runs -jobs 1 -to_step write_bitstream impl_1" in commands
    assert not [line for line in commands if line.startswith("ERROR")]


def test_the_plans_command_is_finns_own(python: Path, plan: Path, tmp_path: Path) -> None:
    """It reads the configuration, and ends where Vivado's simulator is asked for."""
    done = subprocess.run(
        ["sh", plan / "build.sh"], capture_output=True, text=True, timeout=300,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "FINN": str(python.with_name("finn")),
             "FINN_BUILD_DIR": str(tmp_path / "build"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert "Starting FINN build with config build.json and model network.onnx" in done.stdout
    assert done.returncode != 0
    assert "XILINX_VIVADO environment variable not set" in done.stderr


def test_auto_shows_finn_and_takes_it_where_it_is_the_best_that_is_asked_for(
    prepared: Prepared, network: Network, flow: Flow, tmp_path: Path
) -> None:
    request = NetworkRequest(network.save(tmp_path / "network"), "pynq-z2", "65us", AUTO, CLOCK_HZ, objective="ff")
    chosen, compared = settled(flow, request)
    rows = {row["backend"]: row for row in compared}
    assert chosen.backend == "finn" == compared[0]["backend"]  # no flip-flops of a shell are in its figures
    assert rows["finn"]["words"] == rows["native"]["words"] == "5/7"
    assert rows["finn"]["cost"] < rows["native"]["cost"]
    assert rows["finn"]["cost"] < rows["hls4ml"]["cost"]
    for tool in ("virtual", "openxc7"):
        chosen, compared = settled(flow, request, tool, here=tool == "virtual")
        rows = {row["backend"]: row for row in compared}
        assert chosen.backend == "native"
        assert "FINN's own steps build it" in rows["finn"]["reason"]


@settings(max_examples=4)
@given(drawn=networks(averages=False))
def test_random_networks_are_the_reference_bit_by_bit(process: FinnProcess, drawn: Network) -> None:
    made = with_whole_result(drawn)
    assume(not unsupported(made))
    with tempfile.TemporaryDirectory() as name:
        model = write_qonnx(made, Path(name) / "network.onnx", for_finn=True)
        about = process.ask("prepare", model=str(model), folder=name, part=PART, clock_hz=CLOCK_HZ)
        assert len(about["groups"]) == len(made.layers)
        assert set(about["outside"]) <= set(vendor_free.MOVES)
        assert finn.gate(process, made, Path(name), 4) == (4, 0)


def test_a_model_from_elsewhere_goes_the_same_way(python: Path, network: Network) -> None:
    """NETWORK may be an .onnx file: what FINN gets is the same network."""
    found = with_whole_result(from_qonnx(qonnx_model(network), "small").network)
    assert found.layers == network.layers
    assert environment.require().is_file()
