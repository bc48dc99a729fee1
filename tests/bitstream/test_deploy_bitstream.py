"""``ntorc deploy --tool``: refusals before any work, and the whole walk with stand-ins for the vendor's tools.

The board is a lab's (a virtual board whose time is simulated) that takes a bitstream's bundle for what it is, and then
runs the simulated logic of the same network: nothing else here could run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_builder import settings

from ntorc.backends.native.backend import NativeBackend
from ntorc.boards import Board, load_board
from ntorc.bundle.bundle import read_bundle
from ntorc.bundle.keys import trusted_keys
from ntorc.deploy.loopback import LoopbackServer
from ntorc.errors import DeploymentError, ToolError, UsageError
from ntorc.estimator.streaming_training import StreamingConfig
from ntorc.network.network import Network
from ntorc.pipeline import deploy as walk
from ntorc.pipeline.bitstream import logic as ways
from ntorc.pipeline.bitstream.builder import Builder
from ntorc.pipeline.bitstream.logic import Way, check_way
from ntorc.pipeline.board.target import open_target
from ntorc.pipeline.deploy import DeployRequest, deploy
from ntorc.pipeline.estimator.learn import Given
from ntorc.pipeline.flow import Flow, open_flow
from ntorc.pipeline.make import Logic, bundle_of
from ntorc.pipeline.measured.knowledge import BACKEND, OFFSET, OVERHEAD
from ntorc.progress import Silent
from ntorc.units import parse_duration
from ntorc_board.environment import last_cpu

TARGET = "ssh://me@rack"
LAB = """\
name = "rack"
[io]
register_access_s = 1e-6
wake_up_s = 20e-6
jitter_s = 1e-6
jitter_max_s = 5e-6
seed = 1
[clock]
error = 0.0
[logic]
extra_stages = 0
"""


@pytest.fixture
def flow(ntorc_home: Path, ntorc_cache: Path) -> Flow:
    return replace(open_flow(Silent()), cache=ntorc_cache)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's model: two strided convolutions, the second of several channels."""
    import keras

    keras.utils.clear_session()
    first = keras.Input((32, 1))
    last = keras.layers.Conv1D(3, 8, strides=4, activation="relu")(first)
    last = keras.layers.Conv1D(4, 2, strides=2, activation="relu")(last)
    last = keras.layers.Dense(1)(keras.layers.Flatten()(last))
    built = keras.Model(first, last)
    generator = np.random.default_rng(1)
    for layer in built.layers:
        layer.set_weights([generator.normal(0, 0.3, array.shape) for array in layer.get_weights()])
    path = tmp_path_factory.mktemp("given") / "mine.keras"
    built.save(path)
    return path


@dataclass
class Rack:
    """A board's target: the bundle must be a bitstream's; what then runs is the same network's simulated logic."""

    flow: Flow
    board: Board
    inner: Any
    run: Path
    name: str = TARGET
    is_virtual: bool = False

    def install(self, bundle: Path, progress: Any = None) -> Any:
        read = read_bundle(bundle, trusted_keys(), self.board.name, self.board.part)
        assert read.manifest.kind == "bitstream"
        assert (bundle / "design.bit").is_file()
        network, backend = Network.load(self.run / "network"), NativeBackend()
        directives = [backend.legal_directives(network, layer)[0] for layer in network.layers]
        plan = backend.plan(network, directives, read.manifest.clock_hz, 16)
        library = _compiled(plan.files, self.flow.cache)
        samples = np.load(self.run / "stimulus.npz")["counts"].astype(np.int64)
        made = bundle_of(self.flow, network, plan, Logic("virtual", library, "none"), self.board, samples[:2000], 0)
        return self.inner.install(made.folder, progress)

    def measure(self, request: Any, progress: Any = None) -> Any:
        return self.inner.measure(replace(request, timeout_us=30_000_000), progress)


def _compiled(files: dict[str, str], cache: Path) -> Path:
    from ntorc.backends.native.verilate import build_logic

    return build_logic(files, cache)


@pytest.fixture
def rack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``ssh://me@rack`` answers, and is the stand-in."""
    lab = tmp_path / "rack.toml"
    lab.write_text(LAB, encoding="utf-8")

    @contextmanager
    def opened(flow: Flow, name: str, board: Board) -> Iterator[Rack]:
        assert name == TARGET
        newest = Path(flow.store.runs()[0].folder)
        with open_target(flow, f"virtual:{lab}", board) as inner:
            yield Rack(flow, board, inner, newest)

    def settled(flow: Flow, name: str, board: Board, kind: str) -> str:
        assert kind == "bitstream"
        return name

    monkeypatch.setattr(walk, "open_target", opened)
    monkeypatch.setattr(walk, "settle_target", settled)


def request_for(model: Path, backend: str, **way: Any) -> DeployRequest:
    return DeployRequest(
        "pynq-z2", parse_duration("1ms"), StreamingConfig(), TARGET, backend, estimates=40, solver="MERGE",
        given=Given(model), way=Way("vivado", **way), miss_probability=0.5, command=("ntorc", "deploy"),
    )  # fmt: skip


