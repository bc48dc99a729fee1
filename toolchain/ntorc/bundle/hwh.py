"""The hardware description (.hwh) that pynq reads: the shell on M_AXI_GP0 of a Zynq-7000's PS7.

Vivado writes this file for a block design; a design made without a block design needs its own.
It has what unmodified pynq 4.0.0 and 3.x look for, and no more: the processing system with its
clock settings, its master port with the shell's address range, and the shell's registers, so that
``overlay.ntorc_0.register_map`` works.  A design's DMA is described as the core whose registers it has, so that
pynq binds its driver to ``overlay.axi_dma_0``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from ntorc.errors import BundleError
from ntorc_board.registers import Register

SHELL_INSTANCE = "ntorc_0"
"""The shell's name in pynq: ``overlay.ntorc_0``."""
DMA_INSTANCE = "axi_dma_0"
DMA_SPAN = 0x1000
"""Bytes of the DMA's registers; they begin behind the shell's."""
PS_INSTANCE = "processing_system7_0"

_IO_PLL_HZ = 1_000_000_000  # of the supported boards: a crystal of 50 MHz, times 20
_DIVISORS = range(1, 64)  # FPGAx_CLK_CTRL has two dividers of 6 bits (UG585, SLCR registers)
_DMA_PARAMETERS = {  # in lower case, as pynq looks for them
    "c_include_sg": "0",
    "c_micro_dma": "0",
    "c_sg_length_width": "24",  # of ntorc_dma.sv's LENGTH_BITS
    "c_include_mm2s": "1",
    "c_include_mm2s_dre": "0",
    "c_m_axi_mm2s_data_width": "32",
    "c_mm2s_burst_size": "16",
    "c_include_s2mm": "1",
    "c_include_s2mm_dre": "0",
    "c_m_axi_s2mm_data_width": "32",
    "c_s2mm_burst_size": "16",
}
_ACCESS = {"RO": "read-only", "RW": "read-write", "WO": "write-only"}


def fclk_divisors(clock_hz: float) -> tuple[int, int]:
    """The two dividers of FCLK0 that give the highest clock not above ``clock_hz``.

    A design was made for ``clock_hz``; the nearest clock could be above it, so rounding is down.

    Raises:
        BundleError: no dividers give such a clock.
    """
    best = min(
        ((d0 * d1, d0, d1) for d0 in _DIVISORS for d1 in _DIVISORS if _IO_PLL_HZ / (d0 * d1) <= clock_hz * (1 + 1e-9)),
        default=None,
    )
    if best is None:
        slowest_hz = _IO_PLL_HZ / max(_DIVISORS) ** 2
        raise BundleError(f"FCLK0 cannot run at {clock_hz:.0f} Hz", f"ask for at least {slowest_hz / 1e6:.3f} MHz")
    return best[2], best[1]


def fclk_hz(clock_hz: float) -> float:
    """The clock in Hz that FCLK0 really has when ``clock_hz`` is asked for: that or less."""
    divisor0, divisor1 = fclk_divisors(clock_hz)
    return _IO_PLL_HZ / (divisor0 * divisor1)


def shell_hwh(
    name: str,
    part: str,
    clock_hz: float,
    shell_base: int,
    shell_span: int,
    registers: Sequence[Register],
    *,
    dma: bool = False,
) -> str:
    """The .hwh of a design that is the ntorc shell alone behind a PS7.

    Args:
        name: the design's name.
        part: the device, as ``xc7z020clg400-1``.
        clock_hz: the clock that the design was made for.
        shell_base: address of the shell's registers on M_AXI_GP0.
        shell_span: bytes of its address range.
        registers: the shell's registers.
        dma: the design has one, with its registers behind the shell's.

    Raises:
        BundleError: the part is no Zynq-7000, or the clock cannot be made.
    """
    device = re.fullmatch(r"xc(7z\d{3}s?)([a-z]{3}\d+)(-\d[a-z]?)", part)
    if device is None:
        raise BundleError(f"{part} is not a Zynq-7000 part", "the shell's hardware description is for PS7 only")
    ranges = [(SHELL_INSTANCE, shell_base, shell_span)]
    if dma:
        ranges.append((DMA_INSTANCE, shell_base + shell_span, DMA_SPAN))
    if not (shell_base >= 0x4000_0000 and sum(ranges[-1][1:]) <= 0x8000_0000):
        raise BundleError(f"0x{shell_base:X} is not in M_AXI_GP0's range", "correct shell_base in the board's file")
    system = Xml.Element("EDKSYSTEM", EDWVERSION="1.2", TIMESTAMP="", VIVADOVERSION="")
    Xml.SubElement(
        system,
        "SYSTEMINFO",
        ARCH="zynq",
        DEVICE=device[1],
        NAME=_identifier(name),
        PACKAGE=device[2],
        SPEEDGRADE=device[3],
    )
    Xml.SubElement(system, "EXTERNALPORTS")
    Xml.SubElement(system, "EXTERNALINTERFACES")
    modules = Xml.SubElement(system, "MODULES")
    clock = f"{fclk_hz(clock_hz):.0f}"
    _add_shell(modules, clock, shell_span, registers)
    if dma:
        _add_dma(modules, clock)
    _add_processing_system(modules, clock_hz, ranges)
    Xml.indent(system)
    return '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n' + Xml.tostring(system, encoding="unicode") + "\n"


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name) or "design"


