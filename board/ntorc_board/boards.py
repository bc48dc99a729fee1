"""The two kinds of board that the agent runs on: a real one, and the virtual one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntorc_board.errors import BoardError
from ntorc_board.virtual_pl import VirtualAddress

if TYPE_CHECKING:
    from ntorc_board.device_virtual import VirtualDevice


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


class VirtualBoard:
    """A board whose logic lives in the process ``ntorc-virtual-pl``."""

    def __init__(self, address: VirtualAddress, name: str, state: Path) -> None:
        """``state`` is the folder for pynq's own record of the logic."""
        self._address = address
        self._name = name
        self._state = state
        self._device: VirtualDevice | None = None

    def device(self) -> VirtualDevice:
        """The pynq device over the virtual PL, made the active one."""
        if self._device is None:
            from pynq.pl_server.device import Device

            from ntorc_board.device_virtual import VirtualDevice, isolate_state

            isolate_state(self._state)
            self._device = VirtualDevice(self._address, self._name)
            Device.active_device = self._device
        return self._device

    def registers_url(self, base: int, span: int) -> str:
        """The harness's address of the shell: the virtual PL's shared memory."""
        return f"sim:{self._address.memory}"

    def unprogram(self) -> None:
        """Take the design out of the virtual PL."""
        self.device().unprogram()
