// The shell with the rules of its bus and its streams, around a network that may do anything.
//
// NTORC_FORMAL adds what a proof needs: a reset at the start, covers that show that the assumptions leave
// room for traffic, and the relation between the shell's handshakes and the requests under way.  Without that
// relation, induction would start from states that the shell cannot be in.
module ntorc_shell_checked #(
    parameter int WINDOW    = 2,
    parameter int HOP       = 1,
    parameter int DEPTH     = 4,
    parameter int OUTPUTS   = 1,
    parameter bit STREAMING = 1'b0,
    parameter bit STREAMS   = 1'b1
) (
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
    input  logic        s_axis_tvalid,
    output logic        s_axis_tready,
    input  logic [31:0] s_axis_tdata,
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready,
    output logic [31:0] m_axis_tdata,
    output logic        m_axis_tlast,
    output logic        network_rst,
    output logic        in_valid,
    input  logic        in_ready,
    output logic signed [7:0] in_data,
    input  logic        out_valid,
    output logic        out_ready,
    input  logic signed [7:0] out_data,
    input  logic        network_idle,
    output logic [10:0] broken,
    output logic [2:0]  stream_broken
);
  /* verilator lint_off UNUSEDSIGNAL */  // read by the proof alone
  logic [3:0] aw_outstanding, w_outstanding, ar_outstanding;
  logic [2:0] samples_broken;  // the master's fault
  /* verilator lint_on UNUSEDSIGNAL */

  ntorc_shell #(
      .DESIGN_ID(64'h0123_4567_89ab_cdef), .IN_BITS(8), .OUT_BITS(8), .WINDOW(WINDOW), .HOP(HOP), .DEPTH(DEPTH),
      .OUTPUTS(OUTPUTS), .STREAMING(STREAMING), .STREAMS(STREAMS)
  ) shell (
      .clk, .aresetn, .s_axi_awvalid, .s_axi_awready, .s_axi_awaddr, .s_axi_wvalid, .s_axi_wready, .s_axi_wdata,
      .s_axi_bvalid, .s_axi_bready, .s_axi_bresp, .s_axi_arvalid, .s_axi_arready, .s_axi_araddr, .s_axi_rvalid,
      .s_axi_rready, .s_axi_rdata, .s_axi_rresp, .s_axis_tvalid, .s_axis_tready, .s_axis_tdata, .m_axis_tvalid,
      .m_axis_tready, .m_axis_tdata, .m_axis_tlast, .network_rst, .in_valid, .in_ready, .in_data, .out_valid,
      .out_ready, .out_data, .network_idle
  );

  axi_lite_checker rules (
      .clk, .aresetn, .awvalid(s_axi_awvalid), .awready(s_axi_awready), .awaddr(s_axi_awaddr),
      .wvalid(s_axi_wvalid), .wready(s_axi_wready), .wdata(s_axi_wdata), .bvalid(s_axi_bvalid),
      .bready(s_axi_bready), .bresp(s_axi_bresp), .arvalid(s_axi_arvalid), .arready(s_axi_arready),
      .araddr(s_axi_araddr), .rvalid(s_axi_rvalid), .rready(s_axi_rready), .rdata(s_axi_rdata),
      .rresp(s_axi_rresp), .aw_outstanding, .w_outstanding, .ar_outstanding, .broken
  );

  axi_stream_checker results (
      .clk, .aresetn, .tvalid(m_axis_tvalid), .tready(m_axis_tready), .tdata(m_axis_tdata), .tlast(m_axis_tlast),
      .broken(stream_broken)
  );

  axi_stream_checker #(.ASSUMED(1'b1)) samples (
      .clk, .aresetn, .tvalid(s_axis_tvalid), .tready(s_axis_tready), .tdata(s_axis_tdata), .tlast(1'b0),
      .broken(samples_broken)
  );

`ifdef NTORC_FORMAL
  logic [1:0] writes, reads;

  initial assume (!aresetn);

  always @(posedge clk) begin
    if (!aresetn) begin
      writes <= '0;
      reads  <= '0;
    end else begin
      if (s_axi_bvalid && s_axi_bready && writes != '1) writes <= writes + 1'b1;
      if (s_axi_rvalid && s_axi_rready && reads != '1) reads <= reads + 1'b1;
    end
    if (aresetn) three_of_each: cover (writes == '1 && reads == '1);
    if (aresetn) queued_write: cover (aw_outstanding == 4'd2 && w_outstanding == 4'd2);
  end

`ifdef NTORC_INDUCTION
  always @(posedge clk) begin
    if (aresetn) begin
      aw_under_way: assert (aw_outstanding == 4'(!s_axi_awready) + 4'(s_axi_bvalid));
      w_under_way:  assert (w_outstanding == 4'(!s_axi_wready) + 4'(s_axi_bvalid));
      ar_under_way: assert (ar_outstanding == 4'(!s_axi_arready));
    end
  end
`endif
`endif
endmodule
