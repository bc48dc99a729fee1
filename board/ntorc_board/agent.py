"""The agent: one board, its slots, what is programmed, and the requests it answers.

Requests and answers are JSON objects, one a line (`channel`).  Each request has ``id`` and ``op``;
its answer has the same ``id`` and either ``ok: true`` with ``result``, or ``ok: false`` with
``error``, ``hint``, ``kind`` and ``details``.  Between them there may be lines with ``event``:
``step`` (``text``), ``progress`` (``what``, ``done``, ``total``) and ``harness`` (``text``).

    hello      versions and the board
    status     what is confirmed, what is programmed, whose the board is
    recover    after an agent that was cut off in a deployment: program what is confirmed
    install    {folder} or {digest} of an offered bundle: verify, store, program, self-test, confirm;
               or roll back and say why
    restore    program and test the confirmed design, as after power-up
    rollback   go back to the design that was confirmed before this one
    measure    {samples, out} or {samples_sha256}, estimates, hop?, period_ns?, timeout_us?, cpu?, fifo?
    cancel     stop the measurement that runs; answered at once
    quit       end

What is needed only over SSH is in `remote`.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ntorc_board import __version__
from ntorc_board.channel import Channel, Request
from ntorc_board.desk import Desk
from ntorc_board.errors import DEFECTS, BoardError, ProgrammingError, RequestError
from ntorc_board.harness import MeasureRequest, run_harness
from ntorc_board.installation import Installation, version_of
from ntorc_board.lease import Leases
from ntorc_board.remote import Remote
from ntorc_board.slots import Slots

PROTOCOL = 1
_PROGRESS_INTERVAL_S = 0.5
_COUNTED = re.compile(r"(\d{1,18})/(\d{1,18}) (\w+)$")  # the harness's own progress: 120/1000 estimates


class Agent:
    """Answers requests on one board, one at a time."""

    def __init__(self, desk: Desk, channel: Channel) -> None:
        """Take the board's slots.

        Raises:
            BusyError: another agent has them.
            BoardError: the folder cannot be used.
        """
        self._desk, self._channel = desk, channel
        self._slots = Slots(desk.root, desk.verify, desk.owner)
        self._leases = Leases(desk.root)
        self._designs = Installation(desk, self._slots, self._step, self._progress)
        self._remote = Remote(desk, self._slots, self._leases, self._step)
        self._request_id: object = None
        self._told_s = 0.0
        self._operations: dict[str, Callable[[Request], dict[str, Any]]] = {
            "hello": self._hello,
            "status": self._status,
            "recover": lambda _: self._designs.recover(),
            "install": self._install,
            "restore": self._restore,
            "rollback": self._rollback,
            "measure": self._measure,
            **self._remote.operations,
        }

    def run(self) -> None:
        """Answer requests until ``quit`` or the end of the input."""
        self._channel.send({"event": "ready", "protocol": PROTOCOL})
        try:
            for request in self._channel.requests():
                if request["op"] == "quit":
                    self._channel.send({"id": request["id"], "ok": True, "result": {}})
                    return
                self._answer(request)
        finally:
            self._slots.close()

    def restore(self) -> dict[str, Any]:
        """Program the confirmed design, as the board's start does with ``--restore``.

        Raises:
            BoardError: there is none, or it does not work.
        """
        try:
            return self._designs.restore()
        finally:
            self._slots.close()

    def _answer(self, request: Request) -> None:
        self._request_id = request["id"]
        try:
            operation = self._operations.get(request["op"])
            if operation is None:
                known = ", ".join([*self._operations, "cancel", "quit"])
                raise RequestError(f"there is no operation {request['op'][:100]!r}", f"known: {known}")
            self._channel.send({"id": request["id"], "ok": True, "result": operation(request)})
        except BoardError as error:
            self._channel.fail(request["id"], error.message, error.hint, type(error).__name__, error.details)
        except DEFECTS as error:
            sys.excepthook(type(error), error, error.__traceback__)
            self._channel.fail(
                request["id"],
                f"the agent failed: {type(error).__name__}: {error}",
                "this is a defect; please report it with the agent's log",
                "Defect",
            )

    # ---- operations -------------------------------------------------------------------------------

    def _hello(self, request: Request) -> dict[str, Any]:
        settings = self._desk.settings
        return {
            "agent_version": __version__,
            "protocol": PROTOCOL,
            "board": None if settings is None else settings.board,
            "part": None if settings is None else settings.part,
            "simulated": settings is not None and settings.is_simulated,
            "pynq_version": version_of("pynq"),
            "numpy_version": version_of("numpy"),
            "python_version": platform.python_version(),
            "machine": platform.machine(),
            "kernel": platform.release(),
            "pid": os.getpid(),
        }

    def _status(self, request: Request) -> dict[str, Any]:
        return {**self._designs.status(), "lease": self._remote.lease_state()}

    def _install(self, request: Request) -> dict[str, Any]:
        self._leases.check(self._desk.owner)
        if "digest" not in request:
            return self._designs.install(Path(_text(request, "folder")))
        digest = _text(request, "digest")
        result = self._designs.install(self._remote.fill(digest), digest)
        self._remote.finish()
        return result

    def _restore(self, request: Request) -> dict[str, Any]:
        self._leases.check(self._desk.owner)
        return self._designs.restore()

    def _rollback(self, request: Request) -> dict[str, Any]:
        self._leases.check(self._desk.owner)
        return self._designs.rollback()

    def _measure(self, request: Request) -> dict[str, Any]:
        self._leases.check(self._desk.owner)
        if self._designs.programmed is None:
            raise ProgrammingError("nothing is programmed", "install a bundle, or restore the confirmed one")
        if self._desk.harness is None:
            raise ProgrammingError("the harness was not compiled on this board yet", "deploy with `ntorc deploy`")
        sent = request.get("samples_sha256")
        if sent is not None:
            samples = self._remote.sent_file(str(sent))
            self._remote.records.parent.mkdir(parents=True, exist_ok=True)
            request = {**request, "samples": str(samples), "out": str(self._remote.records)}
        entry, programmed = self._designs.programmed
        manifest = programmed.manifest
        wanted = replace(MeasureRequest.parse(request, manifest.hop), gap_cycles=manifest.gap_cycles)
        summary = run_harness(
            self._desk.harness,
            self._desk.board.registers_url(programmed.shell_base, programmed.shell_span),
            entry.design_id,
            wanted,
            self._say,
            self._channel.cancelled,
        )
        if sent is not None:
            self._remote.drop_file(str(sent))
        return {
            "records": str(wanted.out),
            "harness": summary,
            "design_id": entry.design_id,
            "cancelled": self._channel.cancelled.is_set(),
            "clock_set_hz": programmed.clock_set_hz,
            "clock_read_back_hz": programmed.clock_read_back_hz,
        }

    # ---- events -----------------------------------------------------------------------------------

    def _step(self, text: str) -> None:
        self._channel.send({"id": self._request_id, "event": "step", "text": text})

    def _say(self, text: str) -> None:
        counted = _COUNTED.search(text)
        if counted is not None:
            self._progress(counted[3], int(counted[1]), int(counted[2]))
        else:
            self._channel.send({"id": self._request_id, "event": "harness", "text": text[:1000]})

    def _progress(self, what: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done < total and now_s - self._told_s < _PROGRESS_INTERVAL_S:
            return
        self._told_s = now_s
        self._channel.send({"id": self._request_id, "event": "progress", "what": what, "done": done, "total": total})


def _text(request: Request, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise RequestError(f"the field {name!r} must be a path", f'for example {{"{name}": "path/to/it"}}')
    return value
