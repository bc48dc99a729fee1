"""Whatever dies, a finished step is kept, no tool runs twice in a folder, and no stranger's process is signalled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_vivado_build import ASKED, build, is_alive

from cli_program import Program, new_program
from ntorc.backends.bitstream.execute import run_here
from ntorc.backends.bitstream.project import Project, Step, read_project, write_project
from ntorc.deploy.loopback import LoopbackServer
from ntorc.errors import ToolError
from ntorc.pipeline.bitstream.builder import _STOP, Builder
from ntorc.progress import Silent

TOOL = """\
#!/bin/sh
# Says that it began, and makes its product when it may.
echo $$ >>{here}/began
while [ ! -f {here}/go ]; do sleep 0.05; done
echo made >products/made
"""


def waited_project(folder: Path) -> Project:
    steps = (Step("route", "a tool of hours", (("sh", "tool.sh"),), ("products/made",), 300),)
    texts = {"tool.sh": TOOL.format(here=folder)}
    return Project("waited", "vivado", "xc7z020clg400-1", "0" * 16, 1e8, texts, steps, "products/made")


def until(condition: Callable[[], bool]) -> None:
    """Wait for what is certain to come; only a fault makes this long."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come")


def tools(folder: Path) -> list[int]:
    """The tools that were started."""
    path = folder / "began"
    return [int(word) for word in path.read_text(encoding="utf-8").split()] if path.is_file() else []


@pytest.fixture
def stranger() -> Iterator[int]:
    """Somebody else's process."""
    process = subprocess.Popen(["sleep", "600"])
    yield process.pid
    assert process.poll() is None, "it was signalled"
    process.kill()
    process.wait()


