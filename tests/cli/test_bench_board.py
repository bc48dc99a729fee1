"""``ntorc bench`` of harness, day, recalibration, ssh and open tools: small runs, and what counts as a failure."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli_program import Program
from ntorc.bench.harness import MOST_BYTES, too_large, too_slow
from ntorc.bench.open_tools import open_allocation
from ntorc.bench.recalibration import not_found, recalibration
from ntorc.cli.bench import failures
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import random_network
from ntorc.pipeline.flow import open_flow
from ntorc.progress import Silent

SMALL = Dense("dense", 16, 1, 1, FixedFormat(8, 6), FixedFormat(12, 8))
TRUTH = {"overhead_s": 80e-6, "clock_ratio": 1.02, "offset_cycles": 3, "poll_s": 1e-6}
ROUNDS = [{"verdict": "missed"}, {"verdict": "met"}]


def test_the_harness_own_time(program: Program) -> None:
    found = program.json("bench", "harness", "--count", "1")  # also where it is short: that is a timing
    assert found["estimates"] == 100
    own = found["own_ns_per_loop"]
    assert set(own) == {"null_free", "null_5_khz", "virtual_free", "virtual_5_khz"}
    assert all(value > 0 for value in own.values())
    assert found["short"] == too_slow({name: own[name] for name in ("virtual_free", "virtual_5_khz")})
    assert too_slow({"virtual_free": 999.0, "virtual_5_khz": 1001.0}) == ["virtual_5_khz"]


def test_a_day_of_records(program: Program) -> None:
    ballast = bytearray(b"\1") * MOST_BYTES  # what is held by whoever starts it is not the command's
    found = program.json("bench", "day", "--count", "1")
    del ballast
    assert (found["records"], found["total_mismatches"], found["broken_bounds"]) == (1_000_000, 0, [])
    assert 0 < found["of_which_harness_bytes"] < found["peak_memory_bytes"] < MOST_BYTES
    assert too_large(MOST_BYTES) == []
    assert failures({**found, "broken_bounds": too_large(MOST_BYTES + 1)}) == 1
    assert failures({**found, "total_mismatches": 2}) == 2


def test_deployments_over_ssh(program: Program, require: Callable[[str], Path]) -> None:
    for name in ("sshd", "ssh"):
        require(name)
    found = program.json("bench", "ssh", "--count", "2")
    assert (found["deployments"], found["confirmed_mismatches"]) == (2, 0)
    assert 0 < found["median_s"] <= found["longest_s"]


def test_an_allocation_for_the_open_tools(ntorc_home: Path, ntorc_cache: Path) -> None:
    flow = replace(open_flow(Silent()), cache=ntorc_cache)
    found = open_allocation(flow, 1, random_network(1, FixedFormat(12, 8), 16, (SMALL,)))
    assert found["block_mismatches"] == 0
    assert found["predicted"]["dsp"] == found["predicted"]["bram18"] == 0
    assert all(abs(off) < 30 for off in found["off_percent"].values()), found


def test_a_hidden_board_is_found(ntorc_home: Path, ntorc_cache: Path) -> None:
    flow, word = replace(open_flow(Silent()), cache=ntorc_cache), FixedFormat(14, 8)
    layers = (
        Conv1D("conv", 128, 1, 12, 5, FixedFormat(8, 6), word, activation="relu"),
        MaxPool1D("pool", 124, 12, 4),
        Dense("dense", 31, 12, 1, FixedFormat(8, 6), FixedFormat(16, 10)),
    )
    found = recalibration(flow, 1, 100, random_network(1, FixedFormat(14, 10), 128, layers))
    assert found["broken_bounds"] == []
    assert len(found["rounds"]) <= 4
    assert found["rounds"][0]["verdict"] == "missed", "else nothing was hidden"
    assert found["rounds"][-1]["verdict"] == "met"
    assert found["found"]["offset_cycles"] == found["hidden"]["offset_cycles"] > 0
    assert found["found"]["overhead_s"] > found["rounds"][0]["assumed_overhead_s"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"offset_cycles": 2}, "2 cycles beyond the closed form found, 3 there"),
        ({"clock_ratio": 1.0}, "clock 1.000000 found"),
        ({"overhead_s": 81e-6}, "81.0 us found, 80.0 us at most"),
    ],
)
def test_what_was_not_found_is_a_failure(changes: dict[str, Any], told: str) -> None:
    assert not_found(ROUNDS, TRUTH, dict(TRUTH)) == []
    (said,) = not_found(ROUNDS, TRUTH, {**TRUTH, **changes})
    assert told in said


def test_a_deadline_that_is_never_met_is_a_failure() -> None:
    rounds = copy.deepcopy([ROUNDS[0]] * 4)
    assert not_found(rounds, TRUTH, dict(TRUTH)) == ["the deadline is missed by deployment 4 too"]
    assert failures({"rounds": rounds, "broken_bounds": not_found(rounds, TRUTH, dict(TRUTH))}) == 1
