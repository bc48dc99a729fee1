/* The time of a simulated board: its logic's cycles at the frequency that FCLK0 really has, and the sleeps of
 * the loop that is measured on it.  What this file is told is hidden from everything that measures. */
#ifndef NTORC_BOARD_TIME_H
#define NTORC_BOARD_TIME_H

#include <stdint.h>

struct ntorc_board_time {
    /* the board's properties */
    double clock_error;    /* FCLK0's true frequency is (1 + clock_error) times what it reads back */
    uint64_t wake_up_ns;   /* from a sleep's end to the sleeper running, at least */
    uint64_t jitter_ns;    /* mean of what comes to it, exponentially distributed */
    uint64_t jitter_max_ns; /* where that distribution is cut off */
    uint64_t seed;         /* of its draws; not 0 */
    /* its state */
    double clock_hz; /* true */
    double passed_over; /* cycles that were not simulated, which the logic's counter lacks */
    uint64_t base_ns, base_cycles; /* time and cycles at the last change of clock or logic, or sleep passed over */
};

/* At these cycles of the logic. */
uint64_t ntorc_board_time_ns(const struct ntorc_board_time *time, uint64_t cycles);

/* FCLK0 is set. */
void ntorc_board_time_clock(struct ntorc_board_time *time, uint64_t cycles, uint64_t clock_hz);

/* Other logic follows, whose cycles begin at 0; time goes on. */
void ntorc_board_time_restart(struct ntorc_board_time *time, uint64_t cycles);

/* When one who sleeps until when_ns runs again: at once when that has passed, else after a drawn delay. */
uint64_t ntorc_board_time_wake_ns(struct ntorc_board_time *time, uint64_t cycles, uint64_t when_ns);

/* Cycles until then, rounded up. */
uint64_t ntorc_board_time_cycles_until(const struct ntorc_board_time *time, uint64_t cycles, uint64_t when_ns);

/* It is when_ns, without the logic's simulation. */
void ntorc_board_time_pass_over(struct ntorc_board_time *time, uint64_t cycles, uint64_t when_ns);

#endif
