"""What the stages share: the store, the cache of compiled things, progress, and how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ntorc.paths import home
from ntorc.progress import Progress, Silent
from ntorc.store.base import Store
from ntorc.store.local import LocalStore


@dataclass
class Flow:
    """One walk through the pipeline."""

    store: Store
    cache: Path
    root: Path
    progress: Progress = field(default_factory=Silent)
    timings_s: dict[str, float] = field(default_factory=dict)
    reused: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[None]:
        """Announce a stage and keep its time."""
        self.progress.message(f"{name}: {what}")
        started_s = time.monotonic()
        try:
            yield
        finally:
            self.timings_s[name] = round(time.monotonic() - started_s, 3)

    def once(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The finished folder of a stage: from the store, or made now in a resumable work folder."""
        found = self.store.get(kind, key)
        if found is None:
            with self.store.work(kind, key) as folder:
                found = self.store.get(kind, key)  # another process may have finished it meanwhile
                if found is None:
                    make(folder)
                    return self.store.put(kind, key, folder)
        self.reused.append(kind)
        self.progress.message(f"  {kind}: unchanged, reused")
        return found


def open_flow(progress: Progress) -> Flow:
    """The user's store (``NTORC_HOME``, or the data folder)."""
    root = home()
    return Flow(LocalStore(root / "store"), root / "cache", root, progress)
