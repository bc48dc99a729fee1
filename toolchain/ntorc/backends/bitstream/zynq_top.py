"""The top of a bitstream: the processing system's primitive, the bridge to AXI4-Lite, and the generated design.

A design with a DMA has the processing system's memory too, by a slave port of it: the general one of a Zynq-7000 with
its 32 bits, the first high-performance one of an UltraScale+ with 128.  No lines of a processor's cache are touched:
buffers are those of ``pynq.allocate``, which are not cached, or flushed and invalidated.

No block design and no vendor core: the boot loader and Linux set up the processing system (memory, pins, clocks) before
any logic is loaded, so the logic needs only its clock, its reset and its first master port.  Pins of the primitive that
are not named stay open or at 0, as the vendor's own wrapper ties them.  Port names and widths are those of the
primitives PS7 and PS8 (yosys' ``xilinx/cells_xtra.v`` lists them; the tests compare).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ntorc.backends.base import Resources
from ntorc.backends.native.shell import MEMORY

TOP = "ntorc_zynq"
BRIDGE = "ntorc_axi_bridge.sv"
LANES = "ntorc_memory_lanes.sv"
INSTANCE = "ps"
"""The primitive's name in the top; constraints name its clock pin."""


@dataclass(frozen=True)
class Primitive:
    """A processing system as a primitive.

    Attributes:
        name: of the primitive.
        id_bits, length_bits, size_bits, data_bits, address_bits: of its master port.
        clock, reset: its pins towards the logic, as vectors and the bit of them that is used.
        buffer: the primitive that takes the clock to the logic.
        bridge: what `BRIDGE` takes behind this port, by yosys 0.70 (a test compares it).
        memory: what a DMA's way to memory takes besides, likewise.
        memory_port: the slave port by which a DMA reaches memory.
        memory_bits, memory_address_bits: of that port.
        memory_clocks: its clock pins.
    """

    name: str
    id_bits: int
    length_bits: int
    size_bits: int
    data_bits: int
    address_bits: int
    clock: tuple[str, int, int]
    reset: tuple[str, int, int]
    buffer: str
    bridge: Resources
    memory: Resources
    memory_port: str
    memory_bits: int
    memory_address_bits: int
    memory_clocks: tuple[str, ...]


PRIMITIVES = {
    "zynq7": Primitive(
        "PS7", 12, 4, 2, 32, 32, ("FCLKCLK", 4, 0), ("FCLKRESETN", 4, 0), "BUFG", Resources(lut=157, ff=148),
        Resources(lut=3, ff=2), "SAXIGP0", 32, 32, ("ACLK",),
    ),
    # its reset to the logic is the last bit of the GPIO (UG1085, PL resets)
    "zynquplus": Primitive(
        "PS8", 16, 8, 3, 128, 40, ("PLCLK", 4, 0), ("EMIOGPIOO", 96, 95), "BUFG_PS", Resources(lut=251, ff=168),
        Resources(lut=60, ff=6), "SAXIGP2", 128, 49, ("RCLK", "WCLK"),
    ),
}
"""By the family of a board's part."""

_CHANNELS = (
    # direction as the primitive sees it, name, which width
    ("output", "AWVALID", "1"), ("input", "AWREADY", "1"), ("output", "AWID", "id"), ("output", "AWADDR", "address"),
    ("output", "AWLEN", "length"), ("output", "AWSIZE", "size"), ("output", "AWBURST", "2"),
    ("output", "WVALID", "1"), ("input", "WREADY", "1"), ("output", "WDATA", "data"), ("output", "WSTRB", "strobes"),
    ("output", "WLAST", "1"), ("input", "BVALID", "1"), ("output", "BREADY", "1"), ("input", "BID", "id"),
    ("input", "BRESP", "2"), ("output", "ARVALID", "1"), ("input", "ARREADY", "1"), ("output", "ARID", "id"),
    ("output", "ARADDR", "address"), ("output", "ARLEN", "length"), ("output", "ARSIZE", "size"),
    ("output", "ARBURST", "2"), ("input", "RVALID", "1"), ("output", "RREADY", "1"), ("input", "RID", "id"),
    ("input", "RDATA", "data"), ("input", "RRESP", "2"), ("input", "RLAST", "1"),
)  # fmt: skip
_LITE = (
    "awvalid", "awready", "awaddr", "wvalid", "wready", "wdata", "bvalid", "bready", "bresp", "arvalid", "arready",
    "araddr", "rvalid", "rready", "rdata", "rresp",
)  # fmt: skip
_LITE_BITS = {"awaddr": 12, "araddr": 12, "wdata": 32, "rdata": 32, "bresp": 2, "rresp": 2}


