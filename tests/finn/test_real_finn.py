"""FINN for real, where its environment is there: one network from QONNX to a plan, in as few processes as it takes."""

from __future__ import annotations

import json
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
from ntorc.pipeline import finn
from ntorc.pipeline.finn_install import install_backend
from ntorc.pipeline.finn_plan import write_plan
from ntorc.pipeline.flow import Flow, open_flow
from ntorc.pipeline.standalone import NetworkRequest
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


def test_the_plan_is_walked_by_finn_as_far_as_no_tool_is_needed(
    prepared: Prepared, network: Network, flow: Flow, tmp_path: Path
) -> None:
    saved = network.save(tmp_path / "network")
    request = NetworkRequest(saved, "pynq-z2", "65us", "finn", CLOCK_HZ)
    result = write_plan(flow, request, tmp_path / "plan", instrumented=True)
    assert result["checked_steps"] == 10
    configuration = json.loads((tmp_path / "plan" / "build.json").read_text())
    assert configuration["enable_instrumentation"]
    assert configuration["steps"][-1] == "step_deployment_package"
    frames: Any = np.load(tmp_path / "plan" / "input.npy")
    expected = reference.run(network, frames[..., 0].transpose(0, 2, 1).astype(np.int64))
    np.testing.assert_array_equal(np.load(tmp_path / "plan" / "expected_output.npy"), expected)
    backend = finn.finn_backend(flow, load_board("pynq-z2"), CLOCK_HZ)
    directives = load(Allocation, tmp_path / "plan" / "allocation.json").directives
    inputs = backend, network, directives, load_board("pynq-z2"), CLOCK_HZ, finn.gate_frames(network, 1, seed=2)
    for name, content in finn_plan(*inputs, instrumented=True).items():
        assert (tmp_path / "plan" / name).read_bytes() == content, name


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
