// One of INPUTS words, by a tree of choices among four: a LUT6 a bit and choice.  Its levels are kept apart, as
// synthesis would otherwise take wider and fewer ones for speed, with up to twice the LUTs and in a number that
// jumps with INPUTS.  A selection beyond INPUTS gives any of the words.
(* keep_hierarchy *)
module ntorc_select #(
    parameter int BITS   = 16,
    parameter int INPUTS = 4,
    parameter int AW     = (INPUTS > 1) ? $clog2(INPUTS) : 1
) (
    input  logic [INPUTS*BITS-1:0] words,
    input  logic [AW-1:0]          at,
    output logic [BITS-1:0]        word
);
  localparam int CHOSEN = (INPUTS + 3) / 4;
  if (INPUTS == 1) begin : only
    assign word = words;
    wire unused = &{1'b0, at};
  end else begin : choose
    logic [CHOSEN*BITS-1:0] chosen;
    for (genvar quad = 0; quad < CHOSEN; quad++) begin : quads
      localparam int FIRST = 4 * quad;
      localparam int MORE = (INPUTS - FIRST > 4) ? 3 : INPUTS - FIRST - 1;
      wire [BITS-1:0] low = (at[0] && MORE > 0) ? words[(FIRST+(MORE>0?1:0))*BITS+:BITS] : words[FIRST*BITS+:BITS];
      if (MORE > 1) begin : both
        wire [BITS-1:0] high = (at[0] && MORE > 2) ? words[(FIRST+(MORE>2?3:2))*BITS+:BITS]
                                                   : words[(FIRST+2)*BITS+:BITS];
        assign chosen[quad*BITS+:BITS] = at[1] ? high : low;
      end else begin : lower
        assign chosen[quad*BITS+:BITS] = low;
      end
    end
    if (CHOSEN == 1) begin : done
      assign word = chosen;
    end else begin : further
      ntorc_select #(.BITS(BITS), .INPUTS(CHOSEN)) choice (.words(chosen), .at(at[AW-1:2]), .word);
    end
  end
endmodule
