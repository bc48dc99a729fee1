// The bridge in front of a lite slave whose registers read as anything, with the rules of both its sides.
// Under NTORC_FORMAL its data is free; in simulation `written` and `read_address` show what reaches the registers.
module ntorc_bridge_checked #(
    parameter int ID_BITS     = 3,
    parameter int LENGTH_BITS = 4,
    parameter int DATA_BITS   = 32
) (
    input  logic                   clk,
    input  logic                   aresetn,
    input  logic                   awvalid,
    output logic                   awready,
    input  logic [ID_BITS-1:0]     awid,
    input  logic [11:0]            awaddr,
    input  logic [LENGTH_BITS-1:0] awlen,
    input  logic [2:0]             awsize,
    input  logic [1:0]             awburst,
    input  logic                   wvalid,
    output logic                   wready,
    input  logic [DATA_BITS-1:0]   wdata,
    input  logic [DATA_BITS/8-1:0] wstrb,
    input  logic                   wlast,
    output logic                   bvalid,
    input  logic                   bready,
    output logic [ID_BITS-1:0]     bid,
    output logic [1:0]             bresp,
    input  logic                   arvalid,
    output logic                   arready,
    input  logic [ID_BITS-1:0]     arid,
    input  logic [11:0]            araddr,
    input  logic [LENGTH_BITS-1:0] arlen,
    input  logic [2:0]             arsize,
    input  logic [1:0]             arburst,
    output logic                   rvalid,
    input  logic                   rready,
    output logic [ID_BITS-1:0]     rid,
    output logic [DATA_BITS-1:0]   rdata,
    output logic [1:0]             rresp,
    output logic                   rlast,
    output logic                   written,
    output logic [11:0]            write_address,
    output logic [31:0]            write_data,
    output logic                   read,
    output logic [11:0]            read_address,
    input  logic [31:0]            read_value,
    output logic [9:0]             broken,
    output logic [10:0]            lite_broken
);
  logic m_awvalid, m_awready, m_wvalid, m_wready, m_bvalid, m_bready, m_arvalid, m_arready, m_rvalid, m_rready;
  logic [11:0] m_awaddr, m_araddr;
  logic [31:0] m_wdata, m_rdata;
  logic [1:0] m_bresp, m_rresp;
  /* verilator lint_off UNUSEDSIGNAL */  // read by the proof alone
  logic w_open, w_ended, r_open, last_taken;
  logic [LENGTH_BITS-1:0] r_left, left;
  logic [ID_BITS-1:0] w_id, r_id;
  logic [3:0] aw_outstanding, w_outstanding, ar_outstanding;
  /* verilator lint_on UNUSEDSIGNAL */

  ntorc_axi_bridge #(.ID_BITS(ID_BITS), .LENGTH_BITS(LENGTH_BITS), .DATA_BITS(DATA_BITS)) bridge (
      .clk, .rst(!aresetn), .awvalid, .awready, .awid, .awaddr, .awlen, .awsize, .awburst, .wvalid, .wready, .wdata,
      .wstrb, .wlast, .bvalid, .bready, .bid, .bresp, .arvalid, .arready, .arid, .araddr, .arlen, .arsize, .arburst,
      .rvalid, .rready, .rid, .rdata, .rresp, .rlast, .left, .last_taken, .m_axi_awvalid(m_awvalid), .m_axi_awready(m_awready),
      .m_axi_awaddr(m_awaddr), .m_axi_wvalid(m_wvalid), .m_axi_wready(m_wready), .m_axi_wdata(m_wdata),
      .m_axi_bvalid(m_bvalid), .m_axi_bready(m_bready), .m_axi_bresp(m_bresp), .m_axi_arvalid(m_arvalid),
      .m_axi_arready(m_arready), .m_axi_araddr(m_araddr), .m_axi_rvalid(m_rvalid), .m_axi_rready(m_rready),
      .m_axi_rdata(m_rdata), .m_axi_rresp(m_rresp)
  );

  ntorc_lite_slave slave (
      .clk, .rst(!aresetn), .s_axi_awvalid(m_awvalid), .s_axi_awready(m_awready), .s_axi_awaddr(m_awaddr),
      .s_axi_wvalid(m_wvalid), .s_axi_wready(m_wready), .s_axi_wdata(m_wdata), .s_axi_bvalid(m_bvalid),
      .s_axi_bready(m_bready), .s_axi_bresp(m_bresp), .s_axi_arvalid(m_arvalid), .s_axi_arready(m_arready),
      .s_axi_araddr(m_araddr), .s_axi_rvalid(m_rvalid), .s_axi_rready(m_rready), .s_axi_rdata(m_rdata),
      .s_axi_rresp(m_rresp), .write(written), .write_address, .write_data, .read, .read_address, .read_value
  );

  axi_burst_checker #(.ID_BITS(ID_BITS), .LENGTH_BITS(LENGTH_BITS), .DATA_BITS(DATA_BITS)) rules (
      .clk, .aresetn, .awvalid, .awready, .awid, .awlen, .wvalid, .wready, .wlast, .bvalid, .bready, .bid, .bresp,
      .arvalid, .arready, .arid, .arlen, .rvalid, .rready, .rid, .rdata, .rresp, .rlast, .w_open, .w_ended, .r_open,
      .r_left, .w_id, .r_id, .broken
  );

  axi_lite_checker #(.MASTER_IS_PROVED(1'b1)) lite_rules (
      .clk, .aresetn, .awvalid(m_awvalid), .awready(m_awready), .awaddr(m_awaddr), .wvalid(m_wvalid),
      .wready(m_wready), .wdata(m_wdata), .bvalid(m_bvalid), .bready(m_bready), .bresp(m_bresp),
      .arvalid(m_arvalid), .arready(m_arready), .araddr(m_araddr), .rvalid(m_rvalid), .rready(m_rready),
      .rdata(m_rdata), .rresp(m_rresp), .aw_outstanding, .w_outstanding, .ar_outstanding, .broken(lite_broken)
  );

