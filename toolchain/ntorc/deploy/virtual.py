"""The virtual board as a target: the virtual PL and the agent, as two processes of their own.

Both end when their stdin closes, so that they end with us however we end: on leaving the context,
on Ctrl-C, and when this process is killed.  What persists, as on a board's SD card, are the slots
below ``root``; after a start nothing is programmed.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from ntorc.boards import Board
from ntorc.bundle.keys import trusted_folder
from ntorc.deploy.agent_target import AgentTarget
from ntorc.deploy.client import AgentClient
from ntorc.deploy.virtual_logic import start_logic, stop_logic
from ntorc.errors import DeploymentError
from ntorc.lab import Lab
from ntorc.paths import project_root
from ntorc.records import storage_errors

if TYPE_CHECKING:
    from ntorc.deploy.firmware import Firmware
    from ntorc.deploy.target import Target

# with these set, pynq would look for other devices than the virtual one
_PYNQ_VARIABLES = ("PYNQ_REMOTE_DEVICES", "XILINX_XRT")


class VirtualTarget(AgentTarget):
    """A board whose programmable logic is simulated on this computer."""

    def __init__(
        self, board: Board, root: Path, firmware: Firmware, trusted: Path | None = None, lab: Lab | None = None
    ) -> None:
        """Describe a virtual board; `__enter__` starts it.

        Args:
            board: the board that it stands for.
            root: folder of the board's own files; kept between starts.
            firmware: the compiled programs.
            trusted: folder of the public keys that the board trusts, or None for the user's.
            lab: properties that the board has in truth; its time is simulated then.
        """
        super().__init__("virtual" if lab is None else lab.target, board)
        self._lab = lab
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
            stop_logic(self._logic)
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
        lab = self._lab
        self._logic = start_logic(
            self.board, self._firmware, self._memory, self._control, self._run / "pl.log",
            register_access_s=None if lab is None else lab.register_access_s,
            words=() if lab is None else lab.words(),
        )  # fmt: skip
        self.connect(self._start_agent())
        self.recover()

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
