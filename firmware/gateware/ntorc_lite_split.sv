// One AXI4-Lite master, two slaves: the upper half of the addresses is the second's.
// One write and one read are under way at a time; the address of a write goes before its data.
module ntorc_lite_split #(
    parameter int ADDRESS_BITS = 12  // of each slave
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    s_axi_awvalid,
    output logic                    s_axi_awready,
    input  logic [ADDRESS_BITS:0]   s_axi_awaddr,
    input  logic                    s_axi_wvalid,
    output logic                    s_axi_wready,
    input  logic [31:0]             s_axi_wdata,
    output logic                    s_axi_bvalid,
    input  logic                    s_axi_bready,
    output logic [1:0]              s_axi_bresp,
    input  logic                    s_axi_arvalid,
    output logic                    s_axi_arready,
    input  logic [ADDRESS_BITS:0]   s_axi_araddr,
    output logic                    s_axi_rvalid,
    input  logic                    s_axi_rready,
    output logic [31:0]             s_axi_rdata,
    output logic [1:0]              s_axi_rresp,
    output logic                    low_awvalid,
    input  logic                    low_awready,
    output logic [ADDRESS_BITS-1:0] low_awaddr,
    output logic                    low_wvalid,
    input  logic                    low_wready,
    output logic [31:0]             low_wdata,
    input  logic                    low_bvalid,
    output logic                    low_bready,
    input  logic [1:0]              low_bresp,
    output logic                    low_arvalid,
    input  logic                    low_arready,
    output logic [ADDRESS_BITS-1:0] low_araddr,
    input  logic                    low_rvalid,
    output logic                    low_rready,
    input  logic [31:0]             low_rdata,
    input  logic [1:0]              low_rresp,
    output logic                    high_awvalid,
    input  logic                    high_awready,
    output logic [ADDRESS_BITS-1:0] high_awaddr,
    output logic                    high_wvalid,
    input  logic                    high_wready,
    output logic [31:0]             high_wdata,
    input  logic                    high_bvalid,
    output logic                    high_bready,
    input  logic [1:0]              high_bresp,
    output logic                    high_arvalid,
    input  logic                    high_arready,
    output logic [ADDRESS_BITS-1:0] high_araddr,
    input  logic                    high_rvalid,
    output logic                    high_rready,
    input  logic [31:0]             high_rdata,
    input  logic [1:0]              high_rresp
);
  logic writing, write_high;  // a write's address has been passed on, its response has not
  logic data_passed;
  logic reading, read_high;   // the same of a read

  wire aw_high = s_axi_awaddr[ADDRESS_BITS];
  wire ar_high = s_axi_araddr[ADDRESS_BITS];
  wire to_data = writing && !data_passed;

  assign low_awaddr   = s_axi_awaddr[ADDRESS_BITS-1:0];
  assign high_awaddr  = s_axi_awaddr[ADDRESS_BITS-1:0];
  assign low_awvalid  = s_axi_awvalid && !writing && !aw_high;
  assign high_awvalid = s_axi_awvalid && !writing && aw_high;
  assign s_axi_awready = !writing && (aw_high ? high_awready : low_awready);

  assign low_wdata    = s_axi_wdata;
  assign high_wdata   = s_axi_wdata;
  assign low_wvalid   = s_axi_wvalid && to_data && !write_high;
  assign high_wvalid  = s_axi_wvalid && to_data && write_high;
  assign s_axi_wready = to_data && (write_high ? high_wready : low_wready);

  assign s_axi_bvalid = writing && (write_high ? high_bvalid : low_bvalid);
  assign s_axi_bresp  = write_high ? high_bresp : low_bresp;
  assign low_bready   = s_axi_bready && writing && !write_high;
  assign high_bready  = s_axi_bready && writing && write_high;

  assign low_araddr   = s_axi_araddr[ADDRESS_BITS-1:0];
  assign high_araddr  = s_axi_araddr[ADDRESS_BITS-1:0];
  assign low_arvalid  = s_axi_arvalid && !reading && !ar_high;
  assign high_arvalid = s_axi_arvalid && !reading && ar_high;
  assign s_axi_arready = !reading && (ar_high ? high_arready : low_arready);

  assign s_axi_rvalid = reading && (read_high ? high_rvalid : low_rvalid);
  assign s_axi_rdata  = read_high ? high_rdata : low_rdata;
  assign s_axi_rresp  = read_high ? high_rresp : low_rresp;
  assign low_rready   = s_axi_rready && reading && !read_high;
  assign high_rready  = s_axi_rready && reading && read_high;

  always_ff @(posedge clk) begin
    if (rst) begin
      writing     <= 1'b0;
      data_passed <= 1'b0;
      reading     <= 1'b0;
    end else begin
      if (s_axi_awvalid && s_axi_awready) writing <= 1'b1;
      else if (s_axi_bvalid && s_axi_bready) writing <= 1'b0;
      if (s_axi_wvalid && s_axi_wready) data_passed <= 1'b1;
      else if (s_axi_bvalid && s_axi_bready) data_passed <= 1'b0;
      if (s_axi_arvalid && s_axi_arready) reading <= 1'b1;
      else if (s_axi_rvalid && s_axi_rready) reading <= 1'b0;
    end
    if (s_axi_awvalid && s_axi_awready) write_high <= aw_high;
    if (s_axi_arvalid && s_axi_arready) read_high <= ar_high;
  end
endmodule
