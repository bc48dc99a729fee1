// The rules of AXI4-Stream (AMBA AXI-Stream protocol, chapter 2) for the transmitter that is watched: as assertions,
// or, when it is the environment, as assumptions.  A READY may do what it likes.
module axi_stream_checker #(
    parameter bit ASSUMED = 1'b0
) (
    input  logic        clk,
    input  logic        aresetn,
    input  logic        tvalid,
    input  logic        tready,
    input  logic [31:0] tdata,
    input  logic        tlast,
    output logic [2:0]  broken  // the rules that this cycle breaks, in the order below
);
  logic was_reset;  // at the edge before
  logic [1:0] kept;

  initial was_reset = 1'b0;

  always @(posedge clk) was_reset <= !aresetn;

  axi_kept #(.BITS(33)) t (
      .clk, .aresetn, .valid(tvalid), .ready(tready), .payload({tdata, tlast}), .kept
  );

  assign broken[0] = was_reset && tvalid;  // nothing comes out of a reset
  assign broken[1] = !kept[0];             // VALID stays until READY
  assign broken[2] = !kept[1];             // and its payload

  if (ASSUMED) begin : rules
    always @(posedge clk) begin
      assume (broken == '0);
    end
  end else begin : rules
    always @(posedge clk) begin
      t_quiet_out_of_reset: assert (!broken[0]);
      t_valid_stays:        assert (!broken[1]);
      t_payload_stays:      assert (!broken[2]);
    end
  end
endmodule
