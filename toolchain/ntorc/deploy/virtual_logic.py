"""The process that holds a simulated logic: started, and ended with its stdin."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.boards import Board
from ntorc.deploy.client import log_end
from ntorc.errors import DeploymentError

if TYPE_CHECKING:
    from ntorc.deploy.firmware import Firmware

_START_LIMIT_S = 30.0
_END_LIMIT_S = 10.0


def start_logic(
    board: Board,
    firmware: Firmware,
    memory: Path,
    control: Path,
    log: Path,
    *,
    register_access_s: float | None = None,
    words: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start the virtual PL of a board and wait until it is ready.

    Args:
        board: the board that it stands for.
        firmware: the compiled programs.
        memory: file of its registers, which it makes.
        control: its control socket, in the folder that it runs in.
        log: file that receives its stderr.
        register_access_s: what one register access takes, or None for the board file's figure.
        words: further options of the virtual PL.

    Raises:
        DeploymentError: it does not start.
    """
    access_s = board.io_overhead.register_access_s if register_access_s is None else register_access_s
    overhead_cycles = round(access_s * board.default_clock_hz)
    # a name relative to the working folder: a socket's address has 107 bytes at most
    command = [
        str(firmware.virtual_pl), "--memory", str(memory), "--control", control.name,
        "--access-cycles", str(max(overhead_cycles, 1)), "--clock-hz", str(round(board.default_clock_hz)),
        *words,
    ]  # fmt: skip
    try:
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, cwd=control.parent,
                start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise DeploymentError(f"cannot start {command[0]}: {error}", "run `ntorc doctor`") from error
    try:
        _await_ready(process, log)
    except BaseException:
        stop_logic(process)
        raise
    return process


def stop_logic(process: subprocess.Popen[bytes]) -> None:
    """Close a virtual PL's stdin, which ends it; kill it where it does not."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(timeout=_END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the line ``ready`` on the virtual PL's stdout."""
    stream = process.stdout
    deadline_s = time.monotonic() + _START_LIMIT_S
    heard = b""
    while stream is not None and b"\n" not in heard:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not select.select([stream], [], [], left_s)[0]:
            raise DeploymentError(f"the virtual PL was not ready within {_START_LIMIT_S:.0f} s", log_end(log))
        block = os.read(stream.fileno(), 4096)
        if not block:
            raise DeploymentError("the virtual PL has ended", f"{log_end(log)}full log: {log}")
        heard += block
