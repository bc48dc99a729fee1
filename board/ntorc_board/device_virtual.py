"""A pynq Device over the virtual PL, for the unmodified Overlay, MMIO, Clocks and allocate classes.

What is modelled of the chip beside the logic: the SLCR registers of the PS's clocks (Zynq-7000
TRM, UG585, appendix B.28), with the reset values that the PYNQ-Z2's first-stage boot loader leaves,
and the memory that `allocate` hands out: a file of the virtual PL, which the logic's masters reach too.

pynq writes ``global_pl_state_.json`` beside its own sources and keeps a pickle there; with several
virtual boards on one computer these would mix.  `isolate_state` moves the folder that pynq's
functions look up at every call (``pynq.pl_server.global_state.STATE_DIR``); no pynq class is
changed.  This device never writes the pickle, and never reads it.  pynq 3.0 takes its clocks from the
processor that the process runs on, not from the device's: `stand_for_zynq` tells it which one the board has.
On a real board pynq's own record stays where it is: there is one PL, and other programs on the board must see
what is in it.
"""

from __future__ import annotations

import contextlib
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pynq.pl_server.global_state as pynq_state
import pynq.ps as pynq_ps
from pynq.buffer import PynqBuffer
from pynq.pl_server.device import Device
from pynqmetadata.frontends import Metadata
from pynqmetadata.views.runtime import RuntimeMetadataParser

from ntorc_board.errors import BoardError, BusError
from ntorc_board.manifest import HARDWARE
from ntorc_board.parts import PSS_IDCODE, SLCR_BASE, SLCR_SPAN, idcode_of
from ntorc_board.virtual_pl import Control, Registers, VirtualAddress

_GP0 = range(0x4000_0000, 0x8000_0000)
_SLCR = range(SLCR_BASE, SLCR_BASE + SLCR_SPAN)
_FPGA0_CLK_CTRL = 0x170
_CRYSTAL_HZ = 50_000_000
_SLCR_RESET = {
    0x100: 26 << 12,  # ARM_PLL_CTRL: 1300 MHz
    0x104: 21 << 12,  # DDR_PLL_CTRL: 1050 MHz
    0x108: 20 << 12,  # IO_PLL_CTRL: 1000 MHz
    0x120: 2 << 8,  # ARM_CLK_CTRL: 650 MHz
    0x170: 5 << 8 | 2 << 20,  # FPGA0_CLK_CTRL..FPGA3_CLK_CTRL: IO PLL / 10
    0x180: 5 << 8 | 2 << 20,
    0x190: 5 << 8 | 2 << 20,
    0x1A0: 5 << 8 | 2 << 20,
}
_MEMORY_BASE = 0x1000_0000  # as firmware/virtual/ram.h has it
_PAGE_BYTES = 4096


def isolate_state(folder: Path) -> None:
    """Let pynq keep its record of the PL in ``folder`` instead of beside its sources."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
    pynq_state.STATE_DIR = str(folder)


def stand_for_zynq() -> None:
    """Let pynq 3.0 find a Zynq-7000's clocks, as on the board; later versions ask the device."""
    if not hasattr(pynq_ps.Clocks, "device"):
        pynq_ps.CPU_ARCH = pynq_ps.ZYNQ_ARCH


