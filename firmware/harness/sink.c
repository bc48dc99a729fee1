#include "sink.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unix_socket.h"

#define CAPACITY 4096u

int ntorc_sink_open(struct ntorc_sink *sink, const char *url, mode_t ring_mode, char *error, size_t n)
{
    *sink = (struct ntorc_sink){.file = -1};
    if (strncmp(url, "shm:", 4) == 0) {
        sink->ring = ntorc_shared_ring_make(url + 4, sizeof(struct ntorc_record), CAPACITY, ring_mode, error, n);
        return sink->ring != NULL ? 0 : -1;
    }
    if (strncmp(url, "unix:", 5) == 0) {
        sink->file = ntorc_unix_connect(url + 5, SOCK_SEQPACKET, error, n);
        return sink->file >= 0 ? 0 : -1;
    }
    snprintf(error, n, "'%s' is no sink: give shm:PATH or unix:PATH", url);
    return -1;
}

void ntorc_sink_close(struct ntorc_sink *sink)
{
    if (sink->ring != NULL) {
        atomic_store_explicit(&sink->ring->ended, 1u, memory_order_release);
        ntorc_shared_ring_close(sink->ring);
    }
    if (sink->file >= 0) {
        close(sink->file);
    }
    *sink = (struct ntorc_sink){.file = -1};
}

void ntorc_sink_publish(struct ntorc_sink *sink, const struct ntorc_record *record)
{
    struct ntorc_shared_ring *ring = sink->ring;
    if (ring != NULL) {
        uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
        memcpy(ring->entries + (size_t)(head & (CAPACITY - 1)) * sizeof *record, record, sizeof *record);
        atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    }
}

void ntorc_sink_send(struct ntorc_sink *sink, const struct ntorc_record *record)
{
    if (sink->file >= 0 && send(sink->file, record, sizeof *record, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof *record) {
        sink->unsent++;
    }
}
