// Conv1D, Dense as its one-position case, and the recurrent layers: matrix-vector core and output buffer of two vectors.
// The exact sums go out to the layer's finishing stage (bias, activation, output format: ntorc_requantise,
// ntorc_leaky_relu, ntorc_hard_sigmoid or ntorc_table; ntorc_lstm or ntorc_gru for four columns of each unit) and
// come back as pushes, some cycles later; with STATE they are also fed back.
// A position starts only when its whole output vector has room, so nothing stalls inside.
module ntorc_conv1d #(
    parameter int IN_BITS   = 16,
    parameter int W_BITS    = 16,
    parameter int ACC_BITS  = 40,
    parameter int OUT_BITS  = 16,
    parameter int PRODUCT_SHIFT = 0,  // see ntorc_mvm
    parameter int LENGTH    = 8,
    parameter int CHANNELS  = 1,
    parameter int KERNEL    = 3,
    parameter int STRIDE    = 1,
    parameter int DILATION  = 1,
    parameter int PAD_LEFT  = 0,
    parameter int POSITIONS = 6,
    parameter int FILTERS   = 4,
    parameter int LANES     = 2,
    parameter bit LOGIC     = 1'b0,
    parameter int SLOTS     = 4,
    parameter int OUTPUTS   = FILTERS,  // elements of an output vector
    parameter int STATE     = 0,        // see ntorc_mvm
    parameter int STEP      = 0,
    parameter bit LAST_ONLY = 1'b0,
    parameter bit STATEFUL  = 1'b0,
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
    output logic signed [OUT_BITS-1:0] out_data,
    output logic                       idle
);
  localparam int OW = (OUTPUTS > 1) ? $clog2(OUTPUTS) : 1;
  localparam int LASTS = LAST_ONLY ? POSITIONS * OUTPUTS : 1;
  localparam int PW = (LASTS > 1) ? $clog2(LASTS) : 1;

  logic [OW-1:0] pop_at;
  logic [PW-1:0] push_at;

  wire pop = out_valid && out_ready;
  wire vector_taken = pop && (pop_at == OW'(OUTPUTS - 1));
  /* verilator lint_off UNSIGNED */  // of a single step, all
  wire goes_out = !LAST_ONLY || (push_at >= PW'(LASTS - OUTPUTS));
  /* verilator lint_on UNSIGNED */

  ntorc_mvm #(
      .IN_BITS(IN_BITS), .W_BITS(W_BITS), .ACC_BITS(ACC_BITS), .PRODUCT_SHIFT(PRODUCT_SHIFT), .LENGTH(LENGTH), .CHANNELS(CHANNELS),
      .KERNEL(KERNEL), .STRIDE(STRIDE), .DILATION(DILATION), .PAD_LEFT(PAD_LEFT), .POSITIONS(POSITIONS),
      .FILTERS(FILTERS), .LANES(LANES), .LOGIC(LOGIC), .SLOTS(SLOTS), .STATE(STATE), .STATE_BITS(OUT_BITS), .STEP(STEP),
      .LAST_ONLY(LAST_ONLY), .STATEFUL(STATEFUL), .ROM_AW(ROM_AW)
  ) core (
      .clk, .rst, .in_valid, .in_ready, .in_data, .rom_address, .rom_data, .sum_valid, .sum_data, .vector_taken,
      .state_write(push), .state_data(push_data), .idle
  );

  ntorc_fifo #(.BITS(OUT_BITS), .DEPTH(2 * OUTPUTS)) buffer (
      .clk, .rst, .push(push && goes_out), .push_data, .out_valid, .out_ready, .out_data
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      bias_address <= '0;
      pop_at       <= '0;
      push_at      <= '0;
    end else begin
      if (sum_valid) bias_address <= (bias_address == BIAS_AW'(FILTERS - 1)) ? '0 : bias_address + 1'b1;
      if (push && LAST_ONLY) push_at <= (push_at == PW'(LASTS - 1)) ? '0 : push_at + 1'b1;
      if (pop) pop_at <= vector_taken ? '0 : pop_at + 1'b1;
    end
  end
endmodule
