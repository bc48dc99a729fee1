// From a processing system's general port (AXI3 of a Zynq-7000, AXI4 of an UltraScale+) to AXI4-Lite.
//
// One write burst and one read burst are under way at a time.  Each beat of 32 bits becomes one access; IDs are echoed
// and the last beat of a read is marked.  The port may be wider than 32 bits: a written word is taken from the lowest
// lane that is strobed, and a read word is given on every lane, so that it does not matter which width the boot loader
// of an UltraScale+ has set.  A beat of more than 32 bits, or a write of a part of a word, changes nothing and is
// answered with SLVERR; a write without strobes changes nothing.
module ntorc_axi_bridge #(
    parameter int ID_BITS      = 12,
    parameter int LENGTH_BITS  = 4,   // AXI4: 8
    parameter int DATA_BITS    = 32,
    parameter int ADDRESS_BITS = 12
) (
    input  logic                    clk,
    input  logic                    rst,
    // from the processing system
    input  logic                    awvalid,
    output logic                    awready,
    input  logic [ID_BITS-1:0]      awid,
    input  logic [ADDRESS_BITS-1:0] awaddr,
    input  logic [LENGTH_BITS-1:0]  awlen,
    input  logic [2:0]              awsize,
    input  logic [1:0]              awburst,
    input  logic                    wvalid,
    output logic                    wready,
    input  logic [DATA_BITS-1:0]    wdata,
    input  logic [DATA_BITS/8-1:0]  wstrb,
    input  logic                    wlast,
    output logic                    bvalid,
    input  logic                    bready,
    output logic [ID_BITS-1:0]      bid,
    output logic [1:0]              bresp,
    input  logic                    arvalid,
    output logic                    arready,
    input  logic [ID_BITS-1:0]      arid,
    input  logic [ADDRESS_BITS-1:0] araddr,
    input  logic [LENGTH_BITS-1:0]  arlen,
    input  logic [2:0]              arsize,
    input  logic [1:0]              arburst,
    output logic                    rvalid,
    input  logic                    rready,
    output logic [ID_BITS-1:0]      rid,
    output logic [DATA_BITS-1:0]    rdata,
    output logic [1:0]              rresp,
    output logic                    rlast,
    output logic [LENGTH_BITS-1:0]  left,        // of the read, for what watches it: beats after this one
    output logic                    last_taken,  // of the write: the beat that was taken is its last
    // to the slave
    output logic                    m_axi_awvalid,
    input  logic                    m_axi_awready,
    output logic [ADDRESS_BITS-1:0] m_axi_awaddr,
    output logic                    m_axi_wvalid,
    input  logic                    m_axi_wready,
    output logic [31:0]             m_axi_wdata,
    input  logic                    m_axi_bvalid,
    output logic                    m_axi_bready,
    input  logic [1:0]              m_axi_bresp,
    output logic                    m_axi_arvalid,
    input  logic                    m_axi_arready,
    output logic [ADDRESS_BITS-1:0] m_axi_araddr,
    input  logic                    m_axi_rvalid,
    output logic                    m_axi_rready,
    input  logic [31:0]             m_axi_rdata,
    input  logic [1:0]              m_axi_rresp
);
  localparam int LANES = DATA_BITS / 32;
  localparam logic [1:0] OKAY = 2'b00, SLVERR = 2'b10;
  localparam logic [1:0] FIXED = 2'b00, WRAP = 2'b10;
  localparam logic [1:0] IDLE = 2'd0, TAKE = 2'd1, SEND = 2'd2, ANSWER = 2'd3;

  // the next beat's address (AMBA AXI, A3.4.1); that of an unaligned one need not be aligned, since its word is
  function automatic logic [ADDRESS_BITS-1:0] after(
      input logic [ADDRESS_BITS-1:0] address, input logic [LENGTH_BITS-1:0] length, input logic [2:0] size,
      input logic [1:0] burst);
    logic [ADDRESS_BITS-1:0] step, span, next;
    step = ADDRESS_BITS'(1) << size;
    span = ((ADDRESS_BITS'(length) + 1'b1) << size) - 1'b1;  // of a wrapping burst, less one
    next = address + step;
    after = (burst == FIXED) ? address : (burst == WRAP) ? (address & ~span) | (next & span) : next;
  endfunction

  // ---- writes ----------------------------------------------------------------------------------------
  logic [1:0] writing;
  logic [ADDRESS_BITS-1:0] write_at;
  logic [LENGTH_BITS-1:0] write_length;
  logic [2:0] write_size;
  logic [1:0] write_burst;
  logic address_sent, data_sent;
  logic [31:0] lane_data;
  logic [3:0] lane_strobes;

  always_comb begin
    lane_data = wdata[31:0];
    lane_strobes = wstrb[3:0];
    for (int lane = LANES - 1; lane >= 0; lane--)
      if (wstrb[4*lane+:4] != '0) begin
        lane_data = wdata[32*lane+:32];
        lane_strobes = wstrb[4*lane+:4];
      end
  end

  wire whole = lane_strobes == '1 && write_size == 3'd2;
  assign awready = writing == IDLE;
  assign wready = writing == TAKE;
  assign bvalid = writing == ANSWER;
  assign m_axi_awvalid = writing == SEND && !address_sent;
  assign m_axi_wvalid = writing == SEND && !data_sent;
  assign m_axi_bready = writing == SEND;
  assign m_axi_awaddr = {write_at[ADDRESS_BITS-1:2], 2'b00};

  always_ff @(posedge clk) begin
    if (awvalid && awready) begin
      bid          <= awid;
      bresp        <= OKAY;
      write_at     <= awaddr;
      write_length <= awlen;
      write_size   <= awsize;
      write_burst  <= awburst;
    end
    if (wvalid && wready) begin
      m_axi_wdata  <= lane_data;
      last_taken   <= wlast;
      address_sent <= 1'b0;
      data_sent    <= 1'b0;
      if (!whole && lane_strobes != '0) bresp <= SLVERR;
      if (!whole) write_at <= after(write_at, write_length, write_size, write_burst);
    end
    if (m_axi_awvalid && m_axi_awready) address_sent <= 1'b1;
    if (m_axi_wvalid && m_axi_wready) data_sent <= 1'b1;
    if (m_axi_bvalid && m_axi_bready) begin
      if (m_axi_bresp != OKAY) bresp <= SLVERR;
      write_at <= after(write_at, write_length, write_size, write_burst);
    end
    if (rst) writing <= IDLE;
    else
      case (writing)
        IDLE: if (awvalid) writing <= TAKE;
        TAKE: if (wvalid) writing <= whole ? SEND : wlast ? ANSWER : TAKE;
        SEND: if (m_axi_bvalid) writing <= last_taken ? ANSWER : TAKE;
        ANSWER: if (bready) writing <= IDLE;
      endcase
  end

  // ---- reads -----------------------------------------------------------------------------------------
  logic [1:0] reading;
  logic [ADDRESS_BITS-1:0] read_at;
  logic [LENGTH_BITS-1:0] read_length;
  logic [2:0] read_size;
  logic [1:0] read_burst;
  logic [31:0] read_word;

  assign arready = reading == IDLE;
  assign rvalid = reading == ANSWER;
  assign rlast = left == '0;
  assign rdata = {LANES{read_word}};
  assign m_axi_arvalid = reading == SEND;
  assign m_axi_rready = reading == TAKE;
  assign m_axi_araddr = {read_at[ADDRESS_BITS-1:2], 2'b00};

  always_ff @(posedge clk) begin
    if (arvalid && arready) begin
      rid         <= arid;
      read_at     <= araddr;
      read_length <= arlen;
      left        <= arlen;
      read_size   <= arsize;
      read_burst  <= arburst;
      read_word   <= '0;
      rresp       <= SLVERR;  // of a beat that is too wide
    end
    if (m_axi_rvalid && m_axi_rready) begin
      read_word <= m_axi_rdata;
      rresp     <= (m_axi_rresp == OKAY) ? OKAY : SLVERR;
    end
    if (rvalid && rready) begin
      left    <= left - 1'b1;
      read_at <= after(read_at, read_length, read_size, read_burst);
    end
    if (rst) reading <= IDLE;
    else
      case (reading)
        IDLE: if (arvalid) reading <= (arsize > 3'd2) ? ANSWER : SEND;
        SEND: if (m_axi_arready) reading <= TAKE;
        TAKE: if (m_axi_rvalid) reading <= ANSWER;
        ANSWER: if (rready) reading <= rlast ? IDLE : (read_size > 3'd2) ? ANSWER : SEND;
      endcase
  end
endmodule
