// Finishing stage with a leaky ReLU: the sum with its bias, negative ones times NUMERATOR / 2**SLOPE_SHIFT,
// exactly; then the output format.  Two cycles (see ntorc_requantise) and popcount(NUMERATOR) more.
module ntorc_leaky_relu #(
    parameter int ACC_BITS       = 40,
    parameter int OUT_BITS       = 16,
    parameter int SHIFT          = 8,     // fraction bits of the scaled sum minus those of the output
    parameter bit SATURATE       = 1'b1,
    parameter bit HALF_UP        = 1'b1,
    parameter int WIDE_BITS      = 50,    // holds the scaled sum and the rounding constant
    parameter int SLOPE_SHIFT    = 8,
    parameter int NUMERATOR_BITS = 8,
    parameter logic [NUMERATOR_BITS-1:0] NUMERATOR = 8'd51
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       in_valid,
    input  logic signed [ACC_BITS-1:0] in_data,
    input  logic signed [ACC_BITS-1:0] in_bias,
    output logic                       out_valid,
    output logic signed [OUT_BITS-1:0] out_data
);
  localparam logic signed [WIDE_BITS-1:0] HALF = (HALF_UP && SHIFT > 0) ? WIDE_BITS'(1) <<< (SHIFT - 1) : '0;

  logic sum_valid, scaled_valid;
  logic signed [ACC_BITS-1:0] sum, value;
  logic signed [ACC_BITS+NUMERATOR_BITS-1:0] product;
  wire signed [WIDE_BITS-1:0] scaled = value[ACC_BITS-1] ? WIDE_BITS'(product) : WIDE_BITS'(value) <<< SLOPE_SHIFT;

  always_ff @(posedge clk) begin
    sum       <= in_data + in_bias;
    sum_valid <= in_valid && !rst;
  end

  ntorc_scale #(.BITS(ACC_BITS), .NUMERATOR_BITS(NUMERATOR_BITS), .NUMERATOR(NUMERATOR)) scale (
      .clk, .rst, .in_valid(sum_valid), .in_data(sum), .out_valid(scaled_valid), .out_data(value), .out_product(product)
  );

  ntorc_requantise #(.ACC_BITS(WIDE_BITS), .OUT_BITS(OUT_BITS), .SHIFT(SHIFT), .SATURATE(SATURATE)) requantise (
      .clk, .rst, .in_valid(scaled_valid), .in_data(scaled), .in_bias(HALF), .out_valid, .out_data
  );
endmodule
