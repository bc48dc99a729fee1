"""``ntorc backend install``: FINN's environment, HGQ2's folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ntorc.backends.finn import environment
from ntorc.errors import UsageError
from ntorc.locked import own_folder
from ntorc.progress import Progress


def install_backend(name: str, into: Path | None, again: bool, progress: Progress) -> dict[str, Any]:
    """Make FINN's environment or HGQ2's folder, or find that it is made.

    Raises:
        UsageError: another backend.
        ToolError, StorageError: see `environment.install`.
    """
    if name == "hgq":
        return _install_hgq(into, again, progress)
    if name != "finn":
        raise UsageError(
            f"there is nothing to install for '{name}'",
            "ntorc backend install finn; ntorc backend install hgq (for ntorc train --qat hgq)",
        )
    folder = (into or own_folder(environment.NAME)).absolute()
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


def _install_hgq(into: Path | None, again: bool, progress: Progress) -> dict[str, Any]:
    from ntorc.estimator.hgq import environment as hgq

    folder = (into or own_folder(hgq.NAME)).absolute()
    was_there = hgq.find(folder) is not None and not again
    progress.message("install: HGQ2" + (", which is there already" if was_there else " (LGPL-3.0; under 1 MB)"))
    started_s = time.monotonic()
    made = hgq.install(folder, again=again)
    seconds = round(time.monotonic() - started_s, 1)
    shared = {"backend": "hgq", "folder": str(folder), "packages": made.packages}
    return {**shared, "was_there": was_there, "seconds": seconds}


def as_text(result: dict[str, Any]) -> str:
    """For people."""
    what = {"finn": "FINN's environment", "hgq": "HGQ2's folder"}[result["backend"]]
    versions = ", ".join(f"{name} {version}" for name, version in result["packages"].items())
    done = "was there already" if result["was_there"] else f"made in {result['seconds']:.0f} s"
    return f"{what} {done}: {result['folder']}\n{versions}"
