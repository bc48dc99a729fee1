"""The virtual board's device under the unmodified pynq classes, in this process."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_lab import CLOCK_HZ, HOP, WINDOW

from ntorc.bundle.bundle import Bundle
from ntorc_board.errors import BoardError, BusError, ProgrammingError
from ntorc_board.programming import program, self_test
from ntorc_board.registers import load_registers
from ntorc_board.virtual_pl import Control, Registers, VirtualAddress

OFFSETS = {register.name: register.offset for register in load_registers()}


@pytest.fixture
def overlay(device: Any, first: Bundle) -> Any:
    import pynq

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return pynq.Overlay(str(first.folder / "logic.so"), device=device)


def test_the_register_map_of_the_overlay(overlay: Any, first: Bundle) -> None:
    registers = overlay.ntorc_0.register_map
    assert int(registers.MAGIC) == 0x4E544F52
    identity = f"{int(registers.DESIGN_ID_HI):08x}{int(registers.DESIGN_ID_LO):08x}"
    assert identity == first.manifest.design_id
    assert int(registers.WINDOW) == WINDOW
    registers.HOP = 5
    assert overlay.ntorc_0.read(OFFSETS["HOP"]) == 5
    assert registers.STATUS.FILLED == 0
    for _ in range(WINDOW):
        overlay.ntorc_0.write(OFFSETS["SAMPLE"], 1)
    assert registers.STATUS.FILLED == 1
    assert overlay.is_loaded()


def test_pynq_finds_the_device_by_itself(device: Any, overlay: Any) -> None:
    import pynq

    assert device in pynq.Device.devices
    assert pynq.MMIO(0x43C00000, 0x1000).read(0) == 0x4E544F52


def test_the_clock_goes_through_pynq_to_the_logic(device: Any, overlay: Any, address: VirtualAddress) -> None:
    import pynq

    control = Control(address.control)
    assert pynq.Clocks.fclk0_mhz == CLOCK_HZ / 1e6
    for clock_mhz in (50.0, 125.0, 1000.0 / 7):
        pynq.Clocks.fclk0_mhz = clock_mhz
        assert pynq.Clocks.fclk0_mhz == pytest.approx(clock_mhz, abs=1e-6)
        assert f"clock_hz={round(clock_mhz * 1e6)} " in control.info()
    assert pynq.Clocks.cpu_mhz == 650.0
    with pytest.raises(BusError, match="must not be 0"):
        pynq.MMIO(0xF8000000, 0x200).write(0x170, 0)


def test_memory_is_allocated_by_the_device(device: Any) -> None:
    import pynq

    first, second = pynq.allocate((4, 8), "i4"), pynq.allocate(3000, "u2")
    first[:] = np.arange(32).reshape(4, 8)
    first.flush()
    first.invalidate()
    np.testing.assert_array_equal(first, np.arange(32).reshape(4, 8))
    assert first.physical_address % 4096 == 0
    assert second.physical_address >= first.physical_address + first.nbytes
    assert second.sum() == 0


@pytest.mark.parametrize("base", [0x43C01000, 0x40000000, 0xF8001000, 0])
def test_where_nothing_is_a_real_board_would_hang(device: Any, overlay: Any, base: int) -> None:
    import pynq

    mmio = pynq.MMIO(base, 0x1000, device=device)
    with pytest.raises(BusError, match="there is nothing at"):
        mmio.read(0)
    with pytest.raises(BusError, match="there is nothing at"):
        mmio.write(0, 1)


def test_without_a_design_registers_give_bus_errors(device: Any, overlay: Any, address: VirtualAddress) -> None:
    registers = Registers(address.library, f"sim:{address.memory}")
    assert registers.read(0) == 0x4E544F52
    device.unprogram()
    with pytest.raises(BusError, match="there is nothing at"):
        overlay.ntorc_0.read(0)
    with pytest.raises(BusError, match="cannot read the register at 0x0"):
        registers.read(0)
    registers.close()
    with pytest.raises(BusError, match="closed"):
        registers.read(0)


def test_program_and_self_test_leave_a_fresh_logic(device: Any, second: Bundle) -> None:
    programmed = program(second.folder, second.manifest, device)
    assert (programmed.shell_base, programmed.shell_span) == (0x43C00000, 0x1000)
    seen: list[tuple[str, int, int]] = []
    tested = self_test(programmed, second.folder, lambda what, done, total: seen.append((what, done, total)))
    assert (tested.vectors, tested.mismatches, tested.first) == (5, 0, "")
    assert seen == [("self-test", done, 5) for done in range(1, 6)]
    assert programmed.shell.read("RESULT_SEQ") == programmed.shell.read("SAMPLE_COUNT") == 0
    assert programmed.shell.read("HOP") == HOP


def test_magic_and_identity_are_read_before_anything_else(
    device: Any, first: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[int] = []
    read, write = device._registers.read, device._registers.write
    monkeypatch.setattr(device._registers, "read", lambda offset: touched.append(offset) or read(offset))
    monkeypatch.setattr(
        device._registers, "write", lambda offset, value: touched.append(offset) or write(offset, value)
    )
    wrong = replace(first.manifest, design_id="f" * 16)
    with pytest.raises(ProgrammingError, match="says that it is the design"):
        program(first.folder, wrong, device)
    assert touched == [OFFSETS["MAGIC"], OFFSETS["DESIGN_ID_HI"], OFFSETS["DESIGN_ID_LO"]]


def test_a_hardware_description_that_pynq_cannot_read(device: Any, first: Bundle, tmp_path: Path) -> None:
    for name in ("logic.so", "registers.json", "vectors.npz"):
        (tmp_path / name).write_bytes((first.folder / name).read_bytes())
    for content in (b"", b"<EDKSYSTEM/>", b"not XML", b"<a><b></a>"):
        (tmp_path / "design.hwh").write_bytes(content)
        with pytest.raises(ProgrammingError, match="pynq cannot program"):
            program(tmp_path, first.manifest, device)


def test_addresses_of_virtual_boards() -> None:
    parsed = VirtualAddress.parse("a/mem,b/sock,c/lib.so")
    assert (parsed.memory, parsed.control, parsed.library) == (Path("a/mem"), Path("b/sock"), Path("c/lib.so"))
    for text in ("", "a,b", "a,b,", "a,b,c,d"):
        with pytest.raises(BoardError, match="does not name a virtual board"):
            VirtualAddress.parse(text)


def test_what_is_not_there(address: VirtualAddress, tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="cannot load"):
        Registers(tmp_path / "missing.so", f"sim:{address.memory}")
    with pytest.raises(BoardError, match="cannot open the registers"):
        Registers(address.library, f"sim:{tmp_path / 'missing'}")
    with pytest.raises(BoardError, match="does not answer"):
        Control(tmp_path / "missing.sock").info()
    with pytest.raises(ProgrammingError, match="line break"):
        Control(address.control).program(Path("a\nquit"))
