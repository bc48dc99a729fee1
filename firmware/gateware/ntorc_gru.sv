// The elementwise part of a GRU (reset_after), on one multiplier: sums of the gates in, the output h out, unit by unit.
//
// Sums arrive in the columns z, r, x (the candidate's input part) and n (its recurrent part) of each unit, at most
// one a cycle, with gaps anywhere.  A unit's products start when its last column is there, in cycle t:
//   t    operands r, q (n's sum in its word)        t+4  index of x + r*q to the table     t+5  the candidate
//   t+6  operands z, h - candidate                  t+10 h = candidate + z * (h - candidate), rounded once
// The second use of the multiplier gives way to the next unit's first: by one cycle, never for the last unit of a
// step.  A unit's columns take at least four cycles, so nothing is lost.
// No path leads through both a table and a multiplier, nor through an index's clip and a table.
module ntorc_gru #(
    parameter int ACC_BITS        = 40,
    parameter int UNITS           = 8,
    parameter int STEPS           = 8,
    parameter bit STATEFUL        = 1'b0,
    parameter int GATE_BITS       = 16,
    parameter int INNER_BITS      = 18,   // of q
    parameter int OUT_BITS        = 16,
    parameter int GATE_INDEX_BITS = 10,
    parameter int GATE_SHIFT      = 8,    // fraction bits of the sums minus those of the gates' table index
    parameter int INDEX_BITS      = 11,
    parameter int INNER_SHIFT     = 8,    // fraction bits of the sums minus those of q; rounding is in the bias
    parameter bit INNER_SATURATE  = 1'b1,
    parameter int COMBINED_BITS   = 44,   // x + r*q, exactly
    parameter int INPUT_LEFT      = 0,    // zeros appended to x
    parameter int PRODUCT_LEFT    = 0,    // zeros appended to r*q
    parameter int SHIFT           = 8,    // fraction bits of the combined sum minus those of the activation's index
    parameter int OUT_SHIFT       = 15,   // fraction bits of a gate
    parameter bit OUT_HALF_UP     = 1'b1,
    parameter bit OUT_SATURATE    = 1'b1
) (
    input  logic                        clk,
    input  logic                        rst,
    input  logic                        in_valid,
    input  logic signed [ACC_BITS-1:0]  in_data,
    input  logic signed [ACC_BITS-1:0]  in_bias,
    output logic [GATE_INDEX_BITS-1:0]  gate_address,
    input  logic signed [GATE_BITS-1:0] gate_word,      // in the cycle after its address
    output logic [INDEX_BITS-1:0]       table_address,
    input  logic signed [OUT_BITS-1:0]  table_word,
    output logic                        out_valid,
    output logic signed [OUT_BITS-1:0]  out_data
);
  localparam int B_BITS = (INNER_BITS > OUT_BITS + 1) ? INNER_BITS : OUT_BITS + 1;
  localparam int TERM_BITS = (B_BITS + GATE_BITS > OUT_BITS + OUT_SHIFT) ? B_BITS + GATE_BITS : OUT_BITS + OUT_SHIFT;
  localparam int MIXED_BITS = TERM_BITS + 1;
  localparam logic [1:0] Z = 2'd0, R = 2'd1, X = 2'd2, N = 2'd3;

  // ---- the sums' own look-ups ----------------------------------------------------------------------
  logic [1:0] column, column_1, column_2, column_3;
  logic valid_1, valid_2, valid_3;
  logic signed [ACC_BITS-1:0] sum, x;
  logic signed [GATE_BITS-1:0] z_word, r_word;
  logic signed [INNER_BITS-1:0] q;
  /* verilator lint_off UNUSEDSIGNAL */
  logic gate_valid, q_valid;
  /* verilator lint_on UNUSEDSIGNAL */

  ntorc_table #(.ACC_BITS(ACC_BITS), .INDEX_BITS(GATE_INDEX_BITS), .SHIFT(GATE_SHIFT)) gate (
      .clk, .rst, .in_valid, .in_data, .in_bias, .table_address(gate_address), .out_valid(gate_valid)
  );
  ntorc_requantise #(
      .ACC_BITS(ACC_BITS), .OUT_BITS(INNER_BITS), .SHIFT(INNER_SHIFT), .SATURATE(INNER_SATURATE)
  ) recurrent (
      .clk, .rst, .in_valid, .in_data, .in_bias, .out_valid(q_valid), .out_data(q)
  );

  always_ff @(posedge clk) begin
    column_1 <= column;
    column_2 <= column_1;
    column_3 <= column_2;
    sum      <= in_data + in_bias;
    if (valid_1 && column_1 == X) x <= sum;
    if (valid_3 && column_3 == Z) z_word <= gate_word;
    if (valid_3 && column_3 == R) r_word <= gate_word;
    if (rst) begin
      column  <= Z;
      valid_1 <= 1'b0;
      valid_2 <= 1'b0;
      valid_3 <= 1'b0;
    end else begin
      if (in_valid) column <= column + 1'b1;
      valid_1 <= in_valid;
      valid_2 <= valid_1;
      valid_3 <= valid_2;
    end
  end

  // ---- one multiplier ------------------------------------------------------------------------------
  wire load_reset = valid_2 && (column_2 == N);
  logic reset_1, reset_2, tail_load, tail_1, tail_2, waiting;
  logic signed [GATE_BITS-1:0] a, z_unit, z_tail;
  logic signed [B_BITS-1:0] b;
  logic signed [GATE_BITS+B_BITS-1:0] product;
  logic signed [OUT_BITS:0] difference;

  assign tail_load = waiting && !load_reset;

  always_ff @(posedge clk) begin
    a       <= load_reset ? r_word : z_tail;
    b       <= load_reset ? B_BITS'(q) : B_BITS'(difference);
    product <= a * b;
    if (load_reset) z_unit <= z_word;
    if (rst) {reset_1, reset_2, tail_1, tail_2} <= '0;
    else begin
      {reset_1, reset_2} <= {load_reset, reset_1};
      {tail_1, tail_2}   <= {tail_load, tail_1};
    end
  end

  // ---- n = tanh(x + r*q) ---------------------------------------------------------------------------
  localparam logic signed [COMBINED_BITS-1:0] INDEX_HALF = (SHIFT > 0) ? COMBINED_BITS'(1) <<< (SHIFT - 1) : '0;
  logic signed [COMBINED_BITS-1:0] x_part;
  logic indexed_1, indexed, candidate_valid;
  wire signed [COMBINED_BITS-1:0] product_wide = COMBINED_BITS'(product);

  always_ff @(posedge clk) begin
    if (reset_1) x_part <= (COMBINED_BITS'(x) <<< INPUT_LEFT) + INDEX_HALF;
    {indexed_1, indexed} <= rst ? '0 : {reset_2, indexed_1};
    if (indexed) z_tail <= z_unit;
  end

  ntorc_table #(.ACC_BITS(COMBINED_BITS), .INDEX_BITS(INDEX_BITS), .SHIFT(SHIFT)) candidate (
      .clk, .rst, .in_valid(reset_2), .in_data(product_wide <<< PRODUCT_LEFT), .in_bias(x_part), .table_address,
      .out_valid(candidate_valid)
  );

  // ---- h = n + z * (h - n) -------------------------------------------------------------------------
  localparam logic signed [MIXED_BITS-1:0] OUT_HALF =
      (OUT_HALF_UP && OUT_SHIFT > 0) ? MIXED_BITS'(1) <<< (OUT_SHIFT - 1) : '0;
  logic signed [OUT_BITS-1:0] previous, n;

  always_ff @(posedge clk) begin
    if (candidate_valid) begin
      n          <= table_word;
      difference <= (OUT_BITS + 1)'(previous) - (OUT_BITS + 1)'(table_word);
    end
    if (rst) waiting <= 1'b0;
    else if (candidate_valid) waiting <= 1'b1;
    else if (tail_load) waiting <= 1'b0;
  end

  ntorc_requantise #(
      .ACC_BITS(MIXED_BITS), .OUT_BITS(OUT_BITS), .SHIFT(OUT_SHIFT), .SATURATE(OUT_SATURATE)
  ) finish (
      .clk, .rst, .in_valid(tail_2), .in_data(MIXED_BITS'(product)),
      .in_bias((MIXED_BITS'(n) <<< OUT_SHIFT) | OUT_HALF), .out_valid, .out_data
  );

  ntorc_cell_memory #(.BITS(OUT_BITS), .UNITS(UNITS), .STEPS(STEPS), .STATEFUL(STATEFUL)) memory (
      .clk, .rst, .word(previous), .next(candidate_valid), .write(out_valid), .write_word(out_data)
  );
endmodule
