/* Access to the registers of the programmed logic, wherever it is.
 *
 * URLs:
 *   sim:PATH              the virtual PL whose shared memory is the file PATH
 *   devmem:0xBASE:0xSPAN  SPAN bytes at physical address BASE through /dev/mem
 *   uio:DEVICE            the first map of a UIO device such as /dev/uio0, whose size the kernel knows
 *   uio:FILE:0xSPAN       the first SPAN bytes of it, or of any file that can be mapped
 *   null:WINDOW           no logic: in this process, the last sample is the estimate; measures the
 *                         harness and the machine alone
 *
 * A handle may be used by several threads; accesses are serialised.  It must not be used by a
 * forked child.  No call blocks without a limit.
 */
#ifndef NTORC_REGS_H
#define NTORC_REGS_H

#include <stddef.h>
#include <stdint.h>

#define NTORC_REGS_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ntorc_regs ntorc_regs;

enum ntorc_regs_result {
    NTORC_REGS_OK = 0,
    NTORC_REGS_BUS_ERROR = -1, /* the logic did not answer, or none is programmed */
    NTORC_REGS_TIMEOUT = -2,   /* the virtual PL lives but did not answer in time */
    NTORC_REGS_GONE = -3,      /* the virtual PL has ended */
    NTORC_REGS_BAD_OFFSET = -4 /* not a multiple of 4, or outside the span */
};

/* Opens the registers.  NULL on failure, with the reason in `error` (n bytes, always ended). */
NTORC_REGS_EXPORT ntorc_regs *ntorc_regs_open(const char *url, char *error, size_t n);

/* Reads the 32-bit register at byte `offset`.  An ntorc_regs_result; *value is kept on failure. */
NTORC_REGS_EXPORT int ntorc_regs_read(ntorc_regs *regs, uint32_t offset, uint32_t *value);

/* Writes the 32-bit register at byte `offset`.  An ntorc_regs_result. */
NTORC_REGS_EXPORT int ntorc_regs_write(ntorc_regs *regs, uint32_t offset, uint32_t value);

/* The board's time in nanoseconds: CLOCK_MONOTONIC, or the time of a board that is simulated with
 * its own, as it was after the last access or sleep through this handle. */
NTORC_REGS_EXPORT uint64_t ntorc_regs_now_ns(ntorc_regs *regs);

/* Sleeps until the board's time is `when_ns`, as well as the system can.  NTORC_REGS_OK, also when
 * a signal ended the sleep, or another ntorc_regs_result where the board is simulated. */
NTORC_REGS_EXPORT int ntorc_regs_sleep_until(ntorc_regs *regs, uint64_t when_ns);

/* Whether the board's time is simulated with it. */
NTORC_REGS_EXPORT int ntorc_regs_time_is_simulated(const ntorc_regs *regs);

/* What an ntorc_regs_result means, for messages. */
NTORC_REGS_EXPORT const char *ntorc_regs_describe(int result);

/* Closes the handle.  NULL is allowed. */
NTORC_REGS_EXPORT void ntorc_regs_close(ntorc_regs *regs);

#ifdef __cplusplus
}
#endif

#endif
