/* What the command line asks of the harness. */
#ifndef NTORC_OPTIONS_H
#define NTORC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ntorc_options {
    const char *regs;
    const char *samples;
    const char *out;
    const char *sink;   /* NULL: none */
    mode_t ring_mode;   /* permissions of rings in shared memory */
    uint64_t estimates; /* 0 when endless */
    bool endless;       /* until a signal or the source ends it */
    uint32_t hop;
    uint64_t period_ns;  /* 0: free running */
    uint32_t gap_cycles; /* free running: of the logic, between an estimate's samples */
    uint64_t timeout_ns; /* for one result */
    uint64_t patience_ns; /* with what receives the records and takes none */
    bool check_design_id;
    uint64_t design_id;
    uint64_t deadline_ns;     /* of the loop; 0: none, nothing counts as missed */
    uint32_t deadline_cycles; /* of the logic, for the probe; UINT32_MAX: none */
    uint32_t hist_lower, hist_shift; /* of the probe's histogram */
    unsigned load;         /* NTORC_LOAD_*; 0: none */
    const char *load_text; /* as it was asked for */
    bool account;          /* measure the harness's own time too */
    int cpu;  /* -1: any */
    int fifo; /* SCHED_FIFO priority, 0: not asked for */
};

/* 0: go on, 1: help was shown, 2: wrong usage (said on stderr). */
int ntorc_options_parse(int argc, char **argv, struct ntorc_options *options);

#endif