_MEMORY = (
    # direction as the primitive sees it, name, which width; IDs, locks, protection and quality stay at 0
    ("input", "ARVALID", "1"), ("output", "ARREADY", "1"), ("input", "ARADDR", "address"), ("input", "ARLEN", "length"),
    ("input", "ARSIZE", "size"), ("input", "ARBURST", "2"), ("input", "ARCACHE", "4"), ("output", "RVALID", "1"),
    ("input", "RREADY", "1"), ("output", "RDATA", "data"), ("output", "RRESP", "2"), ("input", "AWVALID", "1"),
    ("output", "AWREADY", "1"), ("input", "AWADDR", "address"), ("input", "AWLEN", "length"),
    ("input", "AWSIZE", "size"), ("input", "AWBURST", "2"), ("input", "AWCACHE", "4"), ("input", "WVALID", "1"),
    ("output", "WREADY", "1"), ("input", "WDATA", "data"), ("input", "WSTRB", "strobes"), ("input", "WLAST", "1"),
    ("output", "BVALID", "1"), ("input", "BREADY", "1"), ("output", "BRESP", "2"),
)  # fmt: skip
_CORE_BITS = {name.removeprefix("m_axi_"): bits for _, bits, name in MEMORY}
_CACHE = "4'b0011"  # bufferable and modifiable, as memory is; nothing of it is allocated in a cache


def ports_of(primitive: Primitive, *, dma: bool = False) -> dict[str, tuple[str, int]]:
    """The primitive's pins that the top connects: direction and bits by name."""
    widths = {
        "1": 1, "2": 2, "id": primitive.id_bits, "address": primitive.address_bits, "length": primitive.length_bits,
        "size": primitive.size_bits, "data": primitive.data_bits, "strobes": primitive.data_bits // 8,
    }  # fmt: skip
    ports = {f"MAXIGP0{name}": (way, widths[width]) for way, name, width in _CHANNELS}
    clock, reset = primitive.clock, primitive.reset
    if dma:
        name = primitive.memory_port
        widths |= {
            "4": 4, "address": primitive.memory_address_bits, "data": primitive.memory_bits,
            "strobes": primitive.memory_bits // 8,
        }  # fmt: skip
        ports |= {f"{name}{pin}": ("input", 1) for pin in primitive.memory_clocks}
        ports |= {f"{name}{pin}": (way, widths[width]) for way, pin, width in _MEMORY}
    return {
        clock[0]: ("output", clock[1]), reset[0]: ("output", reset[1]), "MAXIGP0ACLK": ("input", 1), **ports
    }  # fmt: skip


def top_sources(family: str, *, dma: bool = False) -> Sequence[str]:
    """The hand-written files of the top, besides the design's."""
    return (BRIDGE, LANES) if dma and PRIMITIVES[family].memory_bits > 32 else (BRIDGE,)


def stub(primitive: Primitive, *, dma: bool = False) -> str:
    """The primitive and its clock buffer without what is in them, for lint and simulation."""
    ports = ",\n".join(f"    {way} [{bits - 1}:0] {name}" for name, (way, bits) in ports_of(primitive, dma=dma).items())
    return (
        "/* verilator lint_off UNDRIVEN */\n/* verilator lint_off UNUSEDSIGNAL */\n"
        f"(* blackbox *)\nmodule {primitive.name} (\n{ports}\n);\nendmodule\n"
        f"(* blackbox *)\nmodule {primitive.buffer} (\n    output O,\n    input I\n);\nendmodule\n"
        "/* verilator lint_on UNDRIVEN */\n/* verilator lint_on UNUSEDSIGNAL */\n"
    )


def zynq_top(family: str, *, dma: bool = False) -> str:
    """The module `TOP`, which has no ports.

    Args:
        family: of the board's part, a key of `PRIMITIVES`.
        dma: the design has one.
    """
    primitive = PRIMITIVES[family]
    ports = ports_of(primitive, dma=dma)
    clocks = {"MAXIGP0ACLK", *(f"{primitive.memory_port}{pin}" for pin in primitive.memory_clocks)}
    wires = "".join(
        f"  wire [{bits - 1}:0] {name.lower()};\n" for name, (_, bits) in ports.items() if name not in clocks
    )
    connected = ", ".join(f".{name}({'clk' if name in clocks else name.lower()})" for name in ports)
    clock, reset = primitive.clock, primitive.reset
    return (
        f"// {primitive.name}, its master port as AXI4-Lite, and the design.\n"
        f"module {TOP};\n{wires}"
        "  wire clk;\n"
        f"  {primitive.buffer} clock_buffer (.I({clock[0].lower()}[{clock[2]}]), .O(clk));\n\n"
        "  // the reset comes and goes with the processing system's own clock\n"
        '  (* ASYNC_REG = "TRUE" *) reg [2:0] reset_chain;\n'
        f"  always @(posedge clk or negedge {reset[0].lower()}[{reset[2]}])\n"
        f"    if (!{reset[0].lower()}[{reset[2]}]) reset_chain <= 3'b000;\n"
        "    else reset_chain <= {reset_chain[1:0], 1'b1};\n"
        "  wire aresetn = reset_chain[2];\n\n"
        '  (* keep, DONT_TOUCH = "TRUE" *)\n'
        f"  {primitive.name} {INSTANCE} (\n      {connected}\n  );\n\n" + _bridged(primitive, dma=dma) + "endmodule\n"
    )


