"""Running a project's script here, following it, and saying what went wrong from what the tools said."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ntorc.backends.bitstream.project import LOGS, RUN, STATE, Step
from ntorc.backends.bitstream.script import TIMED_OUT
from ntorc.backends.bitstream.stages import Heard, LogReader
from ntorc.errors import ToolError
from ntorc.processes import lines_and_pauses
from ntorc.progress import Progress

_KILLED = (TIMED_OUT, 137)
_NO_PRODUCT = 90  # of run.sh
_SHOWN_ERRORS = 3
_LOOK_S = 1.0
"""Between two looks at a running step's log."""
SAID = "said"
"""Event of a builder: a line of the running step's log, which does not lie here."""
_STOP_S = 45.0  # until a step that was told to end is killed: a little more than run.sh waits


@dataclass(frozen=True)
class Event:
    """A line of the script: what happened (``start``, ``done``, ``kept``, ``failed``, ...), to what, and the rest."""

    what: str
    words: tuple[str, ...]


def event_of(line: str) -> Event | None:
    """The event that a line of `run.sh` states, or None."""
    words = line.strip().split()
    if len(words) < 2 or words[0] != "ntorc:":
        return None
    return Event(words[1], tuple(words[2:]))


@dataclass
class Follower:
    """Tells progress what a script's lines say, what the step that runs is at, and keeps what ended it."""

    progress: Progress
    steps: Sequence[Step]
    end: Event | None = None
    seconds: dict[str, int] | None = None
    running: str = ""
    heard: Heard = field(default_factory=Heard)
    _log: LogReader | None = None
    _began_s: float = 0.0

    def line(self, text: str) -> None:
        """Take one line."""
        event = event_of(text)
        if event is None:
            return
        if event.what == SAID:
            self.heard.take(" ".join(event.words))
            self._tell()
            return
        titles = {step.name: step.what for step in self.steps}
        names = [step.name for step in self.steps]
        name = event.words[0] if event.words else ""
        if event.what in ("start", "done", "kept") and name in titles:
            place = names.index(name)
            self.running = name if event.what == "start" else ""
            if event.what == "start":
                self.progress.message(f"  {titles[name]} (step {place + 1} of {len(names)})")
                self.heard, self._log, self._began_s = Heard(), None, time.monotonic()
            self.progress.step("steps of the tools", place + (event.what != "start"), len(names))
            if event.what == "done":
                self.seconds = {**(self.seconds or {}), name: int(event.words[1])}
        elif event.what == "note":
            self.progress.message(f"  note: {' '.join(event.words)}")
        elif event.what in ("failed", "missing", "busy", "left"):
            self.end, self.running = event, ""

    def look(self, folder: Path) -> None:
        """Read on in the running step's log, which lies in this folder."""
        if not self.running:
            return
        if self._log is None:
            path = newest_log(folder, self.running)
            if path is None:
                return
            self._log = LogReader(path)
        for line in self._log.lines():
            self.heard.take(line)
        self._tell()

    def _tell(self) -> None:
        if self.running and self.heard.last:
            title = next(step.what for step in self.steps if step.name == self.running)
            self.progress.status(f"{title}, {_elapsed(time.monotonic() - self._began_s)}: {self.heard.text}")


