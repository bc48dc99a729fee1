"""``ntorc search`` as a user calls it: a whole search, killed workers, a killed command, and what goes on from it."""

from __future__ import annotations

import json
import os
import signal
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli_program import Program
from ntorc.errors import UsageError

WHERE = ("--board", "pynq-z2", "--deadline", "200us")
QUICK = ("--form", "streaming", "--looks", "2", "--workers", "1")
LIMIT_S = 300.0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "my_runs"
    words = ("--out", folder, "--seed", "4", "--trajectories", "4", "--seconds", "3")
    made = program("data", "simulate", *words)
    assert made.returncode == 0, made.stderr
    return folder


def records(program: Program, name: str) -> dict[int, dict[str, Any]]:
    """What a search has kept so far."""
    found = sorted((program.home / "searches" / name / "trials").glob("*.json"))
    return {int(path.stem): json.loads(path.read_text(encoding="utf-8")) for path in found}


def wait_for(what: Callable[[], bool], process: Any) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s
        time.sleep(0.05)


def workers_of(pid: int) -> list[int]:
    """The processes that Dask started: children of the command, whichever thread forked them."""
    children = psutil.Process(pid).children()
    return [child.pid for child in children if any("spawn_main" in word for word in child.cmdline())]


@pytest.fixture(scope="module")
def survived(program: Program, runs: Path) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """What a search had trained when it was killed, and what came of it: its worker was killed before, too."""
    search = program.start("search", *WHERE, *QUICK, "--trials", "2", "--data", runs, "--name", "mine")
    looked = program.home / "searches" / "mine" / "trials"
    wait_for(lambda: any(looked.glob("*/state.npz")), search)
    before = workers_of(search.pid)
    assert len(before) == 1
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: any(one["outcome"] == "trained" for one in records(program, "mine").values()), search)
    after = workers_of(search.pid)
    assert len(after) == 1
    assert after != before, "another worker has gone on"
    trained = {number: one for number, one in records(program, "mine").items() if one["outcome"] == "trained"}
    search.send_signal(signal.SIGKILL)
    search.communicate(timeout=LIMIT_S)
    end_s = time.monotonic() + LIMIT_S
    while Path(f"/proc/{after[0]}").exists():  # a worker ends with its command
        assert time.monotonic() < end_s
        time.sleep(0.05)
    return trained, program.json("search", "--resume", "mine", "--trials", "2", "--workers", "1")


def test_killed_workers_and_a_killed_command_lose_no_finished_candidate(
    program: Program, survived: tuple[dict[int, dict[str, Any]], dict[str, Any]]
) -> None:
    trained, result = survived
    found = records(program, "mine")
    assert {number: found[number] | {"test_v": None} for number in trained} == trained
    begun = [one for one in found.values() if one["outcome"] in ("trained", "stopped", "outgrown")]
    assert len(begun) == 2
    assert not [one for one in found.values() if one["outcome"] in ("running", "failed")]
    assert sum(result["outcomes"].values()) == len(found)


def test_the_front_is_a_picture_and_a_file_with_table_iii_beside_it(
    survived: tuple[dict[int, dict[str, Any]], dict[str, Any]],
) -> None:
    _, result = survived
    assert ElementTree.parse(result["svg"]).getroot().tag.endswith("svg")
    assert json.loads(Path(result["json"]).read_text(encoding="utf-8"))["front"] == result["front"]
    assert [row["index"] for row in result["front"]] == list(range(1, len(result["front"]) + 1))
    assert all(row["test_rmse_v"] > 0.0 and row["latency_cycles"] <= row["budget_cycles"] for row in result["front"])
    assert 1 <= result["knee"] <= len(result["front"])
    table = {row["name"]: row for row in result["table3"]}
    assert len(table) == 16
    assert table["395_5_16_0_0_5_76"]["multiplies"] == 339_356
    assert table["395_5_16_0_0_5_76"]["stated_multiplies"] == 74_900
    assert table["395_5_16_0_0_5_76"]["area"] > table["128_5_16_0_0_0_0"]["area"] > 0.0


def test_a_point_goes_on_as_a_ready_estimator(
    program: Program, runs: Path, survived: tuple[dict[int, dict[str, Any]], dict[str, Any]]
) -> None:
    """Its allocation is the search's, and its error on the test trajectories too."""
    point = survived[1]["front"][survived[1]["knee"] - 1]
    from ntorc.estimator.readers import load_runs
    from ntorc.pipeline.estimator.shipped import load_ready, split_for
    from ntorc.pipeline.flow import Flow
    from ntorc.pipeline.search.pick import estimator_from_search
    from ntorc.store.local import LocalStore

    flow = Flow(LocalStore(program.home / "store"), program.home / "cache", program.home)
    folder, data = estimator_from_search(flow, "mine", "knee")
    assert data == runs.resolve()
    estimator, network = load_ready(folder)
    assert split_for(estimator, load_runs(runs)) == estimator.split
    assert estimator.validation_rmse_v == point["validation_rmse_v"]
    assert estimator.multiplies == network.multiplies == point["multiplies"]
    found = program.json("allocate", folder, *WHERE)
    assert found["latency_cycles"] == point["latency_cycles"]
    assert {name: round(count) for name, count in found["predicted"].items()} == point["predicted"]
    with pytest.raises(UsageError, match="no point '99'"):
        estimator_from_search(flow, "mine", "99")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "board and a deadline"),
        (("--board", "pynq-z2"), 2, "board and a deadline"),
        (("--board", "nothing", "--deadline", "1ms"), 2, "nothing"),
        (("--board", "pynq-z2", "--deadline", "200"), 2, "200"),
        ((*WHERE, "--storage", "paper"), 2, "journal or sqlite"),
        ((*WHERE, "--form", "tree"), 2, "tree"),
        (("--resume", "no-such"), 1, "no search 'no-such'"),
        (("--resume", "../mine"), 2, "cannot be the name"),
        ((*WHERE, "--name", "../../x"), 2, "cannot be the name"),
        (("--resume", "mine", "--board", "pynq-z2"), 2, "--board cannot be changed"),
        ((*WHERE, "--looks", "0"), 2, "looks"),
        ((*WHERE, "--trials", "0"), 2, "trials"),
        ((*WHERE, "--seed", "4294967296"), 2, "--seed"),
    ],
)
def test_search_says_what_is_wrong(program: Program, words: tuple[str, ...], code: int, told: str) -> None:
    done = program("search", *words, "--json")
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stdout == ""


def test_a_deadline_shorter_than_the_boards_io_is_a_verdict(program: Program) -> None:
    done = program("search", "--board", "pynq-z2", "--deadline", "3us", "--json")
    assert done.returncode == 3, done.stderr
    assert "the board's I/O alone takes 55.6 us" in done.stderr
    result = json.loads(done.stdout)
    assert (result["verdict"], result["reason"]) == ("infeasible", "io_overhead")
    assert not (program.home / "searches").exists() or "3us" not in str(list((program.home / "searches").iterdir()))


def test_deploy_says_what_is_wrong_with_a_search(program: Program) -> None:
    done = program("deploy", *WHERE, "--from-search", "no-such")
    assert done.returncode == 1, done.stderr
    assert "no search 'no-such'" in done.stderr
    done = program("deploy", *WHERE, "--from-search", "x", "--estimator", "window")
    assert done.returncode == 2, done.stderr
    assert "--from-search" in done.stderr
    assert "give one of them" in done.stderr
