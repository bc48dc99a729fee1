// Accumulator to output format, one word a cycle, two registers deep:
// add the bias (rounding constant included), rectify, shift, then saturate or wrap.
module ntorc_requantise #(
    parameter int ACC_BITS  = 40,
    parameter int OUT_BITS  = 16,
    parameter int SHIFT     = 8,     // fraction bits of the accumulator minus those of the output
    parameter bit SATURATE  = 1'b1,
    parameter bit RELU      = 1'b0
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       in_valid,
    input  logic signed [ACC_BITS-1:0] in_data,
    input  logic signed [ACC_BITS-1:0] in_bias,
    output logic                       out_valid,
    output logic signed [OUT_BITS-1:0] out_data
);
  // A negative SHIFT appends zeros; the wide word keeps every bit until the overflow decision.
  localparam int LEFT  = (SHIFT < 0) ? -SHIFT : 0;
  localparam int RIGHT = (SHIFT > 0) ? SHIFT : 0;
  localparam int WIDE  = ((ACC_BITS + LEFT - RIGHT) > OUT_BITS) ? ACC_BITS + LEFT - RIGHT : OUT_BITS + 1;

  logic                       sum_valid;
  logic signed [ACC_BITS-1:0] sum, rectified;
  logic signed [WIDE-1:0]     shifted;

  ntorc_relu #(.BITS(ACC_BITS), .ENABLE(RELU)) relu (.value(sum), .result(rectified));
  assign shifted = WIDE'((WIDE + RIGHT)'(rectified) <<< LEFT >>> RIGHT);

  wire fits = (shifted[WIDE-1:OUT_BITS-1] == '0) || (&shifted[WIDE-1:OUT_BITS-1]);
  wire signed [OUT_BITS-1:0] limit = {shifted[WIDE-1], {(OUT_BITS - 1) {~shifted[WIDE-1]}}};

  always_ff @(posedge clk) begin
    sum      <= in_data + in_bias;
    out_data <= (SATURATE && !fits) ? limit : shifted[OUT_BITS-1:0];
    if (rst) begin
      sum_valid <= 1'b0;
      out_valid <= 1'b0;
    end else begin
      sum_valid <= in_valid;
      out_valid <= sum_valid;
    end
  end
endmodule
