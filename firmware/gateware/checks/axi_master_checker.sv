// The rules of AXI4 (AMBA AXI protocol, chapter A3) for the memory master that is watched, as assertions, with what
// an AXI3 port and this project's DMA add: bursts of at most 16 words, one read and one write under way, a write's
// data after its address.  What the memory owes it is assumed.
module axi_master_checker (
    input  logic        clk,
    input  logic        aresetn,
    input  logic [31:0] araddr,
    input  logic [7:0]  arlen,
    input  logic [2:0]  arsize,
    input  logic [1:0]  arburst,
    input  logic        arvalid,
    input  logic        arready,
    input  logic [31:0] rdata,
    input  logic [1:0]  rresp,
    input  logic        rvalid,
    input  logic        rready,
    input  logic [31:0] awaddr,
    input  logic [7:0]  awlen,
    input  logic [2:0]  awsize,
    input  logic [1:0]  awburst,
    input  logic        awvalid,
    input  logic        awready,
    input  logic [31:0] wdata,
    input  logic [3:0]  wstrb,
    input  logic        wlast,
    input  logic        wvalid,
    input  logic        wready,
    input  logic [1:0]  bresp,
    input  logic        bvalid,
    input  logic        bready,
    output logic [8:0]  r_left,   // beats of the accepted read address that are still to come
    output logic [8:0]  w_left,   // and of the write address
    output logic        w_open    // a write address was accepted and has no response yet
);
  // ---- what was, and what is under way ------------------------------------------------------------------
  logic running, was_reset;
  logic [1:0] ar_kept, aw_kept, w_kept, r_kept, b_kept;

  wire r_taken = rvalid && rready;
  wire w_taken = wvalid && wready;

  initial begin
    running = 1'b0;
    was_reset = 1'b0;
  end

  always @(posedge clk) begin
    running <= aresetn;
    was_reset <= !aresetn;
    if (!aresetn) begin
      r_left <= '0;
      w_left <= '0;
      w_open <= 1'b0;
    end else begin
      if (arvalid && arready) r_left <= 9'(arlen) + 1'b1;
      else if (r_taken) r_left <= r_left - 1'b1;
      if (awvalid && awready) w_left <= 9'(awlen) + 1'b1;
      else if (w_taken) w_left <= w_left - 1'b1;
      if (awvalid && awready) w_open <= 1'b1;
      else if (bvalid && bready) w_open <= 1'b0;
    end
  end

  axi_kept #(.BITS(40)) ar (
      .clk, .aresetn, .valid(arvalid), .ready(arready), .payload({araddr, arlen}), .kept(ar_kept)
  );
  axi_kept #(.BITS(40)) aw (
      .clk, .aresetn, .valid(awvalid), .ready(awready), .payload({awaddr, awlen}), .kept(aw_kept)
  );
  axi_kept #(.BITS(33)) w (
      .clk, .aresetn, .valid(wvalid), .ready(wready), .payload({wdata, wlast}), .kept(w_kept)
  );
  axi_kept #(.BITS(34)) r (
      .clk, .aresetn, .valid(rvalid), .ready(rready), .payload({rdata, rresp}), .kept(r_kept)
  );
  axi_kept #(.BITS(2)) b (
      .clk, .aresetn, .valid(bvalid), .ready(bready), .payload(bresp), .kept(b_kept)
  );

  // ---- the master's rules ---------------------------------------------------------------------------------
  wire checked = running && aresetn;
  wire [10:0] ar_end = 11'(araddr[11:2]) + 11'(arlen);  // the last beat's word in the first one's 4 KiB
  wire [10:0] aw_end = 11'(awaddr[11:2]) + 11'(awlen);

  always @(posedge clk) begin
    if (was_reset) m_quiet_out_of_reset: assert (!arvalid && !awvalid && !wvalid);
    if (checked) begin
      ar_stays: assert (&ar_kept);
      aw_stays: assert (&aw_kept);
      w_stays: assert (&w_kept);
      if (arvalid) ar_is_short: assert (arlen < 8'd16);
      if (awvalid) aw_is_short: assert (awlen < 8'd16);
      if (arvalid) ar_is_words: assert (arsize == 3'd2 && arburst == 2'b01 && araddr[1:0] == 2'b00);
      if (awvalid) aw_is_words: assert (awsize == 3'd2 && awburst == 2'b01 && awaddr[1:0] == 2'b00);
      if (arvalid) ar_in_one_page: assert (!ar_end[10]);
      if (awvalid) aw_in_one_page: assert (!aw_end[10]);
      if (wvalid) w_follows_its_address: assert (w_left != '0);
      if (wvalid) w_is_whole: assert (wstrb == 4'hF);
      if (wvalid) w_last_is_last: assert (wlast == (w_left == 9'd1));
      if (arvalid) one_read_under_way: assert (r_left == '0);
      if (awvalid) one_write_under_way: assert (!w_open);
      if (r_left != '0) r_is_awaited: assert (rready);
      if (w_open && w_left == '0) b_is_awaited: assert (bready);
    end
  end

  // ---- the memory's ---------------------------------------------------------------------------------------
  always @(posedge clk) begin
    if (!aresetn) memory_is_quiet_in_reset: assume (!rvalid && !bvalid);
    if (aresetn && r_left == '0) r_has_an_address: assume (!rvalid);
    if (aresetn && (!w_open || w_left != '0)) b_has_its_data: assume (!bvalid);
    r_stays: assume (&r_kept);
    b_stays: assume (&b_kept);
  end
endmodule
