"""The generated shell and top: the network's widths and the shell's options, every parameter stated."""

from __future__ import annotations

from ntorc.network.network import Network

STREAM_DEPTH = 32
"""Samples that a streaming shell buffers: what one LUT6 holds as distributed memory."""

_Ports = tuple[tuple[str, int, str], ...]


def _lite(address_bits: int) -> _Ports:
    """The AXI4-Lite slave port: direction, bits, name."""
    return (
        ("input", 1, "s_axi_awvalid"),
        ("output", 1, "s_axi_awready"),
        ("input", address_bits, "s_axi_awaddr"),
        ("input", 1, "s_axi_wvalid"),
        ("output", 1, "s_axi_wready"),
        ("input", 32, "s_axi_wdata"),
        ("output", 1, "s_axi_bvalid"),
        ("input", 1, "s_axi_bready"),
        ("output", 2, "s_axi_bresp"),
        ("input", 1, "s_axi_arvalid"),
        ("output", 1, "s_axi_arready"),
        ("input", address_bits, "s_axi_araddr"),
        ("output", 1, "s_axi_rvalid"),
        ("input", 1, "s_axi_rready"),
        ("output", 32, "s_axi_rdata"),
        ("output", 2, "s_axi_rresp"),
    )


MEMORY: _Ports = (
    ("output", 32, "m_axi_araddr"),
    ("output", 8, "m_axi_arlen"),
    ("output", 3, "m_axi_arsize"),
    ("output", 2, "m_axi_arburst"),
    ("output", 1, "m_axi_arvalid"),
    ("input", 1, "m_axi_arready"),
    ("input", 32, "m_axi_rdata"),
    ("input", 2, "m_axi_rresp"),
    ("input", 1, "m_axi_rvalid"),
    ("output", 1, "m_axi_rready"),
    ("output", 32, "m_axi_awaddr"),
    ("output", 8, "m_axi_awlen"),
    ("output", 3, "m_axi_awsize"),
    ("output", 2, "m_axi_awburst"),
    ("output", 1, "m_axi_awvalid"),
    ("input", 1, "m_axi_awready"),
    ("output", 32, "m_axi_wdata"),
    ("output", 4, "m_axi_wstrb"),
    ("output", 1, "m_axi_wlast"),
    ("output", 1, "m_axi_wvalid"),
    ("input", 1, "m_axi_wready"),
    ("input", 2, "m_axi_bresp"),
    ("input", 1, "m_axi_bvalid"),
    ("output", 1, "m_axi_bready"),
)
"""A design's master port towards memory, of its DMA: direction, bits, name."""
_STREAMS: _Ports = (
    ("input", 1, "s_axis_tvalid"),
    ("output", 1, "s_axis_tready"),
    ("input", 32, "s_axis_tdata"),
    ("output", 1, "m_axis_tvalid"),
    ("input", 1, "m_axis_tready"),
    ("output", 32, "m_axis_tdata"),
    ("output", 1, "m_axis_tlast"),
)


def shell_sources(*, streaming: bool = False, dma: bool = False) -> tuple[str, ...]:
    """The hand-written files of a shell with these options."""
    feed = "ntorc_samples.sv" if streaming else "ntorc_window.sv"
    mover = ("ntorc_lite_split.sv", *DMA_SOURCES) if dma else ()
    streams = ("ntorc_stream_results.sv",) if dma else ()
    return (
        "ntorc_registers.svh",
        "ntorc_lite_slave.sv",
        "ntorc_fifo.sv",
        "ntorc_select.sv",
        feed,
        "ntorc_probe.sv",
        *streams,
        "ntorc_shell.sv",
        *mover,
    )


DMA_SOURCES = ("ntorc_dma_control.sv", "ntorc_dma_read.sv", "ntorc_dma_write.sv", "ntorc_dma.sv")
"""The DMA's files, besides ``ntorc_lite_slave.sv`` and ``ntorc_fifo.sv``."""


def _bus(dma: bool) -> _Ports:
    """The ports of a design towards its processing system."""
    return (*_lite(13), *MEMORY) if dma else _lite(12)


