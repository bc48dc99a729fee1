/* The time that register accesses take, beside which what is left is the harness's own. */
#ifndef NTORC_ACCOUNT_H
#define NTORC_ACCOUNT_H

#include <stdint.h>

#include "regs_kind.h"

struct ntorc_account {
    ntorc_regs base; /* hand &base to the loop in place of the registers */
    ntorc_regs *inner;
    uint64_t accesses, access_ns;
    uint64_t clock_ns; /* what reading the clock once takes: each access counts one of them as its own */
};

void ntorc_account_wrap(struct ntorc_account *account, ntorc_regs *inner);

#endif
