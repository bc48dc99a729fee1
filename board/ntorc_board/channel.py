"""JSON lines between the agent and whoever started it: requests on stdin, answers on stdout.

The process's own stdout is moved away first, so that whatever pynq or a library prints goes to
stderr and never between the lines.  A thread reads, so that a request to cancel, or the end of the
input (the other side is gone), is noticed while a measurement runs.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Iterator
from typing import Any

from ntorc_board.errors import RequestError

MAX_LINE_BYTES = 1 << 20
GRACE_S = 20.0
"""How long the agent may go on after the other side is gone."""

Request = dict[str, Any]


def parse_request(line: bytes) -> Request:
    """A request from its line: a JSON object with an ``id`` (a whole number or a text) and an ``op``.

    Raises:
        RequestError: the line is anything else.
    """
    hint = 'send one JSON object a line, as {"id": 1, "op": "hello"}'
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"this line is not JSON: {str(error)[:200]}", hint) from error
    if not isinstance(request, dict):
        raise RequestError("this line is not a JSON object", hint)
    if type(request.get("id")) not in (int, str) or not isinstance(request.get("op"), str):
        raise RequestError("a request needs an id (a whole number or a text) and an op (a text)", hint)
    return request


def split_lines(descriptor: int) -> Iterator[bytes]:
    """Lines from a descriptor until its end; of a line that is too long, its first bytes only."""
    held = b""
    skipping = False
    while block := os.read(descriptor, 65536):
        *whole, held = (held + block).split(b"\n")
        for line in whole:
            if not skipping:
                yield line[: MAX_LINE_BYTES + 1]
            skipping = False
        if len(held) > MAX_LINE_BYTES:
            if not skipping:
                yield held[: MAX_LINE_BYTES + 1]
            held, skipping = b"", True
    if held and not skipping:
        yield held


class Channel:
    """The agent's end.  ``cancelled`` is set while the current work should stop."""

    def __init__(self, source: int, sink: int, grace_s: float | None = None) -> None:
        """Read requests from the descriptor ``source`` and write answers to ``sink``.

        With ``grace_s``, the whole process ends that long after the end of the input at the latest.
        """
        self._source, self._sink, self._grace_s = source, sink, grace_s
        self._writing = threading.Lock()
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self.cancelled = threading.Event()
        self._closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    @classmethod
    def take_over(cls) -> Channel:
        """Take this process's stdin and stdout; what is printed from now on goes to stderr."""
        source, sink = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        os.close(nothing)
        return cls(source, sink, GRACE_S)

    def requests(self) -> Iterator[Request]:
        """Requests in their order, until the input ends."""
        while (request := self._requests.get()) is not None:
            if not self._closed.is_set():
                self.cancelled.clear()
            yield request

    def send(self, message: dict[str, Any]) -> None:
        """Write one line; when nobody reads any more, the current work is cancelled."""
        line = json.dumps(message, allow_nan=False).encode() + b"\n"
        with self._writing:
            try:
                while line:
                    line = line[os.write(self._sink, line) :]
            except OSError:
                self.cancelled.set()

    def fail(
        self, request_id: object, error: str, hint: str, kind: str, details: dict[str, object] | None = None
    ) -> None:
        """Answer that a request failed."""
        self.send(
            {
                "id": request_id,
                "ok": False,
                "error": error,
                "hint": hint,
                "kind": kind,
                "details": details or {},
            }
        )

    def _read(self) -> None:
        try:
            for line in split_lines(self._source):
                if line.strip():
                    self._take(line)
        finally:
            self._closed.set()
            self.cancelled.set()
            self._requests.put(None)
            if self._grace_s is not None:
                # installing survives being killed; a process that nobody can reach must not stay
                watchdog = threading.Timer(self._grace_s, os._exit, args=(3,))
                watchdog.daemon = True
                watchdog.start()

    def _take(self, line: bytes) -> None:
        try:
            if len(line) > MAX_LINE_BYTES:
                raise RequestError(f"a line has more than {MAX_LINE_BYTES} bytes", "send less in one request")
            request = parse_request(line)
        except RequestError as error:
            self.fail(None, error.message, error.hint, "RequestError")
            return
        if request["op"] == "cancel":
            self.send({"id": request["id"], "ok": True, "result": {}})
            self.cancelled.set()
        else:
            self._requests.put(request)