def _bridged(primitive: Primitive, *, dma: bool) -> str:
    address_bits = 13 if dma else 12  # the DMA's registers are behind the shell's
    bits_of = {**_LITE_BITS, "awaddr": address_bits, "araddr": address_bits}
    lite = "".join(f"  wire [{bits_of.get(name, 1) - 1}:0] lite_{name};\n" for name in _LITE)
    channels = []
    for _, name, width in _CHANNELS:
        wire = f"maxigp0{name.lower()}"
        if width == "address":
            wire = f"{wire}[{address_bits - 1}:0]"  # the design's range: its place in the map is the port's business
        elif width == "size" and primitive.size_bits < 3:
            wire = f"{{{3 - primitive.size_bits}'b0, {wire}}}"
        channels.append(f".{name.lower()}({wire})")
    parameters = (
        f".ID_BITS({primitive.id_bits}), .LENGTH_BITS({primitive.length_bits}), .DATA_BITS({primitive.data_bits})"
        + (f", .ADDRESS_BITS({address_bits})" if dma else "")
    )
    slave = ", ".join(f".s_axi_{name}(lite_{name})" for name in _LITE)
    master = ", ".join(f".m_axi_{name}(lite_{name})" for name in _LITE)
    unused = ", ".join(
        [f"{name.lower()}" for name in (primitive.clock[0], primitive.reset[0])]
        + [f"maxigp0{name}addr" for name in ("aw", "ar")]
    )
    memory = f", {', '.join(f'.m_axi_{pin}(core_{pin})' for pin in _CORE_BITS)}" if dma else ""
    return (
        (_memory(primitive) if dma else "")
        + f"{lite}  wire [{primitive.length_bits - 1}:0] left;\n  wire last_taken;\n"
        f"  wire unused = &{{1'b0, left, last_taken, {unused}}};\n"
        f"  ntorc_axi_bridge #({parameters}) bridge (\n      .clk, .rst(!aresetn), {', '.join(channels)},\n"
        f"      .left, .last_taken, {master}\n  );\n"
        f"  ntorc_top core (\n      .clk, .aresetn, {slave}{memory}\n  );\n"
    )


def _memory(primitive: Primitive) -> str:
    """The design's 32-bit master at the memory port, on that port's lanes."""
    port, ports = primitive.memory_port.lower(), ports_of(primitive, dma=True)
    text = "".join(f"  wire [{bits - 1}:0] core_{pin};\n" for pin, bits in _CORE_BITS.items())
    is_wide, unused = primitive.memory_bits > 32, []
    for way, upper, width in _MEMORY:
        pin, bits = upper.lower(), ports[f"{primitive.memory_port}{upper}"][1]
        if width == "4":
            text += f"  assign {port}{pin} = {_CACHE};\n"
        elif is_wide and width in ("data", "strobes"):
            continue
        elif way == "output":
            text += f"  assign core_{pin} = {port}{pin};\n"
        elif bits < _CORE_BITS[pin]:  # AXI3's lengths and sizes: bursts have at most 16 beats of 4 bytes
            text += f"  assign {port}{pin} = core_{pin}[{bits - 1}:0];\n"
            unused.append(f"core_{pin}[{_CORE_BITS[pin] - 1}:{bits}]")
        else:
            text += f"  assign {port}{pin} = {bits}'(core_{pin});\n"
    if unused:
        text += f"  wire unused_memory = &{{1'b0, {', '.join(unused)}}};\n"
    if not is_wide:
        return text
    last = (primitive.memory_bits // 8).bit_length() - 2
    return text + (
        f"  ntorc_memory_lanes #(.DATA_BITS({primitive.memory_bits})) lanes (\n"
        f"      .clk, .read_taken(core_arvalid && core_arready), .read_lane(core_araddr[{last}:2]),\n"
        f"      .given(core_rvalid && core_rready), .port_rdata({port}rdata), .rdata(core_rdata),\n"
        f"      .write_taken(core_awvalid && core_awready), .write_lane(core_awaddr[{last}:2]),\n"
        f"      .sent(core_wvalid && core_wready), .wdata(core_wdata), .wstrb(core_wstrb),\n"
        f"      .port_wdata({port}wdata), .port_wstrb({port}wstrb)\n  );\n"
    )


def constraints(family: str, clock_hz: float) -> str:
    """The clock for Vivado.  Jitter is 3 % of the period, as the vendor's own wrapper of the primitive says."""
    pin, _, bit = PRIMITIVES[family].clock
    period_ns = 1e9 / clock_hz
    return (
        f"create_clock -name ntorc_clock -period {period_ns:.3f} [get_pins {{{INSTANCE}/{pin}[{bit}]}}]\n"
        f"set_input_jitter ntorc_clock {0.03 * period_ns:.3f}\n"
    )
