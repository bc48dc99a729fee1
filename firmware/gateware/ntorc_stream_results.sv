// Results on an AXI4-Stream: one word an output, sign-extended, TLAST with the last.  A result is sent as a whole
// or not at all: `enable` counts when its first word comes.  There is room for a whole result, so that one that
// comes while nothing `waits` never holds the network up, however slow the receiver; behind it, the network waits.
//
// A word that is offered stays until it is taken, whatever happens.  A packet that `clear` cuts off is ended by one
// more word, 0 with TLAST, so that the receiver never waits for its end.
module ntorc_stream_results #(
    parameter int BITS    = 16,
    parameter int OUTPUTS = 1
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   clear,      // results that are not offered yet are forgotten; high with rst
    input  logic                   enable,
    output logic                   waits,      // something has not been taken yet
    input  logic                   in_valid,
    output logic                   in_ready,
    input  logic signed [BITS-1:0] in_data,
    input  logic                   in_first,
    input  logic                   in_last,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [31:0]            m_axis_tdata,
    output logic                   m_axis_tlast
);
  localparam int DEPTH = (OUTPUTS > 32) ? OUTPUTS : 32;  // what a LUT6 holds, or more
  localparam int CW = $clog2(DEPTH + 1);

  // ---- in: whole results ---------------------------------------------------------------------------------
  logic passing;  // the result under way is sent
  logic [CW-1:0] held;
  wire passes = in_first ? enable : passing;
  wire put = in_valid && in_ready && passes;
  assign in_ready = !passes || held != CW'(DEPTH);

  // ---- out: packets --------------------------------------------------------------------------------------
  logic open;    // words of a packet have been offered, its last has not
  logic ending;  // it was cut off
  logic buffered, last;
  logic signed [BITS-1:0] word;
  wire free = !m_axis_tvalid || m_axis_tready;
  wire offer = buffered && free && !ending && !clear;
  assign waits = m_axis_tvalid || buffered || ending;

  ntorc_fifo #(.BITS(BITS + 1), .DEPTH(DEPTH)) kept (
      .clk, .rst(clear), .push(put), .push_data({in_last, in_data}), .out_valid(buffered), .out_ready(offer),
      .out_data({last, word})
  );

  always_ff @(posedge clk) begin
    if (free) begin
      m_axis_tdata <= ending ? '0 : 32'(word);
      m_axis_tlast <= ending || last;
    end
    if (clear) begin
      held    <= '0;
      passing <= 1'b0;
    end else begin
      if (put && !offer) held <= held + 1'b1;
      if (offer && !put) held <= held - 1'b1;
      if (in_valid && in_ready) passing <= passes;
    end
    if (rst) begin
      m_axis_tvalid <= 1'b0;
      open          <= 1'b0;
      ending        <= 1'b0;
    end else begin
      if (free) m_axis_tvalid <= offer || ending;
      if (clear) open <= 1'b0;
      else if (offer) open <= !last;
      if (clear && open) ending <= 1'b1;
      else if (free) ending <= 1'b0;
    end
  end
endmodule
