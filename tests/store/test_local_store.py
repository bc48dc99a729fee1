"""The local store: the contract, several processes, killed writers, full disks."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from contract import StoreContract

from ntorc.errors import StorageError
from ntorc.paths import project_root
from ntorc.store.base import Store
from ntorc.store.local import LocalStore


class TestLocalStore(StoreContract):
    """The contract on the local store."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LocalStore(tmp_path / "store")


def child(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{project_root() / 'toolchain'}"}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], env=environment, stdout=subprocess.PIPE
    )


def test_a_writer_killed_at_any_step_leaves_nothing_or_all(tmp_path: Path) -> None:
    """The child dies by SIGKILL at its n-th file operation inside ``put``, for every n until it survives."""
    code = """
        import os, signal, sys
        from pathlib import Path
        from ntorc.store.local import LocalStore
        store, limit, count = LocalStore(Path(sys.argv[1])), int(sys.argv[2]), [0]
        def hook(event, _):
            if event in ("open", "os.rename", "os.mkdir", "os.remove", "shutil.rmtree", "os.replace"):
                count[0] += 1
                if count[0] == limit:
                    os.kill(os.getpid(), signal.SIGKILL)
        with store.work("kind", "key") as folder:
            for n in range(3):
                (folder / f"f{n}").write_text(str(n) * 1000)
            sys.addaudithook(hook)
            store.put("kind", "key", folder)
        """
    survived = seen_nothing = False
    for limit in range(1, 60):
        root = tmp_path / str(limit)
        code_of = child(code, str(root), str(limit)).wait()
        found = LocalStore(root).get("kind", "key")
        if found is not None:
            assert [(found / f"f{n}").read_text() for n in range(3)] == [str(n) * 1000 for n in range(3)]
        else:
            seen_nothing = True
            assert code_of == -signal.SIGKILL
        if code_of == 0:
            survived = True
            break
    assert survived
    assert seen_nothing


def test_two_processes_make_a_stage_one_after_the_other(tmp_path: Path) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from ntorc.store.local import LocalStore
        with LocalStore(Path(sys.argv[1])).work("kind", "key") as folder:
            file = folder / "count"
            n = int(file.read_text()) if file.exists() else 0
            time.sleep(0.1)
            file.write_text(str(n + 1))
        """
    workers = [child(code, str(tmp_path)) for _ in range(4)]
    assert [worker.wait() for worker in workers] == [0] * 4
    assert (tmp_path / "work" / "kind" / "key" / "count").read_text() == "4"


def overfill(store: Store) -> None:
    with store.work("kind", "new") as folder:
        (folder / "f").write_bytes(b"x" * 1_000_000)


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.work("kind", "old") as folder:
        (folder / "f").write_text("kept")
        store.put("kind", "old", folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(StorageError, match="no space left"):
            overfill(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert store.get("kind", "new") is None
    kept = store.get("kind", "old")
    assert kept is not None
    assert (kept / "f").read_text() == "kept"


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    LocalStore(tmp_path)
    (tmp_path / "store.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="database"):
        LocalStore(tmp_path).runs()
