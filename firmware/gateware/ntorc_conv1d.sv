// Conv1D, and Dense as its one-position case: matrix-vector core and output buffer of two vectors.
// The exact sums go out to the layer's finishing stage (bias, activation, output format: ntorc_requantise,
// ntorc_leaky_relu, ntorc_hard_sigmoid or ntorc_table) and come back as pushes, some cycles later.
// A position starts only when its whole output vector has room, so nothing stalls inside.
module ntorc_conv1d #(
    parameter int IN_BITS   = 16,
    parameter int W_BITS    = 16,
    parameter int ACC_BITS  = 40,
    parameter int OUT_BITS  = 16,
    parameter int LENGTH    = 8,
    parameter int CHANNELS  = 1,
    parameter int KERNEL    = 3,
    parameter int STRIDE    = 1,
    parameter int DILATION  = 1,
    parameter int PAD_LEFT  = 0,
    parameter int POSITIONS = 6,
    parameter int FILTERS   = 4,
    parameter int LANES     = 2,
    parameter int SLOTS     = 4,
    parameter int ROM_AW    = 1,
    parameter int BIAS_AW   = 1
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       in_valid,
    output logic                       in_ready,
    input  logic signed [IN_BITS-1:0]  in_data,
    output logic [ROM_AW-1:0]          rom_address,
    input  logic [LANES*W_BITS-1:0]    rom_data,
    output logic                       sum_valid,
    output logic signed [ACC_BITS-1:0] sum_data,
    output logic [BIAS_AW-1:0]         bias_address,  // of the sum
    input  logic                       push,
    input  logic signed [OUT_BITS-1:0] push_data,
    output logic                       out_valid,
    input  logic                       out_ready,
    output logic signed [OUT_BITS-1:0] out_data
);
  logic [BIAS_AW-1:0] pop_at;

  wire pop = out_valid && out_ready;
  wire vector_taken = pop && (pop_at == BIAS_AW'(FILTERS - 1));

  ntorc_mvm #(
      .IN_BITS(IN_BITS), .W_BITS(W_BITS), .ACC_BITS(ACC_BITS), .LENGTH(LENGTH), .CHANNELS(CHANNELS),
      .KERNEL(KERNEL), .STRIDE(STRIDE), .DILATION(DILATION), .PAD_LEFT(PAD_LEFT), .POSITIONS(POSITIONS),
      .FILTERS(FILTERS), .LANES(LANES), .SLOTS(SLOTS), .ROM_AW(ROM_AW)
  ) core (
      .clk, .rst, .in_valid, .in_ready, .in_data, .rom_address, .rom_data, .sum_valid, .sum_data, .vector_taken
  );

  ntorc_fifo #(.BITS(OUT_BITS), .DEPTH(2 * FILTERS)) buffer (
      .clk, .rst, .push, .push_data, .out_valid, .out_ready, .out_data
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      bias_address <= '0;
      pop_at       <= '0;
    end else begin
      if (sum_valid) bias_address <= (bias_address == BIAS_AW'(FILTERS - 1)) ? '0 : bias_address + 1'b1;
      if (pop) pop_at <= vector_taken ? '0 : pop_at + 1'b1;
    end
  end
endmodule
