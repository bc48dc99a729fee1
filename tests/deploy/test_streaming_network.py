"""A network that keeps its state, from its allocation to measured estimates on the virtual board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntorc.allocate.allocation import Allocation
from ntorc.boards import load_board
from ntorc.errors import InfeasibleError, UsageError
from ntorc.network.activations import table_within
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import GRU, Dense
from ntorc.network.network import Network, random_network
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.pipeline.board.target import open_target
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import (
    Built,
    allocation_stage,
    backend_named,
    build_stage,
    bundle_stage,
    gap_of,
    hop_for,
    requirement_for,
)
from ntorc.pipeline.prove import Observed, Pace, gate, observe, stream_for
from ntorc.store.local import LocalStore
from ntorc.units import parse_duration

FRAME, WARM_UP, ESTIMATES = 16, 5, 60


@pytest.fixture(scope="module")
def network() -> Network:
    word, small = FixedFormat(16, 10), FixedFormat(12, 10)
    sigmoid, tanh = table_within("sigmoid", 2.0**-6), table_within("tanh", 2.0**-6)
    layers = (
        ResonatorBank("bank", FRAME, 1, 31, FixedFormat(16, 15), word),
        GRU("gru", 1, 32, 4, FixedFormat(8, 6), small, small, FixedFormat(16, 12), sigmoid, tanh, stateful=True),
        Dense("out", 1, 4, 1, FixedFormat(8, 6), word),
    )
    return replace(random_network(5, FixedFormat(14, 10), FRAME, layers), warm_up=WARM_UP)


@pytest.fixture(scope="module")
def flow(ntorc_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Flow:
    root = tmp_path_factory.mktemp("streaming")
    return Flow(LocalStore(root / "store"), ntorc_cache, root)


@pytest.fixture(scope="module")
def made(flow: Flow, network: Network) -> tuple[Allocation, Built]:
    requirement = requirement_for(
        load_board("pynq-z2"), parse_duration("2ms"), None, hop_for(network, None), 0.8, "CBC"
    )
    backend = backend_named("native")
    allocation = allocation_stage(flow, network, backend, requirement)
    return allocation, build_stage(flow, network, backend, allocation)


def measured(flow: Flow, network: Network, made: tuple[Allocation, Built], gap_cycles: int, folder: Path) -> Observed:
    counts = np.random.default_rng(1).integers(-2000, 2000, 50 * FRAME)
    bundle = bundle_stage(flow, network, made[1], load_board("pynq-z2"), counts, gap_cycles)
    with open_target(flow, "virtual", load_board("pynq-z2")) as target:
        target.install(bundle.folder)
        return observe(flow, target, folder, stream_for(counts, FRAME, FRAME, ESTIMATES), Pace(ESTIMATES))


def test_estimates_are_exact_and_valid_behind_the_warm_up(
    flow: Flow, network: Network, made: tuple[Allocation, Built], tmp_path: Path, ntorc_home: Path
) -> None:
    allocation = made[0]
    assert allocation.hop == FRAME
    assert allocation.latency_cycles <= allocation.budget_cycles == 20_000  # a sample's period, not the deadline
    gap = gap_of(network, backend_named("native"), allocation)
    assert 0 < gap < allocation.latency_cycles  # the bank's update is all that a sample within a frame asks for
    observed = measured(flow, network, made, gap, tmp_path)
    assert set(observed.records.table["pl_cycles"].tolist()) == {allocation.latency_cycles}
    found = gate(flow, network, observed, FRAME)
    assert (found.vectors, found.mismatches, found.flags_off) == (ESTIMATES, 0, 0)
    assert gate(flow, replace(network, warm_up=WARM_UP + 2), observed, FRAME).flags_off == 2


def test_without_the_gap_the_latency_is_another(
    flow: Flow, network: Network, made: tuple[Allocation, Built], tmp_path: Path, ntorc_home: Path
) -> None:
    """The samples' own work would not be over; the outputs are the same, as none is lost."""
    observed = measured(flow, network, made, 0, tmp_path)
    assert observed.records.table["pl_cycles"].max() > made[0].latency_cycles
    assert gate(flow, network, observed, FRAME).mismatches == 0


def test_a_sample_rate_that_no_directive_keeps_up_with(flow: Flow, network: Network) -> None:
    requirement = requirement_for(
        load_board("pynq-z2"), parse_duration("2ms"), None, FRAME, 0.8, "CBC", sample_rate_hz=2e6
    )
    with pytest.raises(InfeasibleError, match="next work comes after 50 ") as caught:
        allocation_stage(flow, network, backend_named("native"), requirement)
    assert caught.value.result["reason"] == "sample_rate"


def test_its_hop_is_its_frame(network: Network) -> None:
    assert (hop_for(network, None), hop_for(network, FRAME)) == (FRAME, FRAME)
    with pytest.raises(UsageError, match="keeps its state"):
        hop_for(network, 8)
