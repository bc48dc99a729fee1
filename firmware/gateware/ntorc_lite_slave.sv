// AXI4-Lite slave: the bus's handshakes on one side, strobes for registers on the other.
// One write and one read are under way at a time.  A write happens in the cycle of `write`; a read takes
// `read_value` in the cycle of `read`, in which `read_address` has been stable for at least one edge.
module ntorc_lite_slave #(
    parameter int ADDRESS_BITS = 12
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    s_axi_awvalid,
    output logic                    s_axi_awready,
    input  logic [ADDRESS_BITS-1:0] s_axi_awaddr,
    input  logic                    s_axi_wvalid,
    output logic                    s_axi_wready,
    input  logic [31:0]             s_axi_wdata,
    output logic                    s_axi_bvalid,
    input  logic                    s_axi_bready,
    output logic [1:0]              s_axi_bresp,
    input  logic                    s_axi_arvalid,
    output logic                    s_axi_arready,
    input  logic [ADDRESS_BITS-1:0] s_axi_araddr,
    output logic                    s_axi_rvalid,
    input  logic                    s_axi_rready,
    output logic [31:0]             s_axi_rdata,
    output logic [1:0]              s_axi_rresp,
    // registers
    output logic                    write,
    output logic [ADDRESS_BITS-1:0] write_address,
    output logic [31:0]             write_data,
    output logic                    read,
    output logic [ADDRESS_BITS-1:0] read_address,
    input  logic [31:0]             read_value
);
  logic aw_held, w_held, ar_held;

  assign s_axi_awready = !aw_held;
  assign s_axi_wready  = !w_held;
  assign s_axi_arready = !ar_held && !s_axi_rvalid;
  assign s_axi_bresp   = 2'b00;
  assign s_axi_rresp   = 2'b00;
  assign write = aw_held && w_held && !s_axi_bvalid;
  assign read = ar_held;

  always_ff @(posedge clk) begin
    if (s_axi_awvalid && s_axi_awready) write_address <= s_axi_awaddr;
    if (s_axi_wvalid && s_axi_wready) write_data <= s_axi_wdata;
    if (s_axi_arvalid && s_axi_arready) read_address <= s_axi_araddr;
    if (ar_held) s_axi_rdata <= read_value;
    if (rst) begin
      aw_held      <= 1'b0;
      w_held       <= 1'b0;
      ar_held      <= 1'b0;
      s_axi_bvalid <= 1'b0;
      s_axi_rvalid <= 1'b0;
    end else begin
      if (s_axi_awvalid && s_axi_awready) aw_held <= 1'b1;
      else if (write) aw_held <= 1'b0;
      if (s_axi_wvalid && s_axi_wready) w_held <= 1'b1;
      else if (write) w_held <= 1'b0;
      if (write) s_axi_bvalid <= 1'b1;
      else if (s_axi_bready) s_axi_bvalid <= 1'b0;
      ar_held <= s_axi_arvalid && s_axi_arready;
      if (ar_held) s_axi_rvalid <= 1'b1;
      else if (s_axi_rready) s_axi_rvalid <= 1'b0;
    end
  end
endmodule
