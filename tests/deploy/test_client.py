"""The host's end of the agent's protocol against agents that misbehave: real processes, small scripts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ntorc.deploy.client import AgentClient
from ntorc.errors import BundleError, DeploymentError, MeasurementError, NtorcError, UsageError
from ntorc.progress import Progress

READY = 'print(\'{"event": "ready", "protocol": 1}\', flush=True)'
READ = "import sys, json; request = json.loads(sys.stdin.readline())"


class Heard(Progress):
    def __init__(self) -> None:
        self.said: list[object] = []

    def message(self, text: str) -> None:
        self.said.append(text)

    def step(self, what: str, done: int, total: int) -> None:
        self.said.append((what, done, total))


def agent(folder: Path, *lines: str, start_limit_s: float = 60.0) -> AgentClient:
    words = [sys.executable, "-c", "\n".join(lines)]
    return AgentClient(words, folder / "agent.log", start_limit_s=start_limit_s)


def answer(**fields: object) -> str:
    return f"print(json.dumps({{'id': request['id'], **{fields!r}}}), flush=True)"


def test_noise_before_the_agent_and_events_before_the_answer(tmp_path: Path) -> None:
    client = agent(
        tmp_path, "print('Welcome to the board!\\n[1, 2]')", READY, READ,
        answer(event="step", text="working"), answer(event="progress", what="vectors", done=1, total=2),
        "print('a library says hello')", answer(ok=True, result={"op": "install"}), "sys.stdin.read()",
    )  # fmt: skip
    heard = Heard()
    assert client.ask("install", {"folder": "x"}, progress=heard) == {"op": "install"}
    assert heard.said == ["  working", ("vectors", 1, 2)]
    client.close()


@pytest.mark.parametrize(
    "kind, expected",
    [("RefusedError", BundleError), ("HarnessError", MeasurementError), ("RequestError", UsageError),
     ("ProgrammingError", DeploymentError), ("Defect", DeploymentError), ("of a later version", DeploymentError)],
)  # fmt: skip
def test_failures_keep_their_words(tmp_path: Path, kind: str, expected: type[NtorcError]) -> None:
    client = agent(tmp_path, READY, READ, answer(ok=False, error="it broke", hint="mend it", kind=kind))
    with pytest.raises(expected) as caught:
        client.ask("install")
    assert (caught.value.message, caught.value.hint) == ("it broke", "mend it")
    client.close()


def test_an_agent_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    client = agent(tmp_path, READY, READ, "sys.exit('out of memory')")
    with pytest.raises(DeploymentError, match="the agent has ended") as caught:
        client.ask("status")
    client.close()
    assert str(tmp_path / "agent.log") in caught.value.hint
    assert "out of memory" in (tmp_path / "agent.log").read_text()


def test_an_agent_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    client = agent(tmp_path, READY, READ, "sys.stdin.read()")
    with pytest.raises(DeploymentError, match="said nothing"):
        client.ask("status", silence_limit_s=0.3)
    client.close()


def test_late_answers_are_not_taken_for_others(tmp_path: Path) -> None:
    client = agent(
        tmp_path, READY, READ, "late = request['id']", "request = json.loads(sys.stdin.readline())",
        "print(json.dumps({'id': late, 'ok': True, 'result': {'late': True}}), flush=True)",
        answer(ok=True, result={"late": False}), "sys.stdin.read()",
    )  # fmt: skip
    with pytest.raises(DeploymentError, match="said nothing"):
        client.ask("status", silence_limit_s=0.3)
    assert client.ask("status") == {"late": False}
    client.close()


@pytest.mark.parametrize(
    "lines, complaint",
    [
        (["import time; time.sleep(1000)"], "said nothing"),
        (["pass"], "the agent has ended"),
        (['print(\'{"event": "ready", "protocol": 2}\')'], "speaks version 2 of the protocol"),
        (['print(\'{"ok": false, "error": "in use"}\')'], "in use"),
    ],
)
def test_agents_that_do_not_get_ready(tmp_path: Path, lines: list[str], complaint: str) -> None:
    limit_s = 0.5 if "sleep" in lines[0] else 60.0
    with pytest.raises(DeploymentError, match=complaint):
        agent(tmp_path, *lines, start_limit_s=limit_s)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="cannot start the agent"):
        AgentClient([tmp_path / "missing"], tmp_path / "agent.log")
