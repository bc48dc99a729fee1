// log2 of an unsigned word: leading one by halving steps, one a cycle, then a table over the next bits; 0 for 0.
// A word that is loaded in cycle c gives its logarithm in c + STEPS + 2; the next load is at the earliest in
// c + STEPS + 1.  The table's word is read without a register and taken into one here.
module ntorc_log2 #(
    parameter int BITS          = 40,
    parameter int MANTISSA_BITS = 6,
    parameter int FRACTION      = 10,
    parameter int STEPS         = $clog2(BITS)
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      load,
    input  logic [BITS-1:0]           value,
    output logic [MANTISSA_BITS-1:0]  table_address,
    input  logic [FRACTION-1:0]       table_data,
    output logic                      out_valid,
    output logic [STEPS+FRACTION-1:0] out_data
);
  localparam int SW = (STEPS > 1) ? $clog2(STEPS) : 1;

  logic running, done;
  logic [SW-1:0] step;
  logic [BITS-1:0] word, moved;
  logic [STEPS-1:0] places;  // how far the word was moved
  logic empty;

  always_comb begin
    moved = word;
    empty = 1'b0;
    for (int i = 0; i < STEPS; i++)
      if (step == SW'(i)) begin
        moved = word << (1 << i);
        empty = (word >> (BITS - (1 << i))) == '0;
      end
  end

  assign table_address = word[BITS-2-:MANTISSA_BITS];

  always_ff @(posedge clk) begin
    if (load) word <= value;
    else if (empty) word <= moved;
    step <= load ? SW'(STEPS - 1) : step - 1'b1;
    for (int i = 0; i < STEPS; i++) if (step == SW'(i)) places[i] <= empty;
    out_data <= word[BITS-1] ? {STEPS'(BITS - 1) - places, table_data} : '0;
    if (rst) begin
      running   <= 1'b0;
      done      <= 1'b0;
      out_valid <= 1'b0;
    end else begin
      running   <= load || (running && step != '0);
      done      <= running && step == '0;
      out_valid <= done;
    end
  end
endmodule
