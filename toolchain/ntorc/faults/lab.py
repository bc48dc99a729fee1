"""A chip that keeps its power, a board behind an sshd, and deployers whose end can be planned."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.firmware import Firmware
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh_target import SshOptions, SshTarget
from ntorc.deploy.target import TargetStatus
from ntorc.deploy.virtual_logic import start_logic, stop_logic
from ntorc.errors import DeploymentError, NtorcError
from ntorc.faults import hook
from ntorc.paths import project_root
from ntorc.progress import Progress
from ntorc_board.manifest import LOGIC
from ntorc_board.settings import Settings, write_settings
from ntorc_board.virtual_pl import Control, Registers

OWNER = "deployer@lab"
BOARD = "pynq-z2"
_DESIGN_ID_LO, _DESIGN_ID_HI = 0x04, 0x08  # in every register map of the shell
_CLIENT_LIMIT_S = 180.0


@dataclass(frozen=True)
class Fault:
    """What happens: in the agent or the client, which action (see `hook`), at which step."""

    side: str
    action: str
    step: int


@dataclass(frozen=True)
class Seen:
    """What a later contact finds: the status, what is in the chip, and the numbers and keys of the board."""

    status: TargetStatus
    in_chip: str
    newest: int
    trusted: tuple[str, ...]
    previous_is_whole: bool


class FaultLab:
    """One board; `prepare` brings it back to the same state before each fault."""

    def __init__(
        self, folder: Path, server: LoopbackServer, firmware: Firmware, key: SigningKey, before: tuple[Bundle, Bundle]
    ) -> None:
        """Describe it.

        Args:
            folder: for everything; kept short by the caller.
            server: the sshd, started.
            firmware: compiled programs, for the chip.
            key: signs the bundles.
            before: what is installed before each fault, one after the other.
        """
        self._folder, self._server, self._firmware, self._key = folder, server, firmware, key
        self._before = before
        self.root, self._template = folder / "root", folder / "template"
        self._inject = {side: folder / f"inject-{side}" for side in ("agent", "client")}
        self._logic: subprocess.Popen[bytes] | None = None
        self._registers: Registers | None = None

    def __enter__(self) -> FaultLab:
        """Start the chip, set the board up, and install the two designs that are there before each fault."""
        run = self._folder / "chip"
        run.mkdir(parents=True)
        self._memory, self._control = run / "pl.mem", Control(run / "pl.sock")
        self._logic = start_logic(load_board(BOARD), self._firmware, self._memory, run / "pl.sock", run / "pl.log")
        self._registers = Registers(self._firmware.regs_library, f"sim:{self._memory}")
        for place in self._inject.values():
            place.mkdir()
            shutil.copyfile(hook.__file__, place / "sitecustomize.py")
        self.root.mkdir()
        python = self.root / "python"
        python.write_text(
            f'#!/bin/sh\nPYTHONPATH={self._inject["agent"]} exec {sys.executable} "$@"\n', encoding="utf-8"
        )
        python.chmod(0o755)
        board = load_board(BOARD)
        chip = f"{self._memory},{run / 'pl.sock'},{self._firmware.regs_library}"
        trusted = self.root / "trusted"
        trusted.mkdir()
        (trusted / f"{self._key.key_id}.pub").write_text(f"{self._key.public.hex()}\n", encoding="ascii")
        write_settings(self.root, Settings(board.name, board.part, chip))
        with self.target() as target:
            for bundle in self._before:
                target.install(bundle.folder)
            target.lease(24 * 3600)
        shutil.copytree(self.root, self._template, symlinks=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Switch the chip off."""
        if self._registers is not None:
            self._registers.close()
        if self._logic is not None:
            stop_logic(self._logic)

    def target(self, progress: Progress | None = None) -> SshTarget:
        """A deployer's connection to the board."""
        options = SshOptions(OWNER, None)
        return SshTarget(self._server.client(self.root), load_board(BOARD), self._folder / "work", options, progress)

    def prepare(self) -> None:
        """The state before: the second design confirmed and in the chip, the first one before it, a lease."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._template, self.root, symlinks=True)
        for bundle in reversed(self._before):
            for slot in ("a", "b"):
                logic = self.root / "slots" / slot / LOGIC[bundle.manifest.kind]
                manifest = self.root / "slots" / slot / "manifest.json"
                if manifest.read_bytes() == (bundle.folder / "manifest.json").read_bytes():
                    self._control.program(logic)
                    return

    def deploy(self, bundle: Bundle, fault: Fault) -> str:
        """Deploy while a fault happens; returns what the deployer was told, or nothing when all went well."""
        self._plan(fault)
        try:
            if fault.side == "client":
                return self._deploy_apart(bundle)
            with self.target() as target:
                target.install(bundle.folder)
            return ""
        except NtorcError as error:
            return error.message
        finally:
            (self._inject[fault.side] / "plan.json").unlink()

    def contact(self, fault: Fault) -> str:
        """Connect alone while a fault happens, as the next contact after another one."""
        self._plan(fault)
        try:
            with self.target():
                return ""
        except NtorcError as error:
            return error.message
        finally:
            (self._inject[fault.side] / "plan.json").unlink()

    def at_step(self, side: str, action: str, position: int) -> Fault:
        """A fault at the step of this position (from 1) of the last deployment."""
        line = self._log(side).read_text(encoding="utf-8").splitlines()[position - 1]
        return Fault(side, action, int(line.split()[0]))

    def steps(self, side: str) -> list[str]:
        """The names of the steps of the last deployment."""
        return [line.split(maxsplit=1)[1] for line in (self._log(side)).read_text(encoding="utf-8").splitlines()]

    def last_step(self, side: str) -> int:
        """How many steps the last deployment had; lines in the middle count twice."""
        return int(self._log(side).read_text(encoding="utf-8").splitlines()[-1].split()[0])

    def look(self) -> Seen:
        """What the next contact finds."""
        with self.target() as target:
            status = target.status()
            plain = target.raw_status()
            trusted = tuple(sorted(target.keys()["trusted"]))
        newest = max((int(one["sequence"]) for one in plain["newest"].values()), default=0)
        return Seen(status, self.design_in_chip(), newest, trusted, plain["previous_intact"])

    def design_in_chip(self) -> str:
        """The design id as the chip's own registers give it, read past the agent."""
        if self._registers is None:
            raise DeploymentError("the chip is off", "use the laboratory in a `with` block")
        return f"{self._registers.read(_DESIGN_ID_HI):08x}{self._registers.read(_DESIGN_ID_LO):08x}"

    def _log(self, side: str) -> Path:
        return self._folder / f"steps-{side}.log"

    def _plan(self, fault: Fault) -> None:
        log = self._log(fault.side)
        log.unlink(missing_ok=True)
        plan = {"below": str(self.root), "step": fault.step, "action": fault.action, "log": str(log)}
        (self._inject[fault.side] / "plan.json").write_text(json.dumps(plan), encoding="utf-8")

    def _deploy_apart(self, bundle: Bundle) -> str:
        """By a process of its own, which can be killed."""
        paths = [self._inject["client"], project_root() / "toolchain", project_root() / "board"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        words = [
            sys.executable, "-m", "ntorc.faults.client", str(self._server.config), str(self.root),
            str(self._folder / "work"), str(bundle.folder),
        ]  # fmt: skip
        done = subprocess.run(
            words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CLIENT_LIMIT_S, check=False
        )
        if done.returncode == 0:
            return ""
        return done.stderr.decode(errors="replace").strip() or f"ended by signal {-done.returncode}"
