"""What a tool is doing, from its log as it grows: stages and phases by their own headings, and the last line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEADINGS = (
    re.compile(r"^(Phase \d+(?:\.\d+)*)\s+([^|]*)"),  # Vivado's place and route
    re.compile(r"^Starting\s+(.*?)\s*(?:Task|:|$)"),
    re.compile(r"^Start\s+([A-Z][\w\s/&-]*?)(?:\s*:.*)?$"),  # and synthesis: Start Technology Mapping
    re.compile(r"^INFO: \[(?:HLS|SCHED|BIND|RTGEN) [\d-]+\]\s+(?:-- )?((?:Start|Implement|Generat|Finish|Analyz|Compil|"
               r"Creat|Check|Perform|Running|Synthesi)\w*.*)"),
    re.compile(r"^(\d+(?:\.\d+)*\. Executing \S+.*?)(?:\s*\(.*)?$"),  # yosys
    re.compile(r"^Info: ((?:Packing|Placing|Routing|Running|Starting|at iteration|Creating initial)\b.*)"),  # nextpnr
)  # fmt: skip
_RULE = re.compile(r"[-=*+|\s]*")
_MOST_BYTES = 1 << 20  # of a log between two looks


def stage_of(line: str) -> str | None:
    """The heading in a line, or None."""
    text = line[:500].strip()
    for pattern in _HEADINGS:
        found = pattern.match(text)
        if found is not None:
            return " ".join(" ".join(part for part in found.groups() if part).split())[:100] or None
    return None


@dataclass
class Heard:
    """What a log has said so far.

    Attributes:
        stage: the newest heading.
        last: the newest line that says something.
    """

    stage: str = ""
    last: str = ""

    def take(self, line: str) -> None:
        """One more line."""
        text = " ".join(line.split())
        if _RULE.fullmatch(text):
            return
        self.stage = stage_of(line) or self.stage
        self.last = "".join(letter for letter in text if letter.isprintable())[:200]

    @property
    def text(self) -> str:
        """Heading and line for people; the line alone where it is the heading, or there is none."""
        if not self.stage or self.last.startswith(self.stage):
            return self.last
        return f"{self.stage} | {self.last}"


class LogReader:
    """A log that grows, read from where the last look ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place, self._rest = 0, b""

    def lines(self) -> list[str]:
        """Whole lines that came since; of a great many the newest."""
        try:
            with self.path.open("rb") as stream:
                size = stream.seek(0, 2)
                if size < self._place:  # begun anew
                    self._place, self._rest = 0, b""
                if size - self._place > _MOST_BYTES:
                    self._place, self._rest = size - _MOST_BYTES, b""
                stream.seek(self._place)
                content = self._rest + stream.read(_MOST_BYTES)
                self._place = stream.tell()
        except OSError:
            return []
        *whole, self._rest = content.split(b"\n")
        return [line.decode(errors="replace") for line in whole]
