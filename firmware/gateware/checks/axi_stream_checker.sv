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
  logic was_reset, waits;  // at the edge before: in reset; VALID without READY
  logic [31:0] tdata_was;
  logic tlast_was;

  initial begin
    was_reset = 1'b0;
    waits = 1'b0;
  end

  always @(posedge clk) begin
    was_reset <= !aresetn;
    waits <= aresetn && tvalid && !tready;
    tdata_was <= tdata;
    tlast_was <= tlast;
  end

  assign broken[0] = was_reset && tvalid;                                              // nothing comes out of a reset
  assign broken[1] = aresetn && waits && !tvalid;                                      // VALID stays until READY
  assign broken[2] = aresetn && waits && {tdata, tlast} != {tdata_was, tlast_was};     // and its payload

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
