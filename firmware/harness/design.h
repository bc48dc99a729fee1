/* The programmed design as its registers describe it. */
#ifndef NTORC_DESIGN_H
#define NTORC_DESIGN_H

#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "regs.h"

struct ntorc_design {
    uint64_t design_id;
    uint32_t shell_version;
    uint32_t clock_hz;
    uint32_t window;
    uint32_t outputs;
};

/* Identifies the design, MAGIC and DESIGN_ID before anything else, and refuses what is not the
 * shell or not the design that was asked for.  0, or -1 with the reason in `error`. */
int ntorc_design_identify(ntorc_regs *regs, const struct ntorc_options *options, struct ntorc_design *design,
                          char *error, size_t n);

/* Sets the hop, resets samples, counters and sequence, and waits until the logic is idle.
 * 0, or -1 with the reason in `error`. */
int ntorc_design_restart(ntorc_regs *regs, const struct ntorc_options *options, char *error, size_t n);

#endif
