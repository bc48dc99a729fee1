// A register stage in a stream: what goes in comes out a cycle later, at one word a cycle, and no path leads
// through it in either direction.
module ntorc_stage #(
    parameter int BITS = 16
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            in_valid,
    output logic            in_ready,
    input  logic [BITS-1:0] in_data,
    output logic            out_valid,
    input  logic            out_ready,
    output logic [BITS-1:0] out_data,
    output logic            idle  // it holds nothing
);
  logic [BITS-1:0] spare;  // what came in the cycle in which the receiver stopped
  logic has_spare;
  assign in_ready = !has_spare;
  assign idle = !out_valid && !has_spare;

  always_ff @(posedge clk) begin
    if (rst) begin
      out_valid <= 1'b0;
      has_spare <= 1'b0;
    end else if (!out_valid || out_ready) begin
      out_valid <= has_spare || in_valid;
      has_spare <= 1'b0;
    end else if (in_valid) begin
      has_spare <= 1'b1;
    end
    if (!out_valid || out_ready) out_data <= has_spare ? spare : in_data;
    if (in_ready) spare <= in_data;
  end
endmodule
