// A bank of one-pole complex resonators behind a DC blocker, and the logarithms of their powers at the end of
// each frame; the arithmetic is defined in network/resonators.py.  The state goes on from frame to frame.
//
// LANES multipliers update the resonators in GROUPS = ceil(RESONATORS / LANES) passes of four cycles.  After a
// frame's last sample the first lane's multiplier squares the states and weighs the powers, a resonator each
// INTERVAL cycles, which the leading-one steps of the logarithm take anyway.
//
// Timing, with the start of a sample in cycle s (backends/native/resonator_engine.py states the same):
// the input's register is free in s+1; the next start is at the earliest in s + 4*PASSES, or in
// f + INTERVAL*RESONATORS behind a frame's last sample, f = s + 4*PASSES + 5 being the first cycle in which
// states are read for the powers.  A frame's last sample starts only when its features have room.
module ntorc_resonators #(
    parameter int IN_BITS       = 14,
    parameter int OUT_BITS      = 16,
    parameter int FRAME         = 16,
    parameter int RESONATORS    = 31,
    parameter int LANES         = 1,
    parameter int POLE_BITS     = 16,
    parameter int POLE_FRACTION = 15,
    parameter int STATE_BITS    = 18,
    parameter int WORD_BITS     = 18,   // of a state when it is squared
    parameter int SUM_BITS      = 37,   // of an update's exact sums, of squares and weighted halves
    parameter int DC_FRACTION   = 2,
    parameter int DC_SHIFT      = 8,
    parameter int DRIVE_SHIFT   = 13,   // fraction bits of the sums minus DC_FRACTION
    parameter int POWER_BITS    = 40,   // of the word whose logarithm is taken
    parameter int TOTAL_BITS    = 12,   // of the weights in the total
    parameter int TOTAL_SUM_BITS = 52,
    parameter int MANTISSA_BITS = 6,
    parameter int LOG_FRACTION  = 10,
    parameter int LOG_BITS      = 18,
    parameter int FEATURE_BITS  = 20,
    parameter logic signed [FEATURE_BITS-1:0] FLOOR = '0,
    parameter int OUT_SHIFT     = 0,
    parameter bit HALF_UP       = 1'b1,
    parameter bit SATURATE      = 1'b1,
    // derived
    parameter int GROUPS        = (RESONATORS + LANES - 1) / LANES,
    parameter int AW            = $clog2(2 * GROUPS),
    parameter int PW            = AW + 1,
    parameter int IW            = (RESONATORS > 1) ? $clog2(RESONATORS) : 1,
    parameter int CW            = $clog2(RESONATORS + 1)
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       in_valid,
    output logic                       in_ready,
    input  logic signed [IN_BITS-1:0]  in_data,
    // memories without registers: of a group's poles the real part, the negative imaginary, the real, the
    // imaginary; weights in the total; constants; table
    output logic [PW-1:0]              pole_address,
    input  logic [LANES*POLE_BITS-1:0] pole_data,
    output logic [IW-1:0]              weight_address,
    input  logic [TOTAL_BITS-1:0]      weight_data,
    output logic [CW-1:0]              constant_address,
    input  logic signed [LOG_BITS-1:0] constant_data,
    output logic [MANTISSA_BITS-1:0]   table_address,
    input  logic [LOG_FRACTION-1:0]    table_data,
    output logic                       out_valid,
    input  logic                       out_ready,
    output logic signed [OUT_BITS-1:0] out_data,
    output logic                       idle         // no part of a frame is here
);
  localparam int PASSES = (GROUPS > 2) ? GROUPS : 2;  // a state is written seven cycles after it is read
  localparam int STEPS = $clog2(POWER_BITS);
  localparam int INTERVAL = (STEPS + 1 > 6) ? STEPS + 1 : 6;
  localparam int A_BITS = (STATE_BITS > WORD_BITS) ? STATE_BITS : WORD_BITS + 1;
  localparam int B_NARROW = (POLE_BITS > WORD_BITS) ? POLE_BITS : WORD_BITS;
  localparam int B_BITS = (B_NARROW > TOTAL_BITS) ? B_NARROW : TOTAL_BITS + 1;
  localparam int CUT = STATE_BITS - WORD_BITS;
  localparam int FW = (FRAME > 1) ? $clog2(FRAME) : 1;
  localparam int GW = $clog2(PASSES + 1);
  localparam int LW = (LANES > 1) ? $clog2(LANES) : 1;
  localparam int TW = $clog2(INTERVAL);
  localparam logic signed [SUM_BITS-1:0] HALF = SUM_BITS'(1) <<< (POLE_FRACTION - 1);

  // ---- sequencing: samples, passes, then the powers -----------------------------------------------------
  logic slot_valid, active, closing, finishing, fresh, finish_ended;
  logic signed [IN_BITS-1:0] slot_data;
  logic [FW-1:0] sample;       // within the frame
  logic [GW-1:0] group;
  logic [1:0] phase;           // of a pass: c re, -s im, c im, s re
  logic [1:0] outstanding;     // frames begun to be closed whose features have not left
  logic [TW-1:0] slot_cycle;
  logic [IW-1:0] item;
  logic [AW-1:0] item_address; // its real part
  logic [LW-1:0] item_lane;
  logic vector_taken;

  wire last_sample = (sample == FW'(FRAME - 1));
  wire pass_end = active && (phase == 2'd3) && (group == (closing ? GW'(PASSES) : GW'(PASSES - 1)));
  wire free = closing ? !active && !finishing : !active || pass_end;
  wire start = slot_valid && free && (!last_sample || outstanding != 2'd2);
  wire reading = active && (group < GW'(GROUPS));
  wire slot_end = finishing && (slot_cycle == TW'(INTERVAL - 1));
  wire finish_end = slot_end && (item == IW'(RESONATORS - 1));
  assign in_ready = !slot_valid;
  assign idle = !slot_valid && !active && !finishing && (sample == '0) && (outstanding == '0);

  always_ff @(posedge clk) begin
    if (in_valid && in_ready) slot_data <= in_data;
    if (rst) begin
      slot_valid   <= 1'b0;
      active       <= 1'b0;
      closing      <= 1'b0;
      finishing    <= 1'b0;
      finish_ended <= 1'b0;
      fresh        <= 1'b1;
      sample       <= '0;
      outstanding  <= '0;
    end else begin
      if (start) slot_valid <= 1'b0;
      else if (in_valid && in_ready) slot_valid <= 1'b1;
      if (start) begin
        active  <= 1'b1;
        closing <= last_sample;
        sample  <= last_sample ? '0 : sample + 1'b1;
      end else if (pass_end) active <= 1'b0;
      if (pass_end) fresh <= 1'b0;
      if (pass_end && closing) finishing <= 1'b1;
      else if (finish_end) finishing <= 1'b0;
      finish_ended <= finish_end;
      case ({start && last_sample, vector_taken})
        2'b10:   outstanding <= outstanding + 1'b1;
        2'b01:   outstanding <= outstanding - 1'b1;
        default: ;
      endcase
    end
  end

  always_ff @(posedge clk) begin
    if (start) begin
      phase <= '0;
      group <= '0;
    end else begin
      phase <= phase + 1'b1;
      if (phase == 2'd3) group <= group + 1'b1;
    end
    if (!finishing) begin
      slot_cycle   <= '0;
      item         <= '0;
      item_address <= '0;
      item_lane    <= '0;
    end else begin
      slot_cycle <= slot_end ? '0 : slot_cycle + 1'b1;
      if (slot_end) begin
        item         <= item + 1'b1;
        item_lane    <= (item_lane == LW'(LANES - 1)) ? '0 : item_lane + 1'b1;
        item_address <= (item_lane == LW'(LANES - 1)) ? item_address + AW'(2) : item_address;
      end
    end
  end

  // ---- the update: stages of what was read -----------------------------------------------------------------
  logic signed [IN_BITS+DC_FRACTION:0] blocked;
  logic signed [SUM_BITS-1:0] drive;
  logic [3:0] reads, seconds;              // one to four cycles ago: a read, of a part's second product
  logic [1:0] phase_1, phase_2;
  logic [AW-1:0] write_address;
  wire write = reads[3] && seconds[3];
  wire [AW-1:0] read_address = finishing ? (slot_cycle == '0 ? item_address : item_address + 1'b1) :
                                           AW'({group, phase[1] ^ phase[0]});
  assign pole_address = PW'({group, phase});

  ntorc_dc_blocker #(.IN_BITS(IN_BITS), .FRACTION(DC_FRACTION), .SHIFT(DC_SHIFT)) blocker (
      .clk, .rst, .step(start), .in_data(slot_data), .out_data(blocked)
  );

  always_ff @(posedge clk) begin
    drive   <= (SUM_BITS'(blocked) <<< DRIVE_SHIFT) + HALF;
    phase_1 <= phase;
    phase_2 <= phase_1;
    seconds <= {seconds[2:0], phase[0]};
    if (rst) begin
      reads         <= '0;
      write_address <= '0;
    end else begin
      reads <= {reads[2:0], reading};
      if (write) write_address <= (write_address == AW'(2 * GROUPS - 1)) ? '0 : write_address + 1'b1;
    end
  end

  // ---- the powers: stages of a resonator's slot, and the total behind the last one ---------------------------
  logic [9:1] stage;
  logic [5:1] total_stage;
  logic signed [WORD_BITS-1:0] word, word_next;
  logic [WORD_BITS-1:0] power_high;
  logic [TOTAL_BITS-1:0] weight;
  logic [TOTAL_SUM_BITS-1:0] total;
  logic [LANES*STATE_BITS-1:0] states;
  /* verilator lint_off UNUSEDSIGNAL */  // of other lanes, and the sign of what is never negative
  logic signed [SUM_BITS-1:0] sums[LANES];
  wire signed [SUM_BITS-1:0] sum = sums[0];
  /* verilator lint_on UNUSEDSIGNAL */
  logic signed [STATE_BITS-1:0] picked;
  ntorc_select #(.BITS(STATE_BITS), .INPUTS(LANES)) state_select (.words(states), .at(item_lane), .word(picked));
  wire [2*WORD_BITS-1:0] power = sum[2*WORD_BITS-1:0];
  wire squaring = stage[1] || stage[2];
  wire lent = squaring || stage[5] || stage[6];
  wire [WORD_BITS-1:0] half_power = stage[5] ? power[WORD_BITS-1:0] : power_high;
  wire signed [A_BITS-1:0] lent_a = squaring ? A_BITS'(word) : A_BITS'({1'b0, half_power});
  wire signed [B_BITS-1:0] lent_b = squaring ? B_BITS'(word) : B_BITS'({1'b0, weight});
  wire [WORD_BITS+TOTAL_BITS-1:0] weighted = sum[WORD_BITS+TOTAL_BITS-1:0];
  assign weight_address = item;

  if (CUT > 0) begin : upper
    /* verilator lint_off UNUSEDSIGNAL */  // what is rounded away
    wire signed [STATE_BITS:0] raised = (STATE_BITS + 1)'(picked) + (STATE_BITS + 1)'(1 <<< (CUT - 1));
    /* verilator lint_on UNUSEDSIGNAL */
    ntorc_clip #(.IN_BITS(WORD_BITS + 1), .OUT_BITS(WORD_BITS)) clip (
        .value(raised[STATE_BITS:CUT]), .result(word_next)
    );
  end else begin : whole
    assign word_next = picked;
  end

  always_ff @(posedge clk) begin
    word <= word_next;
    if (stage[4]) weight <= weight_data;
    if (stage[5]) power_high <= power[2*WORD_BITS-1:WORD_BITS];
    if (pass_end) total <= '0;
    else if (stage[8] || stage[9])
      total <= total + (stage[8] ? TOTAL_SUM_BITS'(weighted) : TOTAL_SUM_BITS'(weighted) << WORD_BITS);
    if (rst) begin
      stage       <= '0;
      total_stage <= '0;
    end else begin
      stage       <= {stage[8:1], finishing && slot_cycle == '0};
      total_stage <= {total_stage[4:1], finish_ended};
    end
  end

  // a power's second square is added to the first one; everything else that is lent starts at zero
  wire add_first = reads[1] ? !phase_2[0] : !stage[4];
  wire signed [SUM_BITS-1:0] base = !reads[1] ? '0 : phase_2[1] ? HALF : drive;

  for (genvar lane = 0; lane < LANES; lane++) begin : lanes
    wire mine = (lane == 0);
    ntorc_resonator_lane #(
        .STATE_BITS(STATE_BITS), .POLE_BITS(POLE_BITS), .SUM_BITS(SUM_BITS), .SUM_SHIFT(POLE_FRACTION),
        .GROUPS(GROUPS), .A_BITS(A_BITS), .B_BITS(B_BITS)
    ) unit (
        .clk, .fresh, .read_address, .state(states[lane*STATE_BITS+:STATE_BITS]),
        .pole(pole_data[lane*POLE_BITS+:POLE_BITS]), .other(mine && lent), .other_a(mine ? lent_a : '0),
        .other_b(mine ? lent_b : '0), .add_first, .base, .sum(sums[lane]), .write, .write_address
    );
  end

  // ---- logarithms ----------------------------------------------------------------------------------------
  logic log_valid, constant_added;
  logic [STEPS+LOG_FRACTION-1:0] log_data;
  logic signed [LOG_BITS-1:0] log_word;

  ntorc_log2 #(.BITS(POWER_BITS), .MANTISSA_BITS(MANTISSA_BITS), .FRACTION(LOG_FRACTION)) logarithm (
      .clk, .rst, .load(stage[5] || total_stage[5]),
      .value(total_stage[5] ? POWER_BITS'(total[TOTAL_SUM_BITS-1:TOTAL_BITS]) : POWER_BITS'(power)),
      .table_address, .table_data, .out_valid(log_valid), .out_data(log_data)
  );

  always_ff @(posedge clk) begin
    log_word <= $signed(LOG_BITS'(log_data)) + constant_data;
    if (rst) begin
      constant_added   <= 1'b0;
      constant_address <= '0;
    end else begin
      constant_added <= log_valid;
      if (log_valid) constant_address <= (constant_address == CW'(RESONATORS)) ? '0 : constant_address + 1'b1;
    end
  end

  ntorc_log_features #(
      .COUNT(RESONATORS), .LOG_BITS(LOG_BITS), .FEATURE_BITS(FEATURE_BITS), .FLOOR(FLOOR), .OUT_BITS(OUT_BITS),
      .SHIFT(OUT_SHIFT), .HALF_UP(HALF_UP), .SATURATE(SATURATE)
  ) features (
      .clk, .rst, .in_valid(constant_added), .in_data(log_word), .out_valid, .out_ready, .out_data, .vector_taken
  );
endmodule
