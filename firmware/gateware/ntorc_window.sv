// The last LENGTH samples, kept in a circular memory and streamed to the network as one frame:
// first when LENGTH samples have arrived, then each HOP samples.
// A sample that is accepted in cycle c and completes a frame makes the frame's first element available
// in cycle c+2, one element a cycle after it.
//
// A frame begins only when the one before has its result and has left the network: an engine may still work
// on positions that a later layer dropped.  A frame that falls due before that, or while `hold`, is lost.
module ntorc_window #(
    parameter int BITS   = 16,
    parameter int LENGTH = 128,
    parameter int DEPTH  = 256      // power of two, at least LENGTH + samples that arrive during a frame
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   sample_valid,
    input  logic signed [BITS-1:0] sample,
    input  logic [15:0]            hop,
    input  logic                   result_done,   // the frame under way has its result
    input  logic                   network_idle,  // no layer holds work of a frame
    input  logic                   hold,          // a result would find no room
    output logic                   ready,         // a sample would not make a frame that is lost
    output logic                   lost,          // a frame was due while the previous one was under way
    output logic                   busy,          // a frame is under way, or what is left of it
    output logic                   filled,        // LENGTH samples have arrived since the reset
    output logic                   frame,         // a frame begins (one cycle)
    output logic                   out_valid,
    input  logic                   out_ready,
    output logic signed [BITS-1:0] out_data
);
  localparam int AW = $clog2(DEPTH);

  logic [AW-1:0] write_at, read_at;
  logic [AW:0] left;      // elements of the frame still to read
  logic [15:0] wait_for;  // samples until the next frame, minus one
  logic awaited;          // the frame under way has no result yet

  wire last = (wait_for == 0);
  wire due = sample_valid && last;
  wire advance = !out_valid || out_ready;
  wire reading = (left != 0) && advance;

  assign busy = awaited || (left != 0) || out_valid || !network_idle;
  wire begins = !busy && !hold;
  assign ready = !last || begins;
  assign frame = due && begins;
  assign lost = due && !begins;

  if (DEPTH <= 256) begin : in_logic
    (* ram_style = "distributed" *)
    logic signed [BITS-1:0] samples[DEPTH];
    always_ff @(posedge clk) begin
      if (sample_valid) samples[write_at] <= sample;
      if (reading) out_data <= samples[read_at];
    end
  end else begin : in_block
    (* ram_style = "block" *)
    logic signed [BITS-1:0] samples[DEPTH];
    always_ff @(posedge clk) begin
      if (sample_valid) samples[write_at] <= sample;
      if (reading) out_data <= samples[read_at];
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      write_at  <= '0;
      read_at   <= '0;
      left      <= '0;
      wait_for  <= 16'(LENGTH - 1);
      awaited   <= 1'b0;
      filled    <= 1'b0;
      out_valid <= 1'b0;
    end else begin
      if (sample_valid) begin
        write_at <= write_at + 1'b1;
        wait_for <= due ? hop - 1'b1 : wait_for - 1'b1;
        if (due) filled <= 1'b1;
      end
      if (frame) begin
        left    <= (AW + 1)'(LENGTH);
        read_at <= write_at - AW'(LENGTH - 1);
      end else if (reading) begin
        left    <= left - 1'b1;
        read_at <= read_at + 1'b1;
      end
      if (frame) awaited <= 1'b1;
      else if (result_done) awaited <= 1'b0;
      if (advance) out_valid <= (left != 0);
    end
  end
endmodule
