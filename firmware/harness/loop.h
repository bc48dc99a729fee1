/* The measuring loop: samples in, estimates out, and when. */
#ifndef NTORC_LOOP_H
#define NTORC_LOOP_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account.h"
#include "options.h"
#include "records.h"
#include "regs.h"
#include "ring.h"
#include "sink.h"
#include "source.h"

/* How results were looked for.  An estimate is seen by the first look after its result, so its time is a whole
 * number of looks. */
struct ntorc_polling {
    uint64_t waits;   /* for results that came */
    uint64_t polls;   /* looks, of all waits */
    uint64_t span_ns; /* from a wait's first look to its last one, summed up */
    uint64_t gaps, gap_ns; /* of it between two looks with nothing in between, and their number */
};

struct ntorc_loop {
    /* given */
    ntorc_regs *regs;
    const struct ntorc_options *options;
    uint32_t window;
    struct ntorc_source *source;
    struct ntorc_ring *ring;
    struct ntorc_sink *sink;           /* NULL: none */
    struct ntorc_account *account;     /* NULL: not asked for; else `regs` is its */
    const _Atomic int *writer_failure; /* not 0: records can no longer be written */
    _Atomic uint32_t *done;            /* for progress */
    const volatile sig_atomic_t *stop; /* set by a signal: end after the access in progress */
    /* result */
    uint64_t count;        /* estimates, with one that timed out */
    uint64_t torn, timeouts, skipped;
    uint64_t overruns;     /* records that show the sticky overrun */
    uint64_t late_samples; /* written after the next sample's release had passed */
    uint64_t starved;      /* samples that a live source did not have in time: the one before was used again */
    uint64_t dropped;      /* records for which the ring had no room */
    bool source_ended;     /* a live source has ended */
    char fault[256];       /* empty: none */
    struct ntorc_polling polling;
    /* the harness's own time: with an account only */
    uint64_t elapsed_ns;         /* of the loop */
    uint64_t waiting_ns;         /* of it asleep or polling for results, with their accesses */
    uint64_t waiting_accesses, waiting_access_ns;
    /* inside */
    uint64_t start_ns;
    uint64_t written; /* samples since the soft reset */
    uint32_t seq;     /* last result seen */
    struct ntorc_shared_sample sample; /* the last one that was written */
};

/* Runs until options->estimates records are filled, the source ends, a fault, or *stop.  The logic has just
 * been restarted (ntorc_design_restart).  Allocates nothing, prints nothing, and makes no system call but
 * the clock's sleep, nor do register accesses that are memory accesses; reading the clock is one where the kernel
 * gives processes no clock to read (docs/design.md, Measuring). */
void ntorc_loop_run(struct ntorc_loop *loop);

#endif
