// A product in logic, for narrow weights: Booth's recoding by two bits of the weight a row.
//
// A row adds 0, +-1 or +-2 times the operand; which bit of it goes into the sum depends on three bits of
// the weight, two of the operand and one of the sum, so that a row is one LUT6 a bit on its carry chain.  A
// negative multiple is the inverted one, and the carry that completes it enters the chain in front.
// (A. D. Booth, "A signed binary multiplication technique", 1951; by two bits: O. L. MacSorley, 1961.)
module ntorc_logic_multiplier #(
    parameter int A_BITS = 14,
    parameter int W_BITS = 8
) (
    input  logic signed [A_BITS-1:0]        operand,
    input  logic signed [W_BITS-1:0]        weight,
    output logic signed [A_BITS+W_BITS-1:0] product
);
  localparam int ROWS = (W_BITS + 1) / 2;
  localparam int RB = A_BITS + 2;  // a row's sum is at most 4/3 of twice the operand

  wire signed [2*ROWS-1:0] digits = (2 * ROWS)'(weight);
  wire signed [2*ROWS:0] recoded = {digits, 1'b0};
  wire signed [RB-1:0] once = RB'(operand);
  wire signed [RB-1:0] twice = once <<< 1;
  logic [RB+2*ROWS-3:0] complete;

  for (genvar row = 0; row < ROWS; row++) begin : rows
    wire [2:0] digit = recoded[2*row+:3];
    wire negative = digit[2];  // of no multiple: all ones and a carry, which is none
    wire none = (digit == 3'b000) || (digit == 3'b111);
    wire two = (digit == 3'b100) || (digit == 3'b011);
    wire signed [RB-1:0] multiple = (none ? '0 : two ? twice : once) ^ {RB{negative}};
    wire signed [RB-1:0] above, sum;
    if (row == 0) begin : first
      assign above = '0;
    end else begin : further
      assign above = rows[row-1].sum >>> 2;
    end
    wire carry;  // into the row's last bit
    assign {sum, carry} = {above, 1'b1} + {multiple, negative};
    wire unused = &{1'b0, carry};
    if (row < ROWS - 1) begin : passed
      assign complete[2*row+:2] = sum[1:0];
    end else begin : last
      assign complete[2*row+:RB] = sum;
    end
  end
  assign product = complete[A_BITS+W_BITS-1:0];
  if (RB + 2 * ROWS - 2 > A_BITS + W_BITS) begin : wider  // an odd width: the recoding has a bit more
    wire unused = &{1'b0, complete[RB+2*ROWS-3:A_BITS+W_BITS]};
  end
endmodule
