/* The shell's own measurement of its latency, beside the records'. */
#ifndef NTORC_PROBE_H
#define NTORC_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "ntorc_registers.h"
#include "options.h"
#include "regs.h"

struct ntorc_probe {
    uint32_t latency_min, latency_max;
    uint32_t deadline, missed, lost;
    uint32_t lower, shift, under, over;
    uint32_t bins[NTORC_HISTOGRAM_COUNT];
};

/* Sets deadline and histogram; before the soft reset, which empties both.  0, or -1 with the reason. */
int ntorc_probe_set(ntorc_regs *regs, const struct ntorc_options *options, char *error, size_t n);

/* Reads it all; after the loop.  0, or -1 with the reason. */
int ntorc_probe_read(ntorc_regs *regs, struct ntorc_probe *probe, char *error, size_t n);

/* The logic's free-running cycles, both words.  0, or -1 with the reason. */
int ntorc_probe_cycles(ntorc_regs *regs, uint64_t *cycles, char *error, size_t n);

#endif
