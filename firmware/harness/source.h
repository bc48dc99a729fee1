/* Where the samples come from.
 *
 *   PATH       a file of raw ADC counts, 32-bit little-endian, read before the loop and used in a circle
 *   shm:PATH   a ring in shared memory that the harness makes and a lab's own loop fills (shared_ring.h)
 *   unix:PATH  a stream socket that somebody listens on: 32-bit little-endian counts; a thread takes them
 */
#ifndef NTORC_SOURCE_H
#define NTORC_SOURCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared_ring.h"

struct ntorc_source {
    /* of a file */
    int32_t *samples;
    size_t count, next;
    /* of anything live */
    struct ntorc_shared_ring *ring;
    bool own_ring; /* in this process alone: a socket's */
    int file;
    bool receiving;
    pthread_t thread;
};

enum ntorc_source_state { NTORC_SOURCE_SAMPLE, NTORC_SOURCE_EMPTY, NTORC_SOURCE_ENDED };

/* 0, or -1 with the reason in `error`.  `ring_mode`: permissions of a ring in shared memory. */
int ntorc_source_open(struct ntorc_source *source, const char *url, mode_t ring_mode, char *error, size_t n);
void ntorc_source_close(struct ntorc_source *source);

/* Whether somebody else decides when a sample comes. */
static inline bool ntorc_source_is_live(const struct ntorc_source *source)
{
    return source->samples == NULL;
}

/* The next sample, if there is one.  No system call. */
enum ntorc_source_state ntorc_source_take(struct ntorc_source *source, struct ntorc_shared_sample *sample);

#endif
