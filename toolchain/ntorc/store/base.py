"""The store's contract: content-addressed stage folders, runs, and observations of costs.

Every implementation passes ``tests/store/contract.py``.  A folder that ``put`` returned or
``get`` finds is whole: a crash at any moment leaves either nothing or all of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Observation:
    """One measured cost: what a subject with a directive really needed.

    Attributes:
        source: ``post_synthesis``, ``simulated_cycles``, ``board_cycles``, ...
        backend: the backend's name.
        device: the part, or ``any`` where it does not matter (cycles).
        subject: signature of the layer (or ``shell``, ``network:<digest>``): shapes and formats.
        directive: the directive's text.
        quantities: figures by name, with units in the names (``lut``, ``latency_cycles``).
        tool: tool and version that gave them.
        run: the run they came from.
    """

    source: str
    backend: str
    device: str
    subject: str
    directive: str
    quantities: dict[str, float]
    tool: str
    run: str = ""


@dataclass(frozen=True)
class RunRecord:
    """One walk through the pipeline.

    Attributes:
        run: its name.
        created: ISO 8601, UTC.
        command: what was asked.
        state: ``running``, ``interrupted``, ``killed``, ``failed``, ``met``, ``missed``, ``infeasible``.
        folder: the run's folder.
        summary: the object that ``--json`` prints, as far as it got.
    """

    run: str
    created: str
    command: str
    state: str
    folder: str
    summary: dict[str, object] = field(default_factory=dict)


class Store(ABC):
    """Where finished stages, runs and observations are kept."""

    @abstractmethod
    def get(self, kind: str, key: str) -> Path | None:
        """The finished folder of this stage, or None.  An altered folder is reported, not returned."""

    @abstractmethod
    def work(self, kind: str, key: str) -> AbstractContextManager[Path]:
        """A private folder to make the stage in, under a lock against other processes.

        It keeps its contents after a failure or Ctrl-C, so that the stage can resume in it.
        """

    @abstractmethod
    def begun(self, kind: str, key: str) -> bool:
        """Whether the stage is finished, or an interrupted one has left something to go on from."""

    @abstractmethod
    def put(self, kind: str, key: str, folder: Path) -> Path:
        """Publish a work folder as the finished stage: all of it or nothing; returns its new place."""

    @abstractmethod
    def new_run(self, command: str) -> RunRecord:
        """Begin a run with its folder."""

    @abstractmethod
    def save_run(self, record: RunRecord) -> None:
        """Update a run's state and summary."""

    @abstractmethod
    def runs(self) -> list[RunRecord]:
        """All runs, newest first."""

    @abstractmethod
    def observe(self, observations: list[Observation]) -> int:
        """Add observations; equal ones are kept once.  Returns how many were new."""

    @abstractmethod
    def observations(self, backend: str, device: str | None = None) -> Iterator[Observation]:
        """Observations of a backend, of one device or of all, oldest first."""
