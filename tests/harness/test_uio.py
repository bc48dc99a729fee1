"""Registers behind UIO: what the kernel says about the map decides, against a made-up /sys."""

from __future__ import annotations

import ctypes
import mmap
import struct
from pathlib import Path

import pytest

from ntorc.deploy.firmware import Firmware

PAGE = mmap.PAGESIZE


class Uio:
    """``ntorc_regs_open_uio_at`` of the real library."""

    def __init__(self, library: Path, sysfs: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.ntorc_regs_open_uio_at.restype = ctypes.c_void_p
        self._library.ntorc_regs_read.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]
        self._library.ntorc_regs_write.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
        self._library.ntorc_regs_close.argtypes = [ctypes.c_void_p]
        self._sysfs = str(sysfs).encode()

    def open(self, rest: str) -> tuple[int | None, str]:
        error = ctypes.create_string_buffer(400)
        handle = self._library.ntorc_regs_open_uio_at(self._sysfs, rest.encode(), error, ctypes.c_size_t(400))
        return handle, error.value.decode()

    def read(self, handle: int, offset: int) -> tuple[int, int]:
        value = ctypes.c_uint32()
        return self._library.ntorc_regs_read(handle, offset, ctypes.byref(value)), value.value

    def write(self, handle: int, offset: int, value: int) -> int:
        return int(self._library.ntorc_regs_write(handle, offset, value))

    def close(self, handle: int) -> None:
        self._library.ntorc_regs_close(handle)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """Two pages that hold their own offsets."""
    path = tmp_path / "uio7"
    path.write_bytes(b"".join(struct.pack("<I", offset) for offset in range(0, 2 * PAGE, 4)))
    return path


def described(tmp_path: Path, **attributes: str) -> Path:
    folder = tmp_path / "sys" / "uio7" / "maps" / "map0"
    folder.mkdir(parents=True)
    for name, text in attributes.items():
        (folder / name).write_text(f"{text}\n")
    return tmp_path / "sys"


@pytest.mark.parametrize(("offset", "size"), [("0x0", PAGE), ("0x40", PAGE), ("0x40", 0x140), (None, PAGE)])
def test_size_and_offset_are_the_kernels(
    firmware: Firmware, device: Path, tmp_path: Path, offset: str | None, size: int
) -> None:
    told = {"size": hex(size)} | ({"offset": offset} if offset else {})
    uio = Uio(firmware.regs_library, described(tmp_path, **told))
    handle, error = uio.open(str(device))
    assert handle is not None, error
    begin = int(offset or "0", 0)
    last = size - begin - 4
    assert uio.read(handle, 0) == (0, begin)
    assert uio.read(handle, last) == (0, begin + last)
    assert uio.read(handle, last + 4)[0] == -4
    assert uio.write(handle, 8, 0xCAFE) == 0
    uio.close(handle)
    assert struct.unpack_from("<I", device.read_bytes(), begin + 8) == (0xCAFE,)


def test_span_of_ones_own(firmware: Firmware, device: Path, tmp_path: Path) -> None:
    uio = Uio(firmware.regs_library, described(tmp_path, size="0x1000", offset="0x100"))
    handle, _ = uio.open(f"{device}:0x20")
    assert handle is not None
    assert uio.read(handle, 0x1C) == (0, 0x11C)
    assert uio.read(handle, 0x20)[0] == -4
    uio.close(handle)


@pytest.mark.parametrize(
    ("rest", "told", "words"),
    [
        ("{device}:0x1000", {"size": "0x1000", "offset": "0x100"}, "maps 0x1000 bytes from offset 0x100"),
        ("{device}", {"size": "0x100", "offset": "0x100"}, "maps 0x100 bytes"),
        ("{device}", {"size": "nonsense"}, "is no UIO device"),
        ("{device}", {"size": "-1"}, "is no UIO device"),
        ("{device}", {}, "is no UIO device"),
        ("{device}:7", {}, "is not uio:DEVICE"),
        ("/nonexistent:0x100", {}, "cannot open /nonexistent"),
    ],
)
def test_what_cannot_be(
    firmware: Firmware, device: Path, tmp_path: Path, rest: str, told: dict[str, str], words: str
) -> None:
    uio = Uio(firmware.regs_library, described(tmp_path, **told))
    handle, error = uio.open(rest.format(device=device))
    assert handle is None
    assert words in error
