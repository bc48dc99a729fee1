/* The programmed logic: at most one virtual bitstream at a time, used by one thread at a time. */
#ifndef NTORC_LOGIC_H
#define NTORC_LOGIC_H

#include <stddef.h>
#include <stdint.h>

#include "board_time.h"

typedef struct ntorc_logic ntorc_logic;

struct ntorc_logic_info {
    char path[4096];   /* what was programmed; empty when nothing is */
    uint64_t cycles;   /* since it was programmed */
    uint64_t accesses; /* register accesses since it was programmed */
};

/* Unprogrammed logic, of which each access takes access_cycles in all.  `scratch` is a path in a
 * folder that may hold executable files: private copies of bitstreams are made beside it.
 * NULL without memory. */
ntorc_logic *ntorc_logic_new(const char *scratch, uint64_t access_cycles);
void ntorc_logic_free(ntorc_logic *logic);

/* Memory at physical address `base` for the masters of what is programmed from now on; outlives `logic`. */
void ntorc_logic_memory(ntorc_logic *logic, uint8_t *memory, uint64_t base, uint64_t bytes);

/* Loads a private copy of the shared library at `path`, checks its ABI, resets it and puts it in
 * place of what was programmed.  0, or -1 with the reason in `error` and nothing changed. */
int ntorc_logic_program(ntorc_logic *logic, const char *path, char *error, size_t n);

/* Leaves nothing programmed. */
void ntorc_logic_unprogram(ntorc_logic *logic);

void ntorc_logic_info(ntorc_logic *logic, struct ntorc_logic_info *info);

/* Simulates the board's time too, from now on; before anybody accesses registers. */
void ntorc_logic_simulate_time(ntorc_logic *logic, const struct ntorc_board_time *time);

/* Whether it does. */
uint32_t ntorc_logic_simulates_time(const ntorc_logic *logic);

/* FCLK0 as it was set: what its cycles take, where time is simulated. */
void ntorc_logic_clock(ntorc_logic *logic, uint64_t clock_hz);

/* The board's time, between an access and its finish; 0 where it is not simulated. */
uint64_t ntorc_logic_time_ns(const ntorc_logic *logic);

/* Begins one register access and keeps the logic to this thread until ntorc_logic_finish.
 * `op` is an ntorc_mailbox_op; returns an ntorc_mailbox_status and sets *answer. */
uint32_t ntorc_logic_access(ntorc_logic *logic, uint32_t op, uint32_t offset, uint32_t value, uint32_t *answer);

/* Lets pass what is left of the access's cycles and gives the logic free.  Where time is simulated they
 * have passed before the answer. */
void ntorc_logic_finish(ntorc_logic *logic);

#endif
