// y[n] = x[n] - x[n-1] + (1 - 2**-SHIFT) y[n-1] without a multiplier: `kept` sums up y, and y is x less its
// 2**-SHIFT.  What that shift floors away stays in `kept`, so a constant input ends at exactly 0.
// A sample that is stepped in cycle s gives y from s+1 on; the next step is at the earliest in s+2.
module ntorc_dc_blocker #(
    parameter int IN_BITS  = 14,
    parameter int FRACTION = 2,
    parameter int SHIFT    = 8
) (
    input  logic                               clk,
    input  logic                               rst,
    input  logic                               step,
    input  logic signed [IN_BITS-1:0]          in_data,
    output logic signed [IN_BITS+FRACTION:0]   out_data
);
  localparam int BITS = IN_BITS + FRACTION;

  logic signed [BITS+SHIFT-1:0] kept;
  logic stepped;

  always_ff @(posedge clk) begin
    if (step) out_data <= ((BITS + 1)'(in_data) <<< FRACTION) - (BITS + 1)'(kept >>> SHIFT);
    if (rst) begin
      kept    <= '0;
      stepped <= 1'b0;
    end else begin
      stepped <= step;
      if (stepped) kept <= kept + (BITS + SHIFT)'(out_data);
    end
  end
endmodule
