"""A pytest plugin for tests on a board: ``pytest -p ntorc.testing --board pynq-z2 --target virtual``.

Fixtures (all for the whole session, so that a board is programmed once):

``board``               the board's file, `ntorc.boards.Board`
``board_target``        the started target, `ntorc.deploy.target.Target`
``deployed_estimator``  `DeployedEstimator`: a design that is confirmed on the target, to be measured and compared

``--run RUN`` takes a finished run's design, which must be the board's confirmed one; a board with real logic needs it.
Without it a small network's simulated logic is built and deployed, and at the end the board goes back to what was
confirmed before.  Markers: ``hil`` (needs a board, virtual or real), ``real_board`` (left out where no real logic is:
the target itself is asked).  Without real logic and ``--run`` everything but compiled things goes to a temporary store,
for the virtual board the keys too; else the user's store is used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ntorc.boards import Board, load_board

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ntorc.allocate.allocation import Allocation
    from ntorc.deploy.target import Target
    from ntorc.measure.measurement import Measurement
    from ntorc.network.network import Network
    from ntorc.pipeline.flow import Flow
    from ntorc.pipeline.prove import Gate

_DEADLINE = "500us"
_HOP, _WINDOW = 16, 32


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("ntorc", "boards")
    group.addoption("--board", default="pynq-z2", help="board by name (default pynq-z2)")
    group.addoption("--target", default="virtual", help="where it is: virtual (default), virtual:FILE, ssh://user@host")
    group.addoption("--run", default="", help="deployed_estimator is this finished run's; else a small network's")


def pytest_configure(config: pytest.Config) -> None:
    """The plugin's markers."""
    config.addinivalue_line("markers", "hil: needs a board, virtual or real")
    config.addinivalue_line("markers", "real_board: needs a real board; left out on the virtual one")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the target cannot do."""
    left_out = [item for item in items if item.get_closest_marker("real_board") is not None]
    if left_out and _is_simulated(config):
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


_SIMULATED = pytest.StashKey[bool]()


def _is_simulated(config: pytest.Config) -> bool:
    """Whether the target has no real logic.  A board behind SSH knows that itself, whatever its name and however it was
    added; one that does not answer counts as real, so that its tests fail and say why."""
    if _SIMULATED not in config.stash:
        config.stash[_SIMULATED] = _ask_whether_simulated(str(config.getoption("--target")), config)
    return config.stash[_SIMULATED]


def _ask_whether_simulated(name: str, config: pytest.Config) -> bool:
    from ntorc.deploy.target import is_virtual_name
    from ntorc.errors import NtorcError
    from ntorc.pipeline.board.target import open_target
    from ntorc.pipeline.flow import Flow
    from ntorc.progress import Silent
    from ntorc.store.local import LocalStore

    if is_virtual_name(name):
        return True
    board = load_board(str(config.getoption("--board")))
    try:
        with tempfile.TemporaryDirectory(prefix="ntorc-ask-") as folder:
            flow = Flow(LocalStore(Path(folder) / "store"), Path(folder), Path(folder), Silent())
            with open_target(flow, name, board) as target:
                return target.is_virtual
    except NtorcError:
        return False


@dataclass(frozen=True)
class DeployedEstimator:
    """A design that is confirmed on a board.

    Attributes:
        network: the integer network that it runs.
        allocation: its directives, deadline and predicted latency.
        target: where it is.
        design_id: 16 hexadecimal digits.
        samples: raw counts that are fed to it, used in a circle.
    """

    network: Network
    allocation: Allocation
    target: Target
    design_id: str
    samples: npt.NDArray[np.int64]
    _flow: Flow
    _folder: Path

    def measure(self, estimates: int, *, load: str = "", miss_probability: float = 1e-5) -> tuple[Measurement, Gate]:
        """Run the harness, compare every output with the reference, and judge the deadline.

        Args:
            estimates: how many.
            load: interference meanwhile, such as ``cpu,io``.
            miss_probability: share of estimates that may miss.
        """
        from ntorc.pipeline.prove import Pace, evaluate, gate, observe, period_ns_on, stream_for
        from ntorc.records import numbered_folder

        folder = numbered_folder(self._folder, "measure")
        samples = stream_for(self.samples, self.network.input_length, self.allocation.hop, estimates)
        pace = Pace(estimates, period_ns_on(self.target.name), load)
        observed = observe(self._flow, self.target, folder, samples, pace, self.allocation)
        compared = gate(self._flow, self.network, observed, self.allocation.hop)
        return evaluate(observed, self.allocation, miss_probability, folder, self.target.name), compared


@pytest.fixture(scope="session")
def board(pytestconfig: pytest.Config) -> Board:
    """The board that ``--board`` names."""
    return load_board(str(pytestconfig.getoption("--board")))


@pytest.fixture(scope="session")
def ntorc_compiled() -> Path:
    """Folder of compiled simulators and firmware: the user's; override it to keep them elsewhere."""
    from ntorc.paths import home

    return home() / "cache"


