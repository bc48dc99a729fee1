// A recurrent layer's inner state: a word for each unit, read and written in the units' order, the read ahead of
// the write.  Before the first step after a reset (and of each frame, unless STATEFUL) it reads as zero.
module ntorc_cell_memory #(
    parameter int BITS     = 16,
    parameter int UNITS    = 8,
    parameter int STEPS    = 8,      // in a frame
    parameter bit STATEFUL = 1'b0
) (
    input  logic                   clk,
    input  logic                   rst,
    output logic signed [BITS-1:0] word,
    input  logic                   next,        // the next unit's word from the following cycle on
    input  logic                   write,
    input  logic signed [BITS-1:0] write_word
);
  localparam int UW = (UNITS > 1) ? $clog2(UNITS) : 1;
  localparam int SW = (STEPS > 1) ? $clog2(STEPS) : 1;

  (* ram_style = "distributed" *)
  logic signed [BITS-1:0] words[UNITS];
  logic [UW-1:0] read_at, write_at;
  logic [SW-1:0] step;
  logic fresh;

  function automatic logic [UW-1:0] after(input logic [UW-1:0] at);
    after = (at == UW'(UNITS - 1)) ? '0 : at + 1'b1;
  endfunction

  assign word = fresh ? '0 : words[read_at];

  always_ff @(posedge clk) if (write) words[write_at] <= write_word;

  always_ff @(posedge clk) begin
    if (rst) begin
      read_at  <= '0;
      write_at <= '0;
      step     <= '0;
      fresh    <= 1'b1;
    end else begin
      if (next) read_at <= after(read_at);
      if (write) write_at <= after(write_at);
      if (write && write_at == UW'(UNITS - 1)) begin
        step  <= (step == SW'(STEPS - 1)) ? '0 : step + 1'b1;
        fresh <= !STATEFUL && (step == SW'(STEPS - 1));
      end
    end
  end
endmodule