def _module(modules: Xml.Element, instance: str, vlnv: str, is_peripheral: bool) -> Xml.Element:
    kind = vlnv.split(":")[2]
    return Xml.SubElement(
        modules,
        "MODULE",
        COREREVISION="1",
        FULLNAME=f"/{instance}",
        HWVERSION=vlnv.split(":")[3],
        INSTANCE=instance,
        IPTYPE="PERIPHERAL" if is_peripheral else "PROCESSOR",
        IS_ENABLE="1",
        MODCLASS="PERIPHERAL" if is_peripheral else "PROCESSOR",
        MODTYPE=kind,
        VLNV=vlnv,
    )


def _parameters(parent: Xml.Element, values: dict[str, str]) -> None:
    group = Xml.SubElement(parent, "PARAMETERS")
    for name, value in values.items():
        Xml.SubElement(group, "PARAMETER", NAME=name, VALUE=value)


def _port(ports: Xml.Element, name: str, direction: str, clock: str, other: tuple[str, str]) -> None:
    """A clock port and what it is connected to."""
    port = Xml.SubElement(
        ports,
        "PORT",
        CLKFREQUENCY=clock,
        DIR=direction,
        NAME=name,
        SIGIS="clk",
        SIGNAME=f"{PS_INSTANCE}_FCLK_CLK0",
    )
    connections = Xml.SubElement(port, "CONNECTIONS")
    Xml.SubElement(connections, "CONNECTION", INSTANCE=other[0], PORT=other[1])


def _add_shell(modules: Xml.Element, clock: str, span: int, registers: Sequence[Register]) -> None:
    module = _module(modules, SHELL_INSTANCE, "ntorc:control:ntorc_shell:1.0", is_peripheral=True)
    blocks = Xml.SubElement(module, "ADDRESSBLOCKS")
    block = Xml.SubElement(
        blocks,
        "ADDRESSBLOCK",
        ACCESS="read-write",
        INTERFACE="S_AXI",
        NAME="reg0",
        RANGE=str(span),
        USAGE="register",
    )
    group = Xml.SubElement(block, "REGISTERS")
    for register in registers:
        for index in range(register.count):
            name = register.name if register.count == 1 else f"{register.name}_{index}"
            _add_register(group, name, register.offset + index * register.stride, register)
    _parameters(module, {"C_S_AXI_DATA_WIDTH": "32"})
    ports = Xml.SubElement(module, "PORTS")
    _port(ports, "s_axi_aclk", "I", clock, (PS_INSTANCE, "FCLK_CLK0"))
    _bus(module, "S_AXI", "SLAVE")


def _add_dma(modules: Xml.Element, clock: str) -> None:
    """The core that pynq's driver takes the DMA for: simple mode, words of 32 bits, no realignment."""
    module = _module(modules, DMA_INSTANCE, "xilinx.com:ip:axi_dma:7.1", is_peripheral=True)
    blocks = Xml.SubElement(module, "ADDRESSBLOCKS")
    Xml.SubElement(
        blocks, "ADDRESSBLOCK", ACCESS="read-write", INTERFACE="S_AXI_LITE", NAME="Reg", RANGE=str(DMA_SPAN),
        USAGE="register",
    )  # fmt: skip
    _parameters(module, _DMA_PARAMETERS)
    _port(Xml.SubElement(module, "PORTS"), "s_axi_lite_aclk", "I", clock, (PS_INSTANCE, "FCLK_CLK0"))
    _bus(module, "S_AXI_LITE", "SLAVE")


