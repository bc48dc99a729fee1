// Registers of one channel of the DMA, as pynq's simple mode drives them: what they start, and what they say.
//
// A write of LENGTH starts a transfer when the channel runs.  Address and length must be multiples of 4 and the
// length not 0: there are no byte lanes to shift, and an error is better than wrong data.  An error stops the channel.
// Clearing RUN or setting RESET aborts: bursts that have begun are ended, and HALTED says when all is quiet.
module ntorc_dma_control #(
    parameter int LENGTH_BITS = 24,
    parameter bit COUNTED     = 1'b0  // LENGTH tells afterwards how much it was, not only how much was asked for
) (
    input  logic                   clk,
    input  logic                   rst,
    // registers of this channel
    input  logic                   write,
    input  logic [5:2]             write_at,
    input  logic [31:0]            write_data,
    input  logic [5:2]             read_at,
    output logic [31:0]            read_value,
    // the mover
    output logic                   start,
    output logic                   abort,
    output logic [31:2]            address,
    output logic [LENGTH_BITS-1:2] words,        // in the cycle of start
    input  logic                   active,
    input  logic                   done,         // the transfer has ended well
    input  logic [2:0]             failed,       // it has ended: decode error, slave error, internal error
    input  logic [LENGTH_BITS-1:2] transferred   // words, in the cycle of done; when COUNTED
);
  localparam logic [5:2] CONTROL = 4'h0;
  localparam logic [5:2] STATUS = 4'h1;
  localparam logic [5:2] ADDRESS = 4'h6;
  localparam logic [5:2] LENGTH = 4'hA;

  logic run, interrupt_enable, idle, completed, error_seen, resetting;
  logic [2:0] errors;
  logic [31:0] where;
  logic [LENGTH_BITS-1:0] length;

  wire write_control = write && (write_at == CONTROL);
  wire reset = write_control && write_data[2];
  wire wanted = write && (write_at == LENGTH) && run && !active;
  wire sound = (where[1:0] == '0) && (write_data[1:0] == '0) && (write_data[LENGTH_BITS-1:2] != '0);
  wire refused = wanted && !sound;
  wire stop = (failed != '0) || refused;

  assign start = wanted && sound;
  assign abort = active && !run;
  assign address = where[31:2];
  assign words = write_data[LENGTH_BITS-1:2];

  always_ff @(posedge clk) begin
    if (write && write_at == ADDRESS) where <= write_data;
    if (start) length <= write_data[LENGTH_BITS-1:0];
    else if (done && COUNTED) length <= {transferred, 2'b00};
    if (rst) begin
      run              <= 1'b0;
      interrupt_enable <= 1'b0;
      idle             <= 1'b0;
      completed        <= 1'b0;
      error_seen       <= 1'b0;
      resetting        <= 1'b0;
      errors           <= '0;
    end else begin
      // a channel that is being stopped comes to its end before it runs again
      if (write_control) run <= write_data[0] && !reset && !abort && errors == '0;
      if (stop) run <= 1'b0;
      if (write_control) interrupt_enable <= write_data[12] && !reset;
      if (start || reset) idle <= 1'b0;
      else if (done) idle <= 1'b1;
      if (write && write_at == STATUS && write_data[12] || reset) completed <= 1'b0;
      else if (done) completed <= 1'b1;
      if (write && write_at == STATUS && write_data[14] || reset) error_seen <= 1'b0;
      else if (stop) error_seen <= 1'b1;
      if (reset || resetting) errors <= '0;
      else if (stop) errors <= errors | failed | {2'b00, refused};
      resetting <= (reset || resetting) && active;
    end
  end

  always_comb begin
    case (read_at)
      CONTROL: read_value = {19'd0, interrupt_enable, 9'd0, resetting, 1'b0, run};
      STATUS:  read_value = {17'd0, error_seen, 1'b0, completed, 5'd0, errors, 2'd0, idle, !run && !active};
      ADDRESS: read_value = where;
      LENGTH:  read_value = 32'(length);
      default: read_value = '0;
    endcase
  end
endmodule