`ifdef NTORC_FORMAL
  logic [1:0] writes, reads;

  initial assume (!aresetn);

  always @(posedge clk) begin
    if (!aresetn) begin
      writes <= '0;
      reads  <= '0;
    end else begin
      if (bvalid && bready && writes != '1) writes <= writes + 1'b1;
      if (rvalid && rready && rlast && reads != '1) reads <= reads + 1'b1;
    end
    if (aresetn) two_of_each: cover (writes == 2'd2 && reads == 2'd2);
    if (aresetn) a_burst_of_two: cover (rvalid && rready && rlast && rules.arlen_was != '0 && reads == 2'd1);
  end

`ifdef NTORC_INDUCTION
  // how the bridge's state, the slave's and the bursts under way hang together
  wire sending = !awready && !wready && !bvalid;
  wire address_sent = sending && !m_awvalid;
  wire data_sent = sending && !m_wvalid;
  always @(posedge clk) begin
    if (aresetn) begin
      write_open:   assert (w_open == !awready);
      write_ended:  assert (w_ended == (bvalid || sending && last_taken));
      write_id:     assert (!w_open || (bid == w_id && !bresp[0]));
      read_open:    assert (r_open == !arready);
      read_left:    assert (!r_open || (left == r_left && rid == r_id && !rresp[0]));
      read_state:   assert (3'(arready) + 3'(rvalid) + 3'(m_arvalid) + 3'(m_rready) == 3'd1);
      write_state:  assert (2'(awready) + 2'(wready) + 2'(bvalid) <= 2'd1);
      aw_held:      assert (address_sent == (!m_awready || m_bvalid));
      w_held:       assert (data_sent == (!m_wready || m_bvalid));
      one_write:    assert (!(m_bvalid && (!m_awready || !m_wready)));
      ar_held:      assert (m_rready == !m_arready);
      aw_under_way: assert (aw_outstanding == 4'(address_sent));
      w_under_way:  assert (w_outstanding == 4'(data_sent));
      ar_under_way: assert (ar_outstanding == 4'(m_rready));
    end
  end
`endif
`endif
endmodule
