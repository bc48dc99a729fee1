"""A processing system for simulation: the primitive's pins, driven from the ports of a test bench around the top."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ntorc.backends.bitstream.zynq_top import INSTANCE, PRIMITIVES, TOP, Primitive, ports_of, top_sources, zynq_top
from ntorc.backends.native.simulate import register_offsets
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.verilate import build_library

_BENCH = "zynq_bench"
_IN = {"awvalid": 1, "awaddr": 32, "awid": 16, "wvalid": 1, "wdata": 32, "bready": 1, "arvalid": 1, "araddr": 32,
       "arid": 16, "rready": 1, "poke": 1, "poke_at": 32, "poke_word": 32}  # fmt: skip
_OUT = {"awready": 1, "wready": 1, "bvalid": 1, "bid": 16, "bresp": 2, "arready": 1, "rvalid": 1, "rid": 16,
        "rdata": 32, "rresp": 2, "rlast": 1}  # fmt: skip
MEMORY_WORDS = 1 << 14
"""Of the memory behind the slave port; its first address is `MEMORY_AT`."""
MEMORY_AT = 0x1000_0000


def model(primitive: Primitive, *, dma: bool = False) -> str:
    """The primitive as the bench drives it: single accesses of 32 bits, on the lane that the address says."""
    ports = ports_of(primitive, dma=dma)
    lanes, lines = primitive.data_bits // 32, []
    for name, (way, bits) in ports.items():
        short = name.removeprefix("MAXIGP0").lower()
        if way == "input" or name.startswith(primitive.memory_port):
            continue
        if short in _IN:
            value = f"{bits}'({_BENCH}.{short})"
            if short == "wdata":
                value = f"{{{lanes}{{{_BENCH}.wdata}}}}"
        else:
            lane = f"{{{_BENCH}.awaddr[{lanes.bit_length()}:2], 2'b00}}" if lanes > 1 else "0"
            value = {
                "awsize": f"{bits}'d2", "arsize": f"{bits}'d2", "awburst": "2'd1", "arburst": "2'd1", "wlast": "1'b1",
                "awlen": "'0", "arlen": "'0", "wstrb": f"{bits}'(4'hf) << {lane}",
                primitive.clock[0].lower(): f"{{{bits}{{{_BENCH}.clk}}}}",
                primitive.reset[0].lower(): f"{{{bits}{{{_BENCH}.resetn}}}}",
            }[short]  # fmt: skip
        lines.append(f"  assign {name} = {value};\n")
    header = ",\n".join(f"    {way} logic [{bits - 1}:0] {name}" for name, (way, bits) in ports.items())
    buffer = f"module {primitive.buffer} (output O, input I);\n  assign O = I;\nendmodule\n"
    return f"module {primitive.name} (\n{header}\n);\n{''.join(lines)}{memory(primitive, dma=dma)}endmodule\n{buffer}"


def memory(primitive: Primitive, *, dma: bool) -> str:
    """Memory at the slave port, slow and irregular: what a DMA does there is right, or `broken` says that it is not.

    A read beat has its word on the address's lane alone, and the other way round on all others; a written beat may
    strobe that lane alone.
    """
    if not dma:
        return "  logic [31:0] peek_word; assign peek_word = '0; logic broken; assign broken = 1'b0;\n"
    port, lanes = primitive.memory_port, primitive.memory_bits // 32
    bits, strobes = primitive.memory_bits, primitive.memory_bits // 8
    lane_of = "32'd0" if lanes == 1 else f"32'(@[{lanes.bit_length()}:2])"
    reading, writing = lane_of.replace("@", "read_at"), lane_of.replace("@", "write_at")

    def wrong(way: str) -> str:
        at, length = f"{port}{way}ADDR", f"32'({port}{way}LEN)"
        return (
            f"32'({port}{way}SIZE) != 2 || {port}{way}BURST != 2'd1 || {port}{way}CACHE != 4'b0011 || {length} > 15"
            f" || {at} < {MEMORY_AT} || 32'({at}) + 4 * {length} >= {MEMORY_AT + 4 * MEMORY_WORDS}"
            f" || {at}[11:6] != 6'((32'({at}) + 4 * {length}) >> 6)"
        )

    clocks = " || ".join(f"{port}{pin} != {_BENCH}.clk" for pin in primitive.memory_clocks)
    return (
        f"  logic [31:0] words[{MEMORY_WORDS}]; logic [31:0] read_at, write_at, draw, peek_word; logic broken;\n"
        "  logic [7:0] to_read, to_write; logic reading, writing, answering;\n"
        f"  assign peek_word = words[({_BENCH}.poke_at - {MEMORY_AT}) >> 2];\n"
        f"  assign {port}ARREADY = !reading && draw[0], {port}AWREADY = !writing && !answering && draw[3];\n"
        f"  assign {port}WREADY = writing && draw[6], {port}BVALID = answering, {port}BRESP = '0, {port}RRESP = '0;\n"
        "  logic held;\n"
        f"  assign {port}RVALID = reading && (held || draw[9]);\n"
        f"  wire [31:0] word = words[(read_at - {MEMORY_AT}) >> 2];\n"
        f"  always_comb begin\n    {port}RDATA = {{{lanes}{{~word}}}};\n"
        f"    {port}RDATA[32*({reading})+:32] = word;\n  end\n"
        f"  always_ff @(posedge {_BENCH}.clk) begin\n"
        "    draw <= {draw[30:0], draw[31] ^ draw[21] ^ draw[1] ^ draw[0]};\n"
        f"    if ({_BENCH}.poke) words[({_BENCH}.poke_at - {MEMORY_AT}) >> 2] <= {_BENCH}.poke_word;\n"
        f"    held <= {port}RVALID && !{port}RREADY;\n"
        f"    if ({port}ARVALID && {port}ARREADY) begin\n"
        f"      reading <= 1'b1; read_at <= 32'({port}ARADDR); to_read <= 8'({port}ARLEN);\n"
        f"      if ({wrong('AR')}) broken <= 1'b1;\n    end\n"
        f"    if ({port}RVALID && {port}RREADY) begin\n"
        "      read_at <= read_at + 4; to_read <= to_read - 1'b1; if (to_read == 0) reading <= 1'b0;\n    end\n"
        f"    if ({port}AWVALID && {port}AWREADY) begin\n"
        f"      writing <= 1'b1; write_at <= 32'({port}AWADDR); to_write <= 8'({port}AWLEN);\n"
        f"      if ({wrong('AW')}) broken <= 1'b1;\n    end\n"
        f"    if ({port}WVALID && {port}WREADY) begin\n"
        f"      if ({port}WSTRB != {strobes}'(4'hf) << (4 * ({writing}))) broken <= 1'b1;\n"
        f"      if ({port}WLAST != (to_write == 0)) broken <= 1'b1;\n"
        f"      words[(write_at - {MEMORY_AT}) >> 2] <= 32'({port}WDATA >> (32 * ({writing})));\n"
        "      write_at <= write_at + 4; to_write <= to_write - 1'b1;\n"
        "      if (to_write == 0) {writing, answering} <= 2'b01;\n    end\n"
        f"    if ({port}BVALID && {port}BREADY) answering <= 1'b0;\n"
        f"    if (!{_BENCH}.resetn) begin\n"
        "      {reading, writing, answering, broken, held} <= '0; draw <= 32'h1234567;\n    end\n"
        f"    if ({clocks}) broken <= 1'b1;\n  end\n"
        f"  wire [{bits - 1}:0] unused_bits = {port}WDATA;\n"
    )


def bench_module() -> str:
    """The bench's own ports around the top."""
    inputs = "".join(f"    input logic [{bits - 1}:0] {name},\n" for name, bits in _IN.items())
    outputs = ",\n".join(f"    output logic [{bits - 1}:0] {name}" for name, bits in _OUT.items())
    pins = "".join(
        f"  assign {name} = {bits}'(zynq.{INSTANCE}.MAXIGP0{name.upper()});\n" for name, bits in _OUT.items()
    )
    return (
        f"/* verilator lint_off WIDTH */\nmodule {_BENCH} (\n    input logic clk,\n    input logic resetn,\n"
        f"{inputs}{outputs},\n    output logic [31:0] peek_word,\n    output logic broken\n);\n"
        f"  {TOP} zynq ();\n{pins}"
        f"  assign peek_word = zynq.{INSTANCE}.peek_word;\n  assign broken = zynq.{INSTANCE}.broken;\nendmodule\n"
    )