def _bus(module: Xml.Element, name: str, kind: str) -> None:
    """Its interface on M_AXI_GP0."""
    Xml.SubElement(
        Xml.SubElement(module, "BUSINTERFACES"),
        "BUSINTERFACE",
        BUSNAME=f"{PS_INSTANCE}_M_AXI_GP0",
        DATAWIDTH="32",
        NAME=name,
        TYPE=kind,
        VLNV="xilinx.com:interface:aximm:1.0",
    )


def _add_register(group: Xml.Element, name: str, offset: int, register: Register) -> None:
    element = Xml.SubElement(group, "REGISTER", NAME=name)
    _properties(
        element,
        DESCRIPTION=register.description,
        ADDRESS_OFFSET=f"0x{offset:X}",
        SIZE="32",
        ACCESS=_ACCESS[register.access],
        IS_ENABLED="true",
        RESET_VALUE="0x0",
    )
    if register.fields:
        fields = Xml.SubElement(element, "FIELDS")
        for field in register.fields:
            _properties(
                Xml.SubElement(fields, "FIELD", NAME=field.name),
                DESCRIPTION=field.description,
                ACCESS=_ACCESS[register.access],
                BIT_OFFSET=str(field.bit),
                BIT_WIDTH="1",
            )


def _properties(parent: Xml.Element, **values: str) -> None:
    for name, value in values.items():
        Xml.SubElement(parent, "PROPERTY", NAME=name, VALUE=value)


def _add_processing_system(modules: Xml.Element, clock_hz: float, ranges: Sequence[tuple[str, int, int]]) -> None:
    """The PS7, and who answers where on its master port: instance, base, span."""
    module = _module(modules, PS_INSTANCE, "xilinx.com:ip:processing_system7:5.5", is_peripheral=False)
    _parameters(module, _clock_parameters(clock_hz))
    ports = Xml.SubElement(module, "PORTS")
    clock = f"{fclk_hz(clock_hz):.0f}"
    _port(ports, "FCLK_CLK0", "O", clock, (SHELL_INSTANCE, "s_axi_aclk"))
    _bus(module, "M_AXI_GP0", "MASTER")
    memory = Xml.SubElement(module, "MEMORYMAP")
    for instance, base, span in ranges:
        is_dma = instance == DMA_INSTANCE
        Xml.SubElement(
            memory,
            "MEMRANGE",
            ADDRESSBLOCK="Reg" if is_dma else "reg0",
            BASENAME="C_BASEADDR",
            BASEVALUE=f"0x{base:08X}",
            HIGHNAME="C_HIGHADDR",
            HIGHVALUE=f"0x{base + span - 1:08X}",
            INSTANCE=instance,
            IS_DATA="TRUE",
            IS_INSTRUCTION="FALSE",
            MASTERBUSINTERFACE="M_AXI_GP0",
            MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE="S_AXI_LITE" if is_dma else "S_AXI",
        )


def _clock_parameters(clock_hz: float) -> dict[str, str]:
    """The PS7's settings of its four clocks to the logic; only the first is used."""
    divisor0, divisor1 = fclk_divisors(clock_hz)
    values = {"PCW_CRYSTAL_PERIPHERAL_FREQMHZ": "50", "PCW_IOPLL_CTRL_FBDIV": str(_IO_PLL_HZ // 50_000_000)}
    for index in range(4):
        used = index == 0
        values[f"PCW_FPGA_FCLK{index}_ENABLE"] = "1" if used else "0"
        values[f"PCW_FCLK{index}_PERIPHERAL_CLKSRC"] = "IO PLL"
        values[f"PCW_FCLK{index}_PERIPHERAL_DIVISOR0"] = str(divisor0 if used else 1)
        values[f"PCW_FCLK{index}_PERIPHERAL_DIVISOR1"] = str(divisor1 if used else 1)
        # pynq 4.0.0 reads the achieved frequency under the name of the UltraScale+ parameter on
        # Zynq-7000 too, and fails without it; for a disabled clock it is only read
        achieved_mhz = fclk_hz(clock_hz) / 1e6 if used else _IO_PLL_HZ / 1e6
        values[f"PSU__CRL_APB__PL{index}_REF_CTRL__ACT_FREQMHZ"] = f"{achieved_mhz:.6f}"
    return values
