"""How long a whole deployment over SSH takes: a real sshd on loopback, the virtual board behind it."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ntorc.bench.faults import small_bundle
from ntorc.boards import load_board
from ntorc.bundle.keys import signing_key
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh_target import SshOptions, SshTarget
from ntorc.faults.lab import BOARD
from ntorc.pipeline.flow import Flow


def deployment_time(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """Deploy small designs, each other than the last, to a board that has agent and programs already.

    Timed is all of it: connecting, what is sent, verifying, programming, self-test, confirming, disconnecting.

    Args:
        flow: for the cache and progress.
        seed: of the designs.
        count: how many deployments.

    Raises:
        ToolError: sshd is not installed.
    """
    seconds, off = [], 0
    with tempfile.TemporaryDirectory(prefix="ntorc-ssh-") as name:
        folder, board = Path(name), load_board(BOARD)
        key = signing_key(folder / "keys")
        made = [small_bundle(flow, folder / f"b{one}", board, key, seed + one % 2, one + 1) for one in range(count)]
        root = folder / "root"
        root.mkdir()
        python = root / "python"  # the board's: this one, which has pynq
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        with LoopbackServer(folder / "sshd") as server:
            options = SshOptions("bench@lab", key, is_simulated=True)

            def connection() -> SshTarget:
                return SshTarget(server.client(root), board, folder / "work", options)

            with connection():  # brings the agent, and has the board compile its programs
                pass
            for number, bundle in enumerate(made, start=1):
                started_s = time.perf_counter()
                with connection() as target:
                    target.install(bundle.folder)
                seconds.append(time.perf_counter() - started_s)
                with connection() as target:
                    off += int(target.status().confirmed != bundle.manifest.design_id)
                flow.progress.step("deployments", number, count)
    return {
        "benchmark": "ssh",
        "seed": seed,
        "deployments": count,
        "median_s": round(statistics.median(seconds), 2),
        "longest_s": round(max(seconds), 2),
        "confirmed_mismatches": off,
    }
