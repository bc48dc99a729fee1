"""What a step of hours says while it runs: its log is read as it grows, here and on a builder."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ntorc.backends.bitstream.execute import Follower, run_here
from ntorc.backends.bitstream.project import Project, Step, read_project, write_project
from ntorc.backends.bitstream.stages import Heard, LogReader, stage_of
from ntorc.deploy.loopback import LoopbackServer
from ntorc.pipeline.bitstream.builder import Builder
from ntorc.progress import Console, Silent

SLOW = """\
#!/bin/sh
# Says a phase, and goes on when somebody has seen it.
echo "Starting Placer Task"
echo "Phase 1 Placer Initialization"
printf 'Phase 3.2 Commit Most Macros & LUTRAMs\n----------\nINFO: [Place 30-611] half done\n'
while [ ! -f {seen} ]; do sleep 0.05; done
echo "Phase 4 Post Placement Optimization"
echo made >products/made
"""


class Watcher(Silent):
    """Makes the file that the stand-in waits for once the phase is shown."""

    def __init__(self, seen: Path) -> None:
        self.seen = seen
        self.said: list[str] = []

    def status(self, text: str) -> None:
        self.said.append(text)
        if "Phase 3.2" in text:
            self.seen.touch()


def slow_project(folder: Path) -> Project:
    steps = (Step("place", "Vivado: place and route", (("sh", "slow.sh"),), ("products/made",), 120),)
    texts = {"slow.sh": SLOW.format(seen=folder / "seen")}
    return Project("slow", "vivado", "xc7z020clg400-1", "0" * 16, 1e8, texts, steps, "products/made")


def test_the_phase_is_shown_while_the_step_runs(tmp_path: Path) -> None:
    project, watcher = slow_project(tmp_path), Watcher(tmp_path / "seen")
    folder = write_project(project, tmp_path / "project")
    run_here(folder, project.steps, watcher, look_s=0.02)
    assert watcher.seen.exists()  # else the stand-in would have been ended by its limit
    told = next(text for text in watcher.said if "Phase 3.2" in text)
    assert told.startswith("Vivado: place and route, 0 min ")
    assert "Phase 3.2 Commit Most Macros & LUTRAMs" in told


def test_the_same_on_a_builder(tmp_path: Path, require: Callable[[str], Path]) -> None:
    require("sshd")
    require("ssh")
    watcher = Watcher(tmp_path / "seen")
    folder = write_project(slow_project(tmp_path), tmp_path / "project")
    with LoopbackServer(tmp_path / "sshd") as server:
        (tmp_path / "builds").mkdir()
        Builder(server.client(tmp_path / "builds"), watcher).run(folder, read_project(folder))
    assert any("Phase 3.2 Commit Most Macros" in text for text in watcher.said)
    assert (folder / "products" / "made").is_file()


@pytest.mark.parametrize(
    "line, stage",
    [
        ("Phase 3.2 Commit Most Macros & LUTRAMs", "Phase 3.2 Commit Most Macros & LUTRAMs"),
        ("Phase 2.1.1 Partition Driven Placement | Checksum: 1a2b", "Phase 2.1.1 Partition Driven Placement"),
        ("Starting Placer Task", "Placer"),
        ("Starting RTL Elaboration : Time (s): cpu = 00:00:04", "RTL Elaboration"),
        ("Start Cross Boundary and Area Optimization", "Cross Boundary and Area Optimization"),
        ("INFO: [HLS 200-42] -- Implementing module 'dense_config5'", "Implementing module 'dense_config5'"),
        ("INFO: [HLS 200-10] Analyzing design file 'firmware/ntorc_hls.cpp' ... ",
         "Analyzing design file 'firmware/ntorc_hls.cpp' ..."),
        ("INFO: [SCHED 204-11] Starting scheduling ...", "Starting scheduling ..."),
        ("3.12.4. Executing OPT_MERGE pass (detect identical cells).", "3.12.4. Executing OPT_MERGE pass"),
        ("Info: Routing globals...", "Routing globals..."),
        ("INFO: [Route 35-16] Router Completed Successfully", None),
        ("", None),
    ],
)  # fmt: skip
def test_headings(line: str, stage: str | None) -> None:
    assert stage_of(line) == stage


def test_a_rule_is_not_the_last_word() -> None:
    heard = Heard()
    for line in ("Start Technology Mapping", "-----------", "  ", "\x1b[1mWARNING: x\x07"):
        heard.take(line)
    assert heard.text == "Technology Mapping | [1mWARNING: x"


def test_a_log_is_read_from_where_the_last_look_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    reader = LogReader(path)
    assert reader.lines() == []
    path.write_text("one\ntw", encoding="utf-8")
    assert reader.lines() == ["one"]
    path.write_text("one\ntwo\nthree\n", encoding="utf-8")
    assert reader.lines() == ["two", "three"]
    path.write_text("anew\n", encoding="utf-8")
    assert reader.lines() == ["anew"]
    path.write_bytes(b"x" * 3_000_000 + b"\nend\n")
    assert reader.lines()[-1] == "end"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_it_is_a_line_a_minute_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stream = io.StringIO()
    console = Console(stream)
    for _ in range(3 * 600):  # half an hour, looked at each second
        now[0] += 1.0
        console.status("Vivado: place and route, 1 min: Phase 3")
    assert stream.getvalue().count("\n") == 30
    assert "\x1b" not in stream.getvalue()
    shown = Terminal()
    live = Console(shown)
    now[0] += 1.0
    live.status("x" * 5000)
    live.message("done")
    first, second = shown.getvalue().split("\x1b[K")[1:]
    assert len(first) < 1000  # no line that wraps
    assert second == "done\n"
    live.step("steps of the tools", 3, 3)
    assert shown.getvalue().endswith("\r\x1b[K")  # a result on stdout begins its own line


def test_a_builders_lines_are_no_events() -> None:
    follower = Follower(Silent(), slow_project(Path("/x")).steps)
    for line in ("ntorc: start place", "ntorc: said ntorc: failed place 1", "ntorc: said"):
        follower.line(line)
    assert follower.end is None
    assert follower.heard.last == "ntorc: failed place 1"


def test_any_line_is_taken() -> None:
    for text in ("\x00\x1b]0;t\x07", "Phase " * 10_000, "9" * 100_000 + ". Executing", "Starting " + " " * 50_000):
        heard: Any = Heard()
        heard.take(text)
        assert len(heard.text) <= 400
