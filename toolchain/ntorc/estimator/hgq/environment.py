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
from ntorc.locked import identity, places, requirements
from ntorc.processes import run_tool
from ntorc.records import load, save, storage_errors

NAME = "hgq"
INSTALL = f"ntorc backend install {NAME}"
_REQUIREMENTS = "hgq.txt"
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


def find(folder: Path | None = None) -> Path | None:
    """A finished folder that fits this version, or None.

    Looked for in ``folder``, or else below NTORC_HOME (or the data folder) and in the checkout's ``.venv/hgq``.
    """
    return next((place for place in places(NAME, folder) if _is_finished(place)), None)


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
            command += ["install", "--no-deps", "--require-hashes", "--target", made]
            command += ["--requirement", requirements(_REQUIREMENTS)]
            run_tool(command, log=folder.parent / f"{folder.name}.log", timeout_s=_TIME_LIMIT_S, what="pip")
            stamp = HgqEnvironment(identity(_REQUIREMENTS), _packages(made))
            save(stamp, made / _STAMP)
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
    return stamp


def _packages(folder: Path) -> dict[str, str]:
    """From the names of the packages' records: ``name-version.dist-info``."""
    found = (path.stem.rpartition("-") for path in sorted(folder.glob("*.dist-info")))
    packages = {name: version for name, _, version in found}
    if not packages:
        raise ToolError("pip installed nothing", f"run: {INSTALL} --again")
    return packages


def _is_finished(folder: Path) -> bool:
    try:
        return load(HgqEnvironment, folder / _STAMP).requirements == identity(_REQUIREMENTS)
    except StorageError:
        return False
