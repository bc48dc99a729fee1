/* With a period, sample i is released at start + i * period, whatever happened before: an estimate
 * that is late makes the ones behind it late too, and each is measured from its own scheduled
 * release, so that waiting hides no latency (no coordinated omission).  Samples that are released
 * while an estimate is awaited are written then, as a control loop would; only the last sample of
 * the next hop waits, because its result would replace the one that has not been read yet.
 *
 * A live source without a period decides itself when samples are released. */
#include "loop.h"

#include <stdio.h>

#include "ntorc_registers.h"
#include "waiting.h"

#define LEAD_NS 1000000u      /* from the start of the loop to the first release */
#define LOOK_AGAIN_NS 10000u  /* at a live source, or at a full ring when running freely */

enum due { DUE, NOT_YET, OVER };

static bool access_failed(struct ntorc_loop *loop, const char *what, int result)
{
    if (result != NTORC_REGS_OK) {
        snprintf(loop->fault, sizeof loop->fault, "%s failed at estimate %llu: %s", what,
                 (unsigned long long)loop->count + 1, ntorc_regs_describe(result));
    }
    return result != NTORC_REGS_OK;
}

static uint64_t now_ns(const struct ntorc_loop *loop)
{
    return ntorc_regs_now_ns(loop->regs);
}

static uint64_t release_of(const struct ntorc_loop *loop, uint64_t sample)
{
    return loop->start_ns + sample * loop->options->period_ns;
}

/* False when a signal or a fault ended the wait. */
static bool sleep_until(struct ntorc_loop *loop, uint64_t when_ns)
{
    uint64_t before_ns = loop->account != NULL ? now_ns(loop) : 0;
    while (!*loop->stop) {
        if (access_failed(loop, "sleeping", ntorc_regs_sleep_until(loop->regs, when_ns))) {
            return false;
        }
        uint64_t after_ns = now_ns(loop);
        if (after_ns >= when_ns) {
            loop->waiting_ns += loop->account != NULL ? after_ns - before_ns : 0;
            return true;
        }
    }
    return false;
}

/* Takes the sample that is next: always there in a file.  With a period a live source that is late is
 * not waited for. */
static enum due take_sample(struct ntorc_loop *loop)
{
    switch (ntorc_source_take(loop->source, &loop->sample)) {
    case NTORC_SOURCE_SAMPLE:
        return DUE;
    case NTORC_SOURCE_ENDED:
        loop->source_ended = true;
        return OVER;
    default:
        if (loop->options->period_ns == 0) {
            return NOT_YET;
        }
        loop->starved++;
        return DUE;
    }
}

/* Writes loop->sample; the time just before in *when_ns.  False on a fault. */
static bool write_sample(struct ntorc_loop *loop, uint64_t *when_ns)
{
    *when_ns = now_ns(loop);
    if (loop->options->period_ns > 0 && *when_ns >= release_of(loop, loop->written + 1)) {
        loop->late_samples++;
    }
    uint32_t value = (uint32_t)loop->sample.value;
    if (access_failed(loop, "writing a sample", ntorc_regs_write(loop->regs, NTORC_REG_SAMPLE, value))) {
        return false;
    }
    loop->written++;
    return true;
}

/* Free running: whether to wait on for what the logic does at its own speed.  False: fault, signal, or too long. */
static bool go_on_waiting(struct ntorc_loop *loop, uint64_t limit_ns, const char *what)
{
    if (now_ns(loop) >= limit_ns) {
        snprintf(loop->fault, sizeof loop->fault, "%s at estimate %llu", what, (unsigned long long)loop->count + 1);
        return false;
    }
    return !*loop->stop;
}

