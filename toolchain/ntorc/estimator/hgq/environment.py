"""HGQ2's folder: made from a locked set, found again by its stamp.

HGQ2 and its rounding (quantizers) are under the LGPL, so they are no part of ntorc's own packages: they lie in a folder
that only the training process looks into (`ntorc.estimator.hgq.process`).  Keras and TensorFlow are ntorc's.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ntorc.errors import StorageError, ToolError
from ntorc.paths import home, project_root
from ntorc.processes import run_tool
from ntorc.records import digest_of, digest_of_file, load, save, storage_errors

INSTALL = "ntorc backend install hgq"
_STAMP = "hgq-environment.json"
_TIME_LIMIT_S = 600.0


@dataclass(frozen=True)
class HgqEnvironment:
    """A finished folder.

    Attributes:
        requirements: digest of the locked set and of Python's version.
        packages: name and version of each.
    """

    requirements: str
    packages: dict[str, str]


def own_folder() -> Path:
    """Below the store's folder."""
    return home() / "backends" / "hgq"


def find(folder: Path | None = None) -> Path | None:
    """A finished folder that fits this version, or None.

    Looked for in ``folder``, or else below NTORC_HOME (or the data folder) and in the checkout's ``.venv/hgq``.
    """
    places = [folder] if folder else [own_folder(), project_root() / ".venv" / "hgq"]
    return next((place for place in places if _is_finished(place)), None)


def require() -> Path:
    """`find`, where it must be there.

    Raises:
        ToolError: no folder, or one of another version.
    """
    found = find()
    if found is None:
        raise ToolError("HGQ2 is not installed, or not the version that is needed", f"run: {INSTALL}")
    return found


def install(folder: Path, *, again: bool = False) -> HgqEnvironment:
    """Fetch the packages (under 1 MB); nothing is done where they are.

    Args:
        folder: that they go to; a name of its own.
        again: fetch them anew.

    Raises:
        ToolError: pip failed.
        StorageError: the folder cannot be written, or holds something else.
    """
    if not again and _is_finished(folder):
        return load(HgqEnvironment, folder / _STAMP)
    if folder.exists() and any(folder.iterdir()) and not (folder / _STAMP).is_file():
        raise StorageError(f"{folder} holds something else", "give a folder that is not there yet")
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        # made beside it and renamed, so that a folder is whole or not there
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
            made = Path(name) / "made"
            command: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
            command += ["install", "--no-deps", "--require-hashes", "--target", made, "--requirement", _locked()]
            run_tool(command, log=folder.parent / f"{folder.name}.log", timeout_s=_TIME_LIMIT_S, what="pip")
            stamp = HgqEnvironment(_identity(), _packages(made))
            save(stamp, made / _STAMP)
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
    return stamp


def _locked() -> Path:
    return project_root() / "requirements" / "hgq.txt"


def _identity() -> str:
    return digest_of({"file": digest_of_file(_locked()), "python": list(sys.version_info[:2])})


def _packages(folder: Path) -> dict[str, str]:
    """From the names of the packages' records: ``name-version.dist-info``."""
    found = (path.stem.rpartition("-") for path in sorted(folder.glob("*.dist-info")))
    packages = {name: version for name, _, version in found}
    if not packages:
        raise ToolError("pip installed nothing", f"run: {INSTALL} --again")
    return packages


def _is_finished(folder: Path) -> bool:
    try:
        return load(HgqEnvironment, folder / _STAMP).requirements == _identity()
    except StorageError:
        return False
