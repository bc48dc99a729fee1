#include "account.h"

#define CLOCK_READS 1000u

static int account_read(ntorc_regs *regs, uint32_t offset, uint32_t *value)
{
    struct ntorc_account *account = (struct ntorc_account *)regs;
    uint64_t before_ns = ntorc_regs_now_ns(account->inner);
    int result = account->inner->read(account->inner, offset, value);
    account->access_ns += ntorc_regs_now_ns(account->inner) - before_ns;
    account->accesses++;
    return result;
}

static int account_write(ntorc_regs *regs, uint32_t offset, uint32_t value)
{
    struct ntorc_account *account = (struct ntorc_account *)regs;
    uint64_t before_ns = ntorc_regs_now_ns(account->inner);
    int result = account->inner->write(account->inner, offset, value);
    account->access_ns += ntorc_regs_now_ns(account->inner) - before_ns;
    account->accesses++;
    return result;
}

static uint64_t account_now_ns(ntorc_regs *regs)
{
    return ntorc_regs_now_ns(((struct ntorc_account *)regs)->inner);
}

static int account_sleep_until(ntorc_regs *regs, uint64_t when_ns)
{
    return ntorc_regs_sleep_until(((struct ntorc_account *)regs)->inner, when_ns);
}

void ntorc_account_wrap(struct ntorc_account *account, ntorc_regs *inner)
{
    *account = (struct ntorc_account){
        .base = {.read = account_read, .write = account_write},
        .inner = inner,
    };
    if (ntorc_regs_time_is_simulated(inner)) {
        account->base.now_ns = account_now_ns;
        account->base.sleep_until = account_sleep_until;
    }
    uint64_t before_ns = ntorc_regs_now_ns(inner);
    for (unsigned i = 0; i < CLOCK_READS; i++) {
        (void)ntorc_regs_now_ns(inner);
    }
    account->clock_ns = (ntorc_regs_now_ns(inner) - before_ns) / CLOCK_READS;
}
