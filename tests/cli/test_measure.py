"""``ntorc measure`` and ``ntorc calibrate --show`` as their user sees them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cli_program import QUICK, Program
from ntorc.measure.parquet import read_parquet


@pytest.fixture(scope="module")
def deployed(program: Program) -> dict[str, Any]:
    return program.json("deploy", *QUICK)


def test_outputs_and_statement(program: Program, deployed: dict[str, Any]) -> None:
    told = program.json("measure", "--samples", "400", "--miss", "1e-2")
    assert told["verdict"] == "met"
    measured = told["measured"]
    assert measured["samples"] == 400
    assert "0 misses in 400 estimates" in measured["statement"]
    assert "0.01 is allowed" in measured["statement"]
    assert measured["probe"]["differences"] == []
    assert measured["probe"]["histogram"] == [[deployed["predicted"]["latency_cycles"], 400]]
    paths = {kind: Path(path) for kind, path in told["outputs"].items()}
    assert set(paths) == {"json", "environment", "junit", "histogram", "parquet"}
    assert (measured["scheduler"], measured["bound_cpu"]) == ("SCHED_OTHER", None), "a virtual board is not asked to be"
    cases = {case.get("name"): case for case in ElementTree.parse(paths["junit"]).iter("testcase")}
    assert list(cases) == ["delivered", "gate", "deadline", "miss probability shown", "probe"]
    assert not any(len(case) for case in cases.values()), "1e-2 was asked for, and 400 estimates show it"
    assert float(str(cases["delivered"].get("time"))) > float(str(cases["probe"].get("time")))
    assert ElementTree.parse(paths["junit"]).getroot().get("failures") == "0"
    assert ElementTree.parse(paths["histogram"]).getroot().tag.endswith("svg")
    machine = json.loads(paths["environment"].read_text(encoding="utf-8"))
    assert machine["load"] == ""
    assert machine["fclk_hz"] == pytest.approx(100e6)
    assert {"kernel", "preempt_rt", "governor", "temperature_c"} <= set(machine)
    assert sum(block.table.size for block in read_parquet(paths["parquet"])) == 400
    assert json.loads(paths["json"].read_text(encoding="utf-8"))["probe"]["counted"] == 400


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--samples", "6000000"), "Long runs"),
        (("--samples", "10", "--load", "disk"), "cpu, mem, io, net"),
        (("--samples", "10", "--miss", "0"), "--miss 1e-5"),
        (("--samples", "10", "--miss", "nan"), "--miss 1e-5"),
        (("--samples", "10", "--fifo", "100"), "--fifo"),
    ],
)
def test_what_cannot_be_measured(program: Program, deployed: dict[str, Any], words: tuple[str, ...], hint: str) -> None:
    done = program("measure", *words)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize("share", ["5", "-1", "nan"])
def test_a_share_of_misses_is_refused_before_anything_is_made(fresh_program: Program, share: str) -> None:
    done = fresh_program("deploy", *QUICK, "--miss", share)
    assert done.returncode == 2, done.stderr
    assert "is not between 0 and 1" in done.stderr
    assert fresh_program.json("runs")["runs"] == []


def test_what_few_estimates_do_not_show_is_said(program: Program, deployed: dict[str, Any]) -> None:
    folder = Path(deployed["report"]).parent
    for words, outcome in (((), "skipped"), (("--miss", "1e-5"), "failure")):
        done = program("measure", deployed["run"], "--samples", "10", *words)
        assert done.returncode == 0, done.stderr
        said = "met; not shown: 299572 estimates are needed for 1e-05 at 95 %: " if words else "met: "
        assert done.stdout.startswith(said)
        assert "to show 1e-05 takes 299572 estimates" in done.stdout
        newest = max(folder.glob("measure-*"))
        case = next(
            case
            for case in ElementTree.parse(newest / "junit.xml").iter("testcase")
            if case.get("name") == "miss probability shown"
        )
        assert [child.tag for child in case] == [outcome]
        assert "299572" in str(case[0].get("message"))


def test_a_measurement_that_was_deleted_is_not_in_the_way(program: Program, deployed: dict[str, Any]) -> None:
    folder = Path(deployed["report"]).parent
    for _ in range(2):
        program.json("measure", deployed["run"], "--samples", "10")
    last = max(folder.glob("measure-*"))
    shutil.rmtree(min(folder.glob("measure-*")))
    told = program.json("measure", deployed["run"], "--samples", "10")
    assert Path(told["outputs"]["junit"]).parent.name == f"measure-{int(last.name[-3:]) + 1:03d}"


def test_the_loop_is_scheduled_as_it_is_asked_to_be(program: Program, deployed: dict[str, Any]) -> None:
    cpu = min(os.sched_getaffinity(0))
    told = program.json("measure", deployed["run"], "--samples", "10", "--fifo", "7", "--cpu", cpu)
    assert told["measured"]["bound_cpu"] == cpu
    assert (told["measured"]["scheduler"] == "SCHED_FIFO 7") == (told["refused"] == [])


def test_another_runs_design_is_left_as_it_is(program: Program, deployed: dict[str, Any]) -> None:
    newer = program.json("deploy", *QUICK[:2], "--deadline", "120us", "--estimates", "20")
    assert newer["design_id"] != deployed["design_id"]
    done = program("measure", deployed["run"], "--samples", "10")
    assert done.returncode == 2, done.stderr
    assert f"measure that one, run {newer['run']}: ntorc measure {newer['run']}" in done.stderr
    assert "ntorc board rollback 'virtual'" in done.stderr
    assert "as after power-up" not in done.stderr, "nothing is programmed before that is known"
    program.json("board", "rollback", "virtual")
    assert program.json("measure", deployed["run"], "--samples", "10")["verdict"] == "met"


def test_calibrate_says_why_nothing_changed(program: Program, deployed: dict[str, Any]) -> None:
    done = program("calibrate", "--board", "pynq-z2", "--show")
    assert done.returncode == 0, done.stderr
    assert "I/O overhead 55.6 us: prior" in done.stdout
    assert "no measurement has changed this" in done.stdout
    assert f"run {deployed['run']}" in done.stdout
    told = program.json("calibrate", "--board", "pynq-z2", "--show")
    assert told["changes"] == []


LAB = """
name = "bench-1"
[io]
register_access_s = 1.1e-6
wake_up_s = 70e-6
jitter_s = 8e-6
jitter_max_s = 40e-6
seed = 7
[clock]
error = -0.03
[logic]
extra_stages = 0
"""


def test_a_board_is_learnt_by_load_and_the_next_deployment_is_warned(
    program: Program, deployed: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "lab.toml").write_text(LAB)
    target = f"virtual:{tmp_path / 'lab.toml'}"
    few = ("--estimates", "60")  # of which each takes 3.2 ms of the board's time
    found = program.json("deploy", *QUICK, *few, "--target", target)
    assert found["verdict"] == "met"
    told = program.json("calibrate", "--show", "--target", target)
    used = told["in_use"]["none"]
    assert 85e-6 < used["overhead_s"] < 116e-6
    assert used["clock_ratio"] == pytest.approx(0.97, abs=1e-4)
    assert used["grid"]["period_s"] == pytest.approx(1.1e-6 / 0.97, rel=1e-3)
    drifted = [change["what"] for change in told["changes"] if change["has_drifted"]]
    assert drifted == ["I/O overhead (load=none), us", "clock over the requested one"]
    again = program("deploy", *QUICK, *few, "--target", target, "--load", "cpu")
    assert again.returncode == 0, again.stderr
    assert "warning: clock over the requested one drifted from 1 to 0.97" in again.stderr
    assert "I/O overhead 55.6 us: prior" in program("calibrate", "--show").stdout
    told = program.json("calibrate", "--show", "--target", target)
    assert set(told["in_use"]) == {"cpu", "none"}
    kept = ("overhead_s", "overhead_source", "grid")
    assert [told["in_use"]["none"][name] for name in kept] == [used[name] for name in kept], "a load has its own"
    assert "measured" in told["in_use"]["cpu"]["overhead_source"]
