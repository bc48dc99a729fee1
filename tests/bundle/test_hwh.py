"""The .hwh against the unmodified pynq parser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.boards import list_boards, load_board
from ntorc.bundle.hwh import fclk_divisors, fclk_hz, shell_hwh
from ntorc.bundle.processing_system import processing_system
from ntorc.errors import BundleError
from ntorc_board.registers import load_registers

PART = "xc7z020clg400-1"


def parsed(folder: Path, text: str) -> Any:
    from pynqmetadata.frontends import Metadata
    from pynqmetadata.views.runtime import RuntimeMetadataParser

    path = folder / "design.hwh"
    path.write_text(text, encoding="utf-8")
    return RuntimeMetadataParser(Metadata(input=str(path)))


def hwh(clock_hz: float = 100e6, part: str = PART, base: int = 0x43C00000, name: str = "my net") -> str:
    return shell_hwh(name, part, clock_hz, base, 0x1000, load_registers())


def test_pynq_sees_the_shell_and_every_register(tmp_path: Path) -> None:
    parser = parsed(tmp_path, hwh())
    shell = parser.ip_dict["ntorc_0"]
    assert (shell["phys_addr"], shell["addr_range"]) == (0x43C00000, 0x1000)
    expected = {}
    for register in load_registers():
        for index in range(register.count):
            name = register.name if register.count == 1 else f"{register.name}_{index}"
            expected[name] = register.offset + index * register.stride
    found = {name: entry["address_offset"] for name, entry in shell["registers"].items()}
    assert found == expected
    assert found["RESULT_63"] == 0x100 + 4 * 63
    access = {entry["access"] for entry in shell["registers"].values()}
    assert access == {"read-only", "read-write", "write-only"}
    assert shell["registers"]["STATUS"]["fields"]["OVERRUN"]["bit_offset"] == 1


@pytest.mark.parametrize("clock_hz", [25e6, 96.6e6, 100e6, 125e6, 150e6])
def test_pynq_sees_the_clock_that_fclk_can_have(tmp_path: Path, clock_hz: float) -> None:
    clock = parsed(tmp_path, hwh(clock_hz)).clock_dict
    assert clock[0]["enable"] == 1
    assert [clock[n]["enable"] for n in (1, 2, 3)] == [0, 0, 0]
    assert clock[0]["frequency"] * 1e6 == pytest.approx(fclk_hz(clock_hz), abs=1)
    divided_hz = 1e9 / (clock[0]["divisor0"] * clock[0]["divisor1"])
    assert divided_hz == pytest.approx(fclk_hz(clock_hz))


@settings(max_examples=60, deadline=None)
@given(st.floats(3e5, 1e9))
def test_the_clock_is_the_highest_not_above_what_was_asked(clock_hz: float) -> None:
    d0, d1 = fclk_divisors(clock_hz)
    assert 1 <= d0 <= 63
    assert 1 <= d1 <= 63
    achieved = fclk_hz(clock_hz)
    assert achieved <= clock_hz * (1 + 1e-9)
    every = {1e9 / (a * b) for a in range(1, 64) for b in range(1, 64)}
    assert not any(achieved * (1 + 1e-9) < other <= clock_hz for other in every)


def test_known_clocks() -> None:
    assert fclk_hz(100e6) == 100e6
    assert fclk_hz(96.6e6) == pytest.approx(1e9 / 11)  # never the nearer 100 MHz
    assert fclk_hz(150e6) == pytest.approx(1e9 / 7)


def test_a_clock_below_every_divider_is_refused() -> None:
    with pytest.raises(BundleError, match="cannot run at"):
        fclk_divisors(200e3)


def test_equal_input_gives_equal_text_and_names_are_escaped(tmp_path: Path) -> None:
    assert hwh() == hwh()
    name = '<net "1" & co>'
    assert parsed(tmp_path, hwh(name=name)).ip_dict["ntorc_0"]["phys_addr"] == 0x43C00000


@pytest.mark.parametrize("part", ["", "xczu3eg", "7z020", "xc7a35tcpg236-1"])
def test_other_families_are_refused(part: str) -> None:
    with pytest.raises(BundleError, match="not a Zynq-7000 part"):
        hwh(part=part)


@pytest.mark.parametrize("base", [0, 0x3FFFF000, 0x7FFFF001, 0xF8000000])
def test_an_address_off_gp0_is_refused(base: int) -> None:
    with pytest.raises(BundleError, match="M_AXI_GP0"):
        hwh(base=base)


def test_pynq_sees_the_dma_behind_the_shell(tmp_path: Path) -> None:
    text = shell_hwh("d", PART, 100e6, 0x43C00000, 0x1000, load_registers(), dma=True)
    found = parsed(tmp_path, text).ip_dict
    assert set(found) >= {"ntorc_0", "axi_dma_0"}
    dma = found["axi_dma_0"]
    assert (dma["phys_addr"], dma["addr_range"], dma["type"]) == (0x43C01000, 0x1000, "xilinx.com:ip:axi_dma:7.1")
    assert (dma["parameters"]["c_include_sg"], dma["parameters"]["c_sg_length_width"]) == ("0", "24")
    assert "axi_dma_0" not in parsed(tmp_path, hwh()).ip_dict
    with pytest.raises(BundleError, match="M_AXI_GP0"):
        shell_hwh("d", PART, 100e6, 0x7FFFF000, 0x1000, load_registers(), dma=True)


PLUS = "xczu7ev-ffvc1156-2-e"


@pytest.mark.parametrize("part", [PLUS, "xck26-sfvc784-2LV-c"])
def test_pynq_sees_the_shell_behind_an_ultrascale(tmp_path: Path, part: str) -> None:
    parser = parsed(tmp_path, hwh(100e6, part, 0xA0000000))
    shell = parser.ip_dict["ntorc_0"]
    assert (shell["phys_addr"], shell["addr_range"]) == (0xA0000000, 0x1000)
    assert parser.family_ps == "zynq_ultra_ps_e"
    clock = parser.clock_dict[0]
    assert (clock["enable"], clock["divisor0"] * clock["divisor1"]) == (1, 15)
    assert clock["frequency"] == pytest.approx(100.0)
    assert parser.ip_dict[parser.ps_name]["parameters"]["C_MAXIGP0_DATA_WIDTH"] == "128"
    assert "C_SAXIGP2_DATA_WIDTH" not in parser.ip_dict[parser.ps_name]["parameters"]
    text = shell_hwh("d", part, 100e6, 0xA0000000, 0x1000, load_registers(), dma=True)
    with_dma = parsed(tmp_path, text).ip_dict
    assert with_dma[parser.ps_name]["parameters"]["C_SAXIGP2_DATA_WIDTH"] == "128"
    assert with_dma["axi_dma_0"]["phys_addr"] == 0xA0001000
    with pytest.raises(BundleError, match="M_AXI_HPM0_FPD"):
        hwh(part=part)


def test_board_files_have_addresses_on_their_ports_and_clocks_that_can_be() -> None:
    for name in list_boards():
        board = load_board(name)
        ps = processing_system(board.part)
        assert board.family == ps.family
        assert ps.first <= board.shell_base <= ps.last
        assert ps.clock_hz(board.default_clock_hz) == board.default_clock_hz
