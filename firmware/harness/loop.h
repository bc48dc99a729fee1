/* The measuring loop: samples in, estimates out, and when. */
#ifndef NTORC_LOOP_H
#define NTORC_LOOP_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "records.h"
#include "regs.h"

struct ntorc_loop {
    /* given */
    ntorc_regs *regs;
    const struct ntorc_options *options;
    uint32_t window;
    const int32_t *samples;
    size_t sample_count;
    struct ntorc_record *records;   /* options->estimates of them */
    _Atomic uint32_t *done;         /* for progress */
    const volatile sig_atomic_t *stop; /* set by a signal: end after the access in progress */
    /* result */
    uint32_t count;        /* records filled */
    uint32_t torn, timeouts, skipped;
    uint32_t overruns;     /* records that show the sticky overrun */
    uint64_t late_samples; /* written after the next sample's release had passed */
    char fault[256];       /* empty: none */
    /* inside */
    uint64_t start_ns;
    uint64_t written; /* samples since the soft reset */
    uint32_t seq;     /* last result seen */
};

/* Runs until options->estimates records are filled, a fault, or *stop.  The logic has just been
 * restarted (ntorc_design_restart).  Allocates nothing, prints nothing. */
void ntorc_loop_run(struct ntorc_loop *loop);

#endif
