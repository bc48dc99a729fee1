// AveragePool1D with stride = pool size, channels interleaved, one element a cycle: floor(sum / POOL + 1/2).
//
// The elements are summed as offset binary (the sign bit inverted), so nothing is negative; the sum with
// POOL / 2 added is shifted by DROP (the power of two in POOL), multiplied by RECIPROCAL and shifted by
// SHIFT: with constants chosen in backends/native/finish.py this IS the rounded quotient, without any error.
//
// An output vector's room (the buffer holds two) is reserved when the first element of its last input
// vector is taken, so nothing stalls inside: a word taken in cycle t can leave in t + 1 + popcount(RECIPROCAL).
// Vectors behind the last whole pool are taken and dropped, as in Keras with padding="valid".
module ntorc_averagepool #(
    parameter int BITS            = 16,
    parameter int LENGTH          = 8,
    parameter int CHANNELS        = 1,
    parameter int POOL            = 2,
    parameter int SUM_BITS        = 17,   // holds POOL of the largest elements and the half
    parameter int DROP            = 1,
    parameter int RECIPROCAL_BITS = 1,
    parameter logic [RECIPROCAL_BITS-1:0] RECIPROCAL = 1'b1,
    parameter int SHIFT           = 0
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   in_valid,
    output logic                   in_ready,
    input  logic signed [BITS-1:0] in_data,
    output logic                   out_valid,
    input  logic                   out_ready,
    output logic signed [BITS-1:0] out_data,
    output logic                   idle       // no part of a frame is here
);
  localparam int CHW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam int PW = (POOL > 1) ? $clog2(POOL) : 1;
  localparam int VW = $clog2(LENGTH + 1);
  localparam int FACTOR_BITS = SUM_BITS - DROP + 1;  // never negative, in a signed word

  (* ram_style = "distributed" *)
  logic [SUM_BITS-1:0] sums[CHANNELS];
  logic [CHW-1:0] channel, pop_at;
  logic [PW-1:0] phase;
  logic [VW-1:0] vector;
  logic [1:0] outstanding;  // output vectors that have room and have not left

  wire last_of_pool = (phase == PW'(POOL - 1));
  wire reserve = last_of_pool && (channel == '0);
  wire take = in_valid && in_ready;
  wire pop = out_valid && out_ready;
  wire vector_taken = pop && (pop_at == CHW'(CHANNELS - 1));
  wire [BITS-1:0] element = {~in_data[BITS-1], in_data[BITS-2:0]};
  wire [SUM_BITS-1:0] so_far = sums[channel];
  wire [SUM_BITS-1:0] total = ((phase == '0) ? SUM_BITS'(POOL / 2) : so_far) + SUM_BITS'(element);

  assign in_ready = !reserve || (outstanding != 2'd2);

  assign idle = (vector == '0) && (channel == '0) && (outstanding == '0);

  always_ff @(posedge clk) if (take) sums[channel] <= total;

  // ---- the quotient ------------------------------------------------------------------------------
  logic factor_valid, push;
  logic signed [FACTOR_BITS-1:0] factor;
  /* verilator lint_off UNUSEDSIGNAL */  // the quotient is BITS of the product
  logic signed [FACTOR_BITS-1:0] factor_after;
  logic signed [FACTOR_BITS+RECIPROCAL_BITS-1:0] product;
  /* verilator lint_on UNUSEDSIGNAL */

  always_ff @(posedge clk) begin
    factor       <= {1'b0, total[SUM_BITS-1:DROP]};
    factor_valid <= take && last_of_pool && !rst;
  end

  ntorc_scale #(.BITS(FACTOR_BITS), .NUMERATOR_BITS(RECIPROCAL_BITS), .NUMERATOR(RECIPROCAL)) scale (
      .clk, .rst, .in_valid(factor_valid), .in_data(factor), .out_valid(push), .out_data(factor_after),
      .out_product(product)
  );

  wire signed [BITS-1:0] quotient = {~product[SHIFT+BITS-1], product[SHIFT+BITS-2:SHIFT]};

  ntorc_fifo #(.BITS(BITS), .DEPTH(2 * CHANNELS)) buffer (
      .clk, .rst, .push, .push_data(quotient), .out_valid, .out_ready, .out_data
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      channel     <= '0;
      phase       <= '0;
      vector      <= '0;
      pop_at      <= '0;
      outstanding <= '0;
    end else begin
      if (pop) pop_at <= vector_taken ? '0 : pop_at + 1'b1;
      case ({take && reserve, vector_taken})
        2'b10:   outstanding <= outstanding + 1'b1;
        2'b01:   outstanding <= outstanding - 1'b1;
        default: ;
      endcase
      if (take) begin
        if (channel != CHW'(CHANNELS - 1)) channel <= channel + 1'b1;
        else begin
          channel <= '0;
          if (vector == VW'(LENGTH - 1)) begin
            vector <= '0;
            phase  <= '0;
          end else begin
            vector <= vector + 1'b1;
            phase  <= last_of_pool ? '0 : phase + 1'b1;
          end
        end
      end
    end
  end
endmodule
