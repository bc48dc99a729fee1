"""hls4ml's core behind the same shell: its HLS step, the wrapper at the network's width, and its reports.

Sources go to HLS as they are; what HLS gives goes to Vivado as Verilog, so that neither a packaged core nor a block
design is needed.  **No vendor tool was at hand**: the scripts run under ``tclsh`` with recorded commands in the tests,
and the wrapper was simulated around a stand-in for the core that has the same ports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ntorc.backends.base import Plan
from ntorc.backends.bitstream.project import Project, Step
from ntorc.backends.bitstream.vivado import HOUR_S, vivado_project, words_of
from ntorc.backends.bitstream.zynq_top import BRIDGE, PRIMITIVES, TOP, zynq_top
from ntorc.backends.native.sources import library_sources
from ntorc.backends.reports.csynth import HlsReport, ModuleEstimate, parse_csynth
from ntorc.boards import Board
from ntorc.errors import BundleError, UsageError
from ntorc.network.network import Network

CORE = "build/ntorc_hls_core.v"
REPORTS = "reports/hls"
_MODULE = re.compile(r"(?:^|_)(config\d+)(?:_s)?$")
"""How HLS' names of a layer's module end: hls4ml's number of the layer."""

_WRAPPER = """\
// The core that HLS made, as the network of the shell: an element a beat, one result a frame.
// It starts by itself whenever there is input.  A soft reset is a pulse of one cycle; the core's is held for 16.
module ntorc_network (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic signed [{in_high}:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic signed [{out_high}:0] out_data,
    output logic idle
);
  logic [4:0] held;  // cycles of reset still to come
  logic busy;        // a frame's first element is in, its result is not out
  wire resetting = rst || held != '0;
  logic core_in_ready, core_out_valid;
  logic [63:0] core_out;

  assign in_ready = core_in_ready && !resetting;
  assign out_valid = core_out_valid && !resetting;
  assign out_data = core_out[{out_high}:0];
  assign idle = !busy && !resetting;
  wire unused = &{{1'b0, core_out[63:{out_bits}]}};

  always_ff @(posedge clk) begin
    if (rst) held <= 5'd16;
    else if (held != '0) held <= held - 1'b1;
    if (resetting) busy <= 1'b0;
    else if (in_valid && in_ready) busy <= 1'b1;
    else if (out_valid && out_ready) busy <= 1'b0;
  end

  ntorc_hls_core core (
      .ap_clk(clk), .ap_rst_n(!resetting), .in_tdata(64'(in_data)), .in_tvalid(in_valid && !resetting),
      .in_tready(core_in_ready), .out_tdata(core_out), .out_tvalid(core_out_valid), .out_tready(out_ready && !resetting)
  );
endmodule
"""
_CSYNTH = """\
# C++ to Verilog, for Vitis HLS and Vivado HLS alike.
set here [file dirname [file normalize [info script]]]
cd [file dirname $here]
open_project -reset hls_prj
set_top {name}
add_files hls/firmware/{name}.cpp -cflags "-std=c++0x -Ihls/firmware"
open_solution -reset solution1
set_part {part}
create_clock -period {period_ns:.3f} -name default
set_clock_uncertainty 12.5% default
config_compile -name_max_length 80
# of some versions only
catch {{config_array_partition -maximum_size 4096}}
catch {{config_schedule -enable_dsp_full_reg=false}}
# counters within layers go back with the core's reset, not its control alone
config_rtl -reset state
csynth_design
source [file join $here hls_core.tcl]
exit
"""
_HLS_CORE = """\
# What HLS made to where the next steps look for it, and the core's ports under names that do not depend on its version.
set made hls_prj/solution1/syn
file mkdir build/hls reports/hls
if {{[llength [glob -nocomplain $made/verilog/*.tcl]]}} {{
  puts "ERROR: HLS asks for a vendor's core: [glob -tails -directory $made/verilog *.tcl]"
  exit 1
}}
foreach file [glob $made/verilog/*.v] {{ file copy -force $file build/hls }}
# read by the path that the sources state: from where Vivado is started
foreach file [glob -nocomplain $made/verilog/*.dat] {{ file copy -force $file . }}
foreach file [glob $made/report/*csynth.xml] {{ file copy -force $file reports/hls }}

set in [open $made/verilog/{name}.v]
set text [read $in]
close $in
regsub -all {{//[^\\n]*}} $text {{}} text
set streams(input) {{}}
set streams(output) {{}}
set port {{(input|output)\\s+(?:wire\\s+)?\\[(\\d+):0\\]\\s+(\\w+)_TDATA\\s*;}}
foreach {{- way high stream}} [regexp -all -inline $port $text] {{
  lappend streams($way) $stream [expr {{$high + 1}}]
}}
if {{[llength $streams(input)] != 2 || [llength $streams(output)] != 2}} {{
  puts "ERROR: the core has not one stream in and one out: $streams(input); $streams(output)"
  exit 1
}}
lassign $streams(input) in_name in_bits
lassign $streams(output) out_name out_bits
if {{$in_bits < {in_bits} || $in_bits > 64 || $out_bits < {out_bits} || $out_bits > 64}} {{
  puts "ERROR: streams of $in_bits and $out_bits bits do not hold words of {in_bits} and {out_bits}"
  exit 1
}}
set reset [expr {{[regexp {{\\map_rst_n\\M}} $text] ? ".ap_rst_n(ap_rst_n)" : ".ap_rst(!ap_rst_n)"}}]
set control {{.ap_start(1'b1), .ap_done(status[0]), .ap_ready(status[1]), .ap_idle(status[2]),}}
set start [expr {{[regexp {{\\map_start\\M}} $text] ? $control : ""}}]
set out [open {core} w]
puts $out "module ntorc_hls_core (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire \\[63:0\\] in_tdata,
    input wire in_tvalid,
    output wire in_tready,
    output wire \\[63:0\\] out_tdata,
    output wire out_tvalid,
    input wire out_tready
);
  wire \\[[expr {{$out_bits - 1}}]:0\\] result;
  assign out_tdata = result;
  wire \\[2:0\\] status;
  wire unused = &{{1'b0, status, in_tdata}};
  {name} core (
      .ap_clk(ap_clk), $reset, $start
      .${{in_name}}_TDATA(in_tdata\\[[expr {{$in_bits - 1}}]:0\\]), .${{in_name}}_TVALID(in_tvalid),
      .${{in_name}}_TREADY(in_tready),
      .${{out_name}}_TDATA(result), .${{out_name}}_TVALID(out_tvalid), .${{out_name}}_TREADY(out_tready)
  );
endmodule"
close $out
"""
_COMMANDS = {
    "Vitis": (("vitis-run", "--mode", "hls", "--tcl", "tcl/csynth.tcl"), ("vitis_hls", "-f", "tcl/csynth.tcl")),
    "Vivado": (("vivado_hls", "-f", "tcl/csynth.tcl"),),
}
HLS_PROGRAMS = {backend: tuple(command[0] for command in commands) for backend, commands in _COMMANDS.items()}
"""hls4ml's backends, the preferred first, and the programs that run what each writes."""

