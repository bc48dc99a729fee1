#include "account.h"

#include "waiting.h"

#define CLOCK_READS 1000u

static int account_read(ntorc_regs *regs, uint32_t offset, uint32_t *value)
{
    struct ntorc_account *account = (struct ntorc_account *)regs;
    uint64_t before_ns = ntorc_now_ns();
    int result = account->inner->read(account->inner, offset, value);
    account->access_ns += ntorc_now_ns() - before_ns;
    account->accesses++;
    return result;
}

static int account_write(ntorc_regs *regs, uint32_t offset, uint32_t value)
{
    struct ntorc_account *account = (struct ntorc_account *)regs;
    uint64_t before_ns = ntorc_now_ns();
    int result = account->inner->write(account->inner, offset, value);
    account->access_ns += ntorc_now_ns() - before_ns;
    account->accesses++;
    return result;
}

void ntorc_account_wrap(struct ntorc_account *account, ntorc_regs *inner)
{
    *account = (struct ntorc_account){
        .base = {.read = account_read, .write = account_write},
        .inner = inner,
    };
    uint64_t before_ns = ntorc_now_ns();
    for (unsigned i = 0; i < CLOCK_READS; i++) {
        (void)ntorc_now_ns();
    }
    account->clock_ns = (ntorc_now_ns() - before_ns) / CLOCK_READS;
}
