// Multiplication by a constant as shifted additions, one a cycle, without a DSP block: popcount(NUMERATOR) - 1
// cycles, none for a power of two.  The factor's value goes along.
module ntorc_scale #(
    parameter int BITS           = 24,
    parameter int NUMERATOR_BITS = 8,
    parameter logic [NUMERATOR_BITS-1:0] NUMERATOR = 8'd51   // at least 1
) (
    /* verilator lint_off UNUSEDSIGNAL */  // a power of two needs no register
    input  logic                                  clk,
    input  logic                                  rst,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                                  in_valid,
    input  logic signed [BITS-1:0]                in_data,
    output logic                                  out_valid,
    output logic signed [BITS-1:0]                out_data,
    output logic signed [BITS+NUMERATOR_BITS-1:0] out_product
);
  localparam int WIDE = BITS + NUMERATOR_BITS;

  for (genvar i = 0; i <= NUMERATOR_BITS; i++) begin : steps
    logic valid;
    logic signed [BITS-1:0] value;
    /* verilator lint_off UNUSEDSIGNAL */  // zero up to the numerator's lowest one
    logic signed [WIDE-1:0] product;
    /* verilator lint_on UNUSEDSIGNAL */
  end

  assign steps[0].valid   = in_valid;
  assign steps[0].value   = in_data;
  assign steps[0].product = '0;

  for (genvar i = 0; i < NUMERATOR_BITS; i++) begin : bits
    localparam logic [NUMERATOR_BITS-1:0] BELOW = NUMERATOR & ((NUMERATOR_BITS'(1) << i) - 1'b1);
    if (!NUMERATOR[i]) begin : none
      assign steps[i+1].valid   = steps[i].valid;
      assign steps[i+1].value   = steps[i].value;
      assign steps[i+1].product = steps[i].product;
    end else if (BELOW == '0) begin : first
      assign steps[i+1].valid   = steps[i].valid;
      assign steps[i+1].value   = steps[i].value;
      assign steps[i+1].product = WIDE'(steps[i].value) <<< i;
    end else begin : more
      always_ff @(posedge clk) begin
        steps[i+1].valid   <= steps[i].valid && !rst;
        steps[i+1].value   <= steps[i].value;
        steps[i+1].product <= steps[i].product + (WIDE'(steps[i].value) <<< i);
      end
    end
  end

  assign out_valid   = steps[NUMERATOR_BITS].valid;
  assign out_data    = steps[NUMERATOR_BITS].value;
  assign out_product = steps[NUMERATOR_BITS].product;
endmodule
