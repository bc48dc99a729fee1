#include "realtime.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_BYTES 65536

/* The loop's stack pages exist before they are locked. */
static void touch_stack(void)
{
    volatile char stack[STACK_BYTES];
    for (size_t i = 0; i < sizeof stack; i += 1024) {
        stack[i] = 0;
    }
}

/* As long as the file is open with 0 in it, no processor goes into a sleep that takes longer than
 * 0 us to leave (kernel documentation, PM QoS).  Needs root; without it nothing is said. */
static int keep_awake(void)
{
    const int32_t none_us = 0;
    int file = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
    if (file >= 0 && write(file, &none_us, sizeof none_us) != sizeof none_us) {
        close(file);
        file = -1;
    }
    return file;
}

struct ntorc_realtime ntorc_realtime_enter(int cpu, int fifo)
{
    struct ntorc_realtime granted = {.locked = false, .cpu = -1, .fifo = 0, .awake = keep_awake()};

    touch_stack();
    /* Without SCHED_FIFO sleeps would be up to 50 us longer, to save wake-ups. */
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
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

void ntorc_realtime_leave(struct ntorc_realtime *granted)
{
    const struct sched_param ordinary = {.sched_priority = 0};

    if (granted->fifo > 0) {
        (void)pthread_setschedparam(pthread_self(), SCHED_OTHER, &ordinary);
    }
    if (granted->awake >= 0) {
        close(granted->awake);
    }
}
