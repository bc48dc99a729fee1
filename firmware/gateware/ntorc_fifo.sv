// First-in first-out buffer without overflow protection: the writer reserves room beforehand.
// A word pushed in cycle t can be popped in cycle t+1.
module ntorc_fifo #(
    parameter int BITS  = 16,
    parameter int DEPTH = 32
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   push,
    input  logic signed [BITS-1:0] push_data,
    output logic                   out_valid,
    input  logic                   out_ready,
    output logic signed [BITS-1:0] out_data
);
  localparam int AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int CW = $clog2(DEPTH + 1);

  (* ram_style = "distributed" *)
  logic signed [BITS-1:0] words[DEPTH];
  logic [AW-1:0] write_at, read_at;
  logic [CW-1:0] count;

  function automatic logic [AW-1:0] after(input logic [AW-1:0] at);
    after = (at == AW'(DEPTH - 1)) ? '0 : at + 1'b1;
  endfunction

  wire pop = out_valid && out_ready;
  assign out_valid = (count != 0);
  assign out_data  = words[read_at];

  always_ff @(posedge clk) if (push) words[write_at] <= push_data;

  always_ff @(posedge clk) begin
    if (rst) begin
      write_at <= '0;
      read_at  <= '0;
      count    <= '0;
    end else begin
      if (push) write_at <= after(write_at);
      if (pop) read_at <= after(read_at);
      case ({push, pop})
        2'b10:   count <= count + 1'b1;
        2'b01:   count <= count - 1'b1;
        default: ;
      endcase
    end
  end
endmodule
