"""The kinds of board that the agent runs on: a real one, and virtual ones."""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ntorc_board.errors import BoardError
from ntorc_board.firmware import REGISTERS, VIRTUAL_PL
from ntorc_board.settings import REAL, SIMULATED, Settings
from ntorc_board.virtual_pl import VirtualAddress

if TYPE_CHECKING:
    from ntorc_board.device_virtual import VirtualDevice

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START_LIMIT_S = 30.0


class Board(Protocol):
    """How the agent reaches its board."""

    def device(self) -> Any:
        """The pynq Device; opened when it is first needed."""

    def registers_url(self, base: int, span: int) -> str:
        """Where the harness finds the shell's registers."""

    def unprogram(self) -> None:
        """Take the design out of the logic, where that can be done."""

    def forget_device_tree(self, overlay: Path) -> None:
        """Have the kernel forget a design's overlay before other logic comes; it knows it by the file's name."""

    def power_up(self) -> str:
        """A name for the time since the logic got its power; another one after it lost it."""


class RealBoard:
    """The board that this process runs on, through pynq's own device."""

    def device(self) -> Any:
        """pynq's device for this board.

        Raises:
            BoardError: pynq finds none.
        """
        from pynq.pl_server.device import Device

        try:
            return Device.active_device
        except RuntimeError as error:
            raise BoardError(
                f"pynq finds no programmable logic here: {error}",
                "run the agent as root on a PYNQ board with XILINX_XRT set, or use a virtual board",
            ) from error

    def registers_url(self, base: int, span: int) -> str:
        """The harness's address of the shell: physical memory."""
        return f"devmem:0x{base:X}:0x{span:X}"

    def unprogram(self) -> None:
        """Nothing: the logic keeps what it has until it is programmed or loses power."""

    def forget_device_tree(self, overlay: Path) -> None:
        """Remove it where it is applied: pynq's device can remove only what this process has inserted.

        Raises:
            BoardError: the kernel keeps it.
        """
        from pynq.devicetree import DeviceTreeSegment

        try:
            DeviceTreeSegment(str(overlay)).remove()
        except OSError as error:
            raise BoardError(
                f"the kernel keeps the device-tree overlay of the design before: {error.strerror}",
                "end what uses its devices, or start the board again",
            ) from error

    def power_up(self) -> str:
        """The kernel's boot id."""
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return ""


class VirtualBoard:
    """A board whose logic lives in the process ``ntorc-virtual-pl``."""

    def __init__(self, address: VirtualAddress, settings: Settings, state: Path) -> None:
        """``state`` is the folder for pynq's own record of the logic."""
        self._address = address
        self._settings = settings
        self._state = state
        self._device: VirtualDevice | None = None

    def device(self) -> VirtualDevice:
        """The pynq device over the virtual PL, made the active one."""
        if self._device is None:
            from pynq.pl_server.device import Device

            from ntorc_board.device_virtual import VirtualDevice, isolate_state, stand_for_zynq

            isolate_state(self._state)
            stand_for_zynq()
            self._device = VirtualDevice(self._address, self._settings.board, self._settings.part)
            Device.active_device = self._device
        return self._device

    def registers_url(self, base: int, span: int) -> str:
        """The harness's address of the shell: the virtual PL's shared memory."""
        return f"sim:{self._address.memory}"

    def unprogram(self) -> None:
        """Take the design out of the virtual PL."""
        self.device().unprogram()

    def forget_device_tree(self, overlay: Path) -> None:
        """Take it out of the device's list."""
        self.device().remove_device_tree(str(overlay))

    def power_up(self) -> str:
        """Which file the virtual PL's memory is: each start makes its own."""
        try:
            found = self._address.memory.stat()
        except OSError:
            return ""
        return f"{found.st_dev}:{found.st_ino}:{found.st_ctime_ns}"


class SimulatedBoard(VirtualBoard):
    """A virtual board whose logic this process starts; it ends with this process."""

    def __init__(self, settings: Settings, root: Path, programs: Path) -> None:
        """``programs`` is the folder of the compiled firmware."""
        self._run = root / "run"
        self._programs = programs
        self._logic: subprocess.Popen[bytes] | None = None
        address = VirtualAddress(self._run / "pl.mem", self._run / "pl.sock", programs / REGISTERS)
        super().__init__(address, settings, root / "pynq")

    def device(self) -> VirtualDevice:
        """The device; the virtual PL is started when it is first needed.

        Raises:
            BoardError: it does not start.
        """
        if self._logic is None:
            self._logic = self._start()
        return super().device()

    def power_up(self) -> str:
        """Each start is one."""
        return super().power_up() if self._logic is not None else ""

    def _start(self) -> subprocess.Popen[bytes]:
        settings, hint = self._settings, f"see {self._run / 'pl.log'} on the board"
        # the control socket by a name in the working folder: its address has 107 bytes at most
        words = [
            str(self._programs / VIRTUAL_PL), "--memory", str(self._address.memory), "--control", "pl.sock",
            "--access-cycles", str(settings.access_cycles), "--clock-hz", str(settings.clock_hz),
        ]  # fmt: skip
        try:
            self._run.mkdir(parents=True, exist_ok=True)
            with (self._run / "pl.log").open("wb") as log:
                # it ends when its stdin does, so with this process however that ends
                process = subprocess.Popen(
                    words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=self._run,
                    start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise BoardError(f"cannot start the virtual PL: {error}", hint) from error
        stream, deadline_s, heard = process.stdout, time.monotonic() + _START_LIMIT_S, b""
        while stream is not None and b"\n" not in heard:
            left_s = deadline_s - time.monotonic()
            block = b""
            if left_s > 0 and select.select([stream], [], [], left_s)[0]:
                block = os.read(stream.fileno(), 4096)
            if not block:
                process.kill()
                raise BoardError("the virtual PL did not start", hint)
            heard += block
        return process


def open_board(settings: Settings, root: Path, programs: Path | None) -> Board:
    """The board that the settings describe.

    Args:
        settings: what the board is.
        root: the folder of the agent's own files.
        programs: the compiled firmware; only a simulated logic needs it.

    Raises:
        BoardError: the firmware is missing, or the settings name no logic.
    """
    if settings.logic == REAL:
        return RealBoard()
    if settings.logic == SIMULATED:
        if programs is None:
            raise BoardError("the simulated board's programs were not compiled yet", "deploy with `ntorc deploy`")
        return SimulatedBoard(settings, root, programs)
    return VirtualBoard(VirtualAddress.parse(settings.logic), settings, root / "pynq")
