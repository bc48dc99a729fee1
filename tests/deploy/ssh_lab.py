"""A board behind SSH for the tests: a real sshd on loopback, and a root whose Python has pynq."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from ntorc.boards import Board, load_board
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh_target import SshOptions, SshTarget
from ntorc.progress import Progress

OWNER = "alice@lab"


def board_root(folder: Path, python: Path = Path(sys.executable)) -> Path:
    """A board's folder with the Python that its agent uses."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec {python} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def ssh_target(
    server: LoopbackServer, root: Path, work: Path, key: SigningKey | None, owner: str = OWNER,
    board: Board | None = None, progress: Progress | None = None, **options: object,
) -> SshTarget:  # fmt: skip
    """A target for the board below ``root``."""
    asked = replace(SshOptions(owner, key, is_simulated=True), **options)  # type: ignore[arg-type]
    return SshTarget(server.client(root), board or load_board("pynq-z2"), work, asked, progress)
