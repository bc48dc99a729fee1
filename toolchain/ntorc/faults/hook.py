"""Ends a Python process at its N-th step; copied as ``sitecustomize.py`` into the process's path.

Steps are what changes something that others can see: files and folders made, renamed and removed
below a folder, a file that was made or emptied and has no contents yet, everything that is brought
to the disk, every line that is written to the other side (before it, and again in the middle of it),
every connection to the chip, every program started.
Nothing of the product knows of this file.  It reads ``plan.json`` beside itself:

    below    only files below this folder count
    step     the step at which it happens; 0: never, only count
    action   kill (this process), cut (the connection: the process above this one), nospace (from
             this step on, nothing can be written)
    log      file that receives a line a step
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate"}
_OUTSIDE = {"socket.connect", "subprocess.Popen"}
_GROWS = {"open", "opened", "os.mkdir", "os.link", "fsync"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Steps:
    def __init__(self, plan: dict[str, Any]) -> None:
        self.below, self.last, self.action = str(plan["below"]), int(plan["step"]), str(plan["action"])
        self.log = os.open(plan["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.count = 0
        self.inside = False  # what the hook itself does is no step
        self.opens_for_writing = False
        self.write, self.fsync, self.open = os.write, os.fsync, open

    def step(self, name: str) -> None:
        if self.inside:
            return
        self.inside = True
        try:
            self.count += 1
            self.write(self.log, f"{self.count} {name}\n".encode())
            if self.action == "nospace":
                if self.last and self.count >= self.last and name in _GROWS:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            elif self.count == self.last:
                self.happen()
        finally:
            self.inside = False

    def happen(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(os.getppid() if self.action == "cut" else os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.inside:
            return
        if event == "open":
            path, _, flags = arguments
            self.opens_for_writing = self.counts(path) and bool(flags & _WRITING)
            if self.opens_for_writing:
                self.step("open")
        elif event in _CHANGES:
            # what removes a whole folder names its files from a folder that is open
            from_folder = isinstance(arguments[-1], int) and arguments[-1] >= 0
            if from_folder or str(arguments[0]).startswith(self.below):
                self.step(event)
        elif event in _OUTSIDE:
            self.step(event)

    def counts(self, path: object) -> bool:
        return isinstance(path, (str, os.PathLike)) and str(path).startswith(self.below)

    def opened(self, *arguments: Any, **options: Any) -> Any:
        self.opens_for_writing = False
        stream = self.open(*arguments, **options)
        if self.opens_for_writing:  # the audit of this very call says so
            self.opens_for_writing = False
            self.step("opened")
        return stream

    def written(self, descriptor: int, data: bytes) -> int:
        self.step("write")
        self.count += 1
        if self.count == self.last and self.action != "nospace" and len(data) > 1:
            self.write(descriptor, bytes(data)[: len(data) // 2])
            self.happen()
            return len(data) // 2  # of a connection that is cut
        return self.write(descriptor, data)

    def synced(self, descriptor: int) -> None:
        self.step("fsync")
        self.fsync(descriptor)


def _start() -> None:
    plan_file = Path(__file__).with_name("plan.json")
    try:
        plan = json.loads(plan_file.read_text(encoding="utf-8"))
    except OSError:
        return
    steps = _Steps(plan)
    replaced: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (os, "write", steps.written), (os, "fsync", steps.synced), (builtins, "open", steps.opened),
        (io, "open", steps.opened),
    )  # fmt: skip
    for module, name, function in replaced:
        setattr(module, name, function)
    sys.addaudithook(steps.audit)


if __name__ == "sitecustomize":
    _start()
