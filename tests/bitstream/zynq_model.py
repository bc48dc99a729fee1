"""A processing system for simulation: the primitive's pins, driven from the ports of a test bench around the top."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ntorc.backends.bitstream.zynq_top import BRIDGE, INSTANCE, PRIMITIVES, TOP, Primitive, ports_of, zynq_top
from ntorc.backends.native.simulate import register_offsets
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.verilate import build_library

_BENCH = "zynq_bench"
_IN = {"awvalid": 1, "awaddr": 32, "awid": 16, "wvalid": 1, "wdata": 32, "bready": 1, "arvalid": 1, "araddr": 32,
       "arid": 16, "rready": 1}  # fmt: skip
_OUT = {"awready": 1, "wready": 1, "bvalid": 1, "bid": 16, "bresp": 2, "arready": 1, "rvalid": 1, "rid": 16,
        "rdata": 32, "rresp": 2, "rlast": 1}  # fmt: skip


def model(primitive: Primitive) -> str:
    """The primitive as the bench drives it: single accesses of 32 bits, on the lane that the address says."""
    ports = ports_of(primitive)
    lanes, lines = primitive.data_bits // 32, []
    for name, (way, bits) in ports.items():
        short = name.removeprefix("MAXIGP0").lower()
        if way == "input":
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
    return f"module {primitive.name} (\n{header}\n);\n{''.join(lines)}endmodule\n{buffer}"


def bench_module() -> str:
    """The bench's own ports around the top."""
    inputs = "".join(f"    input logic [{bits - 1}:0] {name},\n" for name, bits in _IN.items())
    outputs = ",\n".join(f"    output logic [{bits - 1}:0] {name}" for name, bits in _OUT.items())
    pins = "".join(
        f"  assign {name} = {bits}'(zynq.{INSTANCE}.MAXIGP0{name.upper()});\n" for name, bits in _OUT.items()
    )
    return (
        f"/* verilator lint_off WIDTH */\nmodule {_BENCH} (\n    input logic clk,\n    input logic resetn,\n"
        f"{inputs}{outputs}\n);\n"
        f"  {TOP} zynq ();\n{pins}endmodule\n"
    )


class Zynq:
    """The complete top of a design under a processor's accesses."""

    def __init__(self, files: dict[str, str], family: str, cache: Path) -> None:
        sources = {
            **files, **library_sources([BRIDGE]), f"{TOP}.sv": zynq_top(family), "ps.sv": model(PRIMITIVES[family]),
            f"{_BENCH}.sv": bench_module(),
        }  # fmt: skip
        bench = Path(__file__).with_name("zynq_bench.cpp")
        flags = ["-Wno-UNUSEDSIGNAL", "-Wno-UNDRIVEN", "-Wno-WIDTH", "-Wno-SYNCASYNCNET"]
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
