// From the logarithms of COUNT powers and, behind them, of their total to the features: each less the total, not
// below FLOOR, then the total itself; in the output format.
// The total's logarithm in cycle v-1: feature i is in the output buffer, ready to leave, in v + i + 5.
module ntorc_log_features #(
    parameter int COUNT        = 31,
    parameter int LOG_BITS     = 18,
    parameter int FEATURE_BITS = 20,   // holds differences, FLOOR and the rounding constant
    parameter logic signed [FEATURE_BITS-1:0] FLOOR = '0,
    parameter int OUT_BITS     = 16,
    parameter int SHIFT        = 0,    // fraction bits of the logarithms minus those of the output
    parameter bit HALF_UP      = 1'b1,
    parameter bit SATURATE     = 1'b1
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       in_valid,
    input  logic signed [LOG_BITS-1:0] in_data,
    output logic                       out_valid,
    input  logic                       out_ready,
    output logic signed [OUT_BITS-1:0] out_data,
    output logic                       vector_taken
);
  localparam int CW = $clog2(COUNT + 1);
  localparam int AW = (COUNT > 1) ? $clog2(COUNT) : 1;
  localparam logic signed [FEATURE_BITS-1:0] HALF =
      (HALF_UP && SHIFT > 0) ? FEATURE_BITS'(1) <<< (SHIFT - 1) : '0;

  (* ram_style = "distributed" *)
  logic signed [LOG_BITS-1:0] words[COUNT];
  logic signed [LOG_BITS-1:0] total;
  logic [CW-1:0] taken, leaving, popped;
  logic emitting;

  wire last_taken = (taken == CW'(COUNT));
  wire last_leaving = (leaving == CW'(COUNT));
  wire signed [LOG_BITS-1:0] stored = words[AW'(leaving)];

  always_ff @(posedge clk) begin
    if (in_valid && !last_taken) words[AW'(taken)] <= in_data;
    if (in_valid && last_taken) total <= in_data;
    if (rst) begin
      taken    <= '0;
      leaving  <= '0;
      emitting <= 1'b0;
    end else begin
      if (in_valid) taken <= last_taken ? '0 : taken + 1'b1;
      if (in_valid && last_taken) emitting <= 1'b1;
      else if (last_leaving) emitting <= 1'b0;
      if (emitting) leaving <= last_leaving ? '0 : leaving + 1'b1;
    end
  end

  // ---- difference, floor, output format ------------------------------------------------------------------
  logic signed [FEATURE_BITS-1:0] difference, feature;
  logic [1:0] valid;
  logic whole, push;
  logic signed [OUT_BITS-1:0] push_data;

  always_ff @(posedge clk) begin
    difference <= last_leaving ? FEATURE_BITS'(total) : FEATURE_BITS'(stored) - FEATURE_BITS'(total);
    whole      <= last_leaving;
    feature    <= (!whole && difference < FLOOR) ? FLOOR : difference;
    valid      <= rst ? '0 : {valid[0], emitting};
  end

  ntorc_requantise #(
      .ACC_BITS(FEATURE_BITS), .OUT_BITS(OUT_BITS), .SHIFT(SHIFT), .SATURATE(SATURATE), .RELU(1'b0)
  ) finish (
      .clk, .rst, .in_valid(valid[1]), .in_data(feature), .in_bias(HALF), .out_valid(push), .out_data(push_data)
  );

  ntorc_fifo #(.BITS(OUT_BITS), .DEPTH(2 * (COUNT + 1))) buffer (
      .clk, .rst, .push, .push_data, .out_valid, .out_ready, .out_data
  );

  wire pop = out_valid && out_ready;
  assign vector_taken = pop && (popped == CW'(COUNT));
  always_ff @(posedge clk) begin
    if (rst) popped <= '0;
    else if (pop) popped <= vector_taken ? '0 : popped + 1'b1;
  end
endmodule
