"""The hardware description (.hwh) that pynq reads: the shell at the first master port of a Zynq's processing system.

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

from ntorc.bundle.processing_system import PS7, ProcessingSystem, processing_system
from ntorc.errors import BundleError
from ntorc_board.registers import Register

SHELL_INSTANCE = "ntorc_0"
"""The shell's name in pynq: ``overlay.ntorc_0``."""
DMA_INSTANCE = "axi_dma_0"
DMA_SPAN = 0x1000
"""Bytes of the DMA's registers; they begin behind the shell's."""
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
    """`ProcessingSystem.divisors` of a Zynq-7000."""
    return PS7.divisors(clock_hz)


def fclk_hz(clock_hz: float) -> float:
    """`ProcessingSystem.clock_hz` of a Zynq-7000."""
    return PS7.clock_hz(clock_hz)


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
    """The .hwh of a design that is the ntorc shell alone behind a processing system.

    Args:
        name: the design's name.
        part: the device, as ``xc7z020clg400-1``.
        clock_hz: the clock that the design was made for.
        shell_base: address of the shell's registers on the master port.
        shell_span: bytes of its address range.
        registers: the shell's registers.
        dma: the design has one, with its registers behind the shell's.

    Raises:
        BundleError: the part is no Zynq, the address is not on its port, or the clock cannot be made.
    """
    ps = processing_system(part)
    device = ps.part.fullmatch(part)
    assert device is not None  # by the choice above
    ranges = [(SHELL_INSTANCE, shell_base, shell_span)]
    if dma:
        ranges.append((DMA_INSTANCE, shell_base + shell_span, DMA_SPAN))
    if not (shell_base >= ps.first and sum(ranges[-1][1:]) <= ps.last + 1):
        raise BundleError(f"0x{shell_base:X} is not in {ps.port}'s range", "correct shell_base in the board's file")
    system = Xml.Element("EDKSYSTEM", EDWVERSION="1.2", TIMESTAMP="", VIVADOVERSION="")
    Xml.SubElement(
        system,
        "SYSTEMINFO",
        ARCH=ps.arch,
        DEVICE=device[1],
        NAME=_identifier(name),
        PACKAGE=device[2],
        SPEEDGRADE=device[3],
    )
    Xml.SubElement(system, "EXTERNALPORTS")
    Xml.SubElement(system, "EXTERNALINTERFACES")
    modules = Xml.SubElement(system, "MODULES")
    clock = f"{ps.clock_hz(clock_hz):.0f}"
    _add_shell(modules, ps, clock, shell_span, registers)
    if dma:
        _add_dma(modules, ps, clock)
    _add_processing_system(modules, ps, clock_hz, ranges)
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


def _port(
    ports: Xml.Element, ps: ProcessingSystem, name: str, direction: str, clock: str, other: tuple[str, str]
) -> None:
    """A clock port and what it is connected to."""
    port = Xml.SubElement(
        ports,
        "PORT",
        CLKFREQUENCY=clock,
        DIR=direction,
        NAME=name,
        SIGIS="clk",
        SIGNAME=f"{ps.instance}_{ps.clock_pin}",
    )
    connections = Xml.SubElement(port, "CONNECTIONS")
    Xml.SubElement(connections, "CONNECTION", INSTANCE=other[0], PORT=other[1])


def _add_shell(
    modules: Xml.Element, ps: ProcessingSystem, clock: str, span: int, registers: Sequence[Register]
) -> None:
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
    _port(ports, ps, "s_axi_aclk", "I", clock, (ps.instance, ps.clock_pin))
    _bus(module, ps, "S_AXI", "SLAVE")


def _add_dma(modules: Xml.Element, ps: ProcessingSystem, clock: str) -> None:
    """The core that pynq's driver takes the DMA for: simple mode, words of 32 bits, no realignment."""
    module = _module(modules, DMA_INSTANCE, "xilinx.com:ip:axi_dma:7.1", is_peripheral=True)
    blocks = Xml.SubElement(module, "ADDRESSBLOCKS")
    Xml.SubElement(
        blocks, "ADDRESSBLOCK", ACCESS="read-write", INTERFACE="S_AXI_LITE", NAME="Reg", RANGE=str(DMA_SPAN),
        USAGE="register",
    )  # fmt: skip
    _parameters(module, _DMA_PARAMETERS)
    _port(Xml.SubElement(module, "PORTS"), ps, "s_axi_lite_aclk", "I", clock, (ps.instance, ps.clock_pin))
    _bus(module, ps, "S_AXI_LITE", "SLAVE")


def _bus(module: Xml.Element, ps: ProcessingSystem, name: str, kind: str) -> None:
    """Its interface on the master port."""
    Xml.SubElement(
        Xml.SubElement(module, "BUSINTERFACES"),
        "BUSINTERFACE",
        BUSNAME=f"{ps.instance}_{ps.port}",
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


def _add_processing_system(
    modules: Xml.Element, ps: ProcessingSystem, clock_hz: float, ranges: Sequence[tuple[str, int, int]]
) -> None:
    """The processing system, and who answers where on its master port: instance, base, span."""
    module = _module(modules, ps.instance, ps.vlnv, is_peripheral=False)
    has_dma = any(instance == DMA_INSTANCE for instance, _, _ in ranges)
    _parameters(module, ps.clock_parameters(clock_hz) | (ps.memory_parameters() if has_dma else {}))
    ports = Xml.SubElement(module, "PORTS")
    clock = f"{ps.clock_hz(clock_hz):.0f}"
    _port(ports, ps, ps.clock_pin, "O", clock, (SHELL_INSTANCE, "s_axi_aclk"))
    _bus(module, ps, ps.port, "MASTER")
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
            MASTERBUSINTERFACE=ps.port,
            MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE="S_AXI_LITE" if is_dma else "S_AXI",
        )
