/* What the operating system grants a loop that must not be late. */
#ifndef NTORC_REALTIME_H
#define NTORC_REALTIME_H

#include <stdbool.h>

struct ntorc_realtime {
    bool locked; /* the process's memory stays in RAM */
    int cpu;     /* the one processor of the loop, -1: any */
    int fifo;    /* SCHED_FIFO priority, 0: the default scheduler */
    int awake;   /* open file that keeps processors out of deep sleep, -1: refused or not there */
};

/* Locks what is mapped now, and binds and raises the calling thread as asked (cpu -1, fifo 0: not
 * asked).  What was refused is said on stderr and missing in the result. */
struct ntorc_realtime ntorc_realtime_enter(int cpu, int fifo);

/* Goes back to the default scheduler and lets processors sleep. */
void ntorc_realtime_leave(struct ntorc_realtime *granted);

#endif
