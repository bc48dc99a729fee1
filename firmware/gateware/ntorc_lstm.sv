// The elementwise part of an LSTM, on one multiplier: sums of the gates in, the output h out, unit by unit.
//
// Sums arrive in the columns i, g, f, o of each unit, at most one a cycle, with gaps anywhere.  The tables are
// looked up as the sums arrive; a unit's products start when its last column's index is there, in cycle t:
//   t, t+1   operands i, g and f, c          t+5  the new cell state c, rounded once
//   t+7      its index to the table          t+8  operands o, tanh(c)          t+12  h, rounded once
// The second use of table and multiplier gives way to the sums' own: by a few cycles, never for the last unit of
// a step, since then no sums arrive.  A unit's columns take at least four cycles, so nothing is lost
// (tests/gateware/test_recurrent.py checks it for every order of gaps).
// No path leads through both a table and a multiplier, nor through an index's clip and a table.
module ntorc_lstm #(
    parameter int ACC_BITS        = 40,
    parameter int UNITS           = 8,
    parameter int STEPS           = 8,
    parameter bit STATEFUL        = 1'b0,
    parameter int GATE_BITS       = 16,
    parameter int INNER_BITS      = 18,   // of c
    parameter int OUT_BITS        = 16,
    parameter int GATE_INDEX_BITS = 10,
    parameter int GATE_SHIFT      = 8,    // fraction bits of the sums minus those of the gates' table index
    parameter int INDEX_BITS      = 11,
    parameter int SHIFT           = 8,    // fraction bits of the sums minus those of the activation's index
    parameter bit GATE_TOWARD_ZERO = 1'b0,  // how tables are indexed (see ntorc_table)
    parameter bit TOWARD_ZERO     = 1'b0,
    parameter int COMBINED_BITS   = 40,   // i*g + f*c, exactly
    parameter int NEW_LEFT        = 0,    // zeros appended to i*g
    parameter int KEPT_LEFT       = 0,    // zeros appended to f*c
    parameter int INNER_SHIFT     = 15,   // fraction bits of the combined sum minus those of c
    parameter bit INNER_HALF_UP   = 1'b1,
    parameter bit INNER_SATURATE  = 1'b1,
    parameter int STATE_SHIFT     = 4,    // fraction bits of c minus those of the activation's index
    parameter int OUT_SHIFT       = 15,
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
    input  logic signed [GATE_BITS-1:0] table_word,
    output logic                        out_valid,
    output logic signed [OUT_BITS-1:0]  out_data
);
  localparam int B_BITS = (INNER_BITS > GATE_BITS) ? INNER_BITS : GATE_BITS;
  localparam logic [1:0] I = 2'd0, G = 2'd1, F = 2'd2, O = 2'd3;

  // ---- the sums' own look-ups ----------------------------------------------------------------------
  logic [1:0] column, column_1, column_2, column_3;
  logic valid_1, valid_2, valid_3;
  logic [INDEX_BITS-1:0] own_address;
  logic signed [GATE_BITS-1:0] i_word, g_word, f_word, o_word;
  /* verilator lint_off UNUSEDSIGNAL */
  logic gate_valid, own_valid;
  /* verilator lint_on UNUSEDSIGNAL */

  ntorc_table #(
      .ACC_BITS(ACC_BITS), .INDEX_BITS(GATE_INDEX_BITS), .SHIFT(GATE_SHIFT), .TOWARD_ZERO(GATE_TOWARD_ZERO)
  ) gate (
      .clk, .rst, .in_valid, .in_data, .in_bias, .table_address(gate_address), .out_valid(gate_valid)
  );
  ntorc_table #(
      .ACC_BITS(ACC_BITS), .INDEX_BITS(INDEX_BITS), .SHIFT(SHIFT), .TOWARD_ZERO(TOWARD_ZERO)
  ) candidate (
      .clk, .rst, .in_valid, .in_data, .in_bias, .table_address(own_address), .out_valid(own_valid)
  );

  always_ff @(posedge clk) begin
    column_1 <= column;
    column_2 <= column_1;
    column_3 <= column_2;
    if (valid_3 && column_3 == I) i_word <= gate_word;
    if (valid_3 && column_3 == F) f_word <= gate_word;
    if (valid_3 && column_3 == O) o_word <= gate_word;
    if (valid_3 && column_3 == G) g_word <= table_word;
    if (rst) begin
      column  <= I;
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
  wire own_lookup = valid_2 && (column_2 == G);
  wire load_new = valid_2 && (column_2 == O);
  logic load_kept, tail_load, new_1, new_2, kept_1, kept_2, tail_1, tail_2;
  logic signed [GATE_BITS-1:0] a, o_tail;
  logic signed [B_BITS-1:0] b;
  logic signed [GATE_BITS+B_BITS-1:0] product;
  logic signed [INNER_BITS-1:0] kept_state, state;

  always_ff @(posedge clk) begin
    if (load_new) a <= i_word;
    else if (load_kept) a <= f_word;
    else a <= o_tail;
    if (load_new) b <= B_BITS'(g_word);
    else if (load_kept) b <= B_BITS'(kept_state);
    else b <= B_BITS'(table_word);
    product <= a * b;
    if (rst) begin
      {load_kept, new_1, new_2, kept_1, kept_2, tail_1, tail_2} <= '0;
    end else begin
      load_kept        <= load_new;
      {new_1, new_2}   <= {load_new, new_1};
      {kept_1, kept_2} <= {load_kept, kept_1};
      {tail_1, tail_2} <= {tail_load, tail_1};
    end
  end

  // ---- c = i*g + f*c -------------------------------------------------------------------------------
  localparam logic signed [COMBINED_BITS-1:0] INNER_HALF =
      (INNER_HALF_UP && INNER_SHIFT > 0) ? COMBINED_BITS'(1) <<< (INNER_SHIFT - 1) : '0;
  logic signed [COMBINED_BITS-1:0] new_part;
  logic state_valid;
  wire signed [COMBINED_BITS-1:0] product_wide = COMBINED_BITS'(product);

  always_ff @(posedge clk) if (new_2) new_part <= (product_wide <<< NEW_LEFT) + INNER_HALF;

  ntorc_requantise #(
      .ACC_BITS(COMBINED_BITS), .OUT_BITS(INNER_BITS), .SHIFT(INNER_SHIFT), .SATURATE(INNER_SATURATE)
  ) combine (
      .clk, .rst, .in_valid(kept_2), .in_data(product_wide <<< KEPT_LEFT), .in_bias(new_part),
      .out_valid(state_valid), .out_data(state)
  );

  ntorc_cell_memory #(.BITS(INNER_BITS), .UNITS(UNITS), .STEPS(STEPS), .STATEFUL(STATEFUL)) memory (
      .clk, .rst, .word(kept_state), .next(load_kept), .write(state_valid), .write_word(state)
  );

  // ---- h = o * tanh(c) -----------------------------------------------------------------------------
  localparam int LEFT  = (STATE_SHIFT < 0) ? -STATE_SHIFT : 0;
  localparam int RIGHT = (STATE_SHIFT > 0) ? STATE_SHIFT : 0;
  localparam int WIDE  = (INNER_BITS + 1 + LEFT > RIGHT) ? INNER_BITS + 1 + LEFT - RIGHT : 1;
  localparam logic signed [INNER_BITS:0] STATE_STEP = (INNER_BITS + 1)'(1) <<< RIGHT;
  // down, a negative c with all of the cut bits added goes toward zero
  localparam logic signed [INNER_BITS:0] STATE_HALF = TOWARD_ZERO ? '0 : STATE_STEP >>> 1;
  localparam logic signed [INNER_BITS:0] STATE_NEGATIVE = TOWARD_ZERO ? STATE_STEP - 1'b1 : STATE_HALF;
  localparam logic signed [GATE_BITS+B_BITS-1:0] OUT_HALF =
      (OUT_HALF_UP && OUT_SHIFT > 0) ? (GATE_BITS + B_BITS)'(1) <<< (OUT_SHIFT - 1) : '0;
  logic signed [INNER_BITS:0] rounded;
  logic signed [INDEX_BITS-1:0] clipped, index;
  logic signed [GATE_BITS-1:0] o_state;
  logic indexing, waiting, shown;
  wire signed [WIDE-1:0] shifted = WIDE'((WIDE + RIGHT)'(rounded) <<< LEFT >>> RIGHT);

  ntorc_clip #(.IN_BITS(WIDE), .OUT_BITS(INDEX_BITS)) clip (.value(shifted), .result(clipped));

  assign table_address = own_lookup ? own_address : index;
  assign tail_load = waiting && shown && !load_new && !load_kept;
  wire enter = indexing && (!waiting || tail_load);  // the unit before has had its turn

  always_ff @(posedge clk) begin
    if (state_valid) begin
      rounded <= (INNER_BITS + 1)'(state) + (state[INNER_BITS-1] ? STATE_NEGATIVE : STATE_HALF);
      o_state <= o_word;
    end
    if (enter) begin
      index  <= clipped;
      o_tail <= o_state;
    end
    if (rst) begin
      indexing <= 1'b0;
      waiting  <= 1'b0;
      shown    <= 1'b0;
    end else begin
      if (state_valid) indexing <= 1'b1;
      else if (enter) indexing <= 1'b0;
      if (enter) waiting <= 1'b1;
      else if (tail_load) waiting <= 1'b0;
      shown <= waiting && !own_lookup && !tail_load;
    end
  end

  ntorc_requantise #(
      .ACC_BITS(GATE_BITS + B_BITS), .OUT_BITS(OUT_BITS), .SHIFT(OUT_SHIFT), .SATURATE(OUT_SATURATE)
  ) finish (
      .clk, .rst, .in_valid(tail_2), .in_data(product), .in_bias(OUT_HALF), .out_valid, .out_data
  );
endmodule
