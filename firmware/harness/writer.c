#include "writer.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define STACK_BYTES 65536 /* small, because it is locked with the rest */
/* It looks by itself: waking it would be a system call of the loop. */
#define LOOK_NS 1000000
/* Of records at once, 40 kB: what a slow reader has taken makes room soon. */
#define MOST_AT_ONCE 1024u

static bool take_some(struct ntorc_writer *writer)
{
    uint32_t count = 0;
    const struct ntorc_record *records = ntorc_ring_filled(writer->ring, &count);
    if (count == 0) {
        return false;
    }
    count = count < MOST_AT_ONCE ? count : MOST_AT_ONCE;
    if (atomic_load(&writer->failure) == 0) {
        if (ntorc_records_append(writer->out, records, count) == 0) {
            writer->written += count;
        } else {
            atomic_store(&writer->failure, errno != 0 ? errno : EIO);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        ntorc_summary_add(writer->summary, &records[i]);
        if (writer->sink != NULL) {
            ntorc_sink_send(writer->sink, &records[i]);
        }
    }
    ntorc_ring_take(writer->ring, count);
    return true;
}

static void *work(void *argument)
{
    struct ntorc_writer *writer = argument;
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    bool last = false;

    while (!last) {
        last = atomic_load(&writer->stop); /* before the look, so that what came before the stop is taken */
        if (take_some(writer)) {
            last = false;
        } else if (!last) {
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        }
    }
    return NULL;
}

int ntorc_writer_start(struct ntorc_writer *writer)
{
    pthread_attr_t small;
    sigset_t all, previous;

    atomic_init(&writer->failure, 0);
    atomic_init(&writer->stop, false);
    writer->out->ending = &writer->stop;
    writer->written = 0;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    /* Signals belong to the loop: one that arrives here would not interrupt its sleep. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int failure = pthread_create(&writer->thread, &small, work, writer);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&small);
    return failure;
}

void ntorc_writer_stop(struct ntorc_writer *writer)
{
    atomic_store(&writer->stop, true);
    pthread_join(writer->thread, NULL);
}
