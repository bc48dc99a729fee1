// DMA between memory and two AXI4-Streams, with the registers that pynq.lib.dma drives in simple mode (the map of
// AMD's AXI DMA, PG021): memory to stream at 0x00, stream to memory at 0x30.  32-bit words and addresses; the
// address's upper words are ignored.  The masters keep to what an AXI3 port takes: incrementing bursts of at most 16
// beats that end at 64-byte borders, one read and one write under way.
//
// To stop and start afresh: stop both channels, then reset the shell; a word that was offered to it is dropped then.
module ntorc_dma #(
    parameter int LENGTH_BITS = 24  // of a transfer's length in bytes
) (
    input  logic        clk,
    input  logic        aresetn,
    // AXI4-Lite slave
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
    // memory
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
    // from memory
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready,
    output logic [31:0] m_axis_tdata,
    output logic        m_axis_tlast,
    // to memory
    input  logic        s_axis_tvalid,
    output logic        s_axis_tready,
    input  logic [31:0] s_axis_tdata,
    input  logic        s_axis_tlast
);
  localparam int WORD_BITS = LENGTH_BITS - 2;
  localparam logic [11:0] TO_MEMORY = 12'h030;  // its channel's first register
  localparam logic [11:0] END = 12'h060;

  wire rst = !aresetn;

  // ---- registers -------------------------------------------------------------------------------------
  logic write, read;
  logic [11:0] write_address, read_address;
  logic [31:0] write_data, read_value, send_value, receive_value;

  ntorc_lite_slave bus (
      .clk, .rst, .s_axi_awvalid, .s_axi_awready, .s_axi_awaddr, .s_axi_wvalid, .s_axi_wready, .s_axi_wdata,
      .s_axi_bvalid, .s_axi_bready, .s_axi_bresp, .s_axi_arvalid, .s_axi_arready, .s_axi_araddr, .s_axi_rvalid,
      .s_axi_rready, .s_axi_rdata, .s_axi_rresp, .write, .write_address, .write_data, .read, .read_address,
      .read_value
  );

  wire write_send = write && write_address < TO_MEMORY;
  wire write_receive = write && write_address >= TO_MEMORY && write_address < END;
  wire [11:0] write_at = write_address - (write_receive ? TO_MEMORY : '0);
  wire read_receive = read_address >= TO_MEMORY;
  wire [11:0] read_at = read_address - (read_receive ? TO_MEMORY : '0);
  wire unused = &{1'b0, read, write_at[11:6], write_at[1:0], read_at[11:6], read_at[1:0]};
  assign read_value = (read_address >= END) ? '0 : read_receive ? receive_value : send_value;

  // ---- memory to stream --------------------------------------------------------------------------------
  logic send_start, send_abort, send_active, send_done;
  logic [31:2] send_address;
  logic [WORD_BITS-1:0] send_words;
  logic [2:0] send_failed;

  ntorc_dma_control #(.LENGTH_BITS(LENGTH_BITS)) send_control (
      .clk, .rst, .write(write_send), .write_at(write_at[5:2]), .write_data, .read_at(read_at[5:2]),
      .read_value(send_value), .start(send_start), .abort(send_abort), .address(send_address), .words(send_words),
      .active(send_active), .done(send_done), .failed(send_failed), .transferred('0)
  );

  ntorc_dma_read #(.WORD_BITS(WORD_BITS)) send (
      .clk, .rst, .start(send_start), .abort(send_abort), .address(send_address), .words(send_words),
      .active(send_active), .done(send_done), .failed(send_failed), .m_axi_araddr, .m_axi_arlen, .m_axi_arvalid,
      .m_axi_arready, .m_axi_rdata, .m_axi_rresp, .m_axi_rvalid, .m_axi_rready, .m_axis_tvalid, .m_axis_tready,
      .m_axis_tdata, .m_axis_tlast
  );

  // ---- stream to memory --------------------------------------------------------------------------------
  logic receive_start, receive_abort, receive_active, receive_done;
  logic [31:2] receive_address;
  logic [WORD_BITS-1:0] receive_words, received;
  logic [2:0] receive_failed;

  ntorc_dma_control #(.LENGTH_BITS(LENGTH_BITS), .COUNTED(1'b1)) receive_control (
      .clk, .rst, .write(write_receive), .write_at(write_at[5:2]), .write_data, .read_at(read_at[5:2]),
      .read_value(receive_value), .start(receive_start), .abort(receive_abort), .address(receive_address),
      .words(receive_words), .active(receive_active), .done(receive_done), .failed(receive_failed),
      .transferred(received)
  );

  ntorc_dma_write #(.WORD_BITS(WORD_BITS)) receive (
      .clk, .rst, .start(receive_start), .abort(receive_abort), .address(receive_address), .words(receive_words),
      .active(receive_active), .done(receive_done), .failed(receive_failed), .transferred(received), .s_axis_tvalid,
      .s_axis_tready, .s_axis_tdata, .s_axis_tlast, .m_axi_awaddr, .m_axi_awlen, .m_axi_awvalid, .m_axi_awready,
      .m_axi_wdata, .m_axi_wlast, .m_axi_wvalid, .m_axi_wready, .m_axi_bresp, .m_axi_bvalid, .m_axi_bready
  );

  assign m_axi_arsize = 3'd2;  // 4 bytes a beat
  assign m_axi_awsize = 3'd2;
  assign m_axi_arburst = 2'b01;  // incrementing
  assign m_axi_awburst = 2'b01;
  assign m_axi_wstrb = 4'hF;
endmodule
