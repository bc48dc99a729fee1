// The DMA with the rules of its three kinds of port, before memory and streams that may do anything they may.
//
// NTORC_FORMAL and NTORC_INDUCTION are as in ntorc_shell_checked.
module ntorc_dma_checked (
    input  logic        clk,
    input  logic        aresetn,
    input  logic        s_axi_awvalid,
    output logic        s_axi_awready,
    input  logic [11:0] s_axi_awaddr,
    input  logic        s_axi_wvalid,
    output logic        s_axi_wready,
    input  logic [31:0] s_axi_wdata,
    output logic        s_axi_bvalid,
    input  logic        s_axi_bready,
    output logic [1:0]  s_axi_bresp,
    input  logic        s_axi_arvalid,
    output logic        s_axi_arready,
    input  logic [11:0] s_axi_araddr,
    output logic        s_axi_rvalid,
    input  logic        s_axi_rready,
    output logic [31:0] s_axi_rdata,
    output logic [1:0]  s_axi_rresp,
    output logic [31:0] m_axi_araddr,
    output logic [7:0]  m_axi_arlen,
    output logic [2:0]  m_axi_arsize,
    output logic [1:0]  m_axi_arburst,
    output logic        m_axi_arvalid,
    input  logic        m_axi_arready,
    input  logic [31:0] m_axi_rdata,
    input  logic [1:0]  m_axi_rresp,
    input  logic        m_axi_rvalid,
    output logic        m_axi_rready,
    output logic [31:0] m_axi_awaddr,
    output logic [7:0]  m_axi_awlen,
    output logic [2:0]  m_axi_awsize,
    output logic [1:0]  m_axi_awburst,
    output logic        m_axi_awvalid,
    input  logic        m_axi_awready,
    output logic [31:0] m_axi_wdata,
    output logic [3:0]  m_axi_wstrb,
    output logic        m_axi_wlast,
    output logic        m_axi_wvalid,
    input  logic        m_axi_wready,
    input  logic [1:0]  m_axi_bresp,
    input  logic        m_axi_bvalid,
    output logic        m_axi_bready,
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready,
    output logic [31:0] m_axis_tdata,
    output logic        m_axis_tlast,
    input  logic        s_axis_tvalid,
    output logic        s_axis_tready,
    input  logic [31:0] s_axis_tdata,
    input  logic        s_axis_tlast
);
  logic [3:0] aw_outstanding, w_outstanding, ar_outstanding;
  logic [10:0] broken;
  logic [2:0] sent_broken, received_broken;
  logic [8:0] r_left, w_left;
  logic w_open;

  ntorc_dma dma (
      .clk, .aresetn, .s_axi_awvalid, .s_axi_awready, .s_axi_awaddr, .s_axi_wvalid, .s_axi_wready, .s_axi_wdata,
      .s_axi_bvalid, .s_axi_bready, .s_axi_bresp, .s_axi_arvalid, .s_axi_arready, .s_axi_araddr, .s_axi_rvalid,
      .s_axi_rready, .s_axi_rdata, .s_axi_rresp, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arvalid, .m_axi_arready, .m_axi_rdata, .m_axi_rresp, .m_axi_rvalid, .m_axi_rready, .m_axi_awaddr,
      .m_axi_awlen, .m_axi_awsize, .m_axi_awburst, .m_axi_awvalid, .m_axi_awready, .m_axi_wdata, .m_axi_wstrb,
      .m_axi_wlast, .m_axi_wvalid, .m_axi_wready, .m_axi_bresp, .m_axi_bvalid, .m_axi_bready, .m_axis_tvalid,
      .m_axis_tready, .m_axis_tdata, .m_axis_tlast, .s_axis_tvalid, .s_axis_tready, .s_axis_tdata, .s_axis_tlast
  );

  axi_lite_checker rules (
      .clk, .aresetn, .awvalid(s_axi_awvalid), .awready(s_axi_awready), .awaddr(s_axi_awaddr), .wvalid(s_axi_wvalid),
      .wready(s_axi_wready), .wdata(s_axi_wdata), .bvalid(s_axi_bvalid), .bready(s_axi_bready), .bresp(s_axi_bresp),
      .arvalid(s_axi_arvalid), .arready(s_axi_arready), .araddr(s_axi_araddr), .rvalid(s_axi_rvalid),
      .rready(s_axi_rready), .rdata(s_axi_rdata), .rresp(s_axi_rresp), .aw_outstanding, .w_outstanding,
      .ar_outstanding, .broken
  );

  axi_master_checker memory (
      .clk, .aresetn, .araddr(m_axi_araddr), .arlen(m_axi_arlen), .arsize(m_axi_arsize), .arburst(m_axi_arburst),
      .arvalid(m_axi_arvalid), .arready(m_axi_arready), .rdata(m_axi_rdata), .rresp(m_axi_rresp),
      .rvalid(m_axi_rvalid), .rready(m_axi_rready), .awaddr(m_axi_awaddr), .awlen(m_axi_awlen),
      .awsize(m_axi_awsize), .awburst(m_axi_awburst), .awvalid(m_axi_awvalid), .awready(m_axi_awready),
      .wdata(m_axi_wdata), .wstrb(m_axi_wstrb), .wlast(m_axi_wlast), .wvalid(m_axi_wvalid), .wready(m_axi_wready),
      .bresp(m_axi_bresp), .bvalid(m_axi_bvalid), .bready(m_axi_bready), .r_left, .w_left, .w_open
  );

  axi_stream_checker sent (
      .clk, .aresetn, .tvalid(m_axis_tvalid), .tready(m_axis_tready), .tdata(m_axis_tdata), .tlast(m_axis_tlast),
      .broken(sent_broken)
  );

  axi_stream_checker #(.ASSUMED(1'b1)) received (
      .clk, .aresetn, .tvalid(s_axis_tvalid), .tready(s_axis_tready), .tdata(s_axis_tdata), .tlast(s_axis_tlast),
      .broken(received_broken)
  );

`ifdef NTORC_FORMAL
  logic two_written;  // a write burst of two words has ended

  initial assume (!aresetn);

  always @(posedge clk) begin
    if (!aresetn) two_written <= 1'b0;
    else if (m_axi_wvalid && m_axi_wready && !m_axi_wlast) two_written <= 1'b1;
    if (aresetn) a_packet_was_sent: cover (m_axis_tvalid && m_axis_tready && m_axis_tlast);
    if (aresetn) two_words_were_written: cover (two_written && m_axi_bvalid && m_axi_bready);
  end

`ifdef NTORC_INDUCTION
  always @(posedge clk) begin
    if (aresetn) begin
      aw_under_way: assert (aw_outstanding == 4'(!s_axi_awready) + 4'(s_axi_bvalid));
      w_under_way:  assert (w_outstanding == 4'(!s_axi_wready) + 4'(s_axi_bvalid));
      ar_under_way: assert (ar_outstanding == 4'(!s_axi_arready));
      reads_left:   assert (r_left == (m_axi_rready ? 9'(m_axi_arlen) + 1'b1 : 9'd0));
      writes_left:  assert (w_left == (m_axi_wvalid ? 9'(m_axi_awlen) + 1'b1 : 9'd0));
      write_open:   assert (w_open == (m_axi_wvalid || m_axi_bready));
      read_steps:   assert (!(m_axi_arvalid && m_axi_rready));
      write_steps:  assert (2'(m_axi_awvalid) + 2'(m_axi_wvalid) + 2'(m_axi_bready) <= 2'd1);
    end
  end
`endif
`endif
endmodule
