/* No logic at all: the shell's registers in this process, with an estimator whose estimate is its
 * last sample, at once.  What a harness measures with it is the machine and the harness alone. */
#include <stdio.h>
#include <stdlib.h>

#include "ntorc_registers.h"
#include "regs_kind.h"

#define CLOCK_HZ 100000000u
#define LATENCY_CYCLES 1u

struct null {
    ntorc_regs base;
    uint32_t window, hop;
    uint32_t samples, next_at; /* sample count at which the next estimate falls due */
    uint32_t results, value;
    uint32_t deadline, lower, shift, missed, under, over;
    uint32_t bins[NTORC_HISTOGRAM_COUNT];
    uint32_t cycles;
};

static void restart(struct null *null)
{
    null->samples = null->results = null->missed = null->under = null->over = 0;
    null->next_at = null->window;
    for (unsigned i = 0; i < NTORC_HISTOGRAM_COUNT; i++) {
        null->bins[i] = 0;
    }
}

static void push(struct null *null, uint32_t value)
{
    if (++null->samples != null->next_at) {
        return;
    }
    null->next_at += null->hop;
    null->results++;
    null->value = value;
    null->missed += LATENCY_CYCLES > null->deadline;
    if (LATENCY_CYCLES < null->lower) {
        null->under++;
    } else if ((LATENCY_CYCLES - null->lower) >> null->shift < NTORC_HISTOGRAM_COUNT) {
        null->bins[(LATENCY_CYCLES - null->lower) >> null->shift]++;
    } else {
        null->over++;
    }
}

static uint32_t register_of(struct null *null, uint32_t offset)
{
    switch (offset) {
    case NTORC_REG_MAGIC: return NTORC_MAGIC;
    case NTORC_REG_SHELL_VERSION: return NTORC_SHELL_VERSION;
    case NTORC_REG_CLOCK_HZ: return CLOCK_HZ;
    case NTORC_REG_WINDOW: return null->window;
    case NTORC_REG_HOP: return null->hop;
    case NTORC_REG_STATUS:
        return (null->samples >= null->window ? NTORC_STATUS_FILLED : 0) | (null->results > 0 ? NTORC_STATUS_VALID : 0);
    case NTORC_REG_RESULT_SEQ: return null->results;
    case NTORC_REG_LATENCY: return null->results > 0 ? LATENCY_CYCLES : 0;
    case NTORC_REG_LATENCY_MIN: return null->results > 0 ? LATENCY_CYCLES : UINT32_MAX;
    case NTORC_REG_LATENCY_MAX: return null->results > 0 ? LATENCY_CYCLES : 0;
    case NTORC_REG_SAMPLE_COUNT: return null->samples;
    case NTORC_REG_CYCLES_LO: return ++null->cycles;
    case NTORC_REG_OUTPUTS: return 1;
    case NTORC_REG_DEADLINE: return null->deadline;
    case NTORC_REG_MISSED: return null->missed;
    case NTORC_REG_HIST_LOWER: return null->lower;
    case NTORC_REG_HIST_SHIFT: return null->shift;
    case NTORC_REG_HIST_UNDER: return null->under;
    case NTORC_REG_HIST_OVER: return null->over;
    case NTORC_REG_RESULT(0): return null->value;
    default: break;
    }
    if (offset >= NTORC_REG_HISTOGRAM(0) && offset < NTORC_REG_HISTOGRAM(NTORC_HISTOGRAM_COUNT)) {
        return null->bins[(offset - NTORC_REG_HISTOGRAM(0)) / 4u];
    }
    return 0;
}

static int null_read(ntorc_regs *regs, uint32_t offset, uint32_t *value)
{
    if (offset >= NTORC_REGISTERS_SPAN_BYTES) {
        return NTORC_REGS_BAD_OFFSET;
    }
    *value = register_of((struct null *)regs, offset);
    return NTORC_REGS_OK;
}

static int null_write(ntorc_regs *regs, uint32_t offset, uint32_t value)
{
    struct null *null = (struct null *)regs;
    switch (offset) {
    case NTORC_REG_HOP: null->hop = value; break;
    case NTORC_REG_SAMPLE: push(null, value); break;
    case NTORC_REG_DEADLINE: null->deadline = value; break;
    case NTORC_REG_HIST_LOWER: null->lower = value; break;
    case NTORC_REG_HIST_SHIFT: null->shift = value & 15u; break;
    case NTORC_REG_CONTROL:
        if ((value & NTORC_CONTROL_SOFT_RESET) != 0) {
            restart(null);
        }
        break;
    default: break;
    }
    return offset < NTORC_REGISTERS_SPAN_BYTES ? NTORC_REGS_OK : NTORC_REGS_BAD_OFFSET;
}

static void null_close(ntorc_regs *regs)
{
    free(regs);
}

ntorc_regs *ntorc_regs_open_null(const char *rest, char *error, size_t n)
{
    uint64_t window = 0;
    const char *after;

    if (!ntorc_regs_number(rest, '\0', 65536, &window, &after) || window == 0) {
        snprintf(error, n, "'null:%s' is not null:WINDOW with a window of 1 to 65536 samples", rest);
        return NULL;
    }
    struct null *null = calloc(1, sizeof *null);
    if (null == NULL) {
        snprintf(error, n, "no memory");
        return NULL;
    }
    null->base = (ntorc_regs){.read = null_read, .write = null_write, .close = null_close};
    null->window = (uint32_t)window;
    null->hop = 16;
    null->deadline = UINT32_MAX;
    restart(null);
    return &null->base;
}
