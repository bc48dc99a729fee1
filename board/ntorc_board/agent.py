"""The agent: one board, its slots, what is programmed, and the requests it answers.

Requests and answers are JSON objects, one a line (`channel`).  Each request has ``id`` and ``op``;
its answer has the same ``id`` and either ``ok: true`` with ``result``, or ``ok: false`` with
``error``, ``hint``, ``kind`` and ``details``.  Between them there may be lines with ``event``:
``step`` (``text``), ``progress`` (``what``, ``done``, ``total``) and ``harness`` (``text``).

    hello      versions and the board
    status     what is confirmed, what is programmed, the clock
    install    {folder}: verify, store, program, self-test, confirm; or roll back and say why
    restore    program and test the confirmed design, as after power-up
    rollback   go back to the design that was confirmed before this one
    measure    {samples, out, estimates, hop?, period_ns?, timeout_us?, cpu?, fifo?}
    cancel     stop the measurement that runs; answered at once
    quit       end
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from ntorc_board import __version__
from ntorc_board.channel import Channel, Request
from ntorc_board.errors import BoardError, ProgrammingError, RequestError
from ntorc_board.harness import MeasureRequest, run_harness
from ntorc_board.manifest import Verified, load_trusted, verify_bundle
from ntorc_board.programming import Programmed, SelfTest, program, self_test
from ntorc_board.slots import Confirmed, Entry, Slots

PROTOCOL = 1
_PROGRESS_INTERVAL_S = 0.5
_COUNTED = re.compile(r"(\d{1,18})/(\d{1,18}) (\w+)$")  # the harness's own progress: 120/1000 estimates
# what a defect in the agent or in pynq would raise: answered as a failure, so that one bad request
# does not end the agent; the traceback's last words are in the answer
_DEFECTS = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)


class Board(Protocol):
    """How the agent reaches its board: see `boards`."""

    def device(self) -> Any:
        """The pynq Device; opened when it is first needed."""

    def registers_url(self, base: int, span: int) -> str:
        """Where the harness finds the shell's registers."""

    def unprogram(self) -> None:
        """Take the design out of the logic, where that can be done."""


@dataclass(frozen=True)
class Options:
    """What the agent was started with."""

    root: Path
    board_name: str
    part: str
    trusted: Path
    harness: Path


