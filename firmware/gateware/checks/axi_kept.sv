// One channel's handshake: what is offered stays as it is until it is taken (AMBA AXI protocol, chapter A3.2).
module axi_kept #(
    parameter int BITS = 1
) (
    input  logic            clk,
    input  logic            aresetn,
    input  logic            valid,
    input  logic            ready,
    input  logic [BITS-1:0] payload,
    output logic [1:0]      kept  // [0]: VALID until READY, [1]: its payload
);
  logic waits;  // at the edge before, out of reset: VALID without READY
  logic [BITS-1:0] payload_was;

  initial waits = 1'b0;

  always @(posedge clk) begin
    waits <= aresetn && valid && !ready;
    payload_was <= payload;
  end

  wire checked = aresetn && waits;
  assign kept = {!checked || payload == payload_was, !checked || valid};
endmodule
