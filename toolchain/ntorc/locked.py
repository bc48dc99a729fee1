"""What is installed beside ntorc from locked sets: where it is looked for, and what it must be."""

from __future__ import annotations

import sys
from pathlib import Path

from ntorc.paths import home, project_root
from ntorc.records import digest_of, digest_of_file


def own_folder(name: str) -> Path:
    """Where ``ntorc backend install NAME`` puts it: below the store's folder."""
    return home() / "backends" / name


def places(name: str, folder: Path | None = None) -> list[Path]:
    """Where it may be: in ``folder``, or else below NTORC_HOME (or the data folder) and in the checkout's ``.venv``."""
    return [folder] if folder else [own_folder(name), project_root() / ".venv" / name]


def requirements(name: str) -> Path:
    """A locked set by its file's name."""
    return project_root() / "requirements" / name


def identity(*names: str) -> str:
    """Digest of locked sets, by their files' names, and of Python's version: another one is to be installed again."""
    files = [digest_of_file(requirements(name)) for name in names]
    return digest_of({"files": files, "python": list(sys.version_info[:2])})
