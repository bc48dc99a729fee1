/* The thread that answers the mailboxes, and the shared memory it answers in. */
#ifndef NTORC_SERVE_H
#define NTORC_SERVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "logic.h"
#include "mailbox.h"

typedef struct {
    const char *path;
    int file;
    struct ntorc_mailbox *mailbox;
    ntorc_logic *logic;
    pthread_t thread;
    _Atomic uint32_t stop;
} ntorc_serving;

/* Makes the shared memory at `path`, takes its lock and starts the thread.  Refuses a path that a
 * living server uses.  0, or -1 with the reason in `error`. */
int ntorc_serving_start(ntorc_serving *serving, const char *path, ntorc_logic *logic, char *error, size_t n);

/* Ends the thread, tells the clients and removes the shared memory. */
void ntorc_serving_stop(ntorc_serving *serving);

#endif