class Zynq:
    """The complete top of a design under a processor's accesses."""

    def __init__(
        self, files: dict[str, str], family: str, cache: Path, *, dma: bool = False, top: str = ""
    ) -> None:
        sources = {
            **files,
            **library_sources(top_sources(family, dma=dma)),
            f"{TOP}.sv": top or zynq_top(family, dma=dma),
            "ps.sv": model(PRIMITIVES[family], dma=dma),
            f"{_BENCH}.sv": bench_module(),
        }
        bench = Path(__file__).with_name("zynq_bench.cpp")
        flags = ["-Wno-UNUSEDSIGNAL", "-Wno-UNDRIVEN", "-Wno-WIDTH", "-Wno-SYNCASYNCNET", "-Wno-CMPCONST"]
        self.library = ctypes.CDLL(str(build_library(sources, _BENCH, (bench,), cache, flags)))
        self.library.bench_create.restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(self.library.bench_create())
        self.offsets = register_offsets()

    def __enter__(self) -> Zynq:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.library.bench_destroy(self.handle)

    def read(self, name: str, base: int = 0x43C00000, identity: int = 0x5A5) -> int:
        value = ctypes.c_uint32()
        assert self.library.bench_read(self.handle, base + self.offsets[name], identity, ctypes.byref(value)), name
        return value.value

    def read_signed(self, name: str, base: int) -> int:
        value = self.read(name, base)
        return value - (1 << 32) if value >> 31 else value

    def write(self, name: str, value: int, base: int = 0x43C00000) -> None:
        assert self.library.bench_write(self.handle, base + self.offsets[name], 0x2A, value & 0xFFFFFFFF), name

    def read_at(self, address: int) -> int:
        value = ctypes.c_uint32()
        assert self.library.bench_read(self.handle, address, 0x5A5, ctypes.byref(value)), hex(address)
        return value.value

    def write_at(self, address: int, value: int) -> None:
        assert self.library.bench_write(self.handle, address, 0x2A, value & 0xFFFFFFFF), hex(address)

    def poke(self, at: int, word: int) -> None:
        """A word into memory, past all buses; its place counts from the memory's first word."""
        self.library.bench_poke(self.handle, MEMORY_AT + 4 * at, word & 0xFFFFFFFF)

    def peek(self, at: int) -> int:
        self.library.bench_peek.restype = ctypes.c_uint32
        value = int(self.library.bench_peek(self.handle, MEMORY_AT + 4 * at))
        return value - (1 << 32) if value >> 31 else value

    @property
    def is_broken(self) -> bool:
        """A rule of the memory's port was broken; see `memory`."""
        return bool(self.library.bench_broken(self.handle))

    def estimates(self, samples: npt.NDArray[np.int64], window: int, hop: int, base: int) -> list[int]:
        """The results of samples one by one, each read long after its frame was complete."""
        found = []
        for number, sample in enumerate(samples):
            self.write("SAMPLE", int(sample), base)
            if number >= window - 1 and (number - window + 1) % hop == 0:
                self.run(3000)
                found.append(self.read_signed("RESULT", base))
        return found

    def run(self, cycles: int) -> None:
        self.library.bench_run(self.handle, cycles)
