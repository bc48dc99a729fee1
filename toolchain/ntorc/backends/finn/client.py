"""The other side of FINN's process: requests with time limits, errors as ours, its messages kept in a log."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ntorc.errors import ToolError
from ntorc.progress import Progress, Silent

TIME_LIMIT_S = 600.0
_WORKER = Path(__file__).with_name("worker.py")
_LONGEST_LINE = 64 << 20
_ENDS_WITHIN_S = 5.0


class FinnProcess:
    """A running worker; use it in ``with``.  It starts with the first request, with a HOME of its own, so that FINN
    leaves nothing in the user's.

    Args:
        python: of FINN's environment.
        log: file for what FINN prints; appended to.
        progress: for people.
        command: instead of the worker's, for tests of the protocol.
    """

    def __init__(
        self, python: Path, log: Path, progress: Progress | None = None, command: list[str] | None = None
    ) -> None:
        self._command = command or [str(python), "-u", str(_WORKER)]
        self._home = python.parents[1] / "home"
        self._log, self._progress = log, progress or Silent()
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._number = 0

    def __enter__(self) -> FinnProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; by force where it does not go."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._kill(process)
        if process.stdout is not None:
            process.stdout.close()

    def ask(self, method: str, timeout_s: float = TIME_LIMIT_S, **params: Any) -> Any:
        """The result of a method.

        Raises:
            ToolError: FINN refused, failed, ended, or took longer than ``timeout_s``.
        """
        process = self._started()
        self._number += 1
        request = json.dumps({"id": self._number, "method": method, "params": params}) + "\n"
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request.encode())
            process.stdin.flush()
        except BrokenPipeError:
            raise self._gone(method) from None
        return self._answer(process.stdout, method, time.monotonic() + timeout_s, timeout_s)

    def _answer(self, answers: IO[bytes], method: str, until_s: float, timeout_s: float) -> Any:
        while True:
            message = self._message(answers, method, until_s, timeout_s)
            if message.get("id") != self._number:
                raise self._broken(f"FINN's process answered another request than '{method}'")
            if "progress" in message:
                what, done, total = message["progress"]
                self._progress.step(str(what), int(done), int(total))
            elif "error" in message:
                error = message["error"]
                raise ToolError(
                    f"FINN failed in '{method}': {error.get('kind')}: {str(error.get('message'))[:600]}",
                    f"its log: {self._log}",
                )
            else:
                return message["result"]

    def _message(self, answers: IO[bytes], method: str, until_s: float, timeout_s: float) -> Mapping[str, Any]:
        """The next line, within the time."""
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left_s = until_s - time.monotonic()
                if left_s <= 0 or not selector.select(left_s):
                    raise self._broken(f"FINN took more than {timeout_s:.0f} s in '{method}' and was stopped")
                block = os.read(answers.fileno(), 1 << 20)
                if not block:
                    raise self._gone(method)
                self._rest += block
                if len(self._rest) > _LONGEST_LINE:
                    raise self._broken(f"FINN's answer to '{method}' does not end")
        line, self._rest = self._rest.split(b"\n", 1)
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._broken(f"FINN's process answered '{method}' with something else than JSON")
        return found

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._home.mkdir(parents=True, exist_ok=True)
            self._log.parent.mkdir(parents=True, exist_ok=True)
            keep = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
            environment = {**keep, "HOME": str(self._home), "OMP_NUM_THREADS": "2", "PYTHONDONTWRITEBYTECODE": "1"}
            self._rest = b""
            with self._log.open("ab") as log:
                try:
                    self._process = subprocess.Popen(
                        self._command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        cwd=self._home,
                        env=environment,
                        start_new_session=True,
                    )
                except OSError as error:
                    raise ToolError(
                        f"FINN's Python does not run ({self._command[0]})", "ntorc backend install finn --again"
                    ) from error
        return self._process

    def _gone(self, method: str) -> ToolError:
        status = self._process.wait(_ENDS_WITHIN_S) if self._process is not None else None
        return self._broken(f"FINN's process ended in '{method}' (status {status})")

    def _broken(self, message: str) -> ToolError:
        if self._process is not None:
            self._kill(self._process)
        end = ""
        if self._log.is_file():
            end = "\n".join(self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]) + "\n"
        return ToolError(message, f"{end}its log: {self._log}")

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """The process and what it started: it leads a group of its own."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._process = None
