// One multiplier with the states of the resonators that it updates: operands, product, sum, rounding, each in a
// register of its own; up to the sum they are a DSP block's.  Address in cycle t: operands in t+1, product in
// t+2, sum in t+3, a rounded part in the cycle after its second product's sum.  The sequencer may lend the
// multiplier out (`other`) and reads its sum.
module ntorc_resonator_lane #(
    parameter int STATE_BITS = 18,
    parameter int POLE_BITS  = 16,
    parameter int SUM_BITS   = 37,
    parameter int SUM_SHIFT  = 15,  // fraction bits of the poles
    parameter int GROUPS     = 31,  // resonators of this lane
    parameter int A_BITS     = 19,
    parameter int B_BITS     = 18,
    parameter int AW         = $clog2(2 * GROUPS)
) (
    input  logic                         clk,
    input  logic                         fresh,          // after a reset: states read as zero
    input  logic [AW-1:0]                read_address,   // real and imaginary part of each resonator in turn
    output logic signed [STATE_BITS-1:0] state,
    input  logic signed [POLE_BITS-1:0]  pole,
    input  logic                         other,
    input  logic signed [A_BITS-1:0]     other_a,
    input  logic signed [B_BITS-1:0]     other_b,
    input  logic                         add_first,
    input  logic signed [SUM_BITS-1:0]   base,           // what the first product is added to
    output logic signed [SUM_BITS-1:0]   sum,
    input  logic                         write,
    input  logic [AW-1:0]                write_address
);
  (* ram_style = "distributed" *)
  logic signed [STATE_BITS-1:0] words[2*GROUPS];
  logic signed [A_BITS-1:0] operand_a;
  logic signed [B_BITS-1:0] operand_b;
  /* verilator lint_off UNUSEDSIGNAL */  // a product's repeated sign
  logic signed [A_BITS+B_BITS-1:0] product;
  /* verilator lint_on UNUSEDSIGNAL */
  logic signed [STATE_BITS-1:0] clipped, rounded;

  assign state = words[read_address];
  wire signed [SUM_BITS-SUM_SHIFT-1:0] shifted = sum[SUM_BITS-1:SUM_SHIFT];

  ntorc_clip #(.IN_BITS(SUM_BITS - SUM_SHIFT), .OUT_BITS(STATE_BITS)) clip (.value(shifted), .result(clipped));

  always_ff @(posedge clk) if (write) words[write_address] <= rounded;

  always_ff @(posedge clk) begin
    operand_a <= other ? other_a : fresh ? '0 : A_BITS'(state);
    operand_b <= other ? other_b : B_BITS'(pole);
    product   <= operand_a * operand_b;
    sum       <= (add_first ? base : sum) + SUM_BITS'(product);
    rounded   <= clipped;
  end
endmodule
