/* The thread that takes records out of the ring: into the file, the summary and the sink. */
#ifndef NTORC_WRITER_H
#define NTORC_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "records.h"
#include "ring.h"
#include "sink.h"
#include "summary.h"

struct ntorc_writer {
    /* given */
    struct ntorc_ring *ring;
    struct ntorc_records_file *out;
    struct ntorc_summary *summary;
    struct ntorc_sink *sink; /* NULL: none */
    /* result */
    _Atomic int failure; /* errno of a failed write, ETIMEDOUT: a pipe's reader took nothing for too long; what
                          * comes later is summed up and not written */
    uint64_t written;
    /* inside */
    pthread_t thread;
    _Atomic bool stop;
};

/* 0, or an errno. */
int ntorc_writer_start(struct ntorc_writer *writer);

/* Waits until the ring is empty.  A pipe's reader that takes nothing is waited for as long as the file's patience
 * lasts: no record is lost that it does take before. */
void ntorc_writer_stop(struct ntorc_writer *writer);

#endif
