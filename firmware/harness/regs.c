#include "regs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "regs_kind.h"
#include "waiting.h"

static const struct {
    const char *scheme;
    ntorc_regs *(*open)(const char *rest, char *error, size_t n);
} kinds[] = {
    {"sim:", ntorc_regs_open_sim},
    {"devmem:", ntorc_regs_open_devmem},
    {"uio:", ntorc_regs_open_uio},
    {"null:", ntorc_regs_open_null},
};

ntorc_regs *ntorc_regs_open(const char *url, char *error, size_t n)
{
    if (n > 0) {
        error[0] = '\0';
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i].scheme);
        if (strncmp(url, kinds[i].scheme, length) == 0) {
            return kinds[i].open(url + length, error, n);
        }
    }
    snprintf(error, n, "'%s' names no registers: give sim:PATH, devmem:0xBASE:0xSPAN, uio:DEVICE or null:WINDOW", url);
    return NULL;
}

int ntorc_regs_read(ntorc_regs *regs, uint32_t offset, uint32_t *value)
{
    return offset % 4u != 0 ? NTORC_REGS_BAD_OFFSET : regs->read(regs, offset, value);
}

int ntorc_regs_write(ntorc_regs *regs, uint32_t offset, uint32_t value)
{
    return offset % 4u != 0 ? NTORC_REGS_BAD_OFFSET : regs->write(regs, offset, value);
}

uint64_t ntorc_regs_now_ns(ntorc_regs *regs)
{
    return regs->now_ns != NULL ? regs->now_ns(regs) : ntorc_now_ns();
}

int ntorc_regs_sleep_until(ntorc_regs *regs, uint64_t when_ns)
{
    if (regs->sleep_until != NULL) {
        return regs->sleep_until(regs, when_ns);
    }
    struct timespec when = {
        .tv_sec = (time_t)(when_ns / 1000000000u),
        .tv_nsec = (long)(when_ns % 1000000000u),
    };
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
    return NTORC_REGS_OK;
}

int ntorc_regs_time_is_simulated(const ntorc_regs *regs)
{
    return regs->now_ns != NULL;
}

bool ntorc_regs_number(const char *text, char end, uint64_t limit, uint64_t *value, const char **after)
{
    char *stop = NULL;
    if (*text < '0' || *text > '9') {
        return false; /* strtoull would accept signs and spaces */
    }
    errno = 0;
    *value = strtoull(text, &stop, 0);
    if (errno != 0 || stop == text || *stop != end || *value > limit) {
        return false;
    }
    *after = stop + 1;
    return true;
}

const char *ntorc_regs_describe(int result)
{
    switch (result) {
    case NTORC_REGS_OK:
        return "done";
    case NTORC_REGS_BUS_ERROR:
        return "bus error: no logic is programmed, or it did not answer";
    case NTORC_REGS_TIMEOUT:
        return "the virtual PL did not answer in time";
    case NTORC_REGS_GONE:
        return "the virtual PL has ended";
    case NTORC_REGS_BAD_OFFSET:
        return "the offset is not a multiple of 4 or lies outside the registers";
    default:
        return "unknown result";
    }
}

void ntorc_regs_close(ntorc_regs *regs)
{
    if (regs != NULL) {
        regs->close(regs);
    }
}
