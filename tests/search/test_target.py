"""A search allocates for the board that it is told of, with what was measured on it when it began."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntorc.estimator.forms import StreamingForm, bank_of
from ntorc.estimator.untrained import untrained_network
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.search.joint import SearchRequest, begun, costing_of
from ntorc.pipeline.standalone import NetworkRequest, asked_for
from ntorc.search.record import SearchConfig
from ntorc.store.base import Observation
from ntorc.store.local import LocalStore

RACK = "ssh://xilinx@rack"


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path)


def observe(flow: Flow, bound_s: float, run: str) -> None:
    figures = {"share": 1e-5, "is_shown": 1.0, "bound_s": bound_s, "max_s": bound_s, "samples": 300000.0}
    device = f"pynq-z2@{RACK}"
    seen = Observation("measured_io_overhead", "board", device, "io_overhead", "load=none", figures, "t", run)
    flow.store.observe([seen])


def test_what_was_measured_on_a_board_is_reckoned_with(flow: Flow) -> None:
    observe(flow, 80e-6, "r1")
    config = SearchConfig("mine", "pynq-z2", "200us", target=RACK)
    search = begun(flow, SearchRequest(1, config))
    assert search.known is not None
    assert "measured" in search.known.overhead_source
    requirement = costing_of(flow, search).requirement
    assert (requirement.io_overhead_s, requirement.budget_cycles) == (pytest.approx(80e-6), 12000)
    network = untrained_network(StreamingForm(bank_of((22, 46, 4, 0.02)), 8))
    allocated = asked_for(flow, NetworkRequest(Path("x"), "pynq-z2", "200us", target=RACK), network)
    assert replace(requirement, solver=allocated.solver) == allocated
    elsewhere = begun(flow, replace(SearchRequest(1, config), begin=replace(config, target="virtual")))
    assert costing_of(flow, elsewhere).requirement.budget_cycles == 12000, "of its kind, until it is measured itself"


def test_a_search_keeps_what_it_began_with(flow: Flow) -> None:
    config = SearchConfig("mine", "pynq-z2", "200us", target=RACK)
    first = begun(flow, SearchRequest(1, config))
    observe(flow, 80e-6, "r1")
    later = begun(flow, SearchRequest(1, config))
    budgets = [costing_of(flow, one).requirement.budget_cycles for one in (first, later)]
    assert budgets[1] == 12000
    assert budgets[0] > budgets[1]
