/* A small virtual bitstream for tests of the server and the harness: the shell's registers with an
 * "estimator" that takes a fixed number of cycles and gives the sum of its window.
 *
 * Compile-time choices: FAKE_DESIGN_ID, FAKE_WINDOW, FAKE_LATENCY_CYCLES, FAKE_ABI, FAKE_MAGIC,
 * FAKE_STUCK_AFTER (results given before it hangs), FAKE_OVERRUN_AFTER (results given before it
 * claims to have lost one), FAKE_SKIP_AFTER (results after which one number is left out),
 * FAKE_TORN_EVERY (each n-th read of RESULT 0 is followed by another result, as when hardware is
 * faster than its reader).
 * Offset 0xF00 blocks its reader for a second, 0xF04 never answers (bus time-out).
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ntorc_registers.h"
#include "pl_abi.h"

#ifndef FAKE_DESIGN_ID
#define FAKE_DESIGN_ID 0x0123456789ABCDEFull
#endif
#ifndef FAKE_VALID_FROM
#define FAKE_VALID_FROM 1 /* result that is the first valid one */
#endif
#ifndef FAKE_WINDOW
#define FAKE_WINDOW 32
#endif
#ifndef FAKE_LATENCY_CYCLES
#define FAKE_LATENCY_CYCLES 1000
#endif
#ifndef FAKE_ABI
#define FAKE_ABI NTORC_PL_ABI_VERSION
#endif
#ifndef FAKE_MAGIC
#define FAKE_MAGIC NTORC_MAGIC
#endif
#ifndef FAKE_STUCK_AFTER
#define FAKE_STUCK_AFTER 0xFFFFFFFFu
#endif
#ifndef FAKE_OVERRUN_AFTER
#define FAKE_OVERRUN_AFTER 0xFFFFFFFFu
#endif
#ifndef FAKE_SKIP_AFTER
#define FAKE_SKIP_AFTER 0xFFFFFFFFu
#endif
#ifndef FAKE_TORN_EVERY
#define FAKE_TORN_EVERY 0xFFFFFFFFu
#endif

#define CLOCK_HZ 100000000u
#define READ_CYCLES 4u
#define WRITE_CYCLES 3u
#define BLOCKING_OFFSET 0xF00u
#define SILENT_OFFSET 0xF04u

struct fake {
    uint64_t cycles;
    uint64_t ready_at; /* cycle of the result that is being computed */
    uint32_t hop;
    uint32_t samples;
    uint32_t next_at; /* sample count at which the next estimate falls due */
    uint32_t results;
    uint32_t latency, latency_min, latency_max;
    uint32_t deadline, lower, shift, missed, under, over;
    uint32_t bins[NTORC_HISTOGRAM_COUNT];
    uint32_t cycles_hi;
    uint32_t result_reads;
    int32_t window[FAKE_WINDOW];
    int32_t pending, result;
    bool busy, overrun;
};

uint32_t ntorc_pl_abi(void)
{
    return FAKE_ABI;
}

static void soft_reset(struct fake *fake)
{
    fake->samples = fake->results = fake->latency = fake->latency_max = 0;
    fake->latency_min = 0xFFFFFFFFu;
    fake->next_at = FAKE_WINDOW;
    fake->missed = fake->under = fake->over = 0;
    memset(fake->bins, 0, sizeof fake->bins);
    fake->busy = fake->overrun = false;
    fake->pending = fake->result = 0;
}

void *ntorc_pl_create(void)
{
    return calloc(1, sizeof(struct fake));
}

void ntorc_pl_destroy(void *logic)
{
    free(logic);
}

void ntorc_pl_reset(void *logic)
{
    struct fake *fake = logic;
    fake->hop = 16;
    fake->deadline = 0xFFFFFFFFu;
    fake->lower = fake->shift = 0;
    soft_reset(fake);
}

/* As the probe does. */
static void count_latency(struct fake *fake)
{
    fake->missed += fake->latency > fake->deadline;
    if (fake->latency < fake->lower) {
        fake->under++;
    } else if ((fake->latency - fake->lower) >> fake->shift < NTORC_HISTOGRAM_COUNT) {
        fake->bins[(fake->latency - fake->lower) >> fake->shift]++;
    } else {
        fake->over++;
    }
}

static void finish_estimate(struct fake *fake)
{
    fake->busy = false;
    fake->result = fake->pending;
    fake->latency = FAKE_LATENCY_CYCLES;
    fake->latency_min = fake->latency < fake->latency_min ? fake->latency : fake->latency_min;
    fake->latency_max = fake->latency > fake->latency_max ? fake->latency : fake->latency_max;
    count_latency(fake);
    fake->results += fake->results == FAKE_SKIP_AFTER ? 2 : 1;
    fake->overrun |= fake->results > FAKE_OVERRUN_AFTER;
}

void ntorc_pl_step(void *logic, uint64_t cycles)
{
    struct fake *fake = logic;
    fake->cycles += cycles;
    if (fake->busy && fake->cycles >= fake->ready_at && fake->results < FAKE_STUCK_AFTER) {
        finish_estimate(fake);
    }
}