class ClockRegisters:
    """The SLCR's clock registers and the chip's identity; a change of FCLK0's dividers reaches the virtual PL."""

    def __init__(self, control: Control, part: str) -> None:
        self._control = control
        self._words = {**_SLCR_RESET, PSS_IDCODE: idcode_of(part)}
        self._apply(self._words[_FPGA0_CLK_CTRL])

    def read(self, offset: int) -> int:
        """The register at ``offset`` in the SLCR; those that are not modelled read 0."""
        return self._words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register, and the clock where it is FCLK0's."""
        if offset == _FPGA0_CLK_CTRL:
            self._apply(value)
        self._words[offset] = value

    def _apply(self, word: int) -> None:
        source = self._words[{2: 0x100, 3: 0x104}.get(word >> 4 & 3, 0x108)]
        divisor = (word >> 8 & 63) * (word >> 20 & 63)
        if divisor == 0:
            raise BusError("FCLK0's dividers must not be 0", "set the clock through pynq.Clocks")
        clock_hz = round(_CRYSTAL_HZ * (source >> 12 & 127) / divisor)
        read_back_hz = self._control.set_clock(clock_hz)
        if read_back_hz != clock_hz:
            raise BusError(f"FCLK0 was set to {clock_hz} Hz and reads back {read_back_hz} Hz", "restart the board")


