/* The shell's registers.  The map is board/ntorc_board/registers.json, where each register is
 * described; a test keeps this file and that one equal. */
#ifndef NTORC_REGISTERS_H
#define NTORC_REGISTERS_H

#define NTORC_REGISTERS_SPAN_BYTES 4096u

#define NTORC_REG_MAGIC 0x00u
#define NTORC_REG_DESIGN_ID_LO 0x04u
#define NTORC_REG_DESIGN_ID_HI 0x08u
#define NTORC_REG_SHELL_VERSION 0x0Cu
#define NTORC_REG_CLOCK_HZ 0x10u
#define NTORC_REG_WINDOW 0x14u
#define NTORC_REG_HOP 0x18u
#define NTORC_REG_CONTROL 0x1Cu
#define NTORC_REG_STATUS 0x20u
#define NTORC_REG_SAMPLE 0x24u
#define NTORC_REG_RESULT_SEQ 0x28u
#define NTORC_REG_LATENCY 0x30u
#define NTORC_REG_LATENCY_MIN 0x34u
#define NTORC_REG_LATENCY_MAX 0x38u
#define NTORC_REG_SAMPLE_COUNT 0x3Cu
#define NTORC_REG_CYCLES_LO 0x40u
#define NTORC_REG_CYCLES_HI 0x44u
#define NTORC_REG_OUTPUTS 0x48u
#define NTORC_REG_DEADLINE 0x4Cu
#define NTORC_REG_MISSED 0x50u
#define NTORC_REG_HIST_LOWER 0x54u
#define NTORC_REG_HIST_SHIFT 0x58u
#define NTORC_REG_HIST_UNDER 0x5Cu
#define NTORC_REG_HIST_OVER 0x60u
#define NTORC_REG_LOST 0x64u
#define NTORC_REG_WARM_UP 0x68u
#define NTORC_REG_FEATURES 0x6Cu
#define NTORC_REG_RESULT(i) (0x100u + 4u * (i))
#define NTORC_RESULT_COUNT 64u
#define NTORC_REG_HISTOGRAM(i) (0x200u + 4u * (i))
#define NTORC_HISTOGRAM_COUNT 64u

#define NTORC_MAGIC 0x4E544F52u
#define NTORC_SHELL_VERSION 3u

#define NTORC_CONTROL_SOFT_RESET (1u << 0)
#define NTORC_CONTROL_SEND_RESULTS (1u << 1)

#define NTORC_STATUS_BUSY (1u << 0)
#define NTORC_STATUS_OVERRUN (1u << 1)
#define NTORC_STATUS_FILLED (1u << 2)
#define NTORC_STATUS_VALID (1u << 3)

#define NTORC_FEATURES_STREAMING (1u << 0)
#define NTORC_FEATURES_STREAMS (1u << 1)

#endif