@pytest.fixture(scope="session")
def ntorc_flow(
    pytestconfig: pytest.Config, ntorc_compiled: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flow]:
    """Store and caches: the user's own, but a temporary store without real logic, unless a run of theirs is named."""
    from ntorc.deploy.target import is_virtual_name
    from ntorc.pipeline.flow import Flow, open_flow
    from ntorc.progress import Silent
    from ntorc.store.local import LocalStore

    if pytestconfig.getoption("--run") or not _is_simulated(pytestconfig):
        yield open_flow(Silent())
        return
    root = tmp_path_factory.mktemp("ntorc-board")
    with pytest.MonkeyPatch.context() as patched:
        if is_virtual_name(str(pytestconfig.getoption("--target"))):  # it trusts keys of its own; others the user's
            patched.setenv("NTORC_HOME", str(root))
        yield Flow(LocalStore(root / "store"), ntorc_compiled, root)


@pytest.fixture(scope="session")
def board_target(pytestconfig: pytest.Config, board: Board, ntorc_flow: Flow) -> Iterator[Target]:
    """The target that ``--target`` names, started for the session."""
    from ntorc.pipeline.board.target import open_target

    with open_target(ntorc_flow, str(pytestconfig.getoption("--target")), board) as target:
        yield target


@pytest.fixture(scope="session")
def deployed_estimator(
    pytestconfig: pytest.Config,
    board: Board,
    board_target: Target,
    ntorc_flow: Flow,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DeployedEstimator]:
    """The run's design that ``--run`` names, or a small network's, confirmed on the board."""
    folder, name = tmp_path_factory.mktemp("measured"), str(pytestconfig.getoption("--target"))
    run = str(pytestconfig.getoption("--run"))
    if run:
        yield _of_run(ntorc_flow, board_target, run, folder)
        return
    if not board_target.is_virtual:
        pytest.fail(
            f"{name} has real logic, into which no simulated test design goes: deploy to it (ntorc deploy --board"
            f" {board.name} --deadline 500us --target {name} --tool vivado) and name that run: --run RUN"
            " (`ntorc runs` lists them)",
            pytrace=False,
        )
    before = board_target.status().confirmed
    deployed = _small(ntorc_flow, board, board_target, name, folder)
    try:
        yield deployed
    finally:
        _go_back(board_target, before, deployed.design_id)


def _go_back(target: Target, before: str | None, own: str) -> None:
    """To what was confirmed before the plugin's own design, unless a test has done so, or deployed another one."""
    if before not in (None, own) and target.status().confirmed == own:
        target.rollback()


def _of_run(flow: Flow, target: Target, run: str, folder: Path) -> DeployedEstimator:
    import numpy as np

    from ntorc.allocate.allocation import Allocation
    from ntorc.network.network import Network
    from ntorc.npz import read_arrays
    from ntorc.pipeline.board.confirmed import require_confirmed
    from ntorc.pipeline.prove import STIMULUS
    from ntorc.pipeline.standalone import find_run
    from ntorc.records import load

    record = find_run(flow.store, run, "deployment.json")
    kept = Path(record.folder)
    require_confirmed(flow.store, target, run, str(record.summary.get("design_id")))
    design_id = target.restore().design_id
    allocation = load(Allocation, kept / "allocation.json")
    samples = read_arrays(kept / STIMULUS, ["counts"], "deploy again")["counts"].astype(np.int64)
    network = Network.load(kept / "network")
    return DeployedEstimator(network, allocation, target, design_id, samples, flow, folder)


def _small(flow: Flow, board: Board, target: Target, name: str, folder: Path) -> DeployedEstimator:
    import numpy as np

    from ntorc.network.formats import FixedFormat
    from ntorc.network.layers import Conv1D, Dense, MaxPool1D
    from ntorc.network.network import random_network
    from ntorc.pipeline.board.target import extra_stages_of
    from ntorc.pipeline.make import allocation_stage, backend_named, build_stage, bundle_stage, gap_of, requirement_for
    from ntorc.units import parse_duration

    weights, word = FixedFormat(8, 6), FixedFormat(14, 8)
    layers = (
        Conv1D("conv", _WINDOW, 1, 4, 5, weights, word, activation="relu"),
        MaxPool1D("pool", 28, 4, 4),
        Dense("dense", 7, 4, 1, weights, FixedFormat(16, 10)),
    )
    network = random_network(1, FixedFormat(14, 10), _WINDOW, layers)
    backend = backend_named("native")
    requirement = requirement_for(board, parse_duration(_DEADLINE), None, _HOP, 0.8, "CBC")
    allocation = allocation_stage(flow, network, backend, requirement)
    built = build_stage(flow, network, backend, allocation, extra_stages_of(name))
    samples = np.random.default_rng(1).integers(-8192, 8192, _WINDOW + 255 * _HOP)
    bundle = bundle_stage(flow, network, built, board, samples, gap_of(network, backend, allocation))
    deployment = target.install(bundle.folder)
    return DeployedEstimator(network, allocation, target, deployment.design_id, samples, flow, folder)