class VirtualMemory:
    """The board's memory for `pynq.allocate`: whole pages of the file that the virtual PL's masters see."""

    def __init__(self, device: VirtualDevice, path: Path) -> None:
        """Map the memory.

        Raises:
            BoardError: it is not there.
        """
        self._device = device
        try:
            with path.open("r+b") as file:
                self._bytes = mmap.mmap(file.fileno(), 0)
        except (OSError, ValueError) as error:
            raise BoardError(f"cannot map the virtual board's memory {path}: {error}", "start it again") from error
        self._used: dict[int, int] = {}  # bytes, whole pages, by the offset of the first

    def allocate(self, shape: int | tuple[int, ...], dtype: Any, **_: Any) -> Any:
        """A zeroed `PynqBuffer` of this shape and type; its pages are free again when it is collected.

        Raises:
            MemoryError: there is no room for it.
        """
        wanted = int(np.prod(shape)) * np.dtype(dtype).itemsize
        offset = self._take(-(-max(wanted, 1) // _PAGE_BYTES) * _PAGE_BYTES)
        buffer = PynqBuffer(
            shape,
            dtype,
            buffer=self._bytes,
            offset=offset,
            device=self._device,
            device_address=_MEMORY_BASE + offset,
            coherent=True,
        )
        buffer[...] = 0
        # how pynq's freebuffer gives it back, and then has nothing left to unmap
        buffer.memory = self
        buffer.freed = True
        buffer.return_to = self
        buffer.pointer = _MEMORY_BASE + offset
        return buffer

    def return_pointer(self, pointer: int) -> None:
        """Free the pages of the buffer at physical address ``pointer``; pynq calls it."""
        del self._used[pointer - _MEMORY_BASE]

    def _take(self, wanted: int) -> int:
        """The first gap of this many bytes."""
        start = 0
        for offset, size in sorted(self._used.items()):
            if offset - start >= wanted:
                break
            start = offset + size
        if start + wanted > len(self._bytes):
            raise MemoryError(f"the virtual board's memory has no {wanted} bytes in a row; free some buffers")
        self._used[start] = wanted
        return start


class VirtualDevice(Device):  # type: ignore[misc]  # pynq has no types
    """A Zynq-7000 board whose programmable logic is simulated."""

    _probe_priority_ = 900
    _opened: list[VirtualDevice] = []  # noqa: RUF012  # the devices that pynq finds when it looks for any

    @classmethod
    def _probe_(cls) -> list[VirtualDevice]:
        return cls._opened

    def __init__(self, address: VirtualAddress, name: str, part: str = "xc7z020clg400-1") -> None:
        """Reach a running virtual PL; ``part`` is the chip that it stands for.

        Raises:
            BoardError: it does not answer.
        """
        super().__init__(f"virtual:{address.memory}")
        self.name = name
        self.arch = "armv7l"
        self.capabilities = {"REGISTER_RW": True, "MEMORY_MAPPED": False}
        self.default_memory = VirtualMemory(self, address.memory.with_name(f"{address.memory.name}.ram"))
        self._control = Control(address.control)
        self._registers = Registers(address.library, f"sim:{address.memory}")
        self._slcr = ClockRegisters(self._control, part)
        self._design: list[range] = []
        self.device_trees: list[str] = []
        VirtualDevice._opened.append(self)

    def close(self) -> None:
        """Give the registers back."""
        self._registers.close()
        if self in VirtualDevice._opened:
            VirtualDevice._opened.remove(self)

    # ---- what pynq calls ------------------------------------------------------------------------

    def read_registers(self, address: int, length: int) -> bytes:
        """``length`` bytes (a multiple of 4) at a physical address, little endian."""
        words = [self._read(address + offset) for offset in range(0, length, 4)]
        return np.array(words, "<u4").tobytes()

    def write_registers(self, address: int, data: bytes) -> None:
        """Write whole 32-bit words at a physical address."""
        for offset in range(0, len(data), 4):
            self._write(address + offset, int.from_bytes(data[offset : offset + 4], "little"))

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """pynq's view of the .hwh beside the logic."""
        parser = RuntimeMetadataParser(Metadata(input=str(Path(bitfile_name).with_name(HARDWARE))))
        parser.refresh_hierarchy_dict()
        return parser

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Program the logic, and say so in pynq's record."""
        self._control.program(Path(bitstream.bitfile_name))
        self._design = _design_ranges(self.parser.ip_dict)
        self.post_download(bitstream, parser, self.name)
        with contextlib.suppress(OSError):  # a full disk: the record is for others, the logic is programmed
            pynq_state.save_global_state(
                pynq_state.GlobalState(
                    bitfile_name=bitstream.bitfile_name,
                    active_name=self.name,
                    timestamp=bitstream.timestamp,
                    bitfile_hash=pynq_state.bitstream_hash(bitstream.bitfile_name),
                )
            )

    def insert_device_tree(self, abs_dtbo: str) -> None:
        """Note it: a virtual board has no kernel of its own that could take it."""
        self.remove_device_tree(abs_dtbo)
        self.device_trees.append(abs_dtbo)

    def remove_device_tree(self, abs_dtbo: str) -> None:
        """Forget what has its file's name, by which a kernel knows it."""
        self.device_trees = [one for one in self.device_trees if Path(one).name != Path(abs_dtbo).name]

    def flush(self, bo: Any, offset: int, address: int, size: int) -> None:
        """Nothing: this memory is coherent."""

    def invalidate(self, bo: Any, offset: int, address: int, size: int) -> None:
        """Nothing: this memory is coherent."""

    # ---- the address map ------------------------------------------------------------------------

    def unprogram(self) -> None:
        """Take the logic away."""
        self._control.unprogram()
        self._design = []

    def _offset(self, address: int) -> int | None:
        """Bytes from the design's first register, which is the shell's; None: not the design's."""
        if any(address in part for part in self._design):
            return address - self._design[0].start
        return None

    def _read(self, address: int) -> int:
        offset = self._offset(address)
        if offset is not None:
            return self._registers.read(offset)
        if address in _SLCR:
            return self._slcr.read(address - _SLCR.start)
        raise _nothing_at(address)

    def _write(self, address: int, value: int) -> None:
        offset = self._offset(address)
        if offset is not None:
            self._registers.write(offset, value)
        elif address in _SLCR:
            self._slcr.write(address - _SLCR.start, value)
        else:
            raise _nothing_at(address)


def _design_ranges(ip_dict: dict[str, Any]) -> list[range]:
    """The address ranges on M_AXI_GP0 that the design answers, the shell's first."""
    found = [
        range(ip["phys_addr"], ip["phys_addr"] + ip["addr_range"])
        for ip in ip_dict.values()
        # what is no int is searched for in the range number by number
        if isinstance(ip.get("phys_addr"), int) and ip["phys_addr"] in _GP0
    ]
    return sorted(found, key=lambda part: part.start)


def _nothing_at(address: int) -> BusError:
    return BusError(f"there is nothing at 0x{address:08X}", "a real board would hang on this access; check the .hwh")
