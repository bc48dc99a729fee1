// A network whose timing and state are plain to see, for the tests of the shell.
// It takes a sample each COST cycles.  DELAY cycles after the last of LENGTH samples it gives OUTPUTS words, one a
// cycle: the sum of all samples since the reset, plus the word's number.  DRAIN cycles more until it is idle.
module ntorc_network #(
    parameter int BITS    = 24,
    parameter int LENGTH  = 4,
    parameter int OUTPUTS = 1,
    parameter int COST    = 1,
    parameter int DELAY   = 1,
    parameter int DRAIN   = 0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic signed [BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic signed [BITS-1:0] out_data,
    output logic idle
);
  logic signed [BITS-1:0] sum;
  logic [15:0] taken, given, rest, delay, drain;
  logic answering;

  assign in_ready = (rest == '0) && !answering;
  assign out_valid = answering && (delay == '0);
  assign out_data = sum + BITS'(given);
  assign idle = (drain == '0) && (taken == '0) && !answering;

  always_ff @(posedge clk) begin
    if (rst) begin
      sum       <= '0;
      taken     <= '0;
      given     <= '0;
      rest      <= '0;
      delay     <= '0;
      drain     <= '0;
      answering <= 1'b0;
    end else begin
      if (rest != '0) rest <= rest - 1'b1;
      if (drain != '0) drain <= drain - 1'b1;
      if (answering && delay != '0) delay <= delay - 1'b1;
      if (in_valid && in_ready) begin
        sum   <= sum + in_data;
        rest  <= 16'(COST - 1);
        taken <= taken + 1'b1;
        if (taken == 16'(LENGTH - 1)) begin
          taken     <= '0;
          answering <= 1'b1;
          delay     <= 16'(DELAY - 1);
        end
      end
      if (out_valid && out_ready) begin
        given <= given + 1'b1;
        if (given == 16'(OUTPUTS - 1)) begin
          given     <= '0;
          answering <= 1'b0;
          drain     <= 16'(DRAIN);
        end
      end
    end
  end
endmodule
