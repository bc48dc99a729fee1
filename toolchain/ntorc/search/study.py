"""A search's folder: the sampler's storage, a record and the artefacts of each candidate; resumable after any kill.

Layout: ``search.json``, ``trials.journal`` or ``trials.sqlite`` (Optuna's), ``trials/<number>.json`` (the records),
``trials/<number>/`` (state of a running training; network and weights of a trained one), ``lock``.  A record is
written before the sampler's storage is told, so that what a kill leaves in between is told on the next opening.
"""

from __future__ import annotations

import fcntl
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ntorc import records
from ntorc.errors import StorageError, UsageError
from ntorc.network.network import Network
from ntorc.search.artefacts import Kept, load_network, load_state, save_kept, save_state
from ntorc.search.fitting import State
from ntorc.search.record import SearchConfig, TrialRecord, Value
from ntorc.search.space import Candidate, Space

if TYPE_CHECKING:
    import optuna

_CONFIG, _TRIALS, _LOCK = "search.json", "trials", "lock"
_STARTUP = 16
"""Candidates that are drawn at random before the sampler models anything."""


@dataclass(frozen=True)
class Proposal:
    """What the sampler proposes.

    Attributes:
        number: of the trial.
        values: the point.
        candidate: None where it makes no network.
        reason: then, why not.
        hope_v: the error that may come of it at best; None where too little is known.
    """

    number: int
    values: dict[str, Value]
    candidate: Candidate | None
    reason: str = ""
    hope_v: float | None = None


class Study:
    """A search on disk, opened by one process at a time.

    Raises:
        StorageError: the folder holds no search, is damaged, or another process works in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = load_config(folder)
        self._lock = _locked(folder)
        self.records = {one.number: one for one in load_records(folder)}
        self.space = Space(self.config.forms)
        self._study = self._opened()
        self._asked: dict[int, optuna.Trial] = {}
        self._settle()

    def close(self) -> None:
        """Let another process open it."""
        self._lock.close()

    def ask(self, values: Mapping[str, Value] | None = None) -> Proposal:
        """The sampler's next candidate, or the one of given values."""
        if values is not None:
            self._study.enqueue_trial(dict(values))
        trial = self._study.ask()
        self._asked[trial.number] = trial
        try:
            candidate = self.space.candidate(trial)
        except UsageError as error:
            return Proposal(trial.number, dict(trial.params), None, error.message)
        return Proposal(trial.number, dict(trial.params), candidate)

    def keep(self, record: TrialRecord, excess: float = 0.0) -> None:
        """Write a candidate's record, and tell the sampler once its outcome is final.

        ``excess`` is by how much an infeasible or refused candidate misses.
        """
        records.save(record, self._path(record.number))
        self.records[record.number] = record
        if record.outcome != "running":
            self._tell(record, excess)

    def amend(self, record: TrialRecord) -> None:
        """Add to a final record what the sampler need not know."""
        records.save(record, self._path(record.number))
        self.records[record.number] = record

    def candidate(self, record: TrialRecord) -> Candidate:
        """The candidate of a record."""
        return candidate_of(self.config, record)

    def running(self) -> list[TrialRecord]:
        """Candidates whose training was interrupted."""
        return [one for one in self.records.values() if one.outcome == "running"]

    def save_state(self, number: int, state: State) -> None:
        """Keep how far a training is."""
        save_state(artefacts(self.folder, number), state)

    def load_state(self, number: int) -> State:
        """How far a training is; its beginning where nothing usable is kept."""
        return load_state(artefacts(self.folder, number))

    def keep_trained(self, number: int, kept: Kept, state: State) -> None:
        """Keep a trained candidate; of its training's state the best weights alone."""
        save_kept(artefacts(self.folder, number), kept, state)

    def discard(self, number: int) -> None:
        """Remove a candidate's artefacts."""
        shutil.rmtree(artefacts(self.folder, number), ignore_errors=True)

    def network(self, number: int) -> Network:
        """The integer network of a trained candidate."""
        return load_network(artefacts(self.folder, number))

    def _path(self, number: int) -> Path:
        return self.folder / _TRIALS / f"{number:05d}.json"

    def _opened(self) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arguments that Optuna calls experimental
            sampler = optuna.samplers.TPESampler(
                seed=self.config.seed * 100_003 + len(self.records), n_startup_trials=_STARTUP, constant_liar=True
            )
            return optuna.create_study(
                storage=_storage(self.folder, self.config.storage),
                study_name=self.config.name,
                directions=["minimize"] * (3 if self.config.energy else 2),
                sampler=sampler,
                load_if_exists=True,
            )

    def _settle(self) -> None:
        """Tell what a kill left untold; what was asked and never recorded is given up."""
        import optuna

        for _ in self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)):
            self._study.tell(self._study.ask(), state=optuna.trial.TrialState.FAIL)
        for trial in self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            record = self.records.get(trial.number)
            if record is None:
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            elif record.outcome != "running":
                self._tell(record, 0.0)

    def _tell(self, record: TrialRecord, excess: float) -> None:
        from optuna.trial import TrialState

        trial = self._asked.pop(record.number, None)
        if record.error_v is not None:
            values = (record.error_v, *record.costs(self.config.goal, self.config.energy))
            self._study.tell(record.number, values)
            return
        if trial is not None and excess > 0.0:
            trial.set_constraint("hardware", excess)
        state = TrialState.FAIL if record.outcome == "failed" else TrialState.PRUNED
        self._study.tell(record.number, state=state)


