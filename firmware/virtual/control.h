/* The control socket: what on a chip would be the configuration port and the clock registers.
 *
 * A Unix stream socket.  One command a line, one line as the answer, `ok ...` or `error REASON`:
 *   program PATH   ok
 *   unprogram      ok
 *   clock HZ       ok HZ                 (a whole number is stored)
 *   clock?         ok HZ
 *   info           ok clock_hz=HZ cycles=N accesses=N programmed=PATH   (nothing after = when not)
 *   quit           ok                    (and the server ends)
 */
#ifndef NTORC_CONTROL_H
#define NTORC_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "logic.h"

typedef struct {
    const char *path;
    int listener;
    int signals;
    ntorc_logic *logic;
    uint64_t clock_hz;
} ntorc_control;

#define NTORC_CLOCK_MIN_HZ 100000u
#define NTORC_CLOCK_MAX_HZ 1000000000u

/* A clock in Hz, whole numbers in any C notation (100000000, 1e8, 100e6).  0 when it is none, or
 * outside NTORC_CLOCK_MIN_HZ..NTORC_CLOCK_MAX_HZ. */
uint64_t ntorc_parse_clock(const char *text);

/* Blocks the ending signals for this and all later threads and opens the socket.
 * 0, or -1 with the reason in `error`. */
int ntorc_control_open(ntorc_control *control, const char *path, ntorc_logic *logic, uint64_t clock_hz,
                       char *error, size_t n);

/* Serves commands until `quit`, an ending signal, or the end of standard input. */
void ntorc_control_run(ntorc_control *control);

void ntorc_control_close(ntorc_control *control);

#endif
