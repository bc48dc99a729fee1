#include "waiting.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Rounds of pure spinning before the processor is offered to others: about a microsecond. */
#define ROUNDS_BEFORE_YIELD 32u

uint64_t ntorc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* glibc has no wrapper for futex; not the _PRIVATE forms, because the word is shared. */
void ntorc_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec limit = {
        .tv_sec = (time_t)(timeout_ns / 1000000000u),
        .tv_nsec = (long)(timeout_ns % 1000000000u),
    };
#ifdef SYS_futex_time64
    /* 32-bit systems whose time_t has 64 bits have this call for it. */
    const long number = sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex;
#else
    const long number = SYS_futex;
#endif
    /* Every outcome (woken, value changed, signal, time-out) means: look again. */
    (void)syscall(number, word, FUTEX_WAIT, expected, timeout_ns == 0 ? NULL : &limit, NULL, 0);
}

void ntorc_futex_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__arm__) || defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

bool ntorc_spin(uint64_t start_ns, uint64_t limit_ns, unsigned *round)
{
    if (++*round < ROUNDS_BEFORE_YIELD) {
        relax();
        return true;
    }
    if (ntorc_now_ns() - start_ns >= limit_ns) {
        return false;
    }
    sched_yield();
    return true;
}

static struct flock lock_of(unsigned byte)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
}

bool ntorc_byte_lock(int file, unsigned byte)
{
    struct flock lock = lock_of(byte);
    return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

bool ntorc_byte_is_locked(int file, unsigned byte)
{
    struct flock lock = lock_of(byte);
    return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