def _elapsed(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def run_here(folder: Path, steps: Sequence[Step], progress: Progress, look_s: float = _LOOK_S) -> None:
    """Do a project's steps that are not done yet, on this machine.

    On Ctrl-C the step that runs is ended with all that it started; those before it stay done.  Where another run works
    in the folder already, as one whose ``ntorc`` was killed, its end is waited for; Ctrl-C then leaves it alone.

    Args:
        folder: of the project.
        steps: of it.
        progress: told of each step, and of what it is at.
        look_s: between two looks at its log.

    Raises:
        ToolError: a tool is missing, failed, had no licence, or took too long; names the log.
    """
    began_s = time.monotonic()
    while True:
        follower = Follower(progress, steps)
        status = _run(folder, follower, look_s)
        if follower.end is None or follower.end.what != "busy":
            break
        progress.status(f"another run works in {folder}, {_elapsed(time.monotonic() - began_s)}: its end is waited for")
        time.sleep(look_s)
    if status != 0 or follower.end is not None:
        raise failure(folder, steps, follower.end)


def _run(folder: Path, follower: Follower, look_s: float) -> int:
    """Run the script once; its status."""
    process = subprocess.Popen(
        ["sh", RUN], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, env=with_own_programs(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in lines_and_pauses(process.stdout, look_s):
            if line is not None:
                follower.line(line)
            follower.look(folder)
        return process.wait()
    except BaseException:
        _stop(process)
        raise


def with_own_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment whose PATH ends with the folder of this Python's programs, where a packaged tool may lie."""
    path = f"{environment.get('PATH', os.defpath)}{os.pathsep}{sysconfig.get_path('scripts')}"
    return {**environment, "PATH": path}


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the script, which ends its step; a second Ctrl-C does not leave a tool behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def newest_log(folder: Path, step: str) -> Path | None:
    """The log of a step's last attempt."""
    found: list[tuple[int, Path]] = []
    for path in (folder / LOGS).glob(f"{step}.*.log"):
        number = re.fullmatch(re.escape(step) + r"\.(\d+)\.log", path.name)
        if number is not None:
            found.append((int(number[1]), path))
    return max(found)[1] if found else None


def failure(folder: Path, steps: Sequence[Step], end: Event | None) -> ToolError:
    """What ended a script, with what to do; everything that was done before is kept."""
    again = "the same command goes on with this step"
    if end is None:
        return ToolError("the project's script ended without saying why", f"run `sh {folder / RUN}` by hand")
    if end.what == "missing":
        programs = " ".join(end.words)
        return ToolError(
            f"not found: {programs}",
            "`ntorc backend check` says what is there; --plan-only writes the project for a machine that has it, "
            "--host ssh://builder runs it there",
        )
    if end.what == "busy":
        return ToolError(f"another run works in {folder} (process {end.words[0]})", "wait for it, or end it")
    if end.what == "left":
        known = "" if end.words[0] == "0" else f" (process {end.words[0]})"
        return ToolError(
            f"a tool that an earlier run started still works in {folder}{known}",
            f"wait for it, or end it; then {again}. `fuser -v {folder / STATE / 'lock'}` names what is left",
        )
    name, status = end.words[0], int(end.words[1])
    log = newest_log(folder, name)
    limit_s = next((step.limit_s for step in steps if step.name == name), 0)
    said = log.read_text(encoding="utf-8", errors="replace") if log is not None else ""
    where = f"full log: {log}"
    lacking = re.search(r"^ntorc: missing (.+)$", said, re.MULTILINE)
    if lacking is not None:
        return failure(folder, steps, Event("missing", tuple(lacking[1].split())))
    licence = _first(said, _LICENCE)
    if licence:
        return ToolError(f"{name}: no licence: {licence}", f"free one or see LM_LICENSE_FILE; then {again}\n{where}")
    if status in _KILLED:
        return ToolError(f"{name} took more than its {limit_s} s and was ended", f"{again}\n{where}")
    for sign, message, hint in _KNOWN:
        if re.search(sign, said):
            return ToolError(f"{name}: {message}", f"{hint}; then {again}\n{where}")
    if status == _NO_PRODUCT:
        return ToolError(f"{name} ended well and left not all of its products", f"{_tail(said)}\n{where}")
    errors = [line.strip() for line in said.splitlines() if re.match(r"\s*(ERROR|CRITICAL ERROR|FATAL)\b", line)]
    text = "\n".join(errors[:_SHOWN_ERRORS]) or _tail(said)
    return ToolError(f"{name} failed with status {status}", f"{text}\n{where}\n{again}")


_LICENCE = re.compile(
    r"^.*(?:valid license was not found|license checkout (?:failed|not)|failed to check ?out|"
    r"no such feature exists|licensed number of users already reached|Common 17-345).*$",
    re.IGNORECASE | re.MULTILINE,
)
_KNOWN = (
    (
        r"(?i)timing is not met",
        "the clock is not met",
        "see the worst path in reports/worst_path.rpt",
    ),
    (r"(?i)no space left on device", "the disk is full", "free some space"),
    (r"(?i)\bpart\b.*(?:not (?:found|installed)|is not valid|invalid)|Invalid option value specified for '-part'",
     "the tool does not know the part", "install its device family with the vendor's installer"),
    (r"(?i)cannot allocate memory|bad_alloc|out of memory", "the machine ran out of memory", "close other programs"),
)  # fmt: skip


def _first(text: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(text)
    return found[0].strip()[:300] if found else ""


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])
