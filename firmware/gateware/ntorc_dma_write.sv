// Stream to memory: writes one packet, at most `words` words, to `address` in bursts.
//
// Bursts end at 64-byte borders, so they have at most 16 beats, as AXI3 allows, and never cross 4 KiB.  One burst is
// under way at a time, and it begins when all its words are here: WVALID never falls within one, and an abort only
// waits for its end.  A packet that is longer than the transfer is an internal error; what fits is written.
module ntorc_dma_write #(
    parameter int WORD_BITS = 22  // of a transfer's count of words
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 start,
    input  logic                 abort,
    input  logic [31:2]          address,
    input  logic [WORD_BITS-1:0] words,          // at least 1
    output logic                 active,
    output logic                 done,
    output logic [2:0]           failed,         // decode error, slave error, internal error
    output logic [WORD_BITS-1:0] transferred,    // words
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,
    input  logic [31:0]          s_axis_tdata,
    input  logic                 s_axis_tlast,
    output logic [31:0]          m_axi_awaddr,
    output logic [7:0]           m_axi_awlen,
    output logic                 m_axi_awvalid,
    input  logic                 m_axi_awready,
    output logic [31:0]          m_axi_wdata,
    output logic                 m_axi_wlast,
    output logic                 m_axi_wvalid,
    input  logic                 m_axi_wready,
    input  logic [1:0]           m_axi_bresp,
    input  logic                 m_axi_bvalid,
    output logic                 m_axi_bready
);
  localparam int DEPTH = 32;  // two bursts

  logic [31:2] at;
  logic [WORD_BITS-1:0] room;  // words of the memory that are still free
  logic [5:0] held;            // words here, less those of the burst under way
  logic [3:0] beats;           // of the burst, after the one that is offered
  logic ended, too_long, flush;
  /* verilator lint_off UNUSEDSIGNAL */
  logic buffered;  // what a burst needs is there: it is counted in `held`
  /* verilator lint_on UNUSEDSIGNAL */
  logic [31:0] word;
  logic [1:0] bad;

  wire [4:0] to_border = 5'd16 - {1'b0, at[5:2]};
  wire [4:0] burst = (held < 6'(to_border)) ? held[4:0] : to_border;
  wire stopping = abort || (bad != '0);
  wire quiet = !m_axi_awvalid && !m_axi_wvalid && !m_axi_bready;
  wire ask = active && !stopping && quiet && held != '0 && (ended || held >= 6'(to_border));
  wire take = s_axis_tvalid && s_axis_tready;
  wire last_taken = take && (s_axis_tlast || room == WORD_BITS'(1));
  wire granted = m_axi_awvalid && m_axi_awready;
  wire sent = m_axi_wvalid && m_axi_wready;
  wire offer = granted || (sent && !m_axi_wlast);
  wire finished = active && !stopping && ended && held == '0 && quiet;

  // half of the buffer is for the burst under way
  assign s_axis_tready = active && !stopping && !ended && held < 6'(DEPTH - 16);
  assign done = finished && !too_long;
  assign failed = (active && quiet && bad != '0) ? {bad, 1'b0} : {2'b00, finished && too_long};
  assign flush = rst || !active;
  assign m_axi_awlen = {4'd0, beats};

  ntorc_fifo #(.BITS(32), .DEPTH(DEPTH)) taken (
      .clk, .rst(flush), .push(take), .push_data(s_axis_tdata), .out_valid(buffered), .out_ready(offer),
      .out_data(word)
  );

  always_ff @(posedge clk) begin
    if (start) at <= address;
    else if (ask) at <= at + 30'(burst);
    if (ask) m_axi_awaddr <= {at, 2'b00};
    if (ask) beats <= 4'(burst - 5'd1);
    else if (sent) beats <= beats - 1'b1;
    if (offer) begin
      m_axi_wdata <= word;
      m_axi_wlast <= granted ? (beats == '0) : (beats == 4'd1);
    end
    if (start) room <= words;
    else if (take) room <= room - 1'b1;
    if (start) transferred <= '0;
    else if (take) transferred <= transferred + 1'b1;
    if (flush) held <= '0;
    else held <= held + 6'(take) - (ask ? 6'(burst) : '0);
    if (start) {ended, too_long} <= '0;
    else if (last_taken) {ended, too_long} <= {1'b1, !s_axis_tlast};
    if (rst) begin
      active        <= 1'b0;
      m_axi_awvalid <= 1'b0;
      m_axi_wvalid  <= 1'b0;
      m_axi_bready  <= 1'b0;
      bad           <= '0;
    end else begin
      if (start) active <= 1'b1;
      else if (finished || (stopping && quiet)) active <= 1'b0;
      if (ask) m_axi_awvalid <= 1'b1;
      else if (m_axi_awready) m_axi_awvalid <= 1'b0;
      if (granted) m_axi_wvalid <= 1'b1;
      else if (sent && m_axi_wlast) m_axi_wvalid <= 1'b0;
      if (sent && m_axi_wlast) m_axi_bready <= 1'b1;
      else if (m_axi_bvalid) m_axi_bready <= 1'b0;
      if (start) bad <= '0;
      else if (m_axi_bvalid && m_axi_bready && m_axi_bresp[1] && bad == '0)
        bad <= {m_axi_bresp[0], !m_axi_bresp[0]};
    end
  end
endmodule
