/* Where estimates go besides the file of records.
 *
 *   shm:PATH   a ring in shared memory that the harness makes; the loop itself writes it, so that a control
 *              loop sees an estimate as soon as it is known
 *   unix:PATH  a SOCK_SEQPACKET socket that somebody listens on; each message is one struct ntorc_record, sent
 *              by the writer within about a millisecond
 */
#ifndef NTORC_SINK_H
#define NTORC_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "records.h"
#include "shared_ring.h"

struct ntorc_sink {
    struct ntorc_shared_ring *ring; /* NULL: a socket */
    int file;
    uint64_t unsent; /* messages that its reader had no room for */
};

/* 0, or -1 with the reason in `error`.  `ring_mode`: permissions of a ring in shared memory. */
int ntorc_sink_open(struct ntorc_sink *sink, const char *url, mode_t ring_mode, char *error, size_t n);
void ntorc_sink_close(struct ntorc_sink *sink);

/* The loop: for a ring; nothing for a socket. */
void ntorc_sink_publish(struct ntorc_sink *sink, const struct ntorc_record *record);

/* The writer: for a socket; nothing for a ring.  Never waits. */
void ntorc_sink_send(struct ntorc_sink *sink, const struct ntorc_record *record);

#endif
