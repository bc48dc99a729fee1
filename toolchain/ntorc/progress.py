"""Progress and messages: stderr only, no control codes without a terminal, silent when asked."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Protocol, TextIO


class Progress(Protocol):
    """What a stage may say while it works."""

    def message(self, text: str) -> None:
        """One line for the user."""

    def step(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` of ``what`` are finished; may be called often."""

    def status(self, text: str) -> None:
        """What is being done just now, for work whose end nobody knows; may be called often."""


class Silent:
    """Says nothing; for library use and tests."""

    def message(self, text: str) -> None:
        """Say nothing."""

    def step(self, what: str, done: int, total: int) -> None:
        """Say nothing."""

    def status(self, text: str) -> None:
        """Say nothing."""


class Steps:
    """Passes on how far steps are, and no messages: of work that is one line of another's table.

    Args:
        to: who hears it.
    """

    def __init__(self, to: Progress) -> None:
        self._to = to

    def message(self, text: str) -> None:
        """Say nothing."""

    def step(self, what: str, done: int, total: int) -> None:
        """Pass it on."""
        self._to.step(what, done, total)

    def status(self, text: str) -> None:
        """Pass it on."""
        self._to.status(text)


class Console:
    """Lines on stderr; on a terminal the current step is rewritten in place.

    Args:
        stream: another than stderr.
        interval_s: between two steps of one count, where each is a line.
        status_interval_s: between two lines of `status`, where each is one.
    """

    def __init__(
        self, stream: TextIO | None = None, interval_s: float = 2.0, status_interval_s: float = 60.0
    ) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._interval_s = 0.1 if self._live else interval_s
        self._status_interval_s = 0.1 if self._live else status_interval_s
        self._last_s, self._last_status_s = 0.0, time.monotonic()
        self._open_line = False

    def message(self, text: str) -> None:
        """Print a line."""
        if self._open_line:
            self._stream.write("\r\x1b[K")
            self._open_line = False
        self._stream.write(text + "\n")
        self._stream.flush()

    def step(self, what: str, done: int, total: int) -> None:
        """Show how far a step is, at most every ``interval_s`` seconds and at its end."""
        now_s = time.monotonic()
        if done < total and now_s - self._last_s < self._interval_s:
            return
        self._last_s = now_s
        self._show(f"  {what}: {done}/{total} ({100 * done // max(total, 1)} %)")
        if self._open_line and done >= total:  # nothing may come after it but a result on stdout
            self._stream.write("\r\x1b[K")
            self._open_line = False
            self._stream.flush()

    def status(self, text: str) -> None:
        """Show what is being done: in place on a terminal, else a line each ``status_interval_s``."""
        now_s = time.monotonic()
        if now_s - self._last_status_s < self._status_interval_s:
            return
        self._last_status_s = now_s
        self._show(f"  {text}")

    def _show(self, line: str) -> None:
        if not self._live:
            self.message(line)
            return
        width = shutil.get_terminal_size().columns - 1  # a longer line would wrap, and only its end be rewritten
        self._stream.write("\r\x1b[K" + line[:width])
        self._open_line = True
        self._stream.flush()
