/* With a period, sample i is released at start + i * period, whatever happened before: an estimate
 * that is late makes the ones behind it late too, and each is measured from its own scheduled
 * release, so that waiting hides no latency (no coordinated omission).  Samples that are released
 * while an estimate is awaited are written then, as a control loop would; only the last sample of
 * the next hop waits, because its result would replace the one that has not been read yet. */
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "ntorc_registers.h"
#include "waiting.h"

#define LEAD_NS 1000000u /* from the start of the loop to the first release */

static bool access_failed(struct ntorc_loop *loop, const char *what, int result)
{
    if (result != NTORC_REGS_OK) {
        snprintf(loop->fault, sizeof loop->fault, "%s failed at estimate %u: %s", what, loop->count + 1,
                 ntorc_regs_describe(result));
    }
    return result != NTORC_REGS_OK;
}

static uint64_t release_of(const struct ntorc_loop *loop, uint64_t sample)
{
    return loop->start_ns + sample * loop->options->period_ns;
}

/* False when a signal ended the wait. */
static bool sleep_until(const struct ntorc_loop *loop, uint64_t when_ns)
{
    struct timespec when = {
        .tv_sec = (time_t)(when_ns / 1000000000u),
        .tv_nsec = (long)(when_ns % 1000000000u),
    };
    while (!*loop->stop) {
        if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != EINTR) {
            return true;
        }
    }
    return false;
}

/* Writes the next sample; returns the time just before, 0 on a fault. */
static uint64_t write_sample(struct ntorc_loop *loop)
{
    uint32_t value = (uint32_t)loop->samples[loop->written % loop->sample_count];
    uint64_t now_ns = ntorc_now_ns();
    if (loop->options->period_ns > 0 && now_ns >= release_of(loop, loop->written + 1)) {
        loop->late_samples++;
    }
    if (access_failed(loop, "writing a sample", ntorc_regs_write(loop->regs, NTORC_REG_SAMPLE, value))) {
        return 0;
    }
    loop->written++;
    return now_ns;
}

/* Free running: whether to wait on for what the logic does at its own speed.  False: fault, signal, or too long. */
static bool go_on_waiting(struct ntorc_loop *loop, uint64_t limit_ns, const char *what)
{
    if (ntorc_now_ns() >= limit_ns) {
        snprintf(loop->fault, sizeof loop->fault, "%s at estimate %u", what, loop->count + 1);
        return false;
    }
    return !*loop->stop;
}

/* A frame that is due while the logic still works on the one before it would be lost. */
static bool await_idle(struct ntorc_loop *loop)
{
    uint64_t limit_ns = ntorc_now_ns() + loop->options->timeout_ns;
    uint32_t status = 0;

    do {
        if (access_failed(loop, "reading the status", ntorc_regs_read(loop->regs, NTORC_REG_STATUS, &status))) {
            return false;
        }
        if ((status & NTORC_STATUS_BUSY) == 0) {
            return true;
        }
    } while (go_on_waiting(loop, limit_ns, "the logic did not become idle"));
    return false;
}

/* Lets options->gap_cycles pass. */
static bool await_gap(struct ntorc_loop *loop)
{
    uint64_t limit_ns = ntorc_now_ns() + loop->options->timeout_ns;
    uint32_t since = 0, now = 0;

    if (access_failed(loop, "reading the cycles", ntorc_regs_read(loop->regs, NTORC_REG_CYCLES_LO, &since))) {
        return false;
    }
    do {
        if (access_failed(loop, "reading the cycles", ntorc_regs_read(loop->regs, NTORC_REG_CYCLES_LO, &now))) {
            return false;
        }
        if (now - since >= loop->options->gap_cycles) {
            return true;
        }
    } while (go_on_waiting(loop, limit_ns, "the logic's cycles stand still"));
    return false;
}

/* Writes the samples of one estimate up to its last (a sample number).  False: fault or signal. */
static bool feed(struct ntorc_loop *loop, uint64_t last, struct ntorc_record *record)
{
    while (loop->written <= last) {
        uint64_t release_ns = release_of(loop, loop->written);
        if (loop->options->period_ns > 0 && !sleep_until(loop, release_ns)) {
            return false;
        }
        bool free_running = loop->options->period_ns == 0;
        if (*loop->stop || (free_running && loop->written == last && !await_idle(loop))) {
            return false;
        }
        record->write_ns = write_sample(loop);
        if (record->write_ns == 0) {
            return false;
        }
        record->release_ns = free_running ? record->write_ns : release_ns;
        if (free_running && loop->options->gap_cycles > 0 && loop->written <= last && !await_gap(loop)) {
            return false;
        }
    }
    return true;
}

