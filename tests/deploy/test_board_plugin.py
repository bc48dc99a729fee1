"""The pytest plugin on boards behind a real sshd: whose logic is asked of the board, and what it leaves there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from ssh_lab import board_root
from virtual_lab import bundle_of

from cli_program import ROOT, Program
from ntorc.bundle.keys import signing_key
from ntorc.deploy.loopback import LoopbackServer

REAL_BOARD = """
import pytest
from ntorc.testing import DeployedEstimator

class Board:
    is_virtual = False  # and nothing else: what is asked of it besides is an error

@pytest.fixture(scope="session")
def board_target():
    return Board()

def test_it(deployed_estimator: DeployedEstimator):
    raise AssertionError("not reached")
"""


def run_tests(program: Program, tests: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Pytest with the plugin, as ``docs/nightly.sh`` calls it."""
    command = [sys.executable, "-m", "pytest", tests, "-p", "ntorc.testing", "-p", "no:cacheprovider", *words]
    environment = {**program.environment, "NTORC_CACHE": str(program.cache)}
    return subprocess.run(
        [str(word) for word in command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_board_gets_its_own_design_back(
    fresh_program: Program, server: LoopbackServer, tmp_path: Path, lab: Path
) -> None:
    program, results = fresh_program, tmp_path / "hil.xml"
    root = board_root(tmp_path / "board")
    program.json("board", "add", "rack1", server.url(root), "--simulated", "--ssh-config", server.config)
    key = signing_key(program.home / "keys")
    first, second = (bundle_of(lab / "plugin", key, f"00000000c0ffee6{number}") for number in (1, 2))
    for bundle in (first, second):
        program.json("board", "install", "rack1", bundle.folder)
    known = program.home / "boards.json"  # the board alone knows now that its logic is simulated
    known.write_text(known.read_text().replace('"is_simulated": true', '"is_simulated": false'))
    assert not json.loads(known.read_text())["boards"][0]["is_simulated"]
    done = run_tests(program, ROOT / "tests" / "hil", "--target", "rack1", "--junitxml", results)
    assert done.returncode == 0, done.stdout + done.stderr
    names = {case.get("name") for case in ElementTree.parse(results).iter("testcase")}
    assert "test_outputs_latency_and_probe" in names
    assert "test_loop_runs_in_real_time" not in names, "there is no real logic"
    status = program.json("board", "status", "rack1")["status"]
    assert status["confirmed"] == second.manifest.design_id
    assert len(status["history"]) > 3, "the plugin's own design was there"
    assert program.json("runs")["runs"] == [], "the user's store has no part in it"


def test_real_logic_needs_a_run(fresh_program: Program, tmp_path: Path) -> None:
    (tmp_path / "test_real.py").write_text(REAL_BOARD)
    done = run_tests(
        fresh_program, tmp_path / "test_real.py", "--target", "ssh://nobody@127.0.0.1:1", "--rootdir", tmp_path
    )
    assert done.returncode == 1
    assert "has real logic, into which no simulated test design goes" in done.stdout
    assert "--run RUN" in done.stdout
    assert "not reached" not in done.stdout.replace('AssertionError("not reached")', "")
