/* Inside the register library: what a kind of access implements. */
#ifndef NTORC_REGS_KIND_H
#define NTORC_REGS_KIND_H

#include "regs.h"

struct ntorc_regs {
    int (*read)(ntorc_regs *regs, uint32_t offset, uint32_t *value);
    int (*write)(ntorc_regs *regs, uint32_t offset, uint32_t value);
    void (*close)(ntorc_regs *regs); /* frees regs as well */
};

/* `rest` is the URL after its scheme; on failure NULL and the reason in `error`. */
ntorc_regs *ntorc_regs_open_sim(const char *rest, char *error, size_t n);
ntorc_regs *ntorc_regs_open_devmem(const char *rest, char *error, size_t n);
ntorc_regs *ntorc_regs_open_uio(const char *rest, char *error, size_t n);

#endif
