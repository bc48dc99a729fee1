// Rectified linear unit on one word; a wire when disabled.
module ntorc_relu #(
    parameter int BITS   = 16,
    parameter bit ENABLE = 1'b1
) (
    input  logic signed [BITS-1:0] value,
    output logic signed [BITS-1:0] result
);
  assign result = (ENABLE && value[BITS-1]) ? '0 : value;
endmodule
