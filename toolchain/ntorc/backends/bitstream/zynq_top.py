"""The top of a bitstream: the processing system's primitive, the bridge to AXI4-Lite, and the generated design.

No block design and no vendor core: the boot loader and Linux set up the processing system (memory, pins, clocks) before
any logic is loaded, so the logic needs only its clock, its reset and its first master port.  Pins of the primitive that
are not named stay open or at 0, as the vendor's own wrapper ties them.  Port names and widths are those of the
primitives PS7 and PS8 (yosys' ``xilinx/cells_xtra.v`` lists them; the tests compare).
"""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.backends.base import Resources

TOP = "ntorc_zynq"
BRIDGE = "ntorc_axi_bridge.sv"
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


PRIMITIVES = {
    "zynq7": Primitive(
        "PS7", 12, 4, 2, 32, 32, ("FCLKCLK", 4, 0), ("FCLKRESETN", 4, 0), "BUFG", Resources(lut=157, ff=148)
    ),
    # its reset to the logic is the last bit of the GPIO (UG1085, PL resets)
    "zynquplus": Primitive(
        "PS8", 16, 8, 3, 128, 40, ("PLCLK", 4, 0), ("EMIOGPIOO", 96, 95), "BUFG_PS", Resources(lut=251, ff=168)
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


def ports_of(primitive: Primitive) -> dict[str, tuple[str, int]]:
    """The primitive's pins that the top connects: direction and bits by name."""
    widths = {
        "1": 1, "2": 2, "id": primitive.id_bits, "address": primitive.address_bits, "length": primitive.length_bits,
        "size": primitive.size_bits, "data": primitive.data_bits, "strobes": primitive.data_bits // 8,
    }  # fmt: skip
    ports = {f"MAXIGP0{name}": (way, widths[width]) for way, name, width in _CHANNELS}
    clock, reset = primitive.clock, primitive.reset
    return {
        clock[0]: ("output", clock[1]), reset[0]: ("output", reset[1]), "MAXIGP0ACLK": ("input", 1), **ports
    }  # fmt: skip


def stub(primitive: Primitive) -> str:
    """The primitive and its clock buffer without what is in them, for lint and simulation."""
    ports = ",\n".join(f"    {way} [{bits - 1}:0] {name}" for name, (way, bits) in ports_of(primitive).items())
    return (
        "/* verilator lint_off UNDRIVEN */\n/* verilator lint_off UNUSEDSIGNAL */\n"
        f"(* blackbox *)\nmodule {primitive.name} (\n{ports}\n);\nendmodule\n"
        f"(* blackbox *)\nmodule {primitive.buffer} (\n    output O,\n    input I\n);\nendmodule\n"
        "/* verilator lint_on UNDRIVEN */\n/* verilator lint_on UNUSEDSIGNAL */\n"
    )


def zynq_top(family: str) -> str:
    """The module `TOP`, which has no ports.

    Args:
        family: of the board's part, a key of `PRIMITIVES`.
    """
    primitive = PRIMITIVES[family]
    ports = ports_of(primitive)
    wires = "".join(
        f"  wire [{bits - 1}:0] {name.lower()};\n" for name, (_, bits) in ports.items() if "ACLK" not in name
    )
    connected = ", ".join(f".{name}({'clk' if 'ACLK' in name else name.lower()})" for name in ports)
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
        f"  {primitive.name} {INSTANCE} (\n      {connected}\n  );\n\n" + _bridged(primitive) + "endmodule\n"
    )


def _bridged(primitive: Primitive) -> str:
    lite = "".join(f"  wire [{_LITE_BITS.get(name, 1) - 1}:0] lite_{name};\n" for name in _LITE)
    channels = []
    for _, name, width in _CHANNELS:
        wire = f"maxigp0{name.lower()}"
        if width == "address":
            wire = f"{wire}[11:0]"  # the shell's range: its place in the map is the port's business
        elif width == "size" and primitive.size_bits < 3:
            wire = f"{{{3 - primitive.size_bits}'b0, {wire}}}"
        channels.append(f".{name.lower()}({wire})")
    parameters = (
        f".ID_BITS({primitive.id_bits}), .LENGTH_BITS({primitive.length_bits}), .DATA_BITS({primitive.data_bits})"
    )
    slave = ", ".join(f".s_axi_{name}(lite_{name})" for name in _LITE)
    master = ", ".join(f".m_axi_{name}(lite_{name})" for name in _LITE)
    unused = ", ".join(
        [f"{name.lower()}" for name in (primitive.clock[0], primitive.reset[0])]
        + [f"maxigp0{name}addr" for name in ("aw", "ar")]
    )
    return (
        f"{lite}  wire [{primitive.length_bits - 1}:0] left;\n  wire last_taken;\n"
        f"  wire unused = &{{1'b0, left, last_taken, {unused}}};\n"
        f"  ntorc_axi_bridge #({parameters}) bridge (\n      .clk, .rst(!aresetn), {', '.join(channels)},\n"
        f"      .left, .last_taken, {master}\n  );\n"
        f"  ntorc_top core (\n      .clk, .aresetn, {slave}\n  );\n"
    )


def constraints(family: str, clock_hz: float) -> str:
    """The clock for Vivado.  Jitter is 3 % of the period, as the vendor's own wrapper of the primitive says."""
    pin, _, bit = PRIMITIVES[family].clock
    period_ns = 1e9 / clock_hz
    return (
        f"create_clock -name ntorc_clock -period {period_ns:.3f} [get_pins {{{INSTANCE}/{pin}[{bit}]}}]\n"
        f"set_input_jitter ntorc_clock {0.03 * period_ns:.3f}\n"
    )
