#include "ring.h"

#include <stdlib.h>
#include <string.h>

int ntorc_ring_open(struct ntorc_ring *ring, uint32_t capacity)
{
    ring->capacity = capacity;
    atomic_init(&ring->filled, 0);
    atomic_init(&ring->taken, 0);
    ring->records = malloc(capacity * sizeof *ring->records);
    if (ring->records == NULL) {
        return -1;
    }
    /* Not calloc: its pages would be mapped one by one by the first writes, inside the loop. */
    memset(ring->records, 0xFF, capacity * sizeof *ring->records);
    return 0;
}

void ntorc_ring_close(struct ntorc_ring *ring)
{
    free(ring->records);
    ring->records = NULL;
}

struct ntorc_record *ntorc_ring_next(struct ntorc_ring *ring)
{
    uint32_t filled = atomic_load_explicit(&ring->filled, memory_order_relaxed);
    if (filled - atomic_load_explicit(&ring->taken, memory_order_acquire) == ring->capacity) {
        return NULL;
    }
    return &ring->records[filled & (ring->capacity - 1)];
}

void ntorc_ring_fill(struct ntorc_ring *ring)
{
    uint32_t filled = atomic_load_explicit(&ring->filled, memory_order_relaxed);
    atomic_store_explicit(&ring->filled, filled + 1, memory_order_release);
}

const struct ntorc_record *ntorc_ring_filled(struct ntorc_ring *ring, uint32_t *count)
{
    uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    uint32_t first = taken & (ring->capacity - 1);
    uint32_t waiting = atomic_load_explicit(&ring->filled, memory_order_acquire) - taken;
    *count = waiting < ring->capacity - first ? waiting : ring->capacity - first;
    return &ring->records[first];
}

void ntorc_ring_take(struct ntorc_ring *ring, uint32_t count)
{
    uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    atomic_store_explicit(&ring->taken, taken + count, memory_order_release);
}
