"""A measurement as a JUnit test suite, which is written whatever becomes of the measurement."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ntorc.errors import NtorcError, VerdictError
from ntorc.records import write_atomically

NAME = "junit.xml"
DELIVERED, GATE, DEADLINE = "delivered", "gate", "deadline"
EXPECTED = (DELIVERED, GATE, DEADLINE)
"""Cases that every suite has, in the order in which they are judged."""
SHOWN = "miss probability shown"


@dataclass(frozen=True)
class Case:
    """One test case.

    Attributes:
        name: what was judged.
        seconds: what judging it took.
        outcome: empty when it passed, else ``failure``, ``error`` or ``skipped``.
        text: why it did not pass.
    """

    name: str
    seconds: float
    outcome: str = ""
    text: str = ""


class Suite:
    """The cases of one measurement; as a context manager it writes its file, also behind an error."""

    def __init__(self, board: str, target: str, folder: Path) -> None:
        """Begin.

        Args:
            board, target: by name.
            folder: receives `NAME`.
        """
        self.board, self.target, self.path = board, target, folder / NAME
        self.properties: dict[str, str] = {}
        self._cases: list[Case] = []
        self._seconds: dict[str, float] = {}

    def __enter__(self) -> Suite:
        """Nothing is written yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Write the file; an error that no case has told is the first one's that was not judged.

        Raises:
            StorageError: it cannot be written.
        """
        told = any(case.outcome in ("failure", "error") for case in self._cases)
        missing = self._missing()
        if error is not None and missing and not told:
            self._end(missing[0], error)
        self.write()

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        """What a case is about: its time is kept, and an error is the case's outcome."""
        started_s = time.monotonic()
        try:
            yield
        except BaseException as error:
            self._seconds[name] = time.monotonic() - started_s
            self._end(name, error)
            raise
        self._seconds[name] = time.monotonic() - started_s

    def add(self, name: str, failure: str = "", skipped: str = "") -> None:
        """A case that was judged; its time is that of `during`.

        Args:
            name: which.
            failure: why it failed; empty when it passed.
            skipped: why it could not be judged.
        """
        outcome = "failure" if failure else "skipped" if skipped else ""
        self._cases.append(Case(name, self._seconds.get(name, 0.0), outcome, failure or skipped))

    def write(self) -> Path:
        """Write what is known by now; what is not judged yet counts as skipped.

        Raises:
            StorageError: the file cannot be written.
        """
        return write_atomically(self.path, self.to_xml())

    def to_xml(self) -> bytes:
        """The suite as it is written."""
        cases = [*self._cases, *(Case(name, 0.0, "skipped", self._why_not()) for name in self._missing())]
        suite = ElementTree.Element("testsuite", name=f"ntorc.{self.board}", tests=str(len(cases)))
        for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            suite.set(attribute, str(sum(case.outcome == kind for case in cases)))
        suite.set("time", f"{sum(case.seconds for case in cases):.3f}")
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in self.properties.items():
            ElementTree.SubElement(properties, "property", name=name, value=value)
        for case in cases:
            element = ElementTree.SubElement(
                suite, "testcase", classname=f"ntorc.{self.target}", name=case.name, time=f"{case.seconds:.3f}"
            )
            if case.outcome:
                ElementTree.SubElement(element, case.outcome, message=case.text)
        return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite)

    def _missing(self) -> list[str]:
        judged = {case.name for case in self._cases}
        return [name for name in EXPECTED if name not in judged]

    def _why_not(self) -> str:
        ended = next((case.name for case in self._cases if case.outcome in ("failure", "error")), "")
        return f"not judged: '{ended}' ended the measurement" if ended else "not judged: the measurement was ended"

    def _end(self, name: str, error: BaseException) -> None:
        """A verdict is a failure; a user's Ctrl-C leaves nothing judged; anything else is an error."""
        if not isinstance(error, Exception):
            return
        outcome = "failure" if isinstance(error, VerdictError) else "error"
        text = str(error) if isinstance(error, NtorcError) else f"{type(error).__name__}: {error}"
        self._cases.append(Case(name, self._seconds.get(name, 0.0), outcome, _printable(text)))


def _printable(text: str) -> str:
    """XML has no control characters, and a tool's message may."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
