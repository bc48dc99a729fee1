// A signed word saturated to fewer bits; the same value in more bits.  Combinational.
module ntorc_clip #(
    parameter int IN_BITS  = 40,
    parameter int OUT_BITS = 10
) (
    input  logic signed [IN_BITS-1:0]  value,
    output logic signed [OUT_BITS-1:0] result
);
  if (IN_BITS > OUT_BITS) begin : narrower
    wire fits = (value[IN_BITS-1:OUT_BITS-1] == '0) || (&value[IN_BITS-1:OUT_BITS-1]);
    assign result = fits ? value[OUT_BITS-1:0] : {value[IN_BITS-1], {(OUT_BITS - 1) {~value[IN_BITS-1]}}};
  end else begin : wider
    assign result = OUT_BITS'(value);
  end
endmodule