/* Polls until the sequence advances; *advanced tells that from a time-out.  False: fault or signal. */
static bool await_result(struct ntorc_loop *loop, uint64_t last, uint32_t *seq, bool *advanced)
{
    uint64_t limit_ns = ntorc_now_ns() + loop->options->timeout_ns;

    for (*advanced = false; !*loop->stop;) {
        if (access_failed(loop, "polling the sequence", ntorc_regs_read(loop->regs, NTORC_REG_RESULT_SEQ, seq))) {
            return false;
        }
        *advanced = *seq != loop->seq;
        uint64_t now_ns = ntorc_now_ns();
        if (*advanced || now_ns >= limit_ns) {
            return true;
        }
        bool before_next_last = loop->written < last + loop->options->hop;
        if (loop->options->period_ns > 0 && before_next_last && now_ns >= release_of(loop, loop->written) &&
            write_sample(loop) == 0) {
            return false;
        }
    }
    return false;
}

/* Reads the estimate, notes when it was whole, then reads what is not part of the loop's time. */
static bool take_result(struct ntorc_loop *loop, uint32_t seq, struct ntorc_record *record)
{
    uint32_t value = 0, again = 0, status = 0, last = 0;
    ntorc_regs *regs = loop->regs;

    if (access_failed(loop, "reading the result", ntorc_regs_read(regs, NTORC_REG_RESULT(0), &value)) ||
        access_failed(loop, "reading the sequence", ntorc_regs_read(regs, NTORC_REG_RESULT_SEQ, &again))) {
        return false;
    }
    record->done_ns = ntorc_now_ns();
    if (access_failed(loop, "reading the latency", ntorc_regs_read(regs, NTORC_REG_LATENCY, &record->pl_cycles)) ||
        access_failed(loop, "reading the status", ntorc_regs_read(regs, NTORC_REG_STATUS, &status)) ||
        access_failed(loop, "reading the sequence", ntorc_regs_read(regs, NTORC_REG_RESULT_SEQ, &last))) {
        return false;
    }
    bool torn = again != seq || last != seq;
    bool skipped = seq != loop->seq + 1;
    bool overrun = (status & NTORC_STATUS_OVERRUN) != 0;
    record->seq = seq;
    record->value = (int32_t)value;
    record->status = (torn ? NTORC_RECORD_TORN : 0) | (skipped ? NTORC_RECORD_SKIPPED : 0) |
                     (overrun ? NTORC_RECORD_OVERRUN : 0) |
                     ((status & NTORC_STATUS_VALID) == 0 ? NTORC_RECORD_WARMING : 0);
    loop->torn += torn;
    loop->skipped += skipped;
    loop->overruns += overrun;
    loop->seq = last;
    return true;
}

static void time_out(struct ntorc_loop *loop, struct ntorc_record *record)
{
    record->seq = loop->seq + 1;
    record->value = 0;
    record->pl_cycles = 0;
    record->status = NTORC_RECORD_TIMEOUT;
    record->done_ns = ntorc_now_ns();
    loop->timeouts++;
    loop->count++;
    snprintf(loop->fault, sizeof loop->fault, "no estimate %u within %llu us of its last sample", loop->count,
             (unsigned long long)(loop->options->timeout_ns / 1000u));
}

void ntorc_loop_run(struct ntorc_loop *loop)
{
    uint64_t last = loop->window - 1; /* number of the estimate's last sample */
    bool advanced = false;
    uint32_t seq = 0;

    loop->start_ns = ntorc_now_ns() + LEAD_NS;
    while (loop->count < loop->options->estimates) {
        struct ntorc_record *record = &loop->records[loop->count];
        if (!feed(loop, last, record) || !await_result(loop, last, &seq, &advanced)) {
            return;
        }
        if (!advanced) {
            time_out(loop, record);
            return;
        }
        if (!take_result(loop, seq, record)) {
            return;
        }
        loop->count++;
        atomic_store_explicit(loop->done, loop->count, memory_order_relaxed);
        last += loop->options->hop;
    }
}
