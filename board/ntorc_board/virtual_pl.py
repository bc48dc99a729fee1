"""The virtual board's programmable logic as this process sees it: registers and a control socket.

The logic itself lives in the process ``ntorc-virtual-pl``, as on a chip; the harness reaches the
same registers in it.
"""

from __future__ import annotations

import ctypes
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from ntorc_board.errors import BoardError, BusError, ProgrammingError

_MESSAGE_BYTES = 512
_CONTROL_TIMEOUT_S = 30.0  # loading a large simulated design takes seconds on a busy computer
_GONE = "the virtual board has ended; start it again"


@dataclass(frozen=True)
class VirtualAddress:
    """Where a virtual PL is: its shared memory, its control socket, and the access library."""

    memory: Path
    control: Path
    library: Path

    @classmethod
    def parse(cls, text: str) -> VirtualAddress:
        """Read ``MEMORY,CONTROL,REGSLIB``.

        Raises:
            BoardError: not three paths.
        """
        parts = text.split(",")
        if len(parts) != 3 or not all(parts):
            raise BoardError(f"{text!r} does not name a virtual board", "give MEMORY,CONTROL,REGSLIB: three paths")
        return cls(Path(parts[0]), Path(parts[1]), Path(parts[2]))


class Registers:
    """32-bit registers of the programmed logic by byte offset, through ``libntorc_regs``."""

    def __init__(self, library: Path, url: str) -> None:
        """Open the registers at ``url`` (``sim:PATH``).

        Raises:
            BoardError: the library or the registers cannot be opened.
        """
        try:
            self._library = _bind(ctypes.CDLL(str(library)))
        except (OSError, AttributeError) as error:
            raise BoardError(f"cannot load {library}: {error}", "build the firmware again") from error
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        self._handle = self._library.ntorc_regs_open(url.encode(), message, len(message))
        if not self._handle:
            raise BoardError(f"cannot open the registers at {url}: {message.value.decode(errors='replace')}", _GONE)
        self._value = ctypes.c_uint32()

    def read(self, offset: int) -> int:
        """The register at byte ``offset``.

        Raises:
            BusError: the logic does not answer, or none is programmed.
        """
        self._check(self._library.ntorc_regs_read(self._open(), offset, ctypes.byref(self._value)), "read", offset)
        return self._value.value

    def write(self, offset: int, value: int) -> None:
        """Write the register at byte ``offset``.

        Raises:
            BusError: the logic does not answer, or none is programmed.
        """
        self._check(self._library.ntorc_regs_write(self._open(), offset, value & 0xFFFF_FFFF), "write", offset)

    def close(self) -> None:
        """Give the access back."""
        if self._handle:
            self._library.ntorc_regs_close(self._handle)
            self._handle = None

    def _open(self) -> int:
        if not self._handle:
            raise BusError("the registers were closed", "open the device again")
        return int(self._handle)

    def _check(self, result: int, what: str, offset: int) -> None:
        if result != 0:
            reason = self._library.ntorc_regs_describe(result).decode(errors="replace")
            raise BusError(f"cannot {what} the register at 0x{offset:X}: {reason}", "program a design first")


def _bind(library: ctypes.CDLL) -> ctypes.CDLL:
    u32 = ctypes.c_uint32
    library.ntorc_regs_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    library.ntorc_regs_open.restype = ctypes.c_void_p
    library.ntorc_regs_read.argtypes = [ctypes.c_void_p, u32, ctypes.POINTER(u32)]
    library.ntorc_regs_write.argtypes = [ctypes.c_void_p, u32, u32]
    library.ntorc_regs_describe.argtypes = [ctypes.c_int]
    library.ntorc_regs_describe.restype = ctypes.c_char_p
    library.ntorc_regs_close.argtypes = [ctypes.c_void_p]
    library.ntorc_regs_close.restype = None
    return library


class Control:
    """The virtual PL's control socket: one line a command, one line an answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def program(self, logic: Path) -> None:
        """Load a simulated logic and reset it.

        Raises:
            ProgrammingError: the file is not such a logic.
        """
        self._ask(f"program {logic}")

    def unprogram(self) -> None:
        """Take the logic away; registers give bus errors then."""
        self._ask("unprogram")

    def set_clock(self, clock_hz: int) -> int:
        """Set FCLK0 in Hz; returns the clock read back."""
        self._ask(f"clock {clock_hz}")
        answer = self._ask("clock?")
        try:
            return int(float(answer.split()[-1]))
        except (ValueError, IndexError) as error:
            raise BoardError(f"the virtual board gives its clock as {answer!r}", _GONE) from error

    def info(self) -> str:
        """What is programmed, as the virtual PL says it."""
        return self._ask("info")

    def _ask(self, command: str) -> str:
        if "\n" in command or len(command) > 4000:
            raise ProgrammingError("the path of the logic is too long or has a line break", "use a plain folder name")
        try:
            answer = self._exchange(command.encode())
        except OSError as error:
            raise BoardError(f"the virtual board does not answer on {self._path}: {error}", _GONE) from error
        status, _, rest = answer.partition(" ")
        if status != "ok":
            raise ProgrammingError(f"the virtual board refuses `{command.split()[0]}`: {rest or answer}", "see its log")
        return rest

    def _exchange(self, command: bytes) -> str:
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_CONTROL_TIMEOUT_S)
                # a socket's address has 107 bytes at most, a folder's name may be longer
                connection.connect(f"/proc/self/fd/{folder}/{self._path.name}")
                connection.sendall(command + b"\n")
                answer = b""
                while not answer.endswith(b"\n"):
                    block = connection.recv(4096)
                    if not block:
                        break
                    answer += block
        finally:
            os.close(folder)
        return answer.decode(errors="replace").strip()
