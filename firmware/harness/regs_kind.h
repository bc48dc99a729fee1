/* Inside the register library: what a kind of access implements. */
#ifndef NTORC_REGS_KIND_H
#define NTORC_REGS_KIND_H

#include <stdbool.h>

#include "regs.h"

struct ntorc_regs {
    int (*read)(ntorc_regs *regs, uint32_t offset, uint32_t *value);
    int (*write)(ntorc_regs *regs, uint32_t offset, uint32_t value);
    void (*close)(ntorc_regs *regs); /* frees regs as well */
    /* NULL, both: this system's own time */
    uint64_t (*now_ns)(ntorc_regs *regs);
    int (*sleep_until)(ntorc_regs *regs, uint64_t when_ns);
};

/* `rest` is the URL after its scheme; on failure NULL and the reason in `error`. */
ntorc_regs *ntorc_regs_open_sim(const char *rest, char *error, size_t n);
ntorc_regs *ntorc_regs_open_devmem(const char *rest, char *error, size_t n);
ntorc_regs *ntorc_regs_open_uio(const char *rest, char *error, size_t n);
ntorc_regs *ntorc_regs_open_null(const char *rest, char *error, size_t n);

/* Maps `span` bytes at `base` of the file `path`: devmem and uio alike. */
ntorc_regs *ntorc_regs_map(const char *path, uint64_t base, uint32_t span, char *error, size_t n);

/* A number in C notation up to the character `end`, at most `limit`, and nothing else; *after is
 * what comes behind it. */
bool ntorc_regs_number(const char *text, char end, uint64_t limit, uint64_t *value, const char **after);

#endif
