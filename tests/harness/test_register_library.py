"""libntorc_regs: URLs, mapped registers, and errors that never crash the caller."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import pytest
from harness_support import BAD_OFFSET, OK, RegisterLibrary, VirtualPl
from hypothesis import example, given, settings
from hypothesis import strategies as st

SPAN = 0x200


@given(st.binary(max_size=300).filter(lambda url: b"\0" not in url), st.integers(0, 60))
@example(b"", 0)
@example(b"sim:", 10)
@example(b"sim:/", 40)
@example(b"devmem:0x43C00000", 1)
@settings(max_examples=300, deadline=None)
def test_what_is_no_url_gives_a_message_that_fits(registers: RegisterLibrary, url: bytes, size: int) -> None:
    # /dev/mem itself is left alone: a random valid address could be a device
    handle, error = registers.try_open(url.replace(b"devmem:0", b"devmem:x"), size)
    assert handle is None
    assert bool(error) == (size > 1)


@pytest.mark.parametrize(
    "url",
    [
        "devmem:",
        "devmem:0x43C00000",
        "devmem:0x43C00000:",
        "devmem:0x43C00000:0",
        "devmem:0x43C00000:6",
        "devmem:0x43C00002:0x1000",
        "devmem:-1:0x1000",
        "devmem: 1:0x1000",
        "devmem:0x43C00000:0x1000x",
        "devmem:0xFFFFFFFFFFFFFFFF0:0x1000",
        "devmem:0x43C00000:0x80000000",
    ],
)
def test_malformed_addresses(registers: RegisterLibrary, url: str) -> None:
    handle, error = registers.try_open(url.encode())
    assert handle is None
    assert b"is not devmem:0xBASE:0xSPAN" in error


@pytest.mark.parametrize("rest", ["", ":", "0x1000", ":0x1000", "/dev/uio999", "/dev/uio0:", "/dev/uio0:3"])
def test_malformed_uio(registers: RegisterLibrary, rest: str) -> None:
    handle, error = registers.try_open(f"uio:{rest}".encode())
    assert handle is None
    assert any(word in error for word in (b"is not uio:DEVICE", b"names no device", b"give the span")), error


def test_missing_device_says_which(registers: RegisterLibrary, tmp_path: Path) -> None:
    handle, error = registers.try_open(f"uio:{tmp_path}/none:0x1000".encode())
    assert handle is None
    assert f"cannot open {tmp_path}/none".encode() in error


def test_mapped_registers_are_the_devices_words(registers: RegisterLibrary, tmp_path: Path) -> None:
    """A UIO device is a file that is mapped from its start; a plain file shows what is accessed."""
    device = tmp_path / "with:colon"
    device.write_bytes(struct.pack(f"<{SPAN // 4}I", *range(1000, 1000 + SPAN // 4)))
    handle = registers.open(f"uio:{device}:{SPAN:#x}")
    for offset in (0, 4, 0x24, SPAN - 4):
        assert registers.read(handle, offset) == (OK, 1000 + offset // 4)
    assert registers.write(handle, 0x24, -5) == OK
    with device.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as words:
        assert struct.unpack_from("<3i", words, 0x20) == (1008, -5, 1010), "only this word changed"
    for offset in (1, 2, 0x25, SPAN, SPAN + 4, 0xFFFFFFFC):
        assert registers.read(handle, offset) == (BAD_OFFSET, 0xDEADBEEF)
        assert registers.write(handle, offset, 0) == BAD_OFFSET
    registers.close(handle)


@given(st.binary(max_size=4096))
@settings(max_examples=50, deadline=None)
def test_file_that_is_no_shared_memory(
    registers: RegisterLibrary, tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("memory") / "memory"
    path.write_bytes(content)
    handle, error = registers.try_open(f"sim:{path}".encode())
    assert handle is None
    assert b"is not the memory of a virtual PL" in error


def test_copy_of_the_memory_is_not_a_running_server(
    registers: RegisterLibrary, virtual_pl: VirtualPl, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(virtual_pl.memory.read_bytes())
    handle, error = registers.try_open(f"sim:{copy}".encode())
    assert handle is None
    assert b"no virtual PL is running" in error


def test_unaligned_offset_never_reaches_the_bus(registers: RegisterLibrary, virtual_pl: VirtualPl) -> None:
    handle = registers.open(virtual_pl.url)
    assert registers.read(handle, 2)[0] == BAD_OFFSET
    assert registers.write(handle, 0x25, 1) == BAD_OFFSET
    registers.close(handle)
    assert virtual_pl.info()["accesses"] == "0"


def test_every_result_is_described_differently(registers: RegisterLibrary) -> None:
    texts = [registers.describe(result) for result in range(-4, 1)]
    assert len({*texts, registers.describe(77)}) == 6


def test_closing_nothing_is_allowed(registers: RegisterLibrary) -> None:
    registers.close(0)
