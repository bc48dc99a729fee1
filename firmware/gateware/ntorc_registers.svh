// Byte offsets of the shell's registers: the same map as board/ntorc_board/registers.json (a test compares them).
`ifndef NTORC_REGISTERS_SVH
`define NTORC_REGISTERS_SVH
`define NTORC_MAGIC         12'h000
`define NTORC_DESIGN_ID_LO  12'h004
`define NTORC_DESIGN_ID_HI  12'h008
`define NTORC_SHELL_VERSION 12'h00C
`define NTORC_CLOCK_HZ      12'h010
`define NTORC_WINDOW        12'h014
`define NTORC_HOP           12'h018
`define NTORC_CONTROL       12'h01C
`define NTORC_STATUS        12'h020
`define NTORC_SAMPLE        12'h024
`define NTORC_RESULT_SEQ    12'h028
`define NTORC_LATENCY       12'h030
`define NTORC_LATENCY_MIN   12'h034
`define NTORC_LATENCY_MAX   12'h038
`define NTORC_SAMPLE_COUNT  12'h03C
`define NTORC_CYCLES_LO     12'h040
`define NTORC_CYCLES_HI     12'h044
`define NTORC_OUTPUTS       12'h048
`define NTORC_DEADLINE      12'h04C
`define NTORC_MISSED        12'h050
`define NTORC_HIST_LOWER    12'h054
`define NTORC_HIST_SHIFT    12'h058
`define NTORC_HIST_UNDER    12'h05C
`define NTORC_HIST_OVER     12'h060
`define NTORC_LOST          12'h064
`define NTORC_WARM_UP       12'h068
`define NTORC_FEATURES      12'h06C
`define NTORC_RESULT        12'h100
`define NTORC_HISTOGRAM     12'h200
`endif
