// The rules of AXI4-Lite (AMBA AXI protocol, chapters A3 and B1) for the slave that is watched, as assertions,
// and those for its master, as assumptions.  Verilator checks both with --assert; yosys proves the first
// under the second.  With MASTER_IS_PROVED the master's rules are assertions too: what drives the bus is then part of
// the design.  `broken` tells the slave's rules apart in simulation.
//
// Stall bound: cycles in which the slave alone keeps a request or a response waiting; cycles in which it
// waits for its master (the other half of a write, or READY for a response) do not count.
module axi_lite_checker #(
    parameter int ADDRESS_BITS = 12,
    parameter int MAX_STALL = 2,       // cycles
    parameter int MAX_OUTSTANDING = 4,  // requests of one channel without their response
    parameter bit MASTER_IS_PROVED = 1'b0
) (
    input logic                    clk,
    input logic                    aresetn,
    input logic                    awvalid,
    input logic                    awready,
    input logic [ADDRESS_BITS-1:0] awaddr,
    input logic                    wvalid,
    input logic                    wready,
    input logic [31:0]             wdata,
    input logic                    bvalid,
    input logic                    bready,
    input logic [1:0]              bresp,
    input logic                    arvalid,
    input logic                    arready,
    input logic [ADDRESS_BITS-1:0] araddr,
    input logic                    rvalid,
    input logic                    rready,
    input logic [31:0]             rdata,
    input logic [1:0]              rresp,
    // requests that were accepted and have no accepted response yet
    output logic [3:0]             aw_outstanding,
    output logic [3:0]             w_outstanding,
    output logic [3:0]             ar_outstanding,
    output logic [10:0]            broken  // the slave's rules that this cycle breaks, in the order below
);
  // ---- what was, and what is under way ------------------------------------------------------------------
  logic running, was_reset;  // the edge before this one: there was one, out of reset and in it
  logic [1:0] aw_kept, w_kept, ar_kept, b_kept, r_kept;
  logic [3:0] aw_stall, w_stall, ar_stall, b_stall, r_stall;

  wire write_open = aw_outstanding != 0 && w_outstanding != 0;
  wire blocked_b = bvalid && !bready;
  wire blocked_r = rvalid && !rready;
  wire aw_stalled = awvalid && !awready && !blocked_b && (wvalid || w_outstanding > aw_outstanding);
  wire w_stalled = wvalid && !wready && !blocked_b && (awvalid || aw_outstanding > w_outstanding);
  wire ar_stalled = arvalid && !arready && !blocked_r;
  wire b_stalled = write_open && !bvalid;
  wire r_stalled = ar_outstanding != 0 && !rvalid;

  initial begin
    running = 1'b0;
    was_reset = 1'b0;
  end

  always @(posedge clk) begin
    running <= aresetn;
    was_reset <= !aresetn;
    if (!aresetn) begin
      aw_outstanding <= '0;
      w_outstanding <= '0;
      ar_outstanding <= '0;
      aw_stall <= '0;
      w_stall <= '0;
      ar_stall <= '0;
      b_stall <= '0;
      r_stall <= '0;
    end else begin
      aw_outstanding <= aw_outstanding + 4'(awvalid && awready) - 4'(bvalid && bready);
      w_outstanding <= w_outstanding + 4'(wvalid && wready) - 4'(bvalid && bready);
      ar_outstanding <= ar_outstanding + 4'(arvalid && arready) - 4'(rvalid && rready);
      aw_stall <= aw_stalled ? aw_stall + 1'b1 : '0;
      w_stall <= w_stalled ? w_stall + 1'b1 : '0;
      ar_stall <= ar_stalled ? ar_stall + 1'b1 : '0;
      b_stall <= b_stalled ? b_stall + 1'b1 : '0;
      r_stall <= r_stalled ? r_stall + 1'b1 : '0;
    end
  end

  axi_kept #(.BITS(ADDRESS_BITS)) aw (
      .clk, .aresetn, .valid(awvalid), .ready(awready), .payload(awaddr), .kept(aw_kept)
  );
  axi_kept #(.BITS(32)) w (
      .clk, .aresetn, .valid(wvalid), .ready(wready), .payload(wdata), .kept(w_kept)
  );
  axi_kept #(.BITS(ADDRESS_BITS)) ar (
      .clk, .aresetn, .valid(arvalid), .ready(arready), .payload(araddr), .kept(ar_kept)
  );
  axi_kept #(.BITS(2)) b (
      .clk, .aresetn, .valid(bvalid), .ready(bready), .payload(bresp), .kept(b_kept)
  );
  axi_kept #(.BITS(34)) r (
      .clk, .aresetn, .valid(rvalid), .ready(rready), .payload({rdata, rresp}), .kept(r_kept)
  );

  // ---- the slave's rules ----------------------------------------------------------------------------------
  wire checked = running && aresetn;
  assign broken[0] = was_reset && (bvalid || rvalid);           // no response comes out of a reset
  assign broken[1] = !b_kept[0];                                // BVALID stays until BREADY
  assign broken[2] = !b_kept[1];                                // and its payload
  assign broken[3] = !r_kept[0];                                // RVALID stays until RREADY
  assign broken[4] = !r_kept[1];                                // and its payload
  assign broken[5] = checked && bvalid && !write_open;          // one response a write, after both its parts
  assign broken[6] = checked && rvalid && ar_outstanding == 0;  // one response a read, after its address
  assign broken[7] = checked && (bvalid && bresp == 2'b01 || rvalid && rresp == 2'b01);  // no EXOKAY
  assign broken[8] = checked && (b_stall > 4'(MAX_STALL) || r_stall > 4'(MAX_STALL));  // responses come
  assign broken[9] = checked && (aw_stall > 4'(MAX_STALL) || w_stall > 4'(MAX_STALL) || ar_stall > 4'(MAX_STALL));
  assign broken[10] = checked && (aw_outstanding > 4'(MAX_OUTSTANDING) || w_outstanding > 4'(MAX_OUTSTANDING) ||
                                  ar_outstanding > 4'(MAX_OUTSTANDING));

  always @(posedge clk) begin
    no_response_out_of_reset: assert (!broken[0]);
    b_valid_stays:            assert (!broken[1]);
    b_payload_stays:          assert (!broken[2]);
    r_valid_stays:            assert (!broken[3]);
    r_payload_stays:          assert (!broken[4]);
    one_b_a_write:            assert (!broken[5]);
    one_r_a_read:             assert (!broken[6]);
    response_is_legal:        assert (!broken[7]);
    response_comes:           assert (!broken[8]);
    request_is_taken:         assert (!broken[9]);
    few_outstanding:          assert (!broken[10]);
  end

  // ---- the master's ---------------------------------------------------------------------------------------
  wire quiet = aresetn || (!awvalid && !wvalid && !arvalid);
  if (MASTER_IS_PROVED) begin : master
    always @(posedge clk) begin
      if (running) master_is_quiet_after_reset: assert (!was_reset || quiet);
      aw_stays: assert (&aw_kept);
      w_stays:  assert (&w_kept);
      ar_stays: assert (&ar_kept);
    end
  end else begin : master
    always @(posedge clk) begin
      master_is_quiet_in_reset: assume (quiet);
      aw_stays: assume (&aw_kept);
      w_stays:  assume (&w_kept);
      ar_stays: assume (&ar_kept);
    end
  end
endmodule
