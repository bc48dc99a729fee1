// What the elementwise parts promise about time, for every order of gaps between the sums: no unit's turn is lost,
// and a unit behind which nothing comes has its output exactly LATENCY cycles after its last sum.
// `CELL is ntorc_lstm or ntorc_gru; its values do not matter here.
module cell_proof (
    input logic clk,
    input logic in_valid
);
  logic rst = 1'b1;
  always_ff @(posedge clk) rst <= 1'b0;

  logic out_valid;
  logic [1:0] gate_address, table_address;
  logic signed [1:0] out_data;
  wire valid = in_valid && !rst;

  `CELL #(
      .ACC_BITS(4), .UNITS(2), .STEPS(2), .GATE_BITS(2), .INNER_BITS(2), .OUT_BITS(2), .GATE_INDEX_BITS(2),
      .GATE_SHIFT(1), .INDEX_BITS(2), .SHIFT(1), .COMBINED_BITS(6), .INNER_SHIFT(1), .OUT_SHIFT(1)
  ) dut (
      .clk, .rst, .in_valid(valid), .in_data('0), .in_bias('0), .gate_address, .gate_word('0), .table_address,
      .table_word('0), .out_valid, .out_data
  );

  logic [1:0] column = 2'd0;
  logic [4:0] quiet = '0;      // cycles since a unit's last sum, behind which nothing came; 0: none
  logic [5:0] owed = '0;       // units that have gone in and not come out
  wire last = valid && (column == 2'd3);

  always_ff @(posedge clk) begin
    if (valid) column <= column + 1'b1;
    if (last) quiet <= 5'd1;
    else if (valid) quiet <= '0;
    else if (quiet != '0 && quiet != 5'd31) quiet <= quiet + 1'b1;
    if (!rst) owed <= owed + 6'(last) - 6'(out_valid);
  end

  always_comb
    if (!rst) begin
      if (quiet == 5'd`LATENCY) assert (out_valid && owed == 6'd1);
      if (quiet > 5'd`LATENCY) assert (!out_valid && owed == '0);
      if (owed == '0) assert (!out_valid);
    end

  always_comb cover (quiet == 5'd`LATENCY && out_valid);
endmodule
