"""The virtual board as a target: the virtual PL and the agent, as two processes of their own.

Both end when their stdin closes, so that they end with us however we end: on leaving the context,
on Ctrl-C, and when this process is killed.  What persists, as on a board's SD card, are the slots
below ``root``; after a start nothing is programmed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from ntorc.boards import Board
from ntorc.bundle.keys import trusted_folder
from ntorc.deploy.agent_target import AgentTarget
from ntorc.deploy.client import AgentClient, log_end
from ntorc.errors import DeploymentError
from ntorc.paths import project_root
from ntorc.records import storage_errors

if TYPE_CHECKING:
    from ntorc.deploy.firmware import Firmware
    from ntorc.deploy.target import Target

_START_LIMIT_S = 30.0
_END_LIMIT_S = 10.0
# with these set, pynq would look for other devices than the virtual one
_PYNQ_VARIABLES = ("PYNQ_REMOTE_DEVICES", "XILINX_XRT")


class VirtualTarget(AgentTarget):
    """A board whose programmable logic is simulated on this computer."""

    def __init__(self, board: Board, root: Path, firmware: Firmware, trusted: Path | None = None) -> None:
        """Describe a virtual board; `__enter__` starts it.

        Args:
            board: the board that it stands for.
            root: folder of the board's own files; kept between starts.
            firmware: the compiled programs.
            trusted: folder of the public keys that the board trusts, or None for the user's.
        """
        super().__init__("virtual", board)
        self._root = root.absolute()
        self._firmware = firmware
        self._trusted = (trusted or trusted_folder()).absolute()
        self._lock: TextIO | None = None
        self._logic: subprocess.Popen[bytes] | None = None

    @property
    def is_virtual(self) -> bool:
        """True: no board is involved."""
        return True

    def __enter__(self) -> VirtualTarget:
        """Start the virtual PL, then the agent.

        Raises:
            DeploymentError: another process uses this board, or one of the two does not start.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both processes."""
        self.stop()

    def stop(self) -> None:
        """End what runs; may be called more than once."""
        self.disconnect()
        if self._logic is not None:
            _end(self._logic)
            self._logic = None
        if self._lock is not None:  # else these files are another process's
            for path in (self._memory, self._memory.with_name(f"{self._memory.name}.ram"), self._control):
                path.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    @property
    def _run(self) -> Path:
        return self._root / "run"

    @property
    def _memory(self) -> Path:
        return self._run / "pl.mem"

    @property
    def _control(self) -> Path:
        return self._run / "pl.sock"

    def _start(self) -> None:
        with storage_errors(self._run):
            self._run.mkdir(parents=True, exist_ok=True)
            lock = (self._root / "target.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise DeploymentError(
                f"the virtual board in {self._root} is in use by another process",
                "wait until that has ended, or use another folder",
            ) from error
        self._lock = lock
        self._logic = self._start_logic()
        self.connect(self._start_agent())
        self.recover()

    def _start_logic(self) -> subprocess.Popen[bytes]:
        overhead_cycles = round(self.board.io_overhead.register_access_s * self.board.default_clock_hz)
        log = self._run / "pl.log"
        # a name relative to the working folder: a socket's address has 107 bytes at most
        words = [
            str(self._firmware.virtual_pl), "--memory", str(self._memory), "--control", self._control.name,
            "--access-cycles", str(max(overhead_cycles, 1)),
            "--clock-hz", str(round(self.board.default_clock_hz)),
        ]  # fmt: skip
        try:
            with log.open("wb") as stream:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    cwd=self._run,
                    start_new_session=True,
                )
        except OSError as error:
            raise DeploymentError(f"cannot start {words[0]}: {error}", "run `ntorc doctor`") from error
        try:
            _await_ready(process, log)
        except BaseException:
            _end(process)
            raise
        return process

    def _start_agent(self) -> AgentClient:
        firmware = self._firmware
        words: list[str | Path] = [
            sys.executable, "-m", "ntorc_board", "--root", self._root / "board",
            "--board", self.board.name, "--part", self.board.part, "--trusted", self._trusted,
            "--harness", firmware.harness,
            "--virtual", f"{self._memory},{self._control},{firmware.regs_library}",
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if name not in _PYNQ_VARIABLES}
        paths = [str(project_root() / "board"), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        with storage_errors(self._root):
            (self._root / "board").mkdir(exist_ok=True)
        return AgentClient(words, self._run / "agent.log", folder=self._run, environment=environment)


if TYPE_CHECKING:
    _IS_A_TARGET: type[Target] = VirtualTarget


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


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close a process's stdin, which ends it; kill it where it does not."""
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
