"""The integer program against brute force, and what an infeasible requirement is told."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from drawn import native_problem, size
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ntorc.allocate.allocation import allocate
from ntorc.allocate.requirement import Requirement
from ntorc.allocate.solver import brute_force, smallest_area, smallest_latency
from ntorc.backends.native.backend import NativeBackend
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.errors import DataError, InfeasibleError
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense, MaxPool1D
from ntorc.network.network import Network, random_network


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.02, 1.0), st.floats(0.9, 6.0))
def test_optimum_equals_brute_force(seed: int, scale: float, slack: float) -> None:
    loose = native_problem(seed, scale, 10**9)
    if size(loose) > 1500:
        return
    fastest = smallest_latency(loose)
    tried = brute_force(loose)
    assert (fastest is None) == (tried is None)
    if fastest is None:
        return
    bounded = replace(loose, budget_cycles=int(fastest.latency_cycles * slack))
    found, truth = smallest_area(bounded), brute_force(bounded)
    assert (found is None) == (truth is None)
    if found is not None and truth is not None:
        assert found.objective == pytest.approx(truth.objective, rel=1e-6)
        assert found.latency_cycles <= bounded.budget_cycles
        assert bounded.fits(found.choice)


@settings(max_examples=25)
@example(84967, 0.07421875)  # infeasible, and called optimal by CBC's preprocessing
@given(st.integers(0, 10**6), st.floats(0.05, 1.0))
def test_smallest_latency_equals_brute_force(seed: int, scale: float) -> None:
    loose = native_problem(seed, scale, 10**9)
    if size(loose) > 600:
        return
    found = smallest_latency(loose)
    if found is None:
        assert brute_force(loose) is None
        return
    assert brute_force(replace(loose, budget_cycles=found.latency_cycles)) is not None
    assert brute_force(replace(loose, budget_cycles=found.latency_cycles - 1)) is None


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_a_longer_deadline_never_costs_more(seed: int) -> None:
    loose = native_problem(seed, 1.0, 10**9)
    fastest = smallest_latency(loose)
    if fastest is None:
        return
    areas = []
    for slack in (1.0, 1.2, 2.0, 5.0):
        found = smallest_area(replace(loose, budget_cycles=int(fastest.latency_cycles * slack)))
        assert found is not None
        areas.append(found.objective)
    assert areas == sorted(areas, reverse=True)


def requirement(deadline_s: float, board: str = "pynq-z2", ceiling: float = 0.8) -> Requirement:
    known = load_board(board)
    overhead = known.io_overhead
    return Requirement(known, deadline_s, 100e6, 16, 5000.0, overhead.total_s, overhead.source, ceiling)


def small() -> Network:
    word = FixedFormat(12, 6)
    return random_network(
        1, FixedFormat(14, 8), 64, (Dense("d", 64, 1, 8, word, word), Dense("e", 1, 8, 1, word, word))
    )


def test_smallest_deadline_is_told_and_then_succeeds() -> None:
    cost = NativeCost(load_model())
    with pytest.raises(InfeasibleError) as told:
        allocate(small(), NativeBackend(), cost, requirement(3e-6))
    assert told.value.exit_code == 3
    assert told.value.result["reason"] == "io_overhead"
    smallest_s = told.value.result["smallest_deadline_s"]
    assert isinstance(smallest_s, float)
    found = allocate(small(), NativeBackend(), cost, requirement(smallest_s))
    assert found.latency_cycles <= found.budget_cycles
    with pytest.raises(InfeasibleError) as again:
        allocate(small(), NativeBackend(), cost, requirement(smallest_s - 1.5e-7))
    assert again.value.result["reason"] == "latency"


def test_a_network_that_never_fits_is_told_which_resource_blocks() -> None:
    with pytest.raises(InfeasibleError, match="does not fit") as told:
        allocate(small(), NativeBackend(), NativeCost(load_model()), requirement(1e-3, ceiling=0.012))
    assert told.value.result["smallest_deadline_s"] is None
    assert "BRAM18" in told.value.result["blocking"] or "LUT" in told.value.result["blocking"]


def test_what_the_backend_cannot_build_is_said_first() -> None:
    word = FixedFormat(12, 6)
    twice = random_network(
        1,
        word,
        64,
        (MaxPool1D("a", 64, 1, 2), MaxPool1D("b", 32, 1, 2), Dense("c", 16, 1, 1, FixedFormat(26, 6), word)),
    )
    with pytest.raises(DataError, match="cannot build") as told:
        allocate(twice, NativeBackend(), NativeCost(load_model()), requirement(1e-3))
    assert "two pools" in told.value.hint
    assert "26 by 12" in told.value.hint


def test_ctrl_c_ends_a_waiting_read_after_a_solver_ran() -> None:
    """CBC takes SIGINT while it solves; given back as it does that, the kernel would go on with the read."""
    code = (
        "import os, signal, threading\n"
        "from ntorc.allocate.solver import smallest_area\n"
        "from drawn import sum_problem\n"
        "assert smallest_area(sum_problem(1, 4, 5), 'CBC')\n"
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    os.read(os.pipe()[0], 1)\n"
        "except KeyboardInterrupt:\n    os._exit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 7
