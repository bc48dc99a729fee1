// AXI4-Lite shell around a network: samples in, results out, identity, cycle counter, latency probe.
// One register map for every backend and board: board/ntorc_board/registers.json.
//
// Two ways from samples to the network, chosen by STREAMING:
// - window: the last WINDOW samples each HOP samples.  From the clock edge that accepts the frame's last sample
//   to the first element's in_valid: 2 cycles (ntorc_window).
// - streaming: each sample as it comes, to a network that keeps its state; a frame is WINDOW samples.  From the
//   clock edge that accepts a sample to its in_valid, while the buffer is empty: 1 cycle (ntorc_samples).
//
// With STREAMS, samples come by the register or by an AXI4-Stream, which waits where a write would lose something;
// a sample that is offered in the cycle of a soft reset is dropped.  Results also go to a stream when CONTROL says so.
`include "ntorc_registers.svh"

module ntorc_shell #(
    parameter logic [63:0] DESIGN_ID = 64'h0,
    parameter logic [31:0] CLOCK_HZ  = 32'd100_000_000,
    parameter int IN_BITS   = 14,
    parameter int OUT_BITS  = 16,
    parameter int WINDOW    = 128,
    parameter int HOP       = 16,
    parameter int DEPTH     = 256,   // of the window's memory; streaming: of the buffer
    parameter int OUTPUTS   = 1,
    parameter bit STREAMING = 1'b0,
    parameter int WARM_UP   = 0,     // results after a reset that are not yet valid
    parameter bit STREAMS   = 1'b0
) (
    input  logic        clk,
    input  logic        aresetn,
    // AXI4-Lite slave
    input  logic        s_axi_awvalid,
    output logic        s_axi_awready,
    input  logic [11:0] s_axi_awaddr,
    input  logic        s_axi_wvalid,
    output logic        s_axi_wready,
    input  logic [31:0] s_axi_wdata,
    output logic        s_axi_bvalid,
    input  logic        s_axi_bready,
    output logic [1:0]  s_axi_bresp,
    input  logic        s_axi_arvalid,
    output logic        s_axi_arready,
    input  logic [11:0] s_axi_araddr,
    output logic        s_axi_rvalid,
    input  logic        s_axi_rready,
    output logic [31:0] s_axi_rdata,
    output logic [1:0]  s_axi_rresp,
    // samples (the low IN_BITS of a word) and results as streams
    input  logic        s_axis_tvalid,
    output logic        s_axis_tready,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [31:0] s_axis_tdata,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready,
    output logic [31:0] m_axis_tdata,
    output logic        m_axis_tlast,
    // the network
    output logic                       network_rst,
    output logic                       in_valid,
    input  logic                       in_ready,
    output logic signed [IN_BITS-1:0]  in_data,
    input  logic                       out_valid,
    output logic                       out_ready,
    input  logic signed [OUT_BITS-1:0] out_data,
    input  logic                       network_idle  // no layer holds work of a frame
);
  localparam int FRAMES = STREAMING ? 32 : 1;  // that may be under way
  localparam int OW = (OUTPUTS > 1) ? $clog2(OUTPUTS) : 1;

  logic soft_reset;
  wire rst = !aresetn;
  wire clear = rst || soft_reset;
  assign network_rst = clear;

  // ---- bus -----------------------------------------------------------------------------------------
  logic write, read;
  logic [11:0] write_address, read_address;
  logic [31:0] write_data, read_value;

  ntorc_lite_slave bus (
      .clk, .rst, .s_axi_awvalid, .s_axi_awready, .s_axi_awaddr, .s_axi_wvalid, .s_axi_wready, .s_axi_wdata,
      .s_axi_bvalid, .s_axi_bready, .s_axi_bresp, .s_axi_arvalid, .s_axi_arready, .s_axi_araddr, .s_axi_rvalid,
      .s_axi_rready, .s_axi_rdata, .s_axi_rresp, .write, .write_address, .write_data, .read, .read_address,
      .read_value
  );

  // ---- samples to frames ---------------------------------------------------------------------------
  logic [15:0] hop;
  logic ready, filled, frame, lost, busy, overrun;
  logic [31:0] sample_count, lost_count;
  logic result_done, results_wait;
  logic for_sample;  // the write's address, compared as it arrives: what a sample sets off is long enough
  wire written = write && for_sample;
  wire sample_valid = written || (STREAMS && s_axis_tvalid && s_axis_tready);
  wire [IN_BITS-1:0] sample = (written || !STREAMS) ? write_data[IN_BITS-1:0] : s_axis_tdata[IN_BITS-1:0];
  assign s_axis_tready = STREAMS && (clear || (ready && !written));
  wire write_control = write && (write_address == `NTORC_CONTROL);

  always_ff @(posedge clk) begin
    if (s_axi_awvalid && s_axi_awready) for_sample <= (s_axi_awaddr == `NTORC_SAMPLE);
    if (rst) soft_reset <= 1'b1;
    else soft_reset <= write_control && write_data[0];
  end

  if (STREAMING) begin : feed
    ntorc_samples #(.BITS(IN_BITS), .LENGTH(WINDOW), .DEPTH(DEPTH), .FRAMES(FRAMES)) samples (
        .clk, .rst(clear), .sample_valid, .sample, .result_done, .ready, .lost, .busy, .filled, .frame,
        .out_valid(in_valid), .out_ready(in_ready), .out_data(in_data)
    );
    assign hop = 16'(WINDOW);
    wire unused = &{1'b0, network_idle, results_wait};
  end else begin : feed
    ntorc_window #(.BITS(IN_BITS), .LENGTH(WINDOW), .DEPTH(DEPTH)) window (
        .clk, .rst(clear), .sample_valid, .sample, .hop, .result_done, .network_idle,
        .hold(results_wait), .ready, .lost, .busy, .filled, .frame, .out_valid(in_valid), .out_ready(in_ready), .out_data(in_data)
    );
    always_ff @(posedge clk) begin
      if (rst) hop <= 16'(HOP);
      else if (write && write_address == `NTORC_HOP && write_data[15:0] != '0) hop <= write_data[15:0];
    end
  end

  // ---- results ---------------------------------------------------------------------------------------
  logic [OUTPUTS*OUT_BITS-1:0] results;
  logic [OW-1:0] output_at;
  logic valid;
  logic [15:0] warming;  // results that are not yet valid
  logic lost_before;     // in the cycle before; counted a cycle late, which is before the write's answer can be acted on
  wire last_output = (output_at == OW'(OUTPUTS - 1));
  wire take = out_valid && out_ready;
  assign result_done = take && last_output;

  if (STREAMS) begin : sent
    logic enable, waits;
    assign results_wait = enable && waits;
    ntorc_stream_results #(.BITS(OUT_BITS), .OUTPUTS(OUTPUTS)) results_sent (
        .clk, .rst, .clear, .enable, .waits, .in_valid(out_valid), .in_ready(out_ready), .in_data(out_data),
        .in_first(output_at == '0), .in_last(last_output), .m_axis_tvalid, .m_axis_tready, .m_axis_tdata,
        .m_axis_tlast
    );
    always_ff @(posedge clk) begin
      if (rst) enable <= 1'b0;
      else if (write_control) enable <= write_data[1];
    end
  end else begin : sent
    assign out_ready = 1'b1;
    assign results_wait = 1'b0;
    assign {m_axis_tvalid, m_axis_tdata, m_axis_tlast} = '0;
    wire unused = &{1'b0, s_axis_tvalid, m_axis_tready};
  end

  for (genvar output_index = 0; output_index < OUTPUTS; output_index++) begin : kept
    always_ff @(posedge clk) begin
      if (take && output_at == OW'(output_index)) results[output_index*OUT_BITS+:OUT_BITS] <= out_data;
    end
  end

  always_ff @(posedge clk) begin
    lost_before <= lost && !clear;
    if (clear) begin
      overrun      <= 1'b0;
      valid        <= 1'b0;
      warming      <= 16'(WARM_UP);
      output_at    <= '0;
      sample_count <= '0;
      lost_count   <= '0;
    end else begin
      if (lost_before) overrun <= 1'b1;
      if (lost_before && lost_count != '1) lost_count <= lost_count + 1'b1;
      if (sample_valid && (ready || !STREAMING)) sample_count <= sample_count + 1'b1;
      if (take) output_at <= result_done ? '0 : output_at + 1'b1;
      if (result_done && warming == '0) valid <= 1'b1;
      if (result_done && warming != '0) warming <= warming - 1'b1;
    end
  end

  // ---- their latency: watched, never changed -----------------------------------------------------------
  logic [31:0] probe_value;
  ntorc_probe #(.IN_FLIGHT(FRAMES)) probe (
      .clk, .rst, .clear, .start(frame), .done(result_done), .write, .write_address, .write_data, .read_address,
      .read_value(probe_value)
  );

  // ---- reads -------------------------------------------------------------------------------------------
  logic [63:0] cycles;
  logic [31:0] cycles_hi;
  wire [9:0] result_index = read_address[11:2] - 10'(`NTORC_RESULT >> 2);
  logic signed [OUT_BITS-1:0] result;
  ntorc_select #(.BITS(OUT_BITS), .INPUTS(OUTPUTS)) result_select (
      .words(results), .at(result_index[OW-1:0]), .word(result)
  );

  always_ff @(posedge clk) begin
    cycles <= rst ? '0 : cycles + 1'b1;
    if (read && read_address == `NTORC_CYCLES_LO) cycles_hi <= cycles[63:32];
  end

  always_comb begin
    case (read_address)
      `NTORC_MAGIC:         read_value = 32'h4E54_4F52;
      `NTORC_DESIGN_ID_LO:  read_value = DESIGN_ID[31:0];
      `NTORC_DESIGN_ID_HI:  read_value = DESIGN_ID[63:32];
      `NTORC_SHELL_VERSION: read_value = 32'd3;
      `NTORC_CLOCK_HZ:      read_value = CLOCK_HZ;
      `NTORC_WINDOW:        read_value = 32'(WINDOW);
      `NTORC_HOP:           read_value = 32'(hop);
      `NTORC_STATUS:        read_value = {28'd0, valid, filled, overrun, busy};
      `NTORC_SAMPLE_COUNT:  read_value = sample_count;
      `NTORC_CYCLES_LO:     read_value = cycles[31:0];
      `NTORC_CYCLES_HI:     read_value = cycles_hi;
      `NTORC_OUTPUTS:       read_value = 32'(OUTPUTS);
      `NTORC_LOST:          read_value = lost_count;
      `NTORC_WARM_UP:       read_value = 32'(WARM_UP);
      `NTORC_FEATURES:      read_value = {30'd0, STREAMS, STREAMING};
      default:
      read_value = (result_index < 10'(OUTPUTS)) ? 32'(result) : probe_value;
    endcase
  end
endmodule
