"""The program as a user starts it: a process of its own, with a store of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Program:
    """``ntorc`` with one store."""

    home: Path
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        paths = os.pathsep.join([str(ROOT / "toolchain"), str(ROOT / "board")])
        return {**os.environ, "NTORC_HOME": str(self.home), "PYTHONPATH": paths, "COLUMNS": "100"}

    def words(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "ntorc", *(str(word) for word in arguments)]

    def __call__(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*arguments), env=self.environment, capture_output=True, text=True, timeout=500, check=False,
            stdin=subprocess.DEVNULL, **options,
        )  # fmt: skip

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """In a process group of its own, as a terminal's foreground job."""
        return subprocess.Popen(
            self.words(*arguments), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            stdin=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip

    def json(self, *arguments: object) -> dict[str, Any]:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def new_program(folder: Path, cache: Path) -> Program:
    """A program whose compiled things are shared between tests: they are addressed by content."""
    folder.mkdir(parents=True, exist_ok=True)
    (cache / "program").mkdir(parents=True, exist_ok=True)
    (folder / "cache").symlink_to(cache / "program")
    return Program(folder, cache)


QUICK = ("--board", "pynq-z2", "--deadline", "500us", "--epochs", "1", "--estimates", "1000")
TRAINED = (*QUICK, "--estimator", "streaming")
"""The same with an estimator that is trained first."""
