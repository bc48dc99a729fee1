// Latency probe: the cycles of every estimate, from the acceptance of its last sample to its result, counted
// beside the data's path, which it only watches.
//
// An estimate that starts in cycle s and is done in cycle d has the latency d - s + 1: the clock edges from
// the one that takes the sample to the one after which the result is readable.  Last value and sequence
// number change with the result, minimum, maximum and misses one cycle later, the histogram three: the bus
// cannot deliver two reads closer than that, so who has read a new RESULT_SEQ finds all of them up to date.
//
// Histogram: bin i counts latencies in [LOWER + i * 2^SHIFT, LOWER + (i + 1) * 2^SHIFT); what lies below and
// above has counters of its own.  All counters stop at their largest value, the sequence number wraps.
// A clear empties everything and keeps LOWER, SHIFT and DEADLINE, which only `rst` resets.  The histogram reads as
// empty at once; its bins are cleared within 64 cycles, and results of that time appear in it after them.
`include "ntorc_registers.svh"

module ntorc_probe #(
    parameter int CYCLE_BITS = 32,  // of a latency, at least 7; longer ones read as the largest
    parameter int COUNT_BITS = 32,  // of bins, misses and what lies outside the histogram
    parameter int IN_FLIGHT  = 1    // estimates that may have started without a result; their order is kept
) (
    input  logic        clk,
    input  logic        rst,    // of the configuration
    input  logic        clear,  // of everything measured; high with rst
    input  logic        start,  // the last sample of an estimate is accepted
    input  logic        done,   // its result is complete, in a later cycle than its start
    // registers: a write in the cycle of `write`, reads without delay; 0 at addresses of others
    input  logic        write,
    input  logic [11:0] write_address,
    input  logic [CYCLE_BITS-1:0] write_data,
    input  logic [11:0] read_address,
    output logic [31:0] read_value
);
  localparam int BIN_BITS = 6;
  localparam int BINS = 1 << BIN_BITS;
  localparam int SHIFT_BITS = 4;

  // ---- configuration ---------------------------------------------------------------------------------
  logic [CYCLE_BITS-1:0] deadline, lower;
  logic [SHIFT_BITS-1:0] shift;

  always_ff @(posedge clk) begin
    if (rst) begin
      deadline <= '1;  // no latency exceeds it
      lower    <= '0;
      shift    <= '0;
    end else if (write) begin
      if (write_address == `NTORC_DEADLINE) deadline <= write_data;
      if (write_address == `NTORC_HIST_LOWER) lower <= write_data;
      if (write_address == `NTORC_HIST_SHIFT) shift <= write_data[SHIFT_BITS-1:0];
    end
  end

  // ---- last value and sequence number: with the result ---------------------------------------------------
  logic [CYCLE_BITS-1:0] elapsed, latency;  // elapsed: the latency if the result comes in this cycle
  logic [31:0] sequence_number;
  logic measured;

  if (IN_FLIGHT == 1) begin : age
    always_ff @(posedge clk) begin
      if (start) elapsed <= CYCLE_BITS'(2);
      else if (elapsed != '1) elapsed <= elapsed + 1'b1;
    end
  end else begin : age
    // when each of them started; a latency is counted modulo 2^CYCLE_BITS
    logic [CYCLE_BITS-1:0] now, started;
    wire [CYCLE_BITS-1:0] next = now + 1'b1;
    logic waiting;
    ntorc_fifo #(.BITS(CYCLE_BITS), .DEPTH(IN_FLIGHT)) starts (
        .clk, .rst(clear), .push(start), .push_data(now), .out_valid(waiting), .out_ready(done), .out_data(started)
    );
    always_ff @(posedge clk) now <= rst ? '0 : next;
    assign elapsed = waiting ? next - started : '1;
  end

  always_ff @(posedge clk) begin
    measured <= done && !clear;
    if (clear) begin
      sequence_number <= '0;
      latency         <= '0;
    end else if (done) begin
      sequence_number <= sequence_number + 1'b1;
      latency         <= elapsed;
    end
  end

  // ---- extremes, misses, and where in the histogram --------------------------------------------------------
  logic [CYCLE_BITS-1:0] latency_min, latency_max, above_lower;
  logic [COUNT_BITS-1:0] missed, under, over;
  logic placed;
  wire [CYCLE_BITS-1:0] bin_wide = above_lower >> shift;
  wire counted = placed && bin_wide[CYCLE_BITS-1:BIN_BITS] == '0;

  always_ff @(posedge clk) begin
    above_lower <= latency - lower;
    if (clear) begin
      latency_min <= '1;
      latency_max <= '0;
      missed      <= '0;
      under       <= '0;
      over        <= '0;
      placed      <= 1'b0;
    end else begin
      if (measured) begin
        if (latency < latency_min) latency_min <= latency;
        if (latency > latency_max) latency_max <= latency;
        if (latency > deadline && missed != '1) missed <= missed + 1'b1;
        if (latency < lower && under != '1) under <= under + 1'b1;
      end
      placed <= measured && latency >= lower;
      if (placed && !counted && over != '1) over <= over + 1'b1;
    end
  end

  // ---- the bins: a memory that a sweep clears, one a cycle -------------------------------------------------
  // What is counted meanwhile waits: at most one a cycle, so the queue holds as many as a sweep takes cycles.
  // Queue and bins are both memories without a register behind them: `count_at` keeps them apart.
  (* ram_style = "distributed" *) logic [COUNT_BITS-1:0] counts[BINS];
  logic sweeping, waiting, counting;
  logic [BIN_BITS-1:0] count_at, waiting_bin;
  wire [COUNT_BITS-1:0] count = counts[count_at];
  wire [COUNT_BITS-1:0] counted_up;
  wire full;  // the bin is at its largest value: the carry says so, behind which little is left to do
  assign {full, counted_up} = {1'b0, sweeping ? COUNT_BITS'(0) : count} + (COUNT_BITS + 1)'(!sweeping);
  wire [BIN_BITS-1:0] read_bin = read_address[2+:BIN_BITS];

  ntorc_fifo #(.BITS(BIN_BITS), .DEPTH(BINS)) counted_bins (
      .clk, .rst(clear), .push(counted && (sweeping || waiting)), .push_data(bin_wide[BIN_BITS-1:0]),
      .out_valid(waiting), .out_ready(!sweeping), .out_data(waiting_bin)
  );

  always_ff @(posedge clk) begin
    if (sweeping || (counting && !full)) counts[count_at] <= counted_up;
    counting <= !clear && !sweeping && (waiting || counted);
    sweeping <= clear || (sweeping && count_at != '1);
    if (clear) count_at <= '0;
    else if (sweeping) count_at <= count_at + 1'b1;
    else count_at <= waiting ? waiting_bin : bin_wide[BIN_BITS-1:0];
  end

  // ---- reads -----------------------------------------------------------------------------------------------
  always_comb begin
    case (read_address)
      `NTORC_RESULT_SEQ:  read_value = sequence_number;
      `NTORC_LATENCY:     read_value = 32'(latency);
      `NTORC_LATENCY_MIN: read_value = 32'(latency_min);
      `NTORC_LATENCY_MAX: read_value = 32'(latency_max);
      `NTORC_DEADLINE:    read_value = 32'(deadline);
      `NTORC_MISSED:      read_value = 32'(missed);
      `NTORC_HIST_LOWER:  read_value = 32'(lower);
      `NTORC_HIST_SHIFT:  read_value = 32'(shift);
      `NTORC_HIST_UNDER:  read_value = 32'(under);
      `NTORC_HIST_OVER:   read_value = 32'(over);
      default: begin
        read_value = 32'd0;
        if (read_address[11:8] == 4'(`NTORC_HISTOGRAM >> 8) && !sweeping) read_value = 32'(counts[read_bin]);
      end
    endcase
  end
endmodule