@pytest.fixture(params=["flock", "no flock"])
def locks(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether this machine's PATH has flock."""
    if request.param == "flock":
        assert shutil.which("flock")
        return True
    own = tmp_path / "bin"
    own.mkdir()
    for name in ("sh", "dirname", "mkdir", "date", "rm", "timeout", "sleep", "cat"):
        (own / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(own))
    return False


def script(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["sh", "run.sh"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def hangup_ends() -> Iterator[None]:
    """Programs that are started end by SIGHUP, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup_ends")
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGHUP])
def test_a_step_that_outlives_ntorc_is_done(
    tmp_path: Path, vendor: Any, ntorc_cache: Path, saved_network: Path, ended_by: signal.Signals
) -> None:
    program: Program = new_program(tmp_path / "home", ntorc_cache)
    vendor.behave(trouble="wait", step="synthesis")
    pid = vendor.record.with_name("commands.txt.pid")
    process = program.start("build", saved_network, *ASKED, "--tool", "vivado")
    until(lambda: pid.is_file() and bool(pid.read_text().strip()))
    process.send_signal(ended_by)
    process.communicate(timeout=100)
    assert process.returncode == -ended_by
    (mark,) = (path.parent.with_name("state") for path in (tmp_path / "home").rglob("logs/synthesis.1.log"))
    assert not (mark / "synthesis.done").exists()
    vendor.record.with_name("commands.txt.go").touch()
    until((mark / "synthesis.done").exists)
    build(program, saved_network)  # waits for the run that is still at work, if it is, and takes what it made
    ran = [line for line in vendor.commands if line.startswith("script")]
    assert ran == ["script synthesis.tcl", "script implementation.tcl", "script bitstream.tcl"]


def test_a_tool_that_outlives_its_script_has_the_folder_to_itself(tmp_path: Path, locks: bool) -> None:
    project = waited_project(tmp_path)
    folder = write_project(project, tmp_path / "project")
    first = script(folder)
    until(lambda: bool(tools(tmp_path)))
    first.kill()
    said = first.communicate()[0]
    assert ("there is no flock here (util-linux)" in said) == (not locks)
    second = script(folder)
    told = second.communicate()[0].splitlines()[-1]
    leader = (folder / "state" / "step").read_text(encoding="utf-8").split()[0]
    assert (second.returncode, told) == (3, f"ntorc: left {leader}")
    with pytest.raises(ToolError, match="an earlier run started still works") as caught:
        run_here(folder, project.steps, Silent())
    assert "fuser" in caught.value.hint
    (one,) = tools(tmp_path)
    (tmp_path / "go").touch()
    until(lambda: not is_alive(one) and not is_alive(int(leader)))
    run_here(folder, project.steps, Silent())
    assert len(tools(tmp_path)) == 2  # nobody saw how the first one ended
    assert (folder / "state" / "route.done").is_file()


def test_a_tool_whose_first_process_is_gone_too(tmp_path: Path, locks: bool) -> None:
    project = waited_project(tmp_path)
    folder = write_project(project, tmp_path / "project")
    first = script(folder)
    until(lambda: bool(tools(tmp_path)) and (folder / "state" / "step").is_file())
    first.kill()
    first.wait()
    leader = int((folder / "state" / "step").read_text(encoding="utf-8").split()[0])
    os.kill(leader, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{leader}").exists())
    second = script(folder)
    assert "ntorc: left" in second.communicate()[0]
    assert len(tools(tmp_path)) == 1
    (tmp_path / "go").touch()
    until(lambda: not is_alive(tools(tmp_path)[0]))


def test_one_run_at_a_time(tmp_path: Path, locks: bool) -> None:
    folder = write_project(waited_project(tmp_path), tmp_path / "project")
    first = script(folder)
    until(lambda: bool(tools(tmp_path)))
    second = script(folder)
    assert second.communicate()[0].splitlines()[-1] == f"ntorc: busy {first.pid}"
    assert second.returncode == 3
    (tmp_path / "go").touch()
    first.communicate()
    assert (first.returncode, len(tools(tmp_path))) == (0, 1)
    assert not (folder / "state" / "running").exists()


@pytest.mark.parametrize("recorded", ["{pid}", "{pid} 1", ""])
def test_a_number_that_was_used_again_blocks_nothing(
    tmp_path: Path, stranger: int, locks: bool, recorded: str
) -> None:
    project = waited_project(tmp_path)
    folder = write_project(project, tmp_path / "project")
    (folder / "state").mkdir()
    for name in ("running", "step"):
        (folder / "state" / name).write_text(recorded.format(pid=stranger) + "\n", encoding="utf-8")
    (tmp_path / "go").touch()
    run_here(folder, project.steps, Silent())
    assert (folder / "state" / "route.done").is_file()


def test_another_run_is_waited_for(tmp_path: Path) -> None:
    """The second one starts nothing until the first is over, and then finds all done."""

    class Watcher(Silent):
        def status(self, text: str) -> None:
            if text.startswith("another run works in"):
                (tmp_path / "go").touch()

    project = waited_project(tmp_path)
    folder = write_project(project, tmp_path / "project")
    first = script(folder)
    until(lambda: bool(tools(tmp_path)))
    run_here(folder, project.steps, Watcher(), look_s=0.1)
    first.communicate()
    assert len(tools(tmp_path)) == 1


def test_on_a_builder(tmp_path: Path, stranger: int, require: Callable[[str], Path]) -> None:
    """Ctrl-C signals no stranger; a tool that is left is said, and ended when it is known to be the project's."""
    require("sshd")
    require("ssh")
    folder = write_project(waited_project(tmp_path), tmp_path / "project")
    written = read_project(folder)
    root = tmp_path / "builds"
    there = root / written.digest[:32]
    (there / "state").mkdir(parents=True)
    with LoopbackServer(tmp_path / "sshd") as server:
        client = server.client(root)
        builder = Builder(client, Silent())
        stop = builder._script(_STOP, written)
        for name in ("running", "step"):
            (there / "state" / name).write_text(f"{stranger} 1\n", encoding="utf-8")
        client.run(stop)  # what Ctrl-C does there; the stranger's fixture sees whether it lives
        builder._send(folder, written)
        first = script(there)  # goes on in spite of the number
        until(lambda: bool(tools(tmp_path)))
        first.kill()
        first.wait()
        with pytest.raises(ToolError, match="still works"):
            builder.run(folder, written)
        (one,) = tools(tmp_path)
        assert is_alive(one)
        client.run(stop)
        until(lambda: not is_alive(one))
        (tmp_path / "go").touch()
        builder.run(folder, written)
    assert (folder / "products" / "made").is_file()
    assert not (folder / "state" / "lock").exists()
