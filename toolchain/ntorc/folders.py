"""Folders that users name for us to write into: never a file, never one that holds somebody else's things."""

from __future__ import annotations

import json
from pathlib import Path

from ntorc.errors import UsageError


def check_own(folder: Path, mark: str, field: str, what: str) -> None:
    """Refuse a folder that is not there to be written into.

    Args:
        folder: which may be new, empty, or hold what an earlier call wrote.
        mark: the JSON file by which that is known.
        field: that its object has, since other things have files of that name.
        what: it is, for people.

    Raises:
        UsageError: it is a file or below one, or holds something else.
    """
    for one in (folder, *folder.absolute().parents):
        if one.exists():
            if not one.is_dir():
                raise UsageError(f"{one} is a file, no folder", f"name a new folder for {what}")
            break
    if folder.is_dir() and any(folder.iterdir()) and not _has(folder / mark, field):
        raise UsageError(f"{folder} exists and is no {what}", "name a new folder")


def _has(path: Path, field: str) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and field in found
