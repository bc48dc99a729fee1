"""``ntorc backend install finn``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ntorc.backends.finn import environment
from ntorc.errors import UsageError
from ntorc.progress import Progress


def install_backend(name: str, into: Path | None, again: bool, progress: Progress) -> dict[str, Any]:
    """Make FINN's environment, or find that it is made.

    Raises:
        UsageError: another backend.
        ToolError, StorageError: see `environment.install`.
    """
    if name != "finn":
        raise UsageError(f"there is nothing to install for '{name}'", "ntorc backend install finn")
    folder = (into or environment.own_folder()).absolute()
    was_there = environment.find(folder) is not None and not again
    progress.message("install: FINN's environment" + (", which is there already" if was_there else ""))
    started_s = time.monotonic()
    made = environment.install(folder, progress, again=again)
    return {
        "backend": name,
        "folder": str(folder),
        "python": str(environment.python_of(folder)),
        "packages": made.packages,
        "torch": made.torch,
        "was_there": was_there,
        "seconds": round(time.monotonic() - started_s, 1),
    }


def as_text(result: dict[str, Any]) -> str:
    """For people."""
    versions = ", ".join(f"{name} {version}" for name, version in result["packages"].items())
    done = "was there already" if result["was_there"] else f"made in {result['seconds']:.0f} s"
    return f"FINN's environment {done}: {result['folder']}\n{versions}"
