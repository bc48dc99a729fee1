/* Progress lines on stderr from a thread of its own: the loop only stores a number. */
#ifndef NTORC_PROGRESS_H
#define NTORC_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ntorc_progress {
    _Atomic uint32_t done; /* estimates, modulo 2^32; set by the loop */
    uint64_t total;        /* 0: endless */
    bool started;
    bool stop; /* under lock */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
};

/* Starts the thread; without one the loop runs all the same, silently. */
void ntorc_progress_start(struct ntorc_progress *progress, uint64_t total);
void ntorc_progress_stop(struct ntorc_progress *progress);

#endif
