// Finishing stage with a hard sigmoid: the sum with its bias, clipped to CLIP_BITS, times
// NUMERATOR / 2**SLOPE_SHIFT, plus one half, clipped to 0 and 1, exactly; then the output format.
// Two cycles (see ntorc_requantise) and popcount(NUMERATOR) + 2 more.
module ntorc_hard_sigmoid #(
    parameter int ACC_BITS       = 40,
    parameter int OUT_BITS       = 16,
    parameter int SHIFT          = 8,     // fraction bits of the scaled sum minus those of the output
    parameter bit SATURATE       = 1'b1,
    parameter bit HALF_UP        = 1'b1,
    parameter int WIDE_BITS      = 40,    // holds one, as scaled, and the rounding constant
    parameter int CLIP_BITS      = 16,
    parameter int ONE_AT         = 25,    // one, as scaled, is 2**ONE_AT
    parameter int NUMERATOR_BITS = 11,
    parameter logic [NUMERATOR_BITS-1:0] NUMERATOR = 11'd1365
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
  localparam logic signed [WIDE_BITS-1:0] ONE = WIDE_BITS'(1) <<< ONE_AT;

  logic sum_valid, clipped_valid, product_valid, line_valid;
  logic signed [ACC_BITS-1:0] sum;
  logic signed [CLIP_BITS-1:0] clipped, limited_sum;
  /* verilator lint_off UNUSEDSIGNAL */  // the factor itself is not needed behind the multiplication
  logic signed [CLIP_BITS-1:0] value;
  /* verilator lint_on UNUSEDSIGNAL */
  logic signed [CLIP_BITS+NUMERATOR_BITS-1:0] product;
  logic signed [WIDE_BITS-1:0] line;

  ntorc_clip #(.IN_BITS(ACC_BITS), .OUT_BITS(CLIP_BITS)) clip (.value(sum), .result(limited_sum));

  always_ff @(posedge clk) begin
    sum           <= in_data + in_bias;
    clipped       <= limited_sum;
    line          <= WIDE_BITS'(product) + (ONE >>> 1);
    sum_valid     <= in_valid && !rst;
    clipped_valid <= sum_valid && !rst;
    line_valid    <= product_valid && !rst;
  end

  ntorc_scale #(.BITS(CLIP_BITS), .NUMERATOR_BITS(NUMERATOR_BITS), .NUMERATOR(NUMERATOR)) scale (
      .clk, .rst, .in_valid(clipped_valid), .in_data(clipped), .out_valid(product_valid), .out_data(value),
      .out_product(product)
  );

  wire signed [WIDE_BITS-1:0] limited = line[WIDE_BITS-1] ? '0 : (line > ONE) ? ONE : line;

  ntorc_requantise #(.ACC_BITS(WIDE_BITS), .OUT_BITS(OUT_BITS), .SHIFT(SHIFT), .SATURATE(SATURATE)) requantise (
      .clk, .rst, .in_valid(line_valid), .in_data(limited), .in_bias(HALF), .out_valid, .out_data
  );
endmodule
