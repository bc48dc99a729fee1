// MaxPool1D with stride = pool size, channels interleaved, one element a cycle.  Vectors behind the
// last whole pool are taken and dropped, as in Keras with padding="valid".
module ntorc_maxpool #(
    parameter int BITS     = 16,
    parameter int LENGTH   = 8,
    parameter int CHANNELS = 1,
    parameter int POOL     = 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   in_valid,
    output logic                   in_ready,
    input  logic signed [BITS-1:0] in_data,
    output logic                   out_valid,
    input  logic                   out_ready,
    output logic signed [BITS-1:0] out_data,
    output logic                   idle       // no part of a frame is here
);
  localparam int CHW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam int PW = (POOL > 1) ? $clog2(POOL) : 1;
  localparam int VW = $clog2(LENGTH + 1);

  (* ram_style = "distributed" *)
  logic signed [BITS-1:0] largest[CHANNELS];
  logic [CHW-1:0] channel;
  logic [PW-1:0] phase;
  logic [VW-1:0] vector;

  wire last_of_pool = (phase == PW'(POOL - 1));
  wire take = in_valid && in_ready;
  wire signed [BITS-1:0] so_far = largest[channel];
  // compared as offset binary, where the carry alone decides: a signed comparison is followed by logic of its own
  wire above = {~in_data[BITS-1], in_data[BITS-2:0]} > {~so_far[BITS-1], so_far[BITS-2:0]};
  wire signed [BITS-1:0] larger = (phase == '0 || above) ? in_data : so_far;

  assign in_ready = !last_of_pool || !out_valid || out_ready;

  assign idle = (vector == '0) && (channel == '0) && !out_valid;

  always_ff @(posedge clk) if (take) largest[channel] <= larger;

  always_ff @(posedge clk) begin
    if (take && last_of_pool) out_data <= larger;
    if (rst) begin
      out_valid <= 1'b0;
      channel   <= '0;
      phase     <= '0;
      vector    <= '0;
    end else begin
      if (take && last_of_pool) out_valid <= 1'b1;
      else if (out_ready) out_valid <= 1'b0;
      if (take) begin
        if (channel != CHW'(CHANNELS - 1)) channel <= channel + 1'b1;
        else begin
          channel <= '0;
          if (vector == VW'(LENGTH - 1)) begin
            vector <= '0;
            phase  <= '0;
          end else begin
            vector <= vector + 1'b1;
            phase  <= last_of_pool ? '0 : phase + 1'b1;
          end
        end
      end
    end
  end
endmodule
