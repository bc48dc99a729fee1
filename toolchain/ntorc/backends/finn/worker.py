"""The process in FINN's own environment: ``python worker.py``; it imports nothing of ntorc.

One JSON object a line.  In: ``{"id", "method", "params"}`` on stdin.  Out, on stdout alone: ``{"id", "progress": [what,
done, total]}`` any number of times, then ``{"id", "result"}`` or ``{"id", "error": {"kind", "message"}}``.  What FINN
prints goes to stderr.  The end of stdin ends the process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

Say = Callable[[str, int, int], None]


def methods() -> dict[str, Callable[..., Any]]:
    """By name; FINN is loaded here, which takes seconds."""
    import vendor_free  # type: ignore[import-not-found]  # beside this file, in FINN's environment

    return {
        "versions": vendor_free.versions,
        "prepare": vendor_free.prepare,
        "options": vendor_free.options,
        "estimate": vendor_free.estimate,
        "execute": vendor_free.execute,
        "hdl": vendor_free.hdl,
        "check_plan": vendor_free.check_plan,
    }


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer every request in turn."""
    known: dict[str, Callable[..., Any]] = {}
    for line in requests:
        number: Any = None

        def say(what: str, done: int, total: int) -> None:
            _write(answers, {"id": number, "progress": [what, done, total]})  # noqa: B023 - used within this turn

        try:
            request = json.loads(line)
            number = request["id"]
            known = known or methods()
            result = known[request["method"]](say, **request.get("params", {}))
            _write(answers, {"id": number, "result": result})
        except Exception as error:  # noqa: BLE001 - whatever FINN raises goes to the one who asked
            kind, text = type(error).__name__, str(error)
            _write(answers, {"id": number, "error": {"kind": kind, "message": text[:4000]}})


def _write(answers: TextIO, content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


if __name__ == "__main__":
    # descriptor 1 becomes stderr's, also for compiled code; answers keep the real one
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as kept:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        serve(sys.stdin, kept)
