// The DMA's 32-bit words on the lanes of a processing system's memory port that is wider.
//
// Bursts stay as they are, of 4 bytes a beat, as an AXI port takes them at any width (AMBA AXI, A3.4.3): a written word
// is given on every lane and strobed on its own, a read word is taken from its own.  The lane is that of the burst's
// address and goes on with every beat.  One read and one write are under way at a time, and no word of a burst comes
// before its address was taken, as `ntorc_dma` keeps to.
module ntorc_memory_lanes #(
    parameter int DATA_BITS = 128
) (
    input  logic                                clk,
    input  logic                                read_taken,   // a read's address was taken
    input  logic [$clog2(DATA_BITS/32)-1:0]     read_lane,    // of that address
    input  logic                                given,        // a read word was taken
    input  logic [DATA_BITS-1:0]                port_rdata,
    output logic [31:0]                         rdata,
    input  logic                                write_taken,
    input  logic [$clog2(DATA_BITS/32)-1:0]     write_lane,
    input  logic                                sent,         // a written word was taken
    input  logic [31:0]                         wdata,
    input  logic [3:0]                          wstrb,
    output logic [DATA_BITS-1:0]                port_wdata,
    output logic [DATA_BITS/8-1:0]              port_wstrb
);
  localparam int LANES = DATA_BITS / 32;

  logic [$clog2(LANES)-1:0] reading, writing;

  assign rdata = port_rdata[32*reading+:32];
  assign port_wdata = {LANES{wdata}};
  for (genvar lane = 0; lane < LANES; lane++) begin : strobes
    assign port_wstrb[4*lane+:4] = (writing == lane) ? wstrb : '0;
  end

  always_ff @(posedge clk) begin
    if (read_taken) reading <= read_lane;
    else if (given) reading <= reading + 1'b1;
    if (write_taken) writing <= write_lane;
    else if (sent) writing <= writing + 1'b1;
  end
endmodule