/* A frame that is due while the logic still works on the one before it would be lost. */
static bool await_idle(struct ntorc_loop *loop)
{
    uint64_t limit_ns = now_ns(loop) + loop->options->timeout_ns;
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
    uint64_t limit_ns = now_ns(loop) + loop->options->timeout_ns;
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

/* Waits for the next sample's release and takes it.  False: fault, signal, or the source has ended. */
static bool await_sample(struct ntorc_loop *loop)
{
    if (loop->options->period_ns > 0 && !sleep_until(loop, release_of(loop, loop->written))) {
        return false;
    }
    uint64_t limit_ns = 0;
    while (!*loop->stop) {
        enum due due = take_sample(loop);
        if (due != NOT_YET) {
            return due == DUE;
        }
        uint64_t seen_ns = now_ns(loop);
        limit_ns = limit_ns == 0 ? seen_ns + loop->options->timeout_ns : limit_ns;
        if (seen_ns >= limit_ns) {
            snprintf(loop->fault, sizeof loop->fault, "the source gave no sample %llu within %llu us",
                     (unsigned long long)loop->written + 1, (unsigned long long)(loop->options->timeout_ns / 1000u));
            return false;
        }
        if (!sleep_until(loop, seen_ns + LOOK_AGAIN_NS)) {
            return false;
        }
    }
    return false;
}

/* When the sample that was written just now had been released. */
static uint64_t released_ns(const struct ntorc_loop *loop, uint64_t write_ns)
{
    if (loop->options->period_ns > 0) {
        return release_of(loop, loop->written - 1);
    }
    uint64_t told_ns = loop->sample.release_ns;
    return told_ns > 0 && told_ns < write_ns ? told_ns : write_ns;
}

/* Writes the samples of one estimate up to its last (a sample number).  False: fault, signal, or the end. */
static bool feed(struct ntorc_loop *loop, uint64_t last, struct ntorc_record *record)
{
    bool free_running = loop->options->period_ns == 0;

    while (loop->written <= last) {
        if (!await_sample(loop) || (free_running && loop->written == last && !await_idle(loop)) ||
            !write_sample(loop, &record->write_ns)) {
            return false;
        }
        record->release_ns = released_ns(loop, record->write_ns);
        if (free_running && loop->options->gap_cycles > 0 && loop->written <= last && !await_gap(loop)) {
            return false;
        }
    }
    return true;
}

/* Writes a sample of the next hop that has come while a result is awaited, but not its last.  False: fault. */
static bool write_meanwhile(struct ntorc_loop *loop, uint64_t last, uint64_t time_ns)
{
    uint64_t ignored_ns;
    bool before_next_last = loop->written < last + loop->options->hop;
    bool released = loop->options->period_ns > 0 ? time_ns >= release_of(loop, loop->written)
                                                 : ntorc_source_is_live(loop->source);
    return !before_next_last || !released || loop->source_ended || take_sample(loop) != DUE ||
           write_sample(loop, &ignored_ns);
}

/* A look at time_ns, the one before it at before_ns (0: none); `alone`: nothing was done in between. */
static void count_poll(struct ntorc_polling *polling, uint64_t before_ns, uint64_t time_ns, bool alone)
{
    polling->polls++;
    if (before_ns > 0) {
        polling->span_ns += time_ns - before_ns;
        polling->gaps += alone;
        polling->gap_ns += alone ? time_ns - before_ns : 0;
    }
}

/* Polls until the sequence advances; *advanced tells that from a time-out.  False: fault or signal. */
static bool await_result(struct ntorc_loop *loop, uint64_t last, uint32_t *seq, bool *advanced)
{
    uint64_t limit_ns = now_ns(loop) + loop->options->timeout_ns;
    uint64_t before_ns = 0, written = loop->written;

    for (*advanced = false; !*loop->stop;) {
        if (access_failed(loop, "polling the sequence", ntorc_regs_read(loop->regs, NTORC_REG_RESULT_SEQ, seq))) {
            return false;
        }
        *advanced = *seq != loop->seq;
        uint64_t time_ns = now_ns(loop);
        count_poll(&loop->polling, before_ns, time_ns, loop->written == written);
        before_ns = time_ns;
        written = loop->written;
        if (*advanced || time_ns >= limit_ns) {
            loop->polling.waits += *advanced;
            return true;
        }
        if (!write_meanwhile(loop, last, time_ns)) {
            return false;
        }
    }
    return false;
}

/* The same with what it took of the account. */
static bool await_result_accounted(struct ntorc_loop *loop, uint64_t last, uint32_t *seq, bool *advanced)
{
    if (loop->account == NULL) {
        return await_result(loop, last, seq, advanced);
    }
    struct ntorc_account before = *loop->account;
    uint64_t before_ns = now_ns(loop);
    bool good = await_result(loop, last, seq, advanced);
    loop->waiting_ns += now_ns(loop) - before_ns;
    loop->waiting_access_ns += loop->account->access_ns - before.access_ns;
    loop->waiting_accesses += loop->account->accesses - before.accesses;
    return good;
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
    record->done_ns = now_ns(loop);
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
    record->done_ns = now_ns(loop);
    loop->timeouts++;
    snprintf(loop->fault, sizeof loop->fault, "no estimate %llu within %llu us of its last sample",
             (unsigned long long)loop->count + 1, (unsigned long long)(loop->options->timeout_ns / 1000u));
}

/* Waits until the ring has room.  NULL: a signal, a fault, or none within the patience, by this computer's clock,
 * as the writer works in its time. */
static struct ntorc_record *await_place(struct ntorc_loop *loop)
{
    uint64_t limit_ns = ntorc_now_ns() + loop->options->patience_ns;

    while (!*loop->stop && sleep_until(loop, now_ns(loop) + LOOK_AGAIN_NS)) {
        struct ntorc_record *place = ntorc_ring_next(loop->ring);
        if (place != NULL) {
            return place;
        }
        if (ntorc_now_ns() >= limit_ns) {
            snprintf(loop->fault, sizeof loop->fault,
                     "no room for estimate %llu: what receives the records took none within %llu us",
                     (unsigned long long)loop->count + 1, (unsigned long long)(loop->options->patience_ns / 1000u));
            break;
        }
    }
    return NULL;
}

/* Into the ring and to the sink.  Running freely the loop waits for room: it hurts no schedule. */
static void deliver(struct ntorc_loop *loop, const struct ntorc_record *record)
{
    bool may_wait = loop->options->period_ns == 0 && !ntorc_source_is_live(loop->source);
    struct ntorc_record *place = ntorc_ring_next(loop->ring);

    if (place == NULL && may_wait) {
        place = await_place(loop);
    }
    if (place != NULL) {
        *place = *record;
        ntorc_ring_fill(loop->ring);
    } else {
        loop->dropped++;
    }
    if (loop->sink != NULL) {
        ntorc_sink_publish(loop->sink, record);
    }
    loop->count++;
    atomic_store_explicit(loop->done, (uint32_t)loop->count, memory_order_relaxed);
}

/* One estimate.  False: the loop is over. */
static bool step(struct ntorc_loop *loop, uint64_t last)
{
    struct ntorc_record record = {0};
    bool advanced = false;
    uint32_t seq = 0;

    if (!feed(loop, last, &record) || !await_result_accounted(loop, last, &seq, &advanced)) {
        return false;
    }
    if (!advanced) {
        time_out(loop, &record);
        deliver(loop, &record);
        return false;
    }
    if (!take_result(loop, seq, &record)) {
        return false;
    }
    deliver(loop, &record);
    return loop->fault[0] == '\0';
}

void ntorc_loop_run(struct ntorc_loop *loop)
{
    uint64_t last = loop->window - 1; /* number of the estimate's last sample */

    loop->start_ns = now_ns(loop) + LEAD_NS;
    uint64_t begun_ns = now_ns(loop);
    while ((loop->options->endless || loop->count < loop->options->estimates) &&
           atomic_load_explicit(loop->writer_failure, memory_order_relaxed) == 0 && step(loop, last)) {
        last += loop->options->hop;
    }
    loop->elapsed_ns = now_ns(loop) - begun_ns;
}
