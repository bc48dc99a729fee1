"""The local store: SQLite (WAL) for runs and observations, folders for stages."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from ntorc.errors import StorageError
from ntorc.records import digest_of, digest_of_file, storage_errors, to_json, write_atomically
from ntorc.store.base import Observation, RunRecord, Store

_CONTENTS = "contents.json"
_RUN_LOCK = "run.lock"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs(
    run TEXT PRIMARY KEY, created TEXT NOT NULL, command TEXT NOT NULL, state TEXT NOT NULL,
    folder TEXT NOT NULL, summary TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS observations(
    id INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, source TEXT NOT NULL, backend TEXT NOT NULL,
    device TEXT NOT NULL, subject TEXT NOT NULL, directive TEXT NOT NULL, quantities TEXT NOT NULL,
    tool TEXT NOT NULL, run TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS observations_by_backend ON observations(backend, device);
"""


class LocalStore(Store):
    """A store below one folder.

    Layout: ``objects/<kind>/<key>/`` finished stages, ``work/<kind>/<key>/`` unfinished ones,
    ``runs/<run>/``, ``store.sqlite``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._held: list[TextIO] = []  # locks of the runs that this process walks
        with storage_errors(root):
            root.mkdir(parents=True, exist_ok=True)
        with self._database() as database:
            database.executescript(_SCHEMA)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        path = self.root / "store.sqlite"
        try:
            with closing(sqlite3.connect(path, timeout=30.0)) as database:
                database.execute("PRAGMA journal_mode=WAL")
                with database:
                    yield database
        except sqlite3.Error as error:
            raise StorageError(
                f"cannot use the store's database {path}: {error}",
                "check free space and permissions; if the file is damaged, move it away (stages are kept)",
            ) from error

    def _object(self, kind: str, key: str) -> Path:
        return self.root / "objects" / kind / key

    def get(self, kind: str, key: str) -> Path | None:
        """See `Store.get`."""
        folder = self._object(kind, key)
        if not (folder / _CONTENTS).is_file():
            return None
        try:
            contents: dict[str, str] = json.loads((folder / _CONTENTS).read_text(encoding="utf-8"))
            whole = all(digest_of_file(folder / name) == digest for name, digest in contents.items())
        except (OSError, ValueError):
            whole = False
        if not whole:
            raise StorageError(
                f"the stored {kind} in {folder} was altered after it was made",
                "remove that folder and run the command again",
            )
        return folder

    @contextmanager
    def work(self, kind: str, key: str) -> Iterator[Path]:
        """See `Store.work`."""
        folder = self.root / "work" / kind / key
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder.parent / f"{key}.lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # whoever held the lock before us may have published the stage and moved the folder away
            folder.mkdir(parents=True, exist_ok=True)
            with storage_errors(folder):
                yield folder

    def begun(self, kind: str, key: str) -> bool:
        """See `Store.begun`."""
        work = self.root / "work" / kind / key
        return self.get(kind, key) is not None or any(path.is_file() for path in work.rglob("*"))

    def put(self, kind: str, key: str, folder: Path) -> Path:
        """See `Store.put`."""
        target = self._object(kind, key)
        with storage_errors(target):
            files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != _CONTENTS)
            contents = {str(p.relative_to(folder)): digest_of_file(p) for p in files}
            for file in files:
                _sync(file)
            write_atomically(folder / _CONTENTS, to_json(contents).encode())
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                shutil.rmtree(target)
            os.rename(folder, target)
            _sync(target.parent)
        return target

    def new_run(self, command: str) -> RunRecord:
        """See `Store.new_run`."""
        now = datetime.now(timezone.utc)
        for number in range(1, 1000):
            name = f"{now:%Y%m%d-%H%M%S}-{number:03d}"
            folder = self.root / "runs" / name
            with storage_errors(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                try:
                    folder.mkdir()
                except FileExistsError:
                    continue
            self._held.append(_locked(folder))
            record = RunRecord(name, now.isoformat(timespec="seconds"), command, "running", str(folder))
            self.save_run(record)
            return record
        raise StorageError(f"cannot make a new run below {self.root / 'runs'}")

    def save_run(self, record: RunRecord) -> None:
        """See `Store.save_run`."""
        write_atomically(Path(record.folder) / "run.json", to_json(record).encode())
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
                (record.run, record.created, record.command, record.state, record.folder, json.dumps(record.summary)),
            )

    def runs(self) -> list[RunRecord]:
        """See `Store.runs`."""
        with self._database() as database:
            rows = database.execute("SELECT * FROM runs ORDER BY run DESC").fetchall()
        return [
            RunRecord(run, created, command, _seen_state(state, Path(folder)), folder, json.loads(summary))
            for run, created, command, state, folder, summary in rows
        ]

    def observe(self, observations: list[Observation]) -> int:
        """See `Store.observe`."""
        with self._database() as database:
            before = database.total_changes
            for item in observations:
                database.execute(
                    "INSERT OR IGNORE INTO observations VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        digest_of(replace(item, run="")),
                        item.source,
                        item.backend,
                        item.device,
                        item.subject,
                        item.directive,
                        json.dumps(item.quantities, sort_keys=True),
                        item.tool,
                        item.run,
                    ),
                )
            return database.total_changes - before

    def observations(self, backend: str, device: str | None = None) -> Iterator[Observation]:
        """See `Store.observations`."""
        with self._database() as database:
            rows = database.execute(
                "SELECT source, backend, device, subject, directive, quantities, tool, run FROM observations"
                " WHERE backend = ? AND (? IS NULL OR device IN (?, 'any')) ORDER BY id",
                (backend, device, device),
            ).fetchall()
        for source, of_backend, of_device, subject, directive, quantities, tool, run in rows:
            yield Observation(source, of_backend, of_device, subject, directive, json.loads(quantities), tool, run)


def _locked(folder: Path) -> TextIO:
    """The run's lock, which its process holds until its end, however it ends."""
    lock = (folder / _RUN_LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _seen_state(state: str, folder: Path) -> str:
    """The stored state; a run that says ``running`` but whose process is gone was ``killed``."""
    if state != "running":
        return state
    try:
        with (folder / _RUN_LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return state
    except OSError:
        return "killed"
    return "killed"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
