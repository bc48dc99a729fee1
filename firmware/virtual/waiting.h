/* Waiting across processes: futexes in shared memory, a spin that yields early, and file locks. */
#ifndef NTORC_WAITING_H
#define NTORC_WAITING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t ntorc_now_ns(void);

/* Sleeps while *word == expected, at most timeout_ns (0: without limit).  May return early. */
void ntorc_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);

/* Wakes all sleepers on *word. */
void ntorc_futex_wake(_Atomic uint32_t *word);

/* One round of a spin that began at start_ns.  False once spinning has lasted limit_ns: sleep now.
 * Gives the processor away after a few rounds, because with two cores the one that is waited for
 * may have nowhere else to run. */
bool ntorc_spin(uint64_t start_ns, uint64_t limit_ns, unsigned *round);

/* Takes the lock of one byte of the file for this open file description; false when it is held. */
bool ntorc_byte_lock(int file, unsigned byte);

/* Whether another open file description holds the lock of this byte. */
bool ntorc_byte_is_locked(int file, unsigned byte);

#endif
