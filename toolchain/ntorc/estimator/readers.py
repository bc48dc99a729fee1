"""Reading a folder of recorded runs, whatever laboratory software wrote it.

Accepted: .npz with ``acc`` and ``pin``; text files of two comma-separated lines (acceleration,
then position); pairs of one-line text files ``NAME_acc*.txt`` and ``NAME_pin*.txt`` as published;
LabVIEW measurement files (.lvm, `ntorc.estimator.lvm`).  Contents are never trusted: whatever is
wrong with a file becomes a `DataError` that names it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.estimator.lvm import parse_lvm
from ntorc.estimator.runs import INDEX_NAME, NPZ_ARRAYS, SAMPLE_RATE_HZ, Run, Runs, family_of, make_run
from ntorc.npz import AnyArray, check_size, read_arrays
from ntorc.progress import Progress, Silent

DoubleArray = npt.NDArray[np.float64]

_SUFFIXES = {".npz", ".txt", ".lvm"}
_PAIRED = re.compile(r"(?P<name>.+)_(?P<kind>acc|pin)(?:_new)?", re.IGNORECASE)
_EXPECTED = (
    "expected .npz files with arrays acc and pin, .txt files of two comma-separated lines, "
    "or LabVIEW .lvm files; `ntorc data simulate --out DIR` makes runs without a rig"
)


def load_runs(folder: Path, *, sample_rate_hz: float = SAMPLE_RATE_HZ, progress: Progress | None = None) -> Runs:
    """Runs from a folder: as saved by `Runs.save` when it has ``runs.json``, else as recorded.

    Raises:
        DataError: see `read_folder`.
        StorageError: ``runs.json`` is damaged.
    """
    if (folder / INDEX_NAME).is_file():
        runs = Runs.load(folder)
        runs.require_sample_rate(sample_rate_hz)
        return runs
    return read_folder(folder, sample_rate_hz=sample_rate_hz, progress=progress)


def read_folder(folder: Path, *, sample_rate_hz: float = SAMPLE_RATE_HZ, progress: Progress | None = None) -> Runs:
    """Read every run in a folder and its subfolders; other files are ignored.

    Args:
        folder: where the files are.
        sample_rate_hz: the sample rate that the estimator works at; .npz and .txt files, which
            do not state theirs, are taken to have it.
        progress: told of each file.

    Raises:
        DataError: no such folder, no runs in it, a file that cannot be used, or another sample rate.
    """
    progress = progress or Silent()
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "give the folder that holds the recorded runs")
    try:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    except OSError as error:
        raise DataError(f"cannot list {folder}: {error}") from error
    if not files:
        raise DataError(f"there are no runs in {folder}", _EXPECTED)
    runs = []
    pairs: dict[str, dict[str, Path]] = {}
    for number, file in enumerate(files):
        paired = _PAIRED.fullmatch(file.stem) if file.suffix.lower() == ".txt" else None
        if paired is not None:
            _add_to_pair(pairs, paired["name"], paired["kind"].lower(), file)
        else:
            runs.append(_read_single(file, sample_rate_hz))
        progress.step("files read", number + 1, len(files))
    runs += [_read_pair(name, kinds, sample_rate_hz) for name, kinds in pairs.items()]
    result = Runs(tuple(runs), str(folder))
    result.require_sample_rate(sample_rate_hz)
    return result


def _add_to_pair(pairs: dict[str, dict[str, Path]], name: str, kind: str, file: Path) -> None:
    kinds = pairs.setdefault(name, {})
    if kind in kinds:
        raise DataError(f"{kinds[kind]} and {file} are both the {kind} series of one run", "remove one of them")
    kinds[kind] = file


def _read_single(file: Path, sample_rate_hz: float) -> Run:
    suffix = file.suffix.lower()
    acceleration: AnyArray
    position: AnyArray
    if suffix == ".npz":
        arrays = read_arrays(file, NPZ_ARRAYS, _EXPECTED)
        acceleration, position = (arrays[name] for name in NPZ_ARRAYS)
    elif suffix == ".lvm":
        acceleration, position, sample_rate_hz = parse_lvm(_read_text(file), str(file))
    else:
        lines = [line for line in _read_text(file).splitlines() if line.strip()]
        if len(lines) != 2:
            raise DataError(
                f"{file} has {len(lines)} lines of numbers, not two (acceleration, then position)",
                "one-line files must be named NAME_acc.txt and NAME_pin.txt",
            )
        acceleration, position = (parse_numbers(line, str(file)) for line in lines)
    return _make_run(file.stem, acceleration, position, sample_rate_hz, file)


def _read_pair(name: str, kinds: dict[str, Path], sample_rate_hz: float) -> Run:
    missing = {"acc", "pin"} - set(kinds)
    if missing:
        present = next(iter(kinds.values()))
        raise DataError(f"{present} has no partner with the {missing.pop()} series of run {name}")
    series = {}
    for kind, file in kinds.items():
        lines = [line for line in _read_text(file).splitlines() if line.strip()]
        if len(lines) != 1:
            raise DataError(f"{file} has {len(lines)} lines of numbers, not one")
        series[kind] = parse_numbers(lines[0], str(file))
    return _make_run(name, series["acc"], series["pin"], sample_rate_hz, kinds["acc"])


def _make_run(name: str, acceleration: AnyArray, position: AnyArray, sample_rate_hz: float, file: Path) -> Run:
    try:
        return make_run(name, family_of(name), acceleration, position, sample_rate_hz)
    except DataError as error:
        raise DataError(f"{file}: {error.message}", error.hint) from error


def parse_numbers(line: str, origin: str) -> DoubleArray:
    """Comma-separated numbers; a comma after the last one is accepted.

    Raises:
        DataError: something between the commas is not a number.
    """
    words = line.strip().rstrip(",").split(",")
    try:
        return np.array([float(word) for word in words], dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{origin}: not all values are numbers ({error})", _EXPECTED) from error


def _read_text(file: Path) -> str:
    check_size(file)
    try:
        return file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"cannot read {file}: {error}") from error
