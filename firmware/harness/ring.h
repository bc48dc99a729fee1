/* Records between the loop, which fills them, and the writer, which takes them: one thread each, no lock. */
#ifndef NTORC_RING_H
#define NTORC_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records.h"

struct ntorc_ring {
    struct ntorc_record *records;
    uint32_t capacity; /* a power of two */
    /* Numbers of records, not places: they wrap at 2^32, and their difference is what is in it. */
    _Alignas(64) _Atomic uint32_t filled;
    _Alignas(64) _Atomic uint32_t taken;
};

/* 0, or -1 without memory.  Every page is touched, so that the loop's first writes map none. */
int ntorc_ring_open(struct ntorc_ring *ring, uint32_t capacity);
void ntorc_ring_close(struct ntorc_ring *ring);

/* The loop: the next record to fill, NULL when the ring is full; then that it is filled. */
struct ntorc_record *ntorc_ring_next(struct ntorc_ring *ring);
void ntorc_ring_fill(struct ntorc_ring *ring);

/* The writer: filled records that lie side by side, and how many; then that so many are taken. */
const struct ntorc_record *ntorc_ring_filled(struct ntorc_ring *ring, uint32_t *count);
void ntorc_ring_take(struct ntorc_ring *ring, uint32_t count);

#endif