def window_depth(window: int, hop: int) -> int:
    """Words of the sample memory: a frame and a hop, as a power of two."""
    return 1 << (window + hop - 1).bit_length()


def shell_module(
    network: Network, hop: int, depth: int, *, streaming: bool = False, warm_up: int = 0, dma: bool = False
) -> str:
    """The shell with this network's widths; identity and clock are set by the top.

    Args:
        network: what is inside.
        hop: samples from frame to frame; a streaming shell's frames follow each other without overlap.
        depth: samples that the shell keeps: `window_depth`, or `STREAM_DEPTH` when streaming.
        streaming: samples go to the network as they come, and it keeps its state from frame to frame.
        warm_up: results after a reset that are not yet valid.
        dma: streams for samples and results, and a DMA between them and memory.

    Raises:
        ValueError: a streaming shell with another hop than its frame.
    """
    if streaming and hop != network.input_length:
        raise ValueError(f"a streaming network's hop is its frame, {network.input_length} samples, not {hop}")
    in_bits, out_bits = network.input_format.bits, network.output_format.bits
    parameters = {
        "DESIGN_ID": "DESIGN_ID",
        "CLOCK_HZ": "CLOCK_HZ",
        "IN_BITS": in_bits,
        "OUT_BITS": out_bits,
        "WINDOW": network.input_length,
        "HOP": hop,
        "DEPTH": depth,
        "OUTPUTS": network.outputs,
        "STREAMING": f"1'b{int(streaming)}",
        "WARM_UP": warm_up,
        "STREAMS": f"1'b{int(dma)}",
    }
    stated = ", ".join(f".{name}({value})" for name, value in parameters.items())
    return (
        "module ntorc_fitted_shell #(\n    parameter logic [63:0] DESIGN_ID = 64'h0,\n"
        "    parameter logic [31:0] CLOCK_HZ = 32'd0\n) (\n    input  logic clk,\n    input  logic aresetn,\n"
        + "".join(f"    {_declared(port)},\n" for port in _bus(dma))
        + "    output logic network_rst,\n    output logic in_valid,\n    input  logic in_ready,\n"
        f"    output logic signed [{in_bits - 1}:0] in_data,\n    input  logic out_valid,\n"
        f"    output logic out_ready,\n    input  logic signed [{out_bits - 1}:0] out_data,\n"
        "    input  logic network_idle\n);\n"
        + (_mover() if dma else _without_streams())
        + f"  ntorc_shell #({stated}) shell (\n"
        f"      .clk, .aresetn, {_wired(_lite(12), 's_axi_', 'shell_' if dma else 's_axi_')},\n"
        f"      {_wired(_STREAMS)},\n"
        "      .network_rst, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data, .network_idle\n"
        "  );\nendmodule\n"
    )


def _declared(port: tuple[str, int, str]) -> str:
    way, bits, name = port
    return f"{way:6} logic [{bits - 1}:0] {name}"


def _wired(ports: _Ports, prefix: str = "", wire_prefix: str = "") -> str:
    """Connections to wires of the same name, or of one with another prefix."""
    pairs = [(name, wire_prefix + name.removeprefix(prefix)) for _, _, name in ports]
    return ", ".join(f".{name}" if name == wire else f".{name}({wire})" for name, wire in pairs)


def _wires(ports: _Ports, prefix: str = "", wire_prefix: str = "") -> str:
    return "".join(f"  logic [{bits - 1}:0] {wire_prefix}{name.removeprefix(prefix)};\n" for _, bits, name in ports)


def _without_streams() -> str:
    """Nothing at the shell's streams."""
    idle = "".join(f"  assign {name} = '0;\n" for way, _, name in _STREAMS if way == "input")
    given = ", ".join(name for way, _, name in _STREAMS if way == "output")
    return _wires(_STREAMS) + idle + f"  wire unused = &{{1'b0, {given}}};\n"


