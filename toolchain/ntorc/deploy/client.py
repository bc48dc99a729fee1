"""The host's end of the agent's protocol: JSON lines over a process's stdin and stdout.

The process is the agent itself, or ``ssh`` to a board that runs it; both look the same from here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ntorc.errors import BundleError, DeploymentError, MeasurementError, NtorcError, UsageError
from ntorc.progress import Progress, Silent

PROTOCOL = 1


class AgentMissingError(DeploymentError):
    """The board has no agent of this version."""


class BoardBusyError(DeploymentError):
    """Somebody else is using the board, or has leased it."""


START_LIMIT_S = 60.0
SILENCE_LIMIT_S = 90.0
"""An agent that works says something every few seconds; after this long it counts as lost."""
_END_LIMIT_S = 10.0
_CANCEL_LIMIT_S = 30.0
_MAX_LINE_BYTES = 4 << 20
_ERRORS: dict[str, type[NtorcError]] = {
    "RefusedError": BundleError,
    "HarnessError": MeasurementError,
    "RequestError": UsageError,
    "AgentMissing": AgentMissingError,
    "BusyError": BoardBusyError,
    "LeaseError": BoardBusyError,
}

Message = dict[str, Any]


class AgentClient:
    """A running agent: asked one thing at a time."""

    def __init__(
        self,
        words: Sequence[str | Path],
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        start_limit_s: float = START_LIMIT_S,
    ) -> None:
        """Start the agent and wait until it is ready.

        Args:
            words: the program and its arguments.
            log: file that receives its stderr.
            folder: its working folder.
            environment: its whole environment, or None for ours.
            start_limit_s: how long it may take to be ready.

        Raises:
            DeploymentError: it cannot be started, or is not ready in time.
        """
        self._log = log
        self._next_id = 0
        self._end_limit_s = 0.0  # what never got ready is not waited for
        self._lines: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        try:
            with log.open("wb") as stream:
                # a session of its own: Ctrl-C is ours to handle, the agent ends when its stdin does
                self._process = subprocess.Popen(
                    [str(word) for word in words],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            raise DeploymentError(f"cannot start the agent: {error}", "run `ntorc doctor`") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._await_ready(start_limit_s)
        except BaseException:
            self.close()
            raise

    def ask(
        self, op: str, fields: Mapping[str, Any] | None = None, *,
        progress: Progress | None = None, silence_limit_s: float = SILENCE_LIMIT_S,
    ) -> Message:  # fmt: skip
        """Send a request and wait for its result; events go to ``progress``.

        Ctrl-C asks the agent to stop what it does, waits for its answer and is raised again.

        Args:
            op: the operation.
            fields: its fields.
            progress: told what the agent says meanwhile.
            silence_limit_s: the longest time without a word from the agent.

        Raises:
            BundleError: the board refuses the bundle.
            MeasurementError: the harness failed.
            UsageError: the request is wrong.
            DeploymentError: any other failure, also when the agent has ended or is silent for too long.
        """
        self._next_id += 1
        request_id = self._next_id
        self._send({"id": request_id, "op": op, **(fields or {})})
        progress = progress or Silent()
        try:
            return self._await_answer(request_id, progress, silence_limit_s)
        except KeyboardInterrupt:
            self._cancel(request_id, progress)
            raise

    def close(self) -> None:
        """Let the agent end, and end it where it does not."""
        if self._process.poll() is None:
            with contextlib.suppress(DeploymentError):
                self._send({"id": 0, "op": "quit"})
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=self._end_limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=_END_LIMIT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _send(self, message: Message) -> None:
        stream = self._process.stdin
        if stream is None or stream.closed:
            raise self._lost("the connection to the agent is closed")
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:
                line = line[os.write(stream.fileno(), line) :]
        except OSError as error:
            raise self._lost("the agent has ended") from error

    def _read(self) -> None:
        stream = self._process.stdout
        while stream is not None:
            line = stream.readline(_MAX_LINE_BYTES)
            if not line:
                break
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                continue  # not the agent's: a shell's greeting, for example
            if isinstance(message, dict):
                self._lines.put(message)
        self._lines.put(None)

    def _receive(self, limit_s: float) -> Message:
        try:
            message = self._lines.get(timeout=limit_s)
        except queue.Empty as error:
            raise self._lost(f"the agent said nothing for {limit_s:.0f} s") from error
        if message is None:
            self._lines.put(None)
            raise self._lost("the agent has ended")
        return message

    def _await_ready(self, limit_s: float) -> None:
        message = self._receive(limit_s)
        if message.get("event") != "ready":
            raise _error_of(message)
        if message.get("protocol") != PROTOCOL:
            raise DeploymentError(
                f"the agent speaks version {message.get('protocol')} of the protocol, and {PROTOCOL} is needed",
                "install the same version of ntorc on both sides",
            )
        self._end_limit_s = _END_LIMIT_S

    def _await_answer(self, request_id: int, progress: Progress, limit_s: float) -> Message:
        while True:
            message = self._receive(limit_s)
            if message.get("id") != request_id:
                continue  # the answer to a cancelled request, or to a cancellation
            if "event" in message:
                _tell(message, progress)
            elif message.get("ok") is True:
                result: Message = message.get("result") or {}
                return result
            else:
                raise _error_of(message)

    def _cancel(self, request_id: int, progress: Progress) -> None:
        """Stop the current request; its answer says what was left of it, and is not needed here."""
        with contextlib.suppress(NtorcError):
            self._next_id += 1
            self._send({"id": self._next_id, "op": "cancel"})
            self._await_answer(request_id, progress, _CANCEL_LIMIT_S)

    def _lost(self, message: str) -> DeploymentError:
        return DeploymentError(message, f"{log_end(self._log)}full log: {self._log}")


def log_end(log: Path, lines: int = 8) -> str:
    """The last lines of a log for a hint, or nothing."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(f"{line}\n" for line in text.splitlines()[-lines:])


def _tell(message: Message, progress: Progress) -> None:
    if message["event"] == "progress":
        progress.step(str(message.get("what")), int(message.get("done", 0)), int(message.get("total", 0)))
    else:
        progress.message(f"  {message.get('text', '')}")


def _error_of(message: Message) -> NtorcError:
    kind = _ERRORS.get(str(message.get("kind")), DeploymentError)
    return kind(
        str(message.get("error", "the agent answered in a way that is not known")),
        str(message.get("hint", "")),
    )
