// Memory to stream: reads `words` words from `address` in bursts and offers them with TLAST on the last.
//
// Bursts end at 64-byte borders, so they have at most 16 beats, as AXI3 allows, and never cross 4 KiB.  One burst is
// under way at a time, and only when all of it has room: RREADY never falls within one.
// A word that is offered stays until it is taken, also when the transfer is aborted.
module ntorc_dma_read #(
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
    output logic [31:0]          m_axi_araddr,
    output logic [7:0]           m_axi_arlen,
    output logic                 m_axi_arvalid,
    input  logic                 m_axi_arready,
    input  logic [31:0]          m_axi_rdata,
    input  logic [1:0]           m_axi_rresp,
    input  logic                 m_axi_rvalid,
    output logic                 m_axi_rready,
    output logic                 m_axis_tvalid,
    input  logic                 m_axis_tready,
    output logic [31:0]          m_axis_tdata,
    output logic                 m_axis_tlast
);
  localparam int DEPTH = 32;  // two bursts

  logic [31:2] at;
  logic [WORD_BITS-1:0] to_ask, to_offer;  // words
  logic [5:0] reserved;                    // words of the buffer that hold data or wait for it
  logic [3:0] beats;                       // to come after the next
  logic buffered, flush;
  logic [31:0] word;
  logic [1:0] bad;

  wire [4:0] to_border = 5'd16 - {1'b0, at[5:2]};
  wire [4:0] burst = (to_ask < WORD_BITS'(to_border)) ? to_ask[4:0] : to_border;
  wire stopping = abort || (bad != '0);
  wire quiet = !m_axi_arvalid && !m_axi_rready;
  wire ask = active && !stopping && quiet && to_ask != '0 && reserved <= 6'(DEPTH - 16);
  wire receive = m_axi_rvalid && m_axi_rready;
  wire free = !m_axis_tvalid || m_axis_tready;
  wire offer = buffered && free && active && !stopping;
  wire taken = m_axis_tvalid && m_axis_tready;

  assign done = active && !stopping && to_offer == '0 && taken;
  assign failed = (active && quiet) ? {bad, 1'b0} : '0;
  assign flush = rst || !active;
  assign m_axi_arlen = {4'd0, beats};

  ntorc_fifo #(.BITS(32), .DEPTH(DEPTH)) received (
      .clk, .rst(flush), .push(receive), .push_data(m_axi_rdata), .out_valid(buffered), .out_ready(offer),
      .out_data(word)
  );

  always_ff @(posedge clk) begin
    if (start) at <= address;
    else if (ask) at <= at + 30'(burst);
    if (ask) m_axi_araddr <= {at, 2'b00};
    if (ask) beats <= 4'(burst - 5'd1);
    else if (receive) beats <= beats - 1'b1;
    if (start) to_ask <= words;
    else if (ask) to_ask <= to_ask - WORD_BITS'(burst);
    if (start) to_offer <= words;
    else if (offer) to_offer <= to_offer - 1'b1;
    if (free) begin
      m_axis_tdata <= word;
      m_axis_tlast <= (to_offer == WORD_BITS'(1));
    end
    if (flush) reserved <= '0;
    else reserved <= reserved + (ask ? 6'(burst) : '0) - 6'(offer);
    if (rst) begin
      active        <= 1'b0;
      m_axi_arvalid <= 1'b0;
      m_axi_rready  <= 1'b0;
      m_axis_tvalid <= 1'b0;
      bad           <= '0;
    end else begin
      if (start) active <= 1'b1;
      else if (done || (stopping && quiet)) active <= 1'b0;
      if (ask) m_axi_arvalid <= 1'b1;
      else if (m_axi_arready) m_axi_arvalid <= 1'b0;
      if (m_axi_arvalid && m_axi_arready) m_axi_rready <= 1'b1;
      else if (receive && beats == '0) m_axi_rready <= 1'b0;
      if (free) m_axis_tvalid <= offer;
      if (start) bad <= '0;
      else if (receive && m_axi_rresp[1] && bad == '0) bad <= {m_axi_rresp[0], !m_axi_rresp[0]};
    end
  end
endmodule
