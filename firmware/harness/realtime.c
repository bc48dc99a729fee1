#include "realtime.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_BYTES 65536

/* The loop's stack pages exist before they are locked. */
static void touch_stack(void)
{
    volatile char stack[STACK_BYTES];
    for (size_t i = 0; i < sizeof stack; i += 1024) {
        stack[i] = 0;
    }
}

struct ntorc_realtime ntorc_realtime_enter(int cpu, int fifo)
{
    struct ntorc_realtime granted = {.locked = false, .cpu = -1, .fifo = 0};

    touch_stack();
    /* Not MCL_FUTURE: everything is allocated by now, and under a small RLIMIT_MEMLOCK it would
     * make later allocations fail. */
    granted.locked = mlockall(MCL_CURRENT) == 0;
    if (!granted.locked) {
        fprintf(stderr, "ntorc-harness: memory is not locked: %s\n", strerror(errno));
    }
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        int failure = pthread_setaffinity_np(pthread_self(), sizeof set, &set);
        if (failure == 0) {
            granted.cpu = cpu;
        } else {
            fprintf(stderr, "ntorc-harness: not bound to processor %d: %s\n", cpu, strerror(failure));
        }
    }
    if (fifo > 0) {
        struct sched_param priority = {.sched_priority = fifo};
        int failure = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority);
        if (failure == 0) {
            granted.fifo = fifo;
        } else {
            fprintf(stderr, "ntorc-harness: no SCHED_FIFO: %s\n", strerror(failure));
        }
    }
    return granted;
}