def _mover() -> str:
    """The DMA at the shell's streams; the bus's upper half is its registers."""
    lite = _lite(12)
    crossed = {"s": "m", "m": "s"}  # what the shell sends is what the DMA receives
    streams = ", ".join(f".{crossed[name[0]]}{name[1:]}({name})" for _, _, name in _STREAMS if "tlast" not in name)
    return (
        _wires(_STREAMS)
        + _wires(lite, "s_axi_", "shell_")
        + _wires(lite, "s_axi_", "dma_")
        + "  logic sent_last;\n  wire unused = &{1'b0, sent_last};  // a frame's end is where its samples are counted\n"
        "  ntorc_lite_split split (\n"
        f"      .clk, .rst(!aresetn), {_wired(lite)},\n      "
        + _wired(lite, "s_axi_", "shell_").replace(".s_axi_", ".low_")
        + ",\n      "
        + _wired(lite, "s_axi_", "dma_").replace(".s_axi_", ".high_")
        + "\n  );\n"
        "  ntorc_dma dma (\n"
        f"      .clk, .aresetn, {_wired(lite, 's_axi_', 'dma_')},\n      {_wired(MEMORY)},\n"
        f"      {streams}, .m_axis_tlast(sent_last), .s_axis_tlast(m_axis_tlast)\n  );\n"
    )


def top_module(network: Network, design_id: str, clock_hz: float, *, dma: bool = False, extra_stages: int = 0) -> str:
    """Shell and network together, with the design ID and the requested clock.

    Args:
        network: what is inside.
        design_id: 16 hexadecimal digits.
        clock_hz: the clock that is asked for.
        dma: see `shell_module`.
        extra_stages: registers (``ntorc_stage``) between shell and network, which the closed form does not know.
    """
    in_bits, out_bits = network.input_format.bits, network.output_format.bits
    ports = ",\n".join(f"    {_declared(port)}" for port in _bus(dma))
    return (
        f"module ntorc_top (\n    input  logic clk,\n    input  logic aresetn,\n{ports}\n);\n"
        "  logic network_rst, in_valid, in_ready, out_valid, out_ready, idle;\n"
        f"  logic signed [{in_bits - 1}:0] in_data;\n  logic signed [{out_bits - 1}:0] out_data;\n"
        f"  ntorc_fitted_shell #(.DESIGN_ID(64'h{design_id}), .CLOCK_HZ(32'd{round(clock_hz)})) shell (\n"
        f"      .clk, .aresetn, {_wired(_bus(dma))},\n"
        "      .network_rst, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data,"
        " .network_idle(idle)\n  );\n" + (_staged(in_bits, extra_stages) if extra_stages else _UNSTAGED)
    )


_UNSTAGED = (
    "  ntorc_network network (\n      .clk, .rst(network_rst), .in_valid, .in_ready, .in_data,"
    " .out_valid, .out_ready, .out_data, .idle\n  );\nendmodule\n"
)


def _staged(bits: int, stages: int) -> str:
    """The network behind a chain of register stages."""
    return (
        f"  logic [{stages}:0] valid, ready;\n  logic [{stages - 1}:0] empty;\n"
        f"  logic [{bits - 1}:0] data[{stages + 1}];\n  logic network_is_idle;\n"
        "  assign valid[0] = in_valid;\n  assign in_ready = ready[0];\n  assign data[0] = in_data;\n"
        "  assign idle = network_is_idle && &empty;\n"
        f"  for (genvar i = 0; i < {stages}; i++) begin : stages\n"
        f"    ntorc_stage #(.BITS({bits})) stage (\n        .clk, .rst(network_rst), .in_valid(valid[i]),"
        " .in_ready(ready[i]), .in_data(data[i]),\n        .out_valid(valid[i+1]), .out_ready(ready[i+1]),"
        " .out_data(data[i+1]), .idle(empty[i])\n    );\n  end\n"
        f"  ntorc_network network (\n      .clk, .rst(network_rst), .in_valid(valid[{stages}]),"
        f" .in_ready(ready[{stages}]), .in_data(data[{stages}]),\n      .out_valid, .out_ready, .out_data,"
        " .idle(network_is_idle)\n  );\nendmodule\n"
    )
