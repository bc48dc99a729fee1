#include "probe.h"

#include <stdbool.h>
#include <stdio.h>

static bool failed(int result, const char *name, char *error, size_t n)
{
    if (result != NTORC_REGS_OK) {
        snprintf(error, n, "cannot reach the register %s: %s", name, ntorc_regs_describe(result));
    }
    return result != NTORC_REGS_OK;
}

static bool set(ntorc_regs *regs, uint32_t offset, const char *name, uint32_t value, char *error, size_t n)
{
    uint32_t back = 0;
    if (failed(ntorc_regs_write(regs, offset, value), name, error, n) ||
        failed(ntorc_regs_read(regs, offset, &back), name, error, n)) {
        return false;
    }
    if (back != value) {
        snprintf(error, n, "the design does not take %u as %s (it reads back %u)", value, name, back);
    }
    return back == value;
}

int ntorc_probe_set(ntorc_regs *regs, const struct ntorc_options *options, char *error, size_t n)
{
    bool good = set(regs, NTORC_REG_DEADLINE, "DEADLINE", options->deadline_cycles, error, n) &&
                set(regs, NTORC_REG_HIST_LOWER, "HIST_LOWER", options->hist_lower, error, n) &&
                set(regs, NTORC_REG_HIST_SHIFT, "HIST_SHIFT", options->hist_shift, error, n);
    return good ? 0 : -1;
}

int ntorc_probe_read(ntorc_regs *regs, struct ntorc_probe *probe, char *error, size_t n)
{
    const struct {
        uint32_t offset;
        const char *name;
        uint32_t *value;
    } wanted[] = {
        {NTORC_REG_LATENCY_MIN, "LATENCY_MIN", &probe->latency_min},
        {NTORC_REG_LATENCY_MAX, "LATENCY_MAX", &probe->latency_max},
        {NTORC_REG_DEADLINE, "DEADLINE", &probe->deadline},
        {NTORC_REG_MISSED, "MISSED", &probe->missed},
        {NTORC_REG_LOST, "LOST", &probe->lost},
        {NTORC_REG_HIST_LOWER, "HIST_LOWER", &probe->lower},
        {NTORC_REG_HIST_SHIFT, "HIST_SHIFT", &probe->shift},
        {NTORC_REG_HIST_UNDER, "HIST_UNDER", &probe->under},
        {NTORC_REG_HIST_OVER, "HIST_OVER", &probe->over},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (failed(ntorc_regs_read(regs, wanted[i].offset, wanted[i].value), wanted[i].name, error, n)) {
            return -1;
        }
    }
    for (uint32_t i = 0; i < NTORC_HISTOGRAM_COUNT; i++) {
        if (failed(ntorc_regs_read(regs, NTORC_REG_HISTOGRAM(i), &probe->bins[i]), "HISTOGRAM", error, n)) {
            return -1;
        }
    }
    return 0;
}

int ntorc_probe_cycles(ntorc_regs *regs, uint64_t *cycles, char *error, size_t n)
{
    uint32_t low = 0, high = 0;
    if (failed(ntorc_regs_read(regs, NTORC_REG_CYCLES_LO, &low), "CYCLES_LO", error, n) ||
        failed(ntorc_regs_read(regs, NTORC_REG_CYCLES_HI, &high), "CYCLES_HI", error, n)) {
        return -1;
    }
    *cycles = (uint64_t)high << 32 | low;
    return 0;
}