uint64_t ntorc_pl_cycles(const void *logic)
{
    return ((const struct fake *)logic)->cycles;
}

static void push_sample(struct fake *fake, int32_t sample)
{
    fake->window[fake->samples++ % FAKE_WINDOW] = sample;
    if (fake->samples < fake->next_at) {
        return;
    }
    fake->next_at += fake->hop;
    if (fake->busy) {
        fake->overrun = true;
        return;
    }
    fake->busy = true;
    fake->ready_at = fake->cycles + FAKE_LATENCY_CYCLES;
    fake->pending = 0;
    for (int i = 0; i < FAKE_WINDOW; i++) {
        fake->pending += fake->window[i];
    }
}

static uint32_t read_result(struct fake *fake)
{
    uint32_t value = (uint32_t)fake->result;
    if (++fake->result_reads % FAKE_TORN_EVERY == 0) {
        fake->results++;
    }
    return value;
}

static uint32_t latch_cycles(struct fake *fake)
{
    fake->cycles_hi = (uint32_t)(fake->cycles >> 32);
    return (uint32_t)fake->cycles;
}

static uint32_t status(const struct fake *fake)
{
    return (fake->busy ? NTORC_STATUS_BUSY : 0) | (fake->overrun ? NTORC_STATUS_OVERRUN : 0) |
           (fake->samples >= FAKE_WINDOW ? NTORC_STATUS_FILLED : 0) |
           (fake->results >= FAKE_VALID_FROM ? NTORC_STATUS_VALID : 0);
}

static uint32_t bin_at(const struct fake *fake, uint32_t offset)
{
    bool inside = offset >= NTORC_REG_HISTOGRAM(0) && offset < NTORC_REG_HISTOGRAM(NTORC_HISTOGRAM_COUNT);
    return inside ? fake->bins[(offset - NTORC_REG_HISTOGRAM(0)) / 4u] : 0;
}

int ntorc_pl_read(void *logic, uint32_t offset, uint32_t *value)
{
    struct fake *fake = logic;
    ntorc_pl_step(logic, READ_CYCLES);
    switch (offset) {
    case NTORC_REG_MAGIC: *value = FAKE_MAGIC; break;
    case NTORC_REG_DESIGN_ID_LO: *value = (uint32_t)FAKE_DESIGN_ID; break;
    case NTORC_REG_DESIGN_ID_HI: *value = (uint32_t)((uint64_t)FAKE_DESIGN_ID >> 32); break;
    case NTORC_REG_SHELL_VERSION: *value = NTORC_SHELL_VERSION; break;
    case NTORC_REG_CLOCK_HZ: *value = CLOCK_HZ; break;
    case NTORC_REG_WINDOW: *value = FAKE_WINDOW; break;
    case NTORC_REG_HOP: *value = fake->hop; break;
    case NTORC_REG_STATUS: *value = status(fake); break;
    case NTORC_REG_RESULT_SEQ: *value = fake->results; break;
    case NTORC_REG_LATENCY: *value = fake->latency; break;
    case NTORC_REG_LATENCY_MIN: *value = fake->latency_min; break;
    case NTORC_REG_LATENCY_MAX: *value = fake->latency_max; break;
    case NTORC_REG_SAMPLE_COUNT: *value = fake->samples; break;
    case NTORC_REG_CYCLES_LO: *value = latch_cycles(fake); break;
    case NTORC_REG_CYCLES_HI: *value = fake->cycles_hi; break;
    case NTORC_REG_OUTPUTS: *value = 1; break;
    case NTORC_REG_DEADLINE: *value = fake->deadline; break;
    case NTORC_REG_MISSED: *value = fake->missed; break;
    case NTORC_REG_HIST_LOWER: *value = fake->lower; break;
    case NTORC_REG_HIST_SHIFT: *value = fake->shift; break;
    case NTORC_REG_HIST_UNDER: *value = fake->under; break;
    case NTORC_REG_HIST_OVER: *value = fake->over; break;
    case NTORC_REG_RESULT(0): *value = read_result(fake); break;
    case BLOCKING_OFFSET: usleep(1000000); break;
    case SILENT_OFFSET: return -1;
    default: *value = bin_at(fake, offset); break;
    }
    return 0;
}

int ntorc_pl_write(void *logic, uint32_t offset, uint32_t value)
{
    struct fake *fake = logic;
    ntorc_pl_step(logic, WRITE_CYCLES);
    switch (offset) {
    case NTORC_REG_HOP: fake->hop = value; break;
    case NTORC_REG_DEADLINE: fake->deadline = value; break;
    case NTORC_REG_HIST_LOWER: fake->lower = value; break;
    case NTORC_REG_HIST_SHIFT: fake->shift = value & 15u; break;
    case NTORC_REG_SAMPLE: push_sample(fake, (int32_t)value); break;
    case NTORC_REG_CONTROL:
        if ((value & NTORC_CONTROL_SOFT_RESET) != 0) {
            soft_reset(fake);
        }
        break;
    case SILENT_OFFSET: return -1;
    default: break;
    }
    return 0;
}
