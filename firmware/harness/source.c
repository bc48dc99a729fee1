#include "source.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "samples.h"
#include "unix_socket.h"
#include "waiting.h"

#define CAPACITY 8192u
#define STACK_BYTES 65536
#define BATCH 512u

enum ntorc_source_state ntorc_source_take(struct ntorc_source *source, struct ntorc_shared_sample *sample)
{
    if (source->samples != NULL) {
        *sample = (struct ntorc_shared_sample){.value = source->samples[source->next]};
        source->next = source->next + 1 == source->count ? 0 : source->next + 1;
        return NTORC_SOURCE_SAMPLE;
    }
    struct ntorc_shared_ring *ring = source->ring;
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    /* `ended` first: what was written before it is then seen in `head`. */
    uint32_t ended = atomic_load_explicit(&ring->ended, memory_order_acquire);
    if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail) {
        return ended != 0 ? NTORC_SOURCE_ENDED : NTORC_SOURCE_EMPTY;
    }
    memcpy(sample, ring->entries + (size_t)(tail & (CAPACITY - 1)) * sizeof *sample, sizeof *sample);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return NTORC_SOURCE_SAMPLE;
}

static void put(struct ntorc_shared_ring *ring, int32_t value)
{
    const struct timespec pause = {.tv_nsec = 100000};
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    /* A full ring: the socket's sender waits, as for any slow reader. */
    while (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == CAPACITY &&
           atomic_load_explicit(&ring->ended, memory_order_acquire) == 0) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == CAPACITY) {
        return; /* the harness has ended */
    }
    struct ntorc_shared_sample sample = {.value = value, .release_ns = ntorc_now_ns()};
    memcpy(ring->entries + (size_t)(head & (CAPACITY - 1)) * sizeof sample, &sample, sizeof sample);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

static void *receive(void *argument)
{
    struct ntorc_source *source = argument;
    int32_t counts[BATCH];
    size_t bytes = 0; /* of a count that has come in part */

    for (;;) {
        ssize_t came = recv(source->file, (char *)counts + bytes, sizeof counts - bytes, 0);
        if (came < 0 && errno == EINTR) {
            continue;
        }
        if (came <= 0) {
            break; /* its end, or ours: ntorc_source_close shuts it down */
        }
        bytes += (size_t)came;
        for (size_t i = 0; i < bytes / 4; i++) {
            put(source->ring, counts[i]);
        }
        memmove(counts, (char *)counts + bytes / 4 * 4, bytes % 4);
        bytes %= 4;
    }
    atomic_store_explicit(&source->ring->ended, 1u, memory_order_release);
    return NULL;
}

static int start_receiving(struct ntorc_source *source, char *error, size_t n)
{
    pthread_attr_t small;
    sigset_t all, previous;

    /* Of this process alone, and otherwise the same thing as a ring in shared memory. */
    size_t bytes = sizeof *source->ring + CAPACITY * sizeof(struct ntorc_shared_sample);
    source->ring = aligned_alloc(64, (bytes + 63) / 64 * 64);
    source->own_ring = true;
    if (source->ring == NULL) {
        snprintf(error, n, "no memory");
        return -1;
    }
    memset(source->ring, 0, bytes);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int failure = pthread_create(&source->thread, &small, receive, source);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&small);
    source->receiving = failure == 0;
    if (failure != 0) {
        snprintf(error, n, "cannot start the receiving thread: %s", strerror(failure));
    }
    return failure == 0 ? 0 : -1;
}

int ntorc_source_open(struct ntorc_source *source, const char *url, mode_t ring_mode, char *error, size_t n)
{
    *source = (struct ntorc_source){.file = -1};
    if (strncmp(url, "shm:", 4) == 0) {
        source->ring =
            ntorc_shared_ring_make(url + 4, sizeof(struct ntorc_shared_sample), CAPACITY, ring_mode, error, n);
        return source->ring != NULL ? 0 : -1;
    }
    if (strncmp(url, "unix:", 5) == 0) {
        source->file = ntorc_unix_connect(url + 5, SOCK_STREAM, error, n);
        return source->file >= 0 ? start_receiving(source, error, n) : -1;
    }
    source->samples = ntorc_samples_read(url, &source->count, error, n);
    return source->samples != NULL ? 0 : -1;
}

void ntorc_source_close(struct ntorc_source *source)
{
    if (source->receiving) {
        atomic_store_explicit(&source->ring->ended, 1u, memory_order_release);
        shutdown(source->file, SHUT_RDWR);
        pthread_join(source->thread, NULL);
    }
    if (source->file >= 0) {
        close(source->file);
    }
    if (source->own_ring) {
        free(source->ring);
    } else {
        ntorc_shared_ring_close(source->ring);
    }
    free(source->samples);
    *source = (struct ntorc_source){.file = -1};
}
