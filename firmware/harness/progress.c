#include "progress.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#define INTERVAL_S 2
#define STACK_BYTES 65536 /* small, because it is locked with the rest */

static void *report(void *argument)
{
    struct ntorc_progress *progress = argument;
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&progress->lock);
    while (!progress->stop) {
        next.tv_sec += INTERVAL_S;
        while (!progress->stop && pthread_cond_timedwait(&progress->ended, &progress->lock, &next) == 0) {
        }
        if (!progress->stop) {
            uint32_t done = atomic_load(&progress->done);
            if (progress->total > 0) {
                fprintf(stderr, "ntorc-harness: %u/%llu estimates\n", done, (unsigned long long)progress->total);
            } else {
                fprintf(stderr, "ntorc-harness: %u estimates\n", done);
            }
        }
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

void ntorc_progress_start(struct ntorc_progress *progress, uint64_t total)
{
    pthread_condattr_t clock;
    pthread_attr_t small;
    sigset_t all, previous;

    atomic_init(&progress->done, 0);
    progress->total = total;
    progress->stop = false;
    pthread_mutex_init(&progress->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->ended, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    /* Signals belong to the loop: one that arrives here would not interrupt its sleep. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    progress->started = pthread_create(&progress->thread, &small, report, progress) == 0;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&small);
}

void ntorc_progress_stop(struct ntorc_progress *progress)
{
    if (progress->started) {
        pthread_mutex_lock(&progress->lock);
        progress->stop = true;
        pthread_cond_signal(&progress->ended);
        pthread_mutex_unlock(&progress->lock);
        pthread_join(progress->thread, NULL);
    }
    pthread_cond_destroy(&progress->ended);
    pthread_mutex_destroy(&progress->lock);
}