class Agent:
    """Answers requests on one board, one at a time."""

    def __init__(self, options: Options, board: Board, channel: Channel) -> None:
        """Take the board's slots.

        Raises:
            BoardError: another agent has them.
        """
        self._options = options
        self._board = board
        self._channel = channel
        self._slots = Slots(options.root, self._verify)
        self._programmed: tuple[Entry, Programmed] | None = None
        self._request_id: object = None
        self._told_s = 0.0
        self._operations: dict[str, Callable[[Request], dict[str, Any]]] = {
            "hello": self._hello,
            "status": self._status,
            "install": self._install,
            "restore": self._restore,
            "rollback": self._rollback,
            "measure": self._measure,
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
        except _DEFECTS as error:
            sys.excepthook(type(error), error, error.__traceback__)
            self._channel.fail(
                request["id"],
                f"the agent failed: {type(error).__name__}: {error}",
                "this is a defect; please report it with the agent's log",
                "Defect",
            )

    # ---- operations -------------------------------------------------------------------------------

    def _hello(self, request: Request) -> dict[str, Any]:
        return {
            "agent_version": __version__,
            "protocol": PROTOCOL,
            "board": self._options.board_name,
            "part": self._options.part,
            "pynq_version": _version_of("pynq"),
            "numpy_version": _version_of("numpy"),
            "python_version": platform.python_version(),
            "machine": platform.machine(),
            "kernel": platform.release(),
            "pid": os.getpid(),
        }

    def _status(self, request: Request) -> dict[str, Any]:
        confirmed = self._slots.confirmed()
        intact = False
        if confirmed is not None:
            try:
                self._slots.bundle(confirmed.current)
                intact = True
            except BoardError as error:
                self._step(f"the confirmed design cannot be used: {error.message}")
        programmed = None
        if self._programmed is not None:
            programmed = self._programmed[0].design_id
        return {
            "confirmed": None if confirmed is None else asdict(confirmed.current),
            "previous": None if confirmed is None or confirmed.previous is None else asdict(confirmed.previous),
            "intact": intact,
            "programmed": programmed,
        }

    def _install(self, request: Request) -> dict[str, Any]:
        source = Path(_text(request, "folder"))
        before = self._slots.confirmed()
        self._step("verifying and storing the bundle")
        folder, entry = self._slots.place(source)
        return self._try_out(folder, entry, before)

    def _restore(self, request: Request) -> dict[str, Any]:
        confirmed = self._slots.confirmed()
        if confirmed is None:
            raise ProgrammingError("no design was ever confirmed on this board", "deploy one with `ntorc deploy`")
        return self._report(confirmed.current, self._program(confirmed.current), None)

    def _rollback(self, request: Request) -> dict[str, Any]:
        confirmed = self._slots.confirmed()
        if confirmed is None or confirmed.previous is None:
            raise ProgrammingError("there is no earlier design to go back to", "deploy the one that you want")
        folder, _ = self._slots.bundle(confirmed.previous)
        return self._try_out(folder, confirmed.previous, confirmed)

    def _measure(self, request: Request) -> dict[str, Any]:
        if self._programmed is None:
            raise ProgrammingError("nothing is programmed", "install a bundle, or restore the confirmed one")
        entry, programmed = self._programmed
        manifest = programmed.manifest
        wanted = replace(MeasureRequest.parse(request, manifest.hop), gap_cycles=manifest.gap_cycles)
        summary = run_harness(
            self._options.harness,
            self._board.registers_url(programmed.shell_base, programmed.shell_span),
            entry.design_id,
            wanted,
            self._say,
            self._channel.cancelled,
        )
        return {
            "records": str(wanted.out),
            "harness": summary,
            "design_id": entry.design_id,
            "cancelled": self._channel.cancelled.is_set(),
            "clock_set_hz": programmed.clock_set_hz,
            "clock_read_back_hz": programmed.clock_read_back_hz,
        }

    # ---- steps ------------------------------------------------------------------------------------

    def _verify(self, folder: Path) -> Verified:
        options = self._options
        return verify_bundle(folder, load_trusted(options.trusted), options.board_name, options.part)

    def _try_out(self, folder: Path, entry: Entry, before: Confirmed | None) -> dict[str, Any]:
        """Program and test an entry and confirm it; on any failure go back to what was confirmed."""
        try:
            tested = self._program(entry)
            self._step("confirming")
            self._slots.confirm(entry)
        except (BoardError, *_DEFECTS) as error:
            message = error.message if isinstance(error, BoardError) else f"{type(error).__name__}: {error}"
            outcome, design_id = self._go_back(before)
            details: dict[str, object] = {"rolled_back_to": design_id}
            raise ProgrammingError(f"{message}; {outcome}", getattr(error, "hint", ""), details) from error
        return self._report(entry, tested, before)

    def _program(self, entry: Entry) -> SelfTest:
        """Program an entry and test it.

        Raises:
            ProgrammingError: it is not what it should be; nothing counts as programmed then.
        """
        self._programmed = None
        folder, verified = self._slots.bundle(entry)
        self._step("programming")
        programmed = program(folder, verified.manifest, self._board.device())
        self._step("testing")
        tested = self_test(programmed, folder, self._progress)
        if tested.mismatches:
            raise ProgrammingError(
                f"{tested.mismatches} of {tested.vectors} self-test results differ: {tested.first}",
                "do not use this design; build it again and report it",
            )
        self._programmed = entry, programmed
        return tested

    def _go_back(self, before: Confirmed | None) -> tuple[str, str | None]:
        """Program what was confirmed before; says what came of it, and the design id that runs now."""
        if before is None:
            self._programmed = None
            try:
                self._board.unprogram()
            except BoardError as error:
                return f"the logic could not be cleared either: {error.message}", None
            return "no design was confirmed before, so that nothing is programmed", None
        try:
            self._program(before.current)
        except BoardError as error:
            self._programmed = None
            return f"the confirmed design {before.current.design_id} failed too: {error.message}", None
        return f"rolled back to the confirmed design {before.current.design_id}", before.current.design_id

    def _report(self, entry: Entry, tested: SelfTest, before: Confirmed | None) -> dict[str, Any]:
        if self._programmed is None:
            raise ProgrammingError("nothing is programmed", "install the bundle again")
        programmed = self._programmed[1]
        return {
            "design_id": entry.design_id,
            "slot": entry.slot,
            "digest": entry.digest,
            "replaced": None if before is None else before.current.design_id,
            "self_test": {"vectors": tested.vectors, "mismatches": tested.mismatches},
            "clock_requested_hz": programmed.manifest.clock_hz,
            "clock_set_hz": programmed.clock_set_hz,
            "clock_read_back_hz": programmed.clock_read_back_hz,
            "agent_version": __version__,
            "pynq_version": _version_of("pynq"),
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


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
