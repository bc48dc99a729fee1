"""The generated shell and top: the network's widths and the shell's options, every parameter stated."""

from __future__ import annotations

from ntorc.network.network import Network

STREAM_DEPTH = 32
"""Samples that a streaming shell buffers: what one LUT6 holds as distributed memory."""
MAX_WARM_UP = (1 << 16) - 1
"""Results; the width of the shell's counter."""

_AXI = (
    ("input", 1, "s_axi_awvalid"),
    ("output", 1, "s_axi_awready"),
    ("input", 12, "s_axi_awaddr"),
    ("input", 1, "s_axi_wvalid"),
    ("output", 1, "s_axi_wready"),
    ("input", 32, "s_axi_wdata"),
    ("output", 1, "s_axi_bvalid"),
    ("input", 1, "s_axi_bready"),
    ("output", 2, "s_axi_bresp"),
    ("input", 1, "s_axi_arvalid"),
    ("output", 1, "s_axi_arready"),
    ("input", 12, "s_axi_araddr"),
    ("output", 1, "s_axi_rvalid"),
    ("input", 1, "s_axi_rready"),
    ("output", 32, "s_axi_rdata"),
    ("output", 2, "s_axi_rresp"),
)


def shell_sources(*, streaming: bool = False) -> tuple[str, ...]:
    """The hand-written files of a shell with these options."""
    feed = "ntorc_samples.sv" if streaming else "ntorc_window.sv"
    return ("ntorc_registers.svh", "ntorc_fifo.sv", feed, "ntorc_probe.sv", "ntorc_shell.sv")


def window_depth(window: int, hop: int) -> int:
    """Words of the sample memory: a frame and a hop, as a power of two."""
    return 1 << (window + hop - 1).bit_length()


def shell_module(network: Network, hop: int, depth: int, *, streaming: bool = False, warm_up: int = 0) -> str:
    """The shell with this network's widths; identity and clock are set by the top.

    Args:
        network: what is inside.
        hop: samples from frame to frame; a streaming shell's frames follow each other without overlap.
        depth: samples that the shell keeps: `window_depth`, or `STREAM_DEPTH` when streaming.
        streaming: samples go to the network as they come, and it keeps its state from frame to frame.
        warm_up: results after a reset that are not yet valid.

    Raises:
        ValueError: a streaming shell with another hop than its frame, or a warm-up out of range.
    """
    if streaming and hop != network.input_length:
        raise ValueError(f"a streaming network's hop is its frame, {network.input_length} samples, not {hop}")
    if not 0 <= warm_up <= MAX_WARM_UP:
        raise ValueError(f"a warm-up has 0 to {MAX_WARM_UP} results, not {warm_up}")
    in_bits, out_bits = network.input_format.bits, network.output_format.bits
    ports = "".join(f"    {way:6} logic [{bits - 1}:0] {name},\n" for way, bits, name in _AXI)
    wires = ", ".join(f".{name}" for _, _, name in _AXI)
    return (
        "module ntorc_fitted_shell #(\n    parameter logic [63:0] DESIGN_ID = 64'h0,\n"
        "    parameter logic [31:0] CLOCK_HZ = 32'd0\n) (\n    input  logic clk,\n    input  logic aresetn,\n"
        f"{ports}    output logic network_rst,\n    output logic in_valid,\n    input  logic in_ready,\n"
        f"    output logic signed [{in_bits - 1}:0] in_data,\n    input  logic out_valid,\n"
        f"    output logic out_ready,\n    input  logic signed [{out_bits - 1}:0] out_data,\n"
        "    input  logic network_idle\n);\n"
        f"  ntorc_shell #(.DESIGN_ID(DESIGN_ID), .CLOCK_HZ(CLOCK_HZ), .IN_BITS({in_bits}), .OUT_BITS({out_bits}),"
        f" .WINDOW({network.input_length}), .HOP({hop}), .DEPTH({depth}), .OUTPUTS({network.outputs}),"
        f" .STREAMING(1'b{int(streaming)}), .WARM_UP({warm_up})) shell (\n"
        f"      .clk, .aresetn, {wires},\n"
        "      .network_rst, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data, .network_idle\n"
        "  );\nendmodule\n"
    )


def top_module(network: Network, design_id: str, clock_hz: float) -> str:
    """Shell and network together, with the design ID and the requested clock."""
    in_bits, out_bits = network.input_format.bits, network.output_format.bits
    ports = ",\n".join(f"    {way:6} logic [{bits - 1}:0] {name}" for way, bits, name in _AXI)
    wires = ", ".join(f".{name}" for _, _, name in _AXI)
    return (
        f"module ntorc_top (\n    input  logic clk,\n    input  logic aresetn,\n{ports}\n);\n"
        "  logic network_rst, in_valid, in_ready, out_valid, out_ready, idle;\n"
        f"  logic signed [{in_bits - 1}:0] in_data;\n  logic signed [{out_bits - 1}:0] out_data;\n"
        f"  ntorc_fitted_shell #(.DESIGN_ID(64'h{design_id}), .CLOCK_HZ(32'd{round(clock_hz)})) shell (\n"
        f"      .clk, .aresetn, {wires},\n"
        "      .network_rst, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data,"
        " .network_idle(idle)\n  );\n"
        "  ntorc_network network (\n      .clk, .rst(network_rst), .in_valid, .in_ready, .in_data,"
        " .out_valid, .out_ready, .out_data, .idle\n  );\nendmodule\n"
    )
