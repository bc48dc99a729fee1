"""FINN's process seen from here: requests, progress, errors, time limits; with workers that misbehave."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ntorc.backends.finn.client import FinnProcess
from ntorc.errors import ToolError

ECHO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    number, method, params = request["id"], request["method"], request["params"]
    def say(**what): print(json.dumps({"id": number, **what}), flush=True)
    if method == "echo":
        print("noise", file=sys.stderr)
        say(progress=["things", 1, 2]); say(progress=["things", 2, 2]); say(result=params)
    elif method == "fail": say(error={"kind": "ValueError", "message": "no such thing"})
    elif method == "die": sys.exit(7)
    elif method == "garbage": print("Traceback", flush=True)
    elif method == "other": number = 99; say(result=1)
    elif method == "hang":
        import subprocess, time
        child = subprocess.Popen(["sleep", "60"]); say(progress=["child", child.pid, child.pid]); time.sleep(60)
"""


class Steps:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []

    def message(self, text: str) -> None:
        """Not used here."""

    def step(self, what: str, done: int, total: int) -> None:
        self.seen.append((what, done, total))


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def process(tmp_path: Path, steps: Steps) -> Iterator[FinnProcess]:
    script = tmp_path / "worker.py"
    script.write_text(ECHO, encoding="utf-8")
    python = tmp_path / "environment" / "bin" / "python"
    command = [sys.executable, "-u", str(script)]
    with FinnProcess(python, tmp_path / "finn.log", steps, command) as made:
        yield made


def test_results_come_back_with_progress_and_noise_goes_to_the_log(
    process: FinnProcess, steps: Steps, tmp_path: Path
) -> None:
    assert process.ask("echo", value=[1, "ü"]) == {"value": [1, "ü"]}
    assert process.ask("echo", value=2) == {"value": 2}
    assert steps.seen == [("things", 1, 2), ("things", 2, 2)] * 2
    assert (tmp_path / "finn.log").read_text() == "noise\n" * 2


def test_an_error_names_method_kind_and_log_and_leaves_the_process_usable(process: FinnProcess) -> None:
    with pytest.raises(ToolError) as failed:
        process.ask("fail")
    assert "FINN failed in 'fail': ValueError: no such thing" in failed.value.message
    assert "finn.log" in failed.value.hint
    assert process.ask("echo") == {}


@pytest.mark.parametrize(
    "method, message",
    [("die", "ended in 'die' (status 7)"), ("garbage", "something else than JSON"), ("other", "another request")],
)
def test_a_process_that_breaks_is_said_to_and_made_anew(process: FinnProcess, method: str, message: str) -> None:
    with pytest.raises(ToolError) as failed:
        process.ask(method)
    assert message in failed.value.message
    assert process.ask("echo") == {}


def test_what_takes_too_long_is_stopped_with_all_that_it_started(process: FinnProcess, steps: Steps) -> None:
    started_s = time.monotonic()
    with pytest.raises(ToolError, match="more than 1 s in 'hang' and was stopped"):
        process.ask("hang", 1.0)
    assert time.monotonic() - started_s < 50
    child = Path(f"/proc/{steps.seen[0][1]}/stat")
    for _ in range(200):
        if not child.exists() or child.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child still runs")


def test_a_python_that_is_not_there_is_said(tmp_path: Path) -> None:
    with (
        FinnProcess(tmp_path / "none" / "bin" / "python", tmp_path / "log") as process,
        pytest.raises(ToolError, match="FINN's Python does not run"),
    ):
        process.ask("versions")