@dataclass(frozen=True)
class _Given:
    """Chooses what is given."""

    values: dict[str, Value]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        """The given one."""
        return int(self.values[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The given one."""
        return self.values[name]


def artefacts(folder: Path, number: int) -> Path:
    """Folder of what belongs to a candidate."""
    return folder / _TRIALS / f"{number:05d}"


def candidate_of(config: SearchConfig, record: TrialRecord) -> Candidate:
    """The candidate of a record."""
    return Space(config.forms).candidate(_Given(record.values))


def new_search(root: Path, config: SearchConfig) -> Path:
    """A folder for a search, of the next free name; the configuration's own name is replaced by it.

    Raises:
        StorageError: it cannot be made.
    """
    for number in range(1, 100_000):
        name = config.name or f"search-{number}"
        folder = root / name
        with records.storage_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:
                if config.name:
                    raise StorageError(f"there is a search '{name}' already", f"ntorc search --resume {name}") from None
                continue
        records.save(replace(config, name=name), folder / _CONFIG)
        return folder
    raise StorageError(f"cannot make a new search below {root}")


def load_config(folder: Path) -> SearchConfig:
    """How a search was asked for.

    Raises:
        StorageError: there is none.
    """
    if not (folder / _CONFIG).is_file():
        others = sorted(path.parent.name for path in folder.parent.glob(f"*/{_CONFIG}"))
        raise StorageError(
            f"there is no search '{folder.name}'",
            f"searches: {', '.join(others)}" if others else "begin one: ntorc search --board B --deadline D",
        )
    return records.load(SearchConfig, folder / _CONFIG)


def load_records(folder: Path) -> list[TrialRecord]:
    """The records of a search, by number; reading needs no lock.

    Raises:
        StorageError: one is damaged.
    """
    return [records.load(TrialRecord, path) for path in sorted((folder / _TRIALS).glob("*.json"))]


def _locked(folder: Path) -> TextIO:
    with records.storage_errors(folder):
        lock = (folder / _LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StorageError(
            f"search '{folder.name}' is at work in another process", "wait for it, or end it with Ctrl-C"
        ) from None
    return lock


def _storage(folder: Path, kind: str) -> Any:
    """Optuna's storage; this process has the folder to itself."""
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if kind == "sqlite":
        return RDBStorage(f"sqlite:///{folder / 'trials.sqlite'}")
    path = folder / "trials.journal"
    for lock in folder.glob("trials.journal.lock*"):
        lock.unlink()  # of a process that was killed
    if path.is_file():
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # a line that a kill cut off would spoil the next one
            records.write_atomically(path, whole)
    return JournalStorage(JournalFileBackend(str(path)))