@pytest.mark.parametrize("backend", ["native", "hls4ml"])
def test_through_the_tools_to_a_measured_board(
    flow: Flow, vendor: Any, rack: None, model: Path, backend: str
) -> None:
    found = deploy(flow, request_for(model, backend))
    assert (found["verdict"], found["backend"], found["target"]) == ("met", backend, TARGET)
    assert found["gate"] == {"vectors": 40, "mismatches": 0}
    # a board with real logic is measured in real time without being asked to, or says why it is not
    assert found["measured"]["bound_cpu"] == last_cpu()
    assert (found["measured"]["scheduler"] == "SCHED_FIFO 80") == (found["refused"] == [])
    assert f"the loop ran under {found['measured']['scheduler']} on processor" in found["verdict_basis"]
    assert found["synthesised"]["state"] == "routed"
    assert found["synthesised"]["tool"] == "Vivado 2023.2"
    assert found["timing"]["setup_slack_ns"] == pytest.approx(0.321)
    assert "write_bitstream" in " ".join(vendor.commands)
    assert ("csynth_design" in vendor.commands) == (backend == "hls4ml")
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "after place and route by Vivado 2023.2" in page
    assert "No board was measured" not in page
    stored = flow.store.observations(backend)
    assert {"post_route", "board_cycles"} <= {item.source for item in stored}
    assert "post_synthesis" not in {item.source for item in stored}
    # only a closed form's difference is the board's own
    learned = {item.subject for item in flow.store.observations(BACKEND)}
    assert OVERHEAD in learned
    assert (OFFSET in learned) == (backend == "native")


def test_the_open_tools_count_on_logic_alone(flow: Flow, tools: Path, vendor: Any, rack: None, model: Path) -> None:
    found = deploy(flow, replace(request_for(model, "native"), way=Way("openxc7")))
    assert found["verdict"] == "met"
    assert (found["predicted"]["dsp"], found["predicted"]["bram18"]) == (0, 0)
    assert found["synthesised"]["state"] == "routed"
    assert found["synthesised"]["tool"].startswith("yosys and nextpnr")
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "the clock that is reported is optimistic" in page


@pytest.mark.parametrize(
    "way, backend, target, told",
    [
        (Way("vivado"), "native", "virtual", "no bitstream goes"),
        (Way("make"), "native", TARGET, "no tool 'make'"),
        (Way("virtual", "ssh://me@builder"), "native", TARGET, "built here"),
        (Way("openxc7"), "hls4ml", TARGET, "no way to a bitstream by openxc7"),
        (Way("vivado"), "finn", TARGET, "FINN"),
        (Way("virtual"), "hls4ml", TARGET, "none for a virtual board"),
    ],
)
def test_what_does_not_go_together_is_refused(flow: Flow, way: Way, backend: str, target: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_way(flow, way, backend, load_board("pynq-z2"), target)


@pytest.mark.parametrize("board", ["zcu104", "kv260"])
def test_simulated_logic_for_another_family_is_refused_before_anything_is_trained(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, model: Path, board: str
) -> None:
    monkeypatch.setattr(walk, "learn", _never)
    asked = replace(request_for(model, "native"), board=board, target="virtual", way=Way())
    with pytest.raises(UsageError, match=f"the virtual board is a Zynq-7000, and {board} is not") as caught:
        deploy(flow, asked)
    assert "--tool vivado" in caught.value.hint
    assert flow.store.runs() == []


def test_the_open_tools_are_for_one_part(flow: Flow) -> None:
    with pytest.raises(UsageError, match="zcu104 has xczu7ev"):
        check_way(flow, Way("openxc7"), "native", load_board("zcu104"), TARGET)


@pytest.mark.parametrize(
    "tool, backend, missing",
    [("vivado", "native", "vivado"), ("vivado", "hls4ml", "vitis-run or vitis_hls"), ("openxc7", "native", "nextpnr")],
)
def test_a_missing_tool_is_said_before_anything_is_trained(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: Path, tool: str, backend: str, missing: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(walk, "learn", _never)
    with pytest.raises(ToolError, match=missing) as found:
        deploy(flow, replace(request_for(model, backend), way=Way(tool)))
    assert "--host" in found.value.hint


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("nothing may be trained")


def test_a_form_that_hls4ml_has_no_layers_for_is_not_trained(
    flow: Flow, vendor: Any, rack: None, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    monkeypatch.setattr(walk, "learn", _never)
    with pytest.raises(UsageError, match="keeps its state") as found:
        deploy(flow, replace(request_for(model, "hls4ml"), given=None))
    assert "--estimator window" in found.value.hint


def test_a_builder_that_lacks_a_tool(
    flow: Flow, vendor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Callable[[str], Path]
) -> None:
    require("sshd")
    require("ssh")
    root = tmp_path / "builds"
    root.mkdir()
    settings(root)
    with LoopbackServer(tmp_path / "sshd") as server:
        builder = Builder(server.client(root), Silent())
        found = builder.find(["vivado", "vitis-run", "vitis_hls", "no-such-tool"], versions=False)
        assert [name for name, one in found.items() if not one] == ["no-such-tool"]
        monkeypatch.setattr(ways, "builder_at", lambda *_: builder)
        check_way(flow, Way("vivado", "ssh://me@builder"), "hls4ml", load_board("pynq-z2"), TARGET)
        (vendor.record.with_name("vendor-bin") / "vivado").unlink()
        with pytest.raises(ToolError, match="not found on ssh://me@builder: vivado"):
            check_way(flow, Way("vivado", "ssh://me@builder"), "native", load_board("pynq-z2"), TARGET)
    with pytest.raises(DeploymentError):
        check_way(flow, Way("vivado", "ssh://me@builder"), "native", load_board("pynq-z2"), TARGET)
