// The rules of AXI3 and AXI4 (AMBA AXI protocol, chapters A3 and A5) for a slave that has one burst of each direction
// under way at a time, as assertions, and those for its master, as assumptions.  `broken` tells the rules apart.
module axi_burst_checker #(
    parameter int ID_BITS     = 12,
    parameter int LENGTH_BITS = 4,
    parameter int DATA_BITS   = 32
) (
    input logic                   clk,
    input logic                   aresetn,
    input logic                   awvalid,
    input logic                   awready,
    input logic [ID_BITS-1:0]     awid,
    input logic [LENGTH_BITS-1:0] awlen,
    input logic                   wvalid,
    input logic                   wready,
    input logic                   wlast,
    input logic                   bvalid,
    input logic                   bready,
    input logic [ID_BITS-1:0]     bid,
    input logic [1:0]             bresp,
    input logic                   arvalid,
    input logic                   arready,
    input logic [ID_BITS-1:0]     arid,
    input logic [LENGTH_BITS-1:0] arlen,
    input logic                   rvalid,
    input logic                   rready,
    input logic [ID_BITS-1:0]     rid,
    input logic [DATA_BITS-1:0]   rdata,
    input logic [1:0]             rresp,
    input logic                   rlast,
    output logic                   w_open,    // a write's address was accepted, its response was not
    output logic                   w_ended,   // and its last beat was
    output logic                   r_open,
    output logic [LENGTH_BITS-1:0] r_left,
    output logic [ID_BITS-1:0]     w_id,
    output logic [ID_BITS-1:0]     r_id,
    output logic [9:0]             broken
);
  logic running, was_reset;
  logic [1:0] aw_kept, w_kept, ar_kept, b_kept, r_kept;
  logic [LENGTH_BITS-1:0] w_left;

  initial begin
    running = 1'b0;
    was_reset = 1'b0;
  end

  always @(posedge clk) begin
    running <= aresetn;
    was_reset <= !aresetn;
    if (awvalid && awready) {w_left, w_id} <= {awlen, awid};
    else if (wvalid && wready) w_left <= w_left - 1'b1;
    if (arvalid && arready) {r_left, r_id} <= {arlen, arid};
    else if (rvalid && rready) r_left <= r_left - 1'b1;
    if (!aresetn) begin
      {w_open, w_ended, r_open} <= '0;
    end else begin
      if (awvalid && awready) w_open <= 1'b1;
      else if (bvalid && bready) w_open <= 1'b0;
      if (wvalid && wready) w_ended <= wlast;
      else if (bvalid && bready) w_ended <= 1'b0;
      if (arvalid && arready) r_open <= 1'b1;
      else if (rvalid && rready && rlast) r_open <= 1'b0;
    end
  end

  axi_kept #(.BITS(LENGTH_BITS + ID_BITS)) aw (
      .clk, .aresetn, .valid(awvalid), .ready(awready), .payload({awlen, awid}), .kept(aw_kept)
  );
  axi_kept #(.BITS(1)) w (
      .clk, .aresetn, .valid(wvalid), .ready(wready), .payload(wlast), .kept(w_kept)
  );
  axi_kept #(.BITS(LENGTH_BITS + ID_BITS)) ar (
      .clk, .aresetn, .valid(arvalid), .ready(arready), .payload({arlen, arid}), .kept(ar_kept)
  );
  axi_kept #(.BITS(ID_BITS + 2)) b (
      .clk, .aresetn, .valid(bvalid), .ready(bready), .payload({bid, bresp}), .kept(b_kept)
  );
  axi_kept #(.BITS(ID_BITS + DATA_BITS + 3)) r (
      .clk, .aresetn, .valid(rvalid), .ready(rready), .payload({rid, rdata, rresp, rlast}), .kept(r_kept)
  );

  // ---- the slave's rules ----------------------------------------------------------------------------------
  wire checked = running && aresetn;
  assign broken[0] = was_reset && (bvalid || rvalid);               // no response comes out of a reset
  assign broken[1] = !(&b_kept);                                    // a response stays as it is
  assign broken[2] = !(&r_kept);
  assign broken[3] = checked && bvalid && !(w_open && w_ended);     // one response, after the last beat
  assign broken[4] = checked && bvalid && bid != w_id;              // with the burst's ID
  assign broken[5] = checked && rvalid && !r_open;                  // as many beats as were asked for
  assign broken[6] = checked && rvalid && rid != r_id;              // with the burst's ID
  assign broken[7] = checked && rvalid && rlast != (r_left == '0);  // the last one marked
  assign broken[8] = checked && (bvalid && bresp == 2'b01 || rvalid && rresp == 2'b01);  // no EXOKAY
  assign broken[9] = checked && (awready && w_open || arready && r_open || wready && !(w_open && !w_ended));

  always @(posedge clk) begin
    no_response_out_of_reset: assert (!broken[0]);
    b_stays:                  assert (!broken[1]);
    r_stays:                  assert (!broken[2]);
    one_b_a_burst:            assert (!broken[3]);
    b_has_the_id:             assert (!broken[4]);
    beats_as_asked:           assert (!broken[5]);
    r_has_the_id:             assert (!broken[6]);
    last_is_marked:           assert (!broken[7]);
    response_is_legal:        assert (!broken[8]);
    one_burst_at_a_time:      assert (!broken[9]);
  end

  // ---- the master's ---------------------------------------------------------------------------------------
  always @(posedge clk) begin
    if (!aresetn) master_is_quiet_in_reset: assume (!awvalid && !wvalid && !arvalid);
    aw_stays: assume (&aw_kept);
    w_stays:  assume (&w_kept);
    ar_stays: assume (&ar_kept);
    if (checked && wvalid && wready) w_last_in_its_place: assume (wlast == (w_left == '0));
  end
endmodule
