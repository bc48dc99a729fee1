// Finishing stage with a table (sigmoid, tanh): the sum with its bias and the index's rounding constant, shifted
// to the index (down with the rounding constant for the nearest one, or toward zero) and saturated, then the table's
// word.  Every step ends in a register: three cycles, one of them
// the table's own.
module ntorc_table #(
    parameter int ACC_BITS   = 40,
    parameter int INDEX_BITS = 10,
    parameter int SHIFT      = 8,     // fraction bits of the accumulator minus those of the index
    parameter bit TOWARD_ZERO = 1'b0
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic                         in_valid,
    input  logic signed [ACC_BITS-1:0]   in_data,
    input  logic signed [ACC_BITS-1:0]   in_bias,
    output logic [INDEX_BITS-1:0]        table_address,  // two's complement: 0 and up, then the negative ones
    output logic                         out_valid       // with the table's word
);
  localparam int LEFT  = (SHIFT < 0) ? -SHIFT : 0;
  localparam int RIGHT = (SHIFT > 0) ? SHIFT : 0;
  localparam int WIDE  = (ACC_BITS + LEFT > RIGHT) ? ACC_BITS + LEFT - RIGHT : 1;

  logic sum_valid, index_valid;
  logic signed [ACC_BITS-1:0] sum;
  logic signed [INDEX_BITS-1:0] index;
  wire signed [WIDE-1:0] down = WIDE'((WIDE + RIGHT)'(sum) <<< LEFT >>> RIGHT);
  logic signed [WIDE-1:0] shifted;

  if (TOWARD_ZERO && RIGHT > 0) begin : toward_zero
    localparam int CUT = (RIGHT < ACC_BITS) ? RIGHT : ACC_BITS;
    wire up = sum[ACC_BITS-1] && (sum[CUT-1:0] != '0);  // a negative one is never the largest: no overflow
    assign shifted = up ? down + 1'b1 : down;
  end else begin : downward
    assign shifted = down;
  end

  ntorc_clip #(.IN_BITS(WIDE), .OUT_BITS(INDEX_BITS)) clip (.value(shifted), .result(index));

  always_ff @(posedge clk) begin
    sum           <= in_data + in_bias;
    table_address <= index;
    sum_valid     <= in_valid && !rst;
    index_valid   <= sum_valid && !rst;
    out_valid     <= index_valid && !rst;
  end
endmodule