HLS_NAMES = {backend.lower(): backend for backend in HLS_PROGRAMS}
"""hls4ml's backends by the names of the command line."""


def backend_of_steps(steps: Sequence[Step]) -> str:
    """hls4ml's backend that a project's steps are for; empty where none of them is HLS."""
    programs = {command[0] for step in steps for command in step.commands}
    return next((backend for backend, names in HLS_PROGRAMS.items() if programs & set(names)), "")


NOTES = (
    "counters within hls4ml's layers are reset with the core (config_rtl -reset state); no board has shown it yet",
    "the latency is HLS' estimate; the probe in the shell measures it on a board",
)


def wrapper(network: Network) -> str:
    """The network's module around the core."""
    in_bits, out_bits = network.input_format.bits, network.output_format.bits
    return _WRAPPER.format(in_high=in_bits - 1, out_high=out_bits - 1, out_bits=out_bits)


def hls_project(network: Network, plan: Plan, board: Board, backend: str, name: str) -> Project:
    """The project of an hls4ml plan for Vivado.

    Args:
        network: what is built.
        plan: its SystemVerilog by plain names, hls4ml's sources below ``hls/``.
        board: it is for.
        backend: hls4ml's, ``Vitis`` or ``Vivado``.
        name: of the top function.

    Raises:
        UsageError: the board's family has no processing system that is known.
    """
    if board.family not in PRIMITIVES:
        raise UsageError(f"{board.name} is of the family {board.family}", f"families: {', '.join(PRIMITIVES)}")
    sources = {file: text for file, text in plan.files.items() if "/" not in file}
    sources |= {**library_sources([BRIDGE]), f"{TOP}.sv": zynq_top(board.family)}
    files = {f"src/{file}": text for file, text in sources.items()}
    verilog = [file for file in files if file.endswith(".sv")]
    reads = [
        f"read_verilog -sv [list {words_of(verilog)}]",
        f"read_verilog {words_of([CORE])}",
        "read_verilog [lsort [glob build/hls/*.v]]",
        "read_xdc src/clock.xdc",
    ]
    fields: Mapping[str, object] = {
        "name": name, "part": words_of([board.part]), "period_ns": 1e9 / plan.clock_hz, "core": CORE,
        "in_bits": network.input_format.bits, "out_bits": network.output_format.bits,
    }  # fmt: skip
    scripts = {
        "tcl/csynth.tcl": _CSYNTH.format(**fields),
        "tcl/hls_core.tcl": _HLS_CORE.format(**fields),
        "build/keep.txt": "what the tools hand on to each other\n",
    }
    hls = {file: text for file, text in plan.files.items() if "/" in file}
    products = (CORE, f"{REPORTS}/{name}_csynth.xml")
    step = Step("csynth", f"{backend} HLS: C++ to Verilog", _COMMANDS[backend], products, 6 * HOUR_S)
    return vivado_project(
        network.name, board, plan.design_id, plan.clock_hz, {**files, **hls, **scripts}, reads, ["src"], [step], NOTES
    )


def layer_modules(names: Mapping[str, float]) -> dict[str, str]:
    """Of modules' names with their sizes, each layer's: the largest whose name ends with hls4ml's number of it."""
    found: dict[str, str] = {}
    for module in sorted(names, key=lambda item: (-names[item], item)):
        match = _MODULE.search(module)
        if match is not None:
            found.setdefault(match[1], module)
    return found


def read_hls_reports(folder: Path, name: str) -> tuple[HlsReport, dict[str, ModuleEstimate]]:
    """The core's report, and each layer's estimate by hls4ml's number of it.

    Raises:
        BundleError: there is none.
        DataError: one cannot be read.
    """
    path = folder / REPORTS / f"{name}_csynth.xml"
    if not path.is_file():
        raise BundleError("the project is not done: HLS has left no report", "`sh run.sh` in its folder goes on")
    top = parse_csynth(path.read_text(encoding="utf-8", errors="replace"), str(path))
    modules = {one.name: one for one in top.modules}
    for other in sorted((folder / REPORTS).glob("*csynth.xml")):
        if other != path:
            report = parse_csynth(other.read_text(encoding="utf-8", errors="replace"), str(other))
            modules |= {one.name: one for one in (report.total, *report.modules) if one.name != name}
    chosen = layer_modules({module: one.resources.lut for module, one in modules.items()})
    return top, {layer: modules[module] for layer, module in chosen.items()}
