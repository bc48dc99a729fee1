"""Tests of a board with a deployed estimator: the same on the virtual board and, in a lab, on a real one.

pytest tests/hil -p ntorc.testing --board pynq-z2 --target ssh://xilinx@pynq --junitxml hil.xml
"""

from __future__ import annotations

import pytest

from ntorc.boards import Board
from ntorc.deploy.target import Target
from ntorc.testing import DeployedEstimator

pytestmark = pytest.mark.hil
ESTIMATES = 300


def test_the_design_is_confirmed_and_intact(board_target: Target, deployed_estimator: DeployedEstimator) -> None:
    status = board_target.status()
    assert status.confirmed == status.programmed == deployed_estimator.design_id
    assert status.is_intact


def test_the_board_is_the_one_that_was_named(board: Board, board_target: Target) -> None:
    told = board_target.hello()
    assert (told.board, told.part) == (board.name, board.part)


def test_outputs_latency_and_probe(deployed_estimator: DeployedEstimator) -> None:
    measured, compared = deployed_estimator.measure(ESTIMATES)
    assert (compared.vectors, compared.mismatches, compared.flags_off) == (ESTIMATES, 0, 0)
    predicted = deployed_estimator.allocation.latency_cycles
    assert (measured.pl_cycles_min, measured.pl_cycles_max) == (predicted, predicted)
    assert measured.probe is not None
    assert measured.probe.agrees, measured.probe.differences
    assert measured.probe.counted == ESTIMATES
    assert (measured.torn, measured.timeouts, measured.skipped, measured.overrun) == (0, 0, 0, False)


def test_deadline_is_met(deployed_estimator: DeployedEstimator) -> None:
    measured, _ = deployed_estimator.measure(ESTIMATES)
    assert measured.verdict == "met", measured.verdict_basis
    assert measured.statement is not None
    assert "worst" not in measured.statement.text


@pytest.mark.real_board
@pytest.mark.parametrize("load", ["cpu", "mem", "io", "net", "cpu,mem,io,net"])
def test_deadline_is_met_under_load(deployed_estimator: DeployedEstimator, load: str) -> None:
    measured, compared = deployed_estimator.measure(ESTIMATES, load=load)
    assert compared.mismatches == 0
    assert measured.verdict == "met", measured.verdict_basis


@pytest.mark.real_board
def test_loop_runs_in_real_time(deployed_estimator: DeployedEstimator) -> None:
    measured, _ = deployed_estimator.measure(ESTIMATES)
    assert measured.environment.scheduler.startswith("SCHED_FIFO"), "run the agent as root"
    assert measured.environment.memory_locked
