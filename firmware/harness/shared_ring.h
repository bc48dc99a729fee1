/* A ring of samples or estimates in a file that two processes map, such as one in /dev/shm: how a lab's own
 * loop feeds the harness and hears of its estimates.  Neither side makes a system call.
 *
 * Little-endian, no padding.  `head` is the number of the next entry to be written: the writer fills entry
 * head % capacity, then stores head + 1 (release).  Samples: the reader stores into `tail` the number of the
 * next one that it will read, and the writer keeps head - tail <= capacity.  Estimates: the writer waits for
 * nobody and overwrites the oldest; the reader looks at `head` after it has read an entry, too, and one that
 * is more than capacity - 1 behind may have been overwritten.  `ended` is set by the writer behind its last
 * entry.  Python: board/ntorc_board/rings.py.
 */
#ifndef NTORC_SHARED_RING_H
#define NTORC_SHARED_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NTORC_SHARED_RING_MAGIC 0x4752544Eu /* "NTRG" */
#define NTORC_SHARED_RING_VERSION 1u

struct ntorc_shared_ring {
    uint32_t magic; /* written last: until then nothing is valid */
    uint32_t version;
    uint32_t entry_bytes;
    uint32_t capacity; /* a power of two */
    _Alignas(64) _Atomic uint32_t head; /* numbers wrap at 2^32 */
    _Atomic uint32_t ended;
    _Alignas(64) _Atomic uint32_t tail;
    _Alignas(64) unsigned char entries[];
};

/* An entry of samples. */
struct ntorc_shared_sample {
    int32_t value;
    uint32_t reserved;
    uint64_t release_ns; /* CLOCK_MONOTONIC of its release by whoever made it; 0: when it is taken */
};

_Static_assert(offsetof(struct ntorc_shared_ring, entries) == 192, "layout shared between programs");
_Static_assert(sizeof(struct ntorc_shared_sample) == 16, "layout shared between programs");

/* Makes a ring under a temporary name, with the permissions `mode` whatever the umask, and renames it to `path`:
 * NULL with the reason in `error`. */
struct ntorc_shared_ring *ntorc_shared_ring_make(const char *path, uint32_t entry_bytes, uint32_t capacity,
                                                 mode_t mode, char *error, size_t n);

void ntorc_shared_ring_close(struct ntorc_shared_ring *ring);

#endif
