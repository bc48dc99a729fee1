#include "board_time.h"

#include <math.h>

uint64_t ntorc_board_time_ns(const struct ntorc_board_time *time, uint64_t cycles)
{
    if (time->clock_hz <= 0.0) {
        return time->base_ns;
    }
    return time->base_ns + (uint64_t)((double)(cycles - time->base_cycles) * 1e9 / time->clock_hz);
}

void ntorc_board_time_clock(struct ntorc_board_time *time, uint64_t cycles, uint64_t clock_hz)
{
    time->base_ns = ntorc_board_time_ns(time, cycles);
    time->base_cycles = cycles;
    time->clock_hz = (double)clock_hz * (1.0 + time->clock_error);
}

void ntorc_board_time_restart(struct ntorc_board_time *time, uint64_t cycles)
{
    time->base_ns = ntorc_board_time_ns(time, cycles);
    time->base_cycles = 0;
    time->passed_over = 0.0;
}

/* Xorshift64*: S. Vigna, ACM Trans. Math. Softw. 42 (2016) 30.  In (0, 1]. */
static double draw(struct ntorc_board_time *time)
{
    time->seed ^= time->seed >> 12;
    time->seed ^= time->seed << 25;
    time->seed ^= time->seed >> 27;
    return ((double)((time->seed * 0x2545F4914F6CDD1Dull) >> 11) + 1.0) * 0x1.0p-53;
}

uint64_t ntorc_board_time_wake_ns(struct ntorc_board_time *time, uint64_t cycles, uint64_t when_ns)
{
    uint64_t now_ns = ntorc_board_time_ns(time, cycles);
    if (now_ns >= when_ns) {
        return now_ns;
    }
    double jitter_ns = -log(draw(time)) * (double)time->jitter_ns;
    double most_ns = (double)time->jitter_max_ns;
    return when_ns + time->wake_up_ns + (uint64_t)(jitter_ns < most_ns ? jitter_ns : most_ns);
}

uint64_t ntorc_board_time_cycles_until(const struct ntorc_board_time *time, uint64_t cycles, uint64_t when_ns)
{
    uint64_t now_ns = ntorc_board_time_ns(time, cycles);
    return when_ns <= now_ns ? 0 : (uint64_t)ceil((double)(when_ns - now_ns) * time->clock_hz * 1e-9);
}

void ntorc_board_time_pass_over(struct ntorc_board_time *time, uint64_t cycles, uint64_t when_ns)
{
    time->passed_over += (double)(when_ns - ntorc_board_time_ns(time, cycles)) * time->clock_hz * 1e-9;
    time->base_ns = when_ns;
    time->base_cycles = cycles;
}
