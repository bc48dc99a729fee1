// Samples straight to a network that keeps its state from frame to frame: a small buffer, no window.
// A sample that is taken in cycle c while the buffer is empty is offered to the network in cycle c+1, one a
// cycle after it.  A frame is LENGTH samples that were taken; several may be under way.
module ntorc_samples #(
    parameter int BITS   = 16,
    parameter int LENGTH = 16,   // samples of a frame
    parameter int DEPTH  = 32,   // samples that the buffer holds
    parameter int FRAMES = 32    // frames that may be under way, at least 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   sample_valid,
    input  logic signed [BITS-1:0] sample,
    input  logic                   result_done,  // the oldest frame under way has its result
    output logic                   ready,        // a sample would be taken
    output logic                   lost,         // a sample was not
    output logic                   busy,         // frames are under way
    output logic                   filled,       // LENGTH samples have been taken since the reset
    output logic                   frame,        // the sample that is taken is its frame's last
    output logic                   out_valid,
    input  logic                   out_ready,
    output logic signed [BITS-1:0] out_data
);
  localparam int CW = $clog2(DEPTH + 1);
  localparam int FW = $clog2(FRAMES + 1);
  localparam int LW = (LENGTH > 1) ? $clog2(LENGTH) : 1;

  logic [CW-1:0] held;
  logic [FW-1:0] under_way;
  logic [LW-1:0] left;  // samples to the frame's end, minus one

  wire last = (left == '0);
  wire take = sample_valid && ready;
  wire give = out_valid && out_ready;
  wire ended = result_done && busy;
  assign ready = (held != CW'(DEPTH)) && !(last && under_way == FW'(FRAMES));
  assign lost = sample_valid && !ready;
  assign busy = (under_way != '0);
  assign frame = take && last;

  ntorc_fifo #(.BITS(BITS), .DEPTH(DEPTH)) samples (
      .clk, .rst, .push(take), .push_data(sample), .out_valid, .out_ready, .out_data
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      held      <= '0;
      under_way <= '0;
      left      <= LW'(LENGTH - 1);
      filled    <= 1'b0;
    end else begin
      if (take && !give) held <= held + 1'b1;
      if (give && !take) held <= held - 1'b1;
      if (frame && !ended) under_way <= under_way + 1'b1;
      if (ended && !frame) under_way <= under_way - 1'b1;
      if (take) left <= last ? LW'(LENGTH - 1) : left - 1'b1;
      if (frame) filled <= 1'b1;
    end
  end
endmodule
