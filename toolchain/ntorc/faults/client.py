"""``python -m ntorc.faults.client CONFIG ROOT WORK BUNDLE``: one deployment, by a process that may be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from ntorc.boards import load_board
from ntorc.deploy.loopback import client_for
from ntorc.deploy.ssh_target import SshOptions, SshTarget
from ntorc.errors import NtorcError
from ntorc.faults.lab import BOARD, OWNER


def main(config: Path, root: Path, work: Path, bundle: Path) -> int:
    """Deploy; 0 when it is confirmed, 1 with a message otherwise."""
    try:
        with SshTarget(client_for(config, root), load_board(BOARD), work, SshOptions(OWNER, None)) as target:
            target.install(bundle)
    except NtorcError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
