"""FINN's own environment: made from the locked sets, step by step, each step once; found again by its stamp.

torch is a package of its own here: FINN's modules import it, and its common build brings gigabytes of libraries for
graphics cards.  First the build for CPUs alone is asked for, which pip finds where it is configured to; else the
common one is taken.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntorc.backends.finn.client import FinnProcess
from ntorc.errors import StorageError, ToolError
from ntorc.locked import identity, places
from ntorc.paths import project_root
from ntorc.processes import each_line
from ntorc.progress import Progress
from ntorc.records import load, save, storage_errors

NAME = "finn"
INSTALL = f"ntorc backend install {NAME}"
_STAMP = "finn-environment.json"
_REQUIREMENTS = ("finn.txt", "finn-torch-cpu.txt", "finn-torch.txt")
_NEEDED_BYTES = 4 << 30
_NEEDED_WITH_CARDS_BYTES = 12 << 30
_START_LIMIT_S = 300.0


@dataclass(frozen=True)
class FinnEnvironment:
    """A finished environment.

    Attributes:
        requirements: digest of the locked sets and of Python's version.
        packages: versions of the ones that matter.
        torch: ``cpu``, or ``common`` for the build that also knows graphics cards.
    """

    requirements: str
    packages: dict[str, str]
    torch: str


def find(folder: Path | None = None) -> Path | None:
    """The Python of a finished environment that fits this version, or None.

    Looked for in ``folder``, or else below NTORC_HOME (or the data folder) and in the checkout's ``.venv/finn``.
    """
    found = next((place for place in places(NAME, folder) if _is_finished(place)), None)
    return None if found is None else python_of(found)


def require() -> Path:
    """`find`, where it must be there.

    Raises:
        ToolError: no environment, or one of another version.
    """
    found = find()
    if found is None:
        raise ToolError("FINN is not installed, or not the version that is needed", f"run: {INSTALL}")
    return found


def python_of(folder: Path) -> Path:
    """The environment's Python."""
    return folder / "bin" / "python"


def stamp_of(folder: Path) -> FinnEnvironment:
    """What a finished environment is."""
    return load(FinnEnvironment, folder / _STAMP)


def _is_finished(folder: Path) -> bool:
    try:
        return stamp_of(folder).requirements == identity(*_REQUIREMENTS) and python_of(folder).exists()
    except StorageError:
        return False


def install(folder: Path, progress: Progress, *, again: bool = False) -> FinnEnvironment:
    """Make the environment, or go on where it was left; nothing is done where it is finished.

    Args:
        folder: of the environment; a name of its own.
        progress: for people.
        again: make it anew.

    Raises:
        ToolError: pip failed, or FINN does not load.
        StorageError: not enough room.
    """
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if again and folder.exists():
            progress.message(f"  removing {folder}")
            shutil.rmtree(folder)
        if _is_finished(folder):
            return stamp_of(folder)
        return _install(folder, progress)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(folder: Path, progress: Progress) -> FinnEnvironment:
    sets = project_root() / "requirements"
    (folder / _STAMP).unlink(missing_ok=True)
    if not python_of(folder).exists():
        _require_room(folder, _NEEDED_BYTES)
        progress.message(f"  making {folder}")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], folder.parent / "venv.log", progress)
    log = folder / "install.log"
    _pip(folder, sets / "finn.txt", log, progress)
    torch = _torch(folder, sets, log, progress)
    progress.message("  loading FINN once")
    with FinnProcess(python_of(folder), folder / "finn.log", progress) as finn:
        found: dict[str, Any] = finn.ask("versions", _START_LIMIT_S)
    made = FinnEnvironment(identity(*_REQUIREMENTS), {str(k): str(v) for k, v in found["packages"].items()}, torch)
    save(made, folder / _STAMP)
    return made


def _torch(folder: Path, sets: Path, log: Path, progress: Progress) -> str:
    try:
        _pip(folder, sets / "finn-torch-cpu.txt", log, progress)
        return "cpu"
    except ToolError:
        _require_room(folder, _NEEDED_WITH_CARDS_BYTES)
        progress.message(
            "  pip finds no torch built for CPUs alone: taking the common build, some 3 GB to fetch"
            " (to avoid that: Ctrl-C, have pip look where PyTorch keeps its CPU builds, and run this again)"
        )
        _pip(folder, sets / "finn-torch.txt", log, progress)
        return "common"


def _pip(folder: Path, requirements: Path, log: Path, progress: Progress) -> None:
    """Packages as they are locked.  Without resolving: see requirements/finn.in."""
    command = [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command += ["--no-deps", "--require-hashes", "--requirement", str(requirements)]
    total = len(re.findall(r"^[a-z][^ ]*==", requirements.read_text(encoding="utf-8"), re.MULTILINE))
    _run(command, log, progress, total)


def _run(command: list[str], log: Path, progress: Progress, total: int = 0) -> None:
    """A command whose lines are kept, and counted where they name a package."""
    seen = 0
    last: list[str] = []
    with log.open("a", encoding="utf-8") as kept:
        kept.write(f"$ {' '.join(command)}\n")

        def heard(line: str) -> None:
            nonlocal seen, last
            kept.write(f"{line}\n")
            last = [*last[-7:], line.rstrip()]
            if line.startswith(("Collecting ", "Requirement already satisfied: ", "Processing ")):
                seen += 1
                progress.step("packages", min(seen, total), total)
            elif line.startswith("Installing collected"):
                progress.message("  installing them")

        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace",
        )  # fmt: skip
        status = each_line(process, heard)
    if status != 0:
        text = "\n".join(last)
        raise ToolError(f"{' '.join(command[1:4])} failed with status {status}", f"{text}\nits log: {log}; {INSTALL}")


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise StorageError(
            f"FINN's environment needs {needed / 2**30:.0f} GiB, {folder.parent} has {free / 2**30:.1f} GiB",
            "free some space, or point NTORC_HOME at another disk, and run it again",
        )
