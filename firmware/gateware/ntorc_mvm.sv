// The one time-multiplexed matrix-vector core.  It walks over the positions of a frame; for each it
// multiplies the NEEDED window of the input buffer with FILTERS columns of weights on LANES
// multipliers, one input element a cycle, in GROUPS = ceil(FILTERS / LANES) passes.
//
// Reuse factor (hls4ml's meaning: uses of one multiplier for one output vector) = GROUPS * INPUTS.
// Dense is the case of one position whose kernel spans the whole input.  A recurrent layer is a convolution
// with a kernel of one vector whose window is continued by STATE elements, the last position's output: they
// come back over `state_write`, one after another, while later passes may still read the old ones (two banks).
//
// Timing, with start in cycle s (see backends/native/cycles.py, which states the same in Python):
// reads of pass g are issued in cycles s+1+g*INTERVAL .. +INPUTS-1; the next start is at the earliest in
// s + GROUPS*INTERVAL, or s + STEP for a recurrent layer, whose next position reads the new state behind
// its CHANNELS inputs; a word that was read in cycle u as a pass's last reaches `hold` in u+4.
module ntorc_mvm #(
    parameter int IN_BITS   = 16,
    parameter int W_BITS    = 16,
    parameter int ACC_BITS  = 40,
    parameter int PRODUCT_SHIFT = 0,  // bits cut from each product; then sums may wrap in ACC_BITS
    parameter int LENGTH    = 8,   // vectors in a frame
    parameter int CHANNELS  = 1,   // elements in a vector
    parameter int KERNEL    = 3,
    parameter int STRIDE    = 1,
    parameter int DILATION  = 1,
    parameter int PAD_LEFT  = 0,
    parameter int POSITIONS = 6,
    parameter int FILTERS   = 4,
    parameter int LANES     = 2,
    parameter bit LOGIC     = 1'b0,  // multipliers in logic instead of DSP blocks
    parameter int SLOTS     = 4,   // vectors that the input buffer holds
    parameter int STATE      = 0,  // recurrent layers: elements that are fed back
    parameter int STATE_BITS = 16,
    parameter int STEP       = 0,  // recurrent layers: the fewest cycles from start to start
    parameter bit LAST_ONLY  = 1'b0,  // only the last position's vector goes out
    parameter bit STATEFUL   = 1'b0,  // the state goes on from frame to frame
    // derived
    parameter int INPUTS    = KERNEL * CHANNELS + STATE,
    parameter int GROUPS    = (FILTERS + LANES - 1) / LANES,
    parameter int ROM_WORDS = INPUTS * GROUPS,
    parameter int ROM_AW    = (ROM_WORDS > 1) ? $clog2(ROM_WORDS) : 1
) (
    input  logic                        clk,
    input  logic                        rst,
    // elements in, vector by vector
    input  logic                        in_valid,
    output logic                        in_ready,
    input  logic signed [IN_BITS-1:0]   in_data,
    // weights: LANES words a cycle, in the cycle after the address, which runs one element ahead
    output logic [ROM_AW-1:0]           rom_address,
    input  logic [LANES*W_BITS-1:0]     rom_data,
    // sums out, FILTERS a position, one a cycle; the receiver has room for `credit` positions
    output logic                        sum_valid,
    output logic signed [ACC_BITS-1:0]  sum_data,
    input  logic                        vector_taken,  // a whole output vector has left the receiver
    // the fed back output, element by element; unused without STATE
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic                         state_write,
    input  logic signed [STATE_BITS-1:0] state_data,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic                         idle           // no part of a frame is here
);
  localparam int DEPTH    = SLOTS * CHANNELS;
  localparam int INTERVAL = (INPUTS > LANES) ? INPUTS : LANES;
  localparam int REST     = FILTERS - (GROUPS - 1) * LANES;  // lanes in use in the last pass
  localparam int AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int VW = $clog2(LENGTH + POSITIONS * STRIDE + SLOTS + KERNEL * DILATION + PAD_LEFT + 2) + 1;
  localparam int OPERAND_BITS = (STATE > 0 && STATE_BITS > IN_BITS) ? STATE_BITS : IN_BITS;
  localparam int SW = $clog2(STEP + 2);
  localparam int CHW = (CHANNELS > 1) ? $clog2(CHANNELS) : 1;
  localparam int TW = $clog2(INTERVAL + 1);
  localparam int GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam int PW = $clog2(POSITIONS + 1);
  localparam int LW = $clog2(LANES + 1);
  localparam int SPAN = (KERNEL - 1) * DILATION + 1;
  localparam int FIRST_NEED = (SPAN - PAD_LEFT > LENGTH) ? LENGTH : (SPAN - PAD_LEFT < 0) ? 0 : SPAN - PAD_LEFT;
  localparam int TAP_STEP = ((DILATION - 1) * CHANNELS + 1) % DEPTH;
  localparam int POSITION_STEP = (STRIDE * CHANNELS) % DEPTH;
  localparam int FIRST_BASE = ((SLOTS - (PAD_LEFT % SLOTS)) % SLOTS) * CHANNELS;
  localparam bit MASKED = (PAD_LEFT > 0) || ((POSITIONS - 1) * STRIDE + SPAN - PAD_LEFT > LENGTH);

  // Addresses in the circular buffer; STEP is below DEPTH.
  function automatic logic [AW-1:0] advance(input logic [AW-1:0] at, input int step);
    advance = ((AW + 1)'(at) >= (AW + 1)'(DEPTH - step)) ? at - AW'(DEPTH - step) : at + AW'(step);
  endfunction

  // ---- writing -----------------------------------------------------------------------------------
  logic [AW-1:0] write_at;
  logic [CHW-1:0] write_channel;
  logic signed [VW-1:0] written;  // whole vectors of this frame
  logic signed [VW-1:0] limit;    // vectors that may be written so far
  logic frame_end;

  assign in_ready = (written < limit) && (written < VW'(LENGTH));
  wire take = in_valid && in_ready;

  always_ff @(posedge clk) begin
    if (rst || frame_end) begin
      write_at      <= '0;
      write_channel <= '0;
      written       <= '0;
    end else if (take) begin
      write_at <= advance(write_at, 1);
      if (write_channel == CHW'(CHANNELS - 1)) begin
        write_channel <= '0;
        written       <= written + 1'b1;
      end else write_channel <= write_channel + 1'b1;
    end
  end

  // ---- sequencing --------------------------------------------------------------------------------
  logic active;
  logic [TW-1:0] element;            // cycle within a pass
  logic [GW-1:0] group;
  logic [PW-1:0] started;            // positions started in this frame
  logic [1:0] outstanding;           // positions started whose vector has not left the receiver
  logic signed [VW-1:0] need;        // vectors that the next position needs
  logic signed [VW-1:0] base_vector, read_vector, row_vector;
  logic [AW-1:0] base_at, row_at, read_at;
  logic [CHW-1:0] read_channel;

  wire pass_end = active && (element == TW'(INTERVAL - 1));
  wire position_end = pass_end && (group == GW'(GROUPS - 1));
  wire all_started = (started == PW'(POSITIONS));
  wire emits = !LAST_ONLY || (started == PW'(POSITIONS - 1));
  logic [SW-1:0] step_left;          // cycles before the state is there
  wire start = (!active || position_end) && !all_started && (written >= need) && (outstanding < 2'd2)
      && (step_left == '0);
  wire reading = active && (element < TW'(INPUTS));
  wire from_state;                   // this element is of the state
  wire last_read = active && (element == TW'(INPUTS - 1));
  // The next cycle reads.  The weights' address moves with it, ahead of the element's: so the memory's word has a
  // register of its own before the multiplier, and no cycle is lost.
  wire reads_next = start || (reading && !last_read) || (pass_end && !position_end);
  assign frame_end = !active && all_started && (written == VW'(LENGTH));

  always_ff @(posedge clk) begin
    if (rst || frame_end) begin
      active      <= 1'b0;
      started     <= '0;
      element     <= '0;
      group       <= '0;
      rom_address <= '0;
      need        <= VW'(FIRST_NEED);
      limit       <= VW'(SLOTS - PAD_LEFT);
      base_vector <= -VW'(PAD_LEFT);
      base_at     <= AW'(FIRST_BASE);
    end else begin
      if (last_read && group == GW'(GROUPS - 1)) limit <= limit + VW'(STRIDE);
      if (active) element <= pass_end ? '0 : element + 1'b1;
      if (pass_end) group <= position_end ? '0 : group + 1'b1;
      if (position_end) active <= 1'b0;
      if (reads_next) rom_address <= (rom_address == ROM_AW'(ROM_WORDS - 1)) ? '0 : rom_address + 1'b1;
      if (start) begin
        active      <= 1'b1;
        started     <= started + 1'b1;
        need        <= (need + VW'(STRIDE) > VW'(LENGTH)) ? VW'(LENGTH) : need + VW'(STRIDE);
        base_vector <= base_vector + VW'(STRIDE);
        base_at     <= advance(base_at, POSITION_STEP);
      end
    end
  end

  // Kept over a frame's end: the next frame's first position waits as well, so the elementwise part is free again.
  always_ff @(posedge clk) begin
    if (rst) step_left <= '0;
    else if (start) step_left <= (STEP > 0) ? SW'(STEP - 1) : '0;
    else if (step_left != '0) step_left <= step_left - 1'b1;
  end

  // Where the current pass reads; `row` remembers the position's first element for the next pass.
  always_ff @(posedge clk) begin
    if (start) begin
      row_vector   <= base_vector;
      row_at       <= base_at;
      read_vector  <= base_vector;
      read_at      <= base_at;
      read_channel <= '0;
    end else if (pass_end) begin
      read_vector  <= row_vector;
      read_at      <= row_at;
      read_channel <= '0;
    end else if (reading && !from_state) begin
      if (read_channel == CHW'(CHANNELS - 1)) begin
        read_channel <= '0;
        read_vector  <= read_vector + VW'(DILATION);
        read_at      <= advance(read_at, TAP_STEP);
      end else begin
        read_channel <= read_channel + 1'b1;
        read_at      <= advance(read_at, 1);
      end
    end
  end

  always_ff @(posedge clk) begin
    if (rst) outstanding <= '0;
    else if (start && emits && !vector_taken) outstanding <= outstanding + 1'b1;
    else if (!(start && emits) && vector_taken) outstanding <= outstanding - 1'b1;
  end

  assign idle = (written == '0) && (write_channel == '0) && (started == '0) && (outstanding == '0);

  // ---- the state -----------------------------------------------------------------------------------
  logic signed [OPERAND_BITS-1:0] state_word;
  if (STATE > 0) begin : recurrent
    localparam int STW = $clog2(STATE + 1);
    (* ram_style = "distributed" *)
    logic signed [STATE_BITS-1:0] state_words[2 << STW];
    logic [STW-1:0] state_at, state_write_at;
    logic read_bank, write_bank, in_state, fresh, first_step;

    assign from_state = in_state;
    assign state_word = first_step ? '0 : OPERAND_BITS'(state_words[{read_bank, state_at}]);

    always_ff @(posedge clk) if (state_write) state_words[{write_bank, state_write_at}] <= state_data;

    always_ff @(posedge clk) begin
      if (start || pass_end) begin
        in_state <= 1'b0;
        state_at <= '0;
      end else if (reading) begin
        if (read_channel == CHW'(CHANNELS - 1)) in_state <= 1'b1;
        if (in_state) state_at <= state_at + 1'b1;
      end
      if (rst) begin
        fresh          <= 1'b1;
        first_step     <= 1'b1;
        read_bank      <= 1'b0;
        write_bank     <= 1'b0;
        state_write_at <= '0;
      end else begin
        if (start) begin
          fresh      <= 1'b0;
          first_step <= fresh;
          read_bank  <= !read_bank;
        end else if (frame_end && !STATEFUL) fresh <= 1'b1;
        if (state_write) begin
          state_write_at <= (state_write_at == STW'(STATE - 1)) ? '0 : state_write_at + 1'b1;
          if (state_write_at == STW'(STATE - 1)) write_bank <= !write_bank;
        end
      end
    end
  end else begin : feedforward
    assign from_state = 1'b0;
    assign state_word = '0;
  end

  // ---- multiply and accumulate: read, product, sum, hold ------------------------------------------
  wire outside = MASKED && (read_vector[VW-1] || read_vector >= VW'(LENGTH));
  logic signed [OPERAND_BITS-1:0] operand;
  logic [1:0] valid_pipe, first_pipe;
  logic [2:0] last_pipe, rest_pipe;  // rest: the pass is the last of its position

  if (DEPTH <= 256) begin : in_logic
    (* ram_style = "distributed" *)
    logic signed [IN_BITS-1:0] words[DEPTH];
    always_ff @(posedge clk) begin
      if (take) words[write_at] <= in_data;
      if (from_state) operand <= state_word;
      else if (outside) operand <= '0;
      else operand <= OPERAND_BITS'(words[read_at]);
    end
  end else begin : in_block  // block RAM has a register of its own, so the state has another
    (* ram_style = "block" *)
    logic signed [IN_BITS-1:0] words[DEPTH];
    logic signed [IN_BITS-1:0] word;
    logic signed [OPERAND_BITS-1:0] fed_back;
    always_ff @(posedge clk) begin
      if (take) words[write_at] <= in_data;
      word <= (outside || from_state) ? '0 : words[read_at];
      fed_back <= from_state ? state_word : '0;
    end
    assign operand = OPERAND_BITS'(word) | fed_back;
  end

  always_ff @(posedge clk) begin
    first_pipe <= {first_pipe[0], element == '0};
    rest_pipe  <= {rest_pipe[1:0], group == GW'(GROUPS - 1)};
    if (rst) begin
      valid_pipe <= '0;
      last_pipe  <= '0;
    end else begin
      valid_pipe <= {valid_pipe[0], reading};
      last_pipe  <= {last_pipe[1:0], last_read};
    end
  end

  logic [LANES*ACC_BITS-1:0] hold;
  for (genvar lane = 0; lane < LANES; lane++) begin : lanes
    logic signed [OPERAND_BITS+W_BITS-1:0] product, multiplied;
    logic signed [ACC_BITS-1:0] sum;
    logic signed [W_BITS-1:0] weight;
    if (LOGIC) begin : logic_product
      ntorc_logic_multiplier #(.A_BITS(OPERAND_BITS), .W_BITS(W_BITS)) multiplier (
          .operand, .weight, .product(multiplied)
      );
    end else begin : dsp_product
      assign multiplied = operand * weight;
    end
    // Each register is read above the line that sets it, and only set when its word is used: a simulator then
    // keeps no second copy of it, and an idle engine costs next to nothing.
    always_ff @(posedge clk) begin
      if (last_pipe[2]) hold[lane*ACC_BITS+:ACC_BITS] <= sum;
      if (valid_pipe[1]) sum <= (first_pipe[1] ? '0 : sum) + ACC_BITS'(product >>> PRODUCT_SHIFT);
      if (valid_pipe[0]) product <= multiplied;
      if (reading) weight <= rom_data[lane*W_BITS+:W_BITS];
    end
  end

  logic [LW-1:0] lane_at, lanes_held;
  always_ff @(posedge clk) begin
    if (rst) begin
      lane_at    <= '0;
      lanes_held <= '0;
    end else if (last_pipe[2]) begin
      lane_at    <= '0;
      lanes_held <= rest_pipe[2] ? LW'(REST) : LW'(LANES);
    end else if (sum_valid) lane_at <= lane_at + 1'b1;
  end
  assign sum_valid = (lane_at != lanes_held);
  localparam int LAW = (LANES > 1) ? $clog2(LANES) : 1;
  ntorc_select #(.BITS(ACC_BITS), .INPUTS(LANES)) sum_select (.words(hold), .at(lane_at[LAW-1:0]), .word(sum_data));
endmodule
