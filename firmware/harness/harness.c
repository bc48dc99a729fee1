/* ntorc-harness: measures the programmed estimator as a control loop would use it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "design.h"
#include "load.h"
#include "loop.h"
#include "options.h"
#include "probe.h"
#include "progress.h"
#include "realtime.h"
#include "records.h"
#include "regs.h"
#include "report.h"
#include "ring.h"
#include "sink.h"
#include "source.h"
#include "summary.h"
#include "writer.h"

#define RING_RECORDS 65536u /* 2.6 MB: three minutes of estimates at 5 kHz and a hop of 16 */

/* What a run holds from its preparation to its end. */
struct run {
    const struct ntorc_options *options;
    ntorc_regs *regs;
    struct ntorc_account account;
    struct ntorc_design design;
    struct ntorc_source source;
    struct ntorc_sink sink;
    struct ntorc_load *load;
    struct ntorc_ring ring;
    struct ntorc_records_file out;
    struct ntorc_summary summary;
    bool has_source, has_sink, has_out;
};

static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

/* Without SA_RESTART, so that a sleep ends. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = request_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int begin_records(struct run *run, char *error, size_t n)
{
    struct ntorc_records_header header = {
        .magic = {'N', 'T', 'H', 'R'},
        .version = NTORC_RECORDS_VERSION,
        .record_bytes = sizeof(struct ntorc_record),
        .hop = run->options->hop,
        .window = run->design.window,
        .clock_hz = run->design.clock_hz,
        .period_ns = run->options->period_ns,
        .design_id = run->design.design_id,
    };
    if (ntorc_records_begin(&run->out, run->options->out, &header, run->options->patience_ns) != 0) {
        snprintf(error, n, "cannot write %s: %s", run->options->out, strerror(errno));
        return -1;
    }
    run->has_out = true;
    return 0;
}

/* Everything that may fail or allocate, before the loop.  0, or -1 with the reason in `error`. */
static int prepare(struct run *run, char *error, size_t n)
{
    const struct ntorc_options *options = run->options;

    if (ntorc_design_identify(run->regs, options, &run->design, error, n) != 0) {
        return -1;
    }
    if (ntorc_ring_open(&run->ring, RING_RECORDS) != 0) {
        snprintf(error, n, "no memory for the records");
        return -1;
    }
    ntorc_summary_clear(&run->summary, options->deadline_ns);
    if (begin_records(run, error, n) != 0 || ntorc_source_open(&run->source, options->samples, options->ring_mode, error, n) != 0) {
        return -1;
    }
    run->has_source = true;
    if (options->sink != NULL) {
        if (ntorc_sink_open(&run->sink, options->sink, options->ring_mode, error, n) != 0) {
            return -1;
        }
        run->has_sink = true;
    }
    if (options->load != 0) {
        run->load = ntorc_load_start(options->load, options->out, error, n);
        if (run->load == NULL) {
            return -1;
        }
    }
    if (ntorc_probe_set(run->regs, options, error, n) != 0) {
        return -1;
    }
    return ntorc_design_restart(run->regs, options, error, n);
}

/* The probe and the cycles, once nothing more comes; what cannot be read is left out and said. */
static void read_back(struct run *run, struct ntorc_report *report, struct ntorc_probe *probe, uint64_t cycles_before,
                      uint64_t ns_before)
{
    char error[256];
    uint64_t cycles = 0;

    if (ntorc_probe_cycles(run->regs, &cycles, error, sizeof error) == 0) {
        report->cycles_passed = cycles - cycles_before;
        report->ns_passed = ntorc_regs_now_ns(run->regs) - ns_before;
    }
    if (ntorc_probe_read(run->regs, probe, error, sizeof error) == 0) {
        report->probe = probe;
    } else {
        fprintf(stderr, "ntorc-harness: the probe is not read: %s\n", error);
    }
}

/* The loop between preparation and its files: nothing is allocated from here to its end. */
static int measure(struct run *run)
{
    const struct ntorc_options *options = run->options;
    struct ntorc_progress progress;
    struct ntorc_probe probe;
    struct ntorc_writer writer = {
        .ring = &run->ring, .out = &run->out, .summary = &run->summary, .sink = run->has_sink ? &run->sink : NULL};
    struct ntorc_loop loop = {
        .regs = options->account ? &run->account.base : run->regs,
        .options = options,
        .window = run->design.window,
        .source = &run->source,
        .ring = &run->ring,
        .sink = run->has_sink ? &run->sink : NULL,
        .account = options->account ? &run->account : NULL,
        .writer_failure = &writer.failure,
        .done = &progress.done,
        .stop = &stop_requested,
    };
    char fault[512];
    uint64_t cycles = 0;

    int failure = ntorc_writer_start(&writer);
    if (failure != 0) {
        fprintf(stderr, "ntorc-harness: cannot start the writing thread: %s\n", strerror(failure));
        return 1;
    }
    (void)ntorc_probe_cycles(run->regs, &cycles, fault, sizeof fault);
    uint64_t begun_ns = ntorc_regs_now_ns(run->regs);
    ntorc_account_wrap(&run->account, run->regs);
    ntorc_progress_start(&progress, options->estimates);
    struct ntorc_realtime granted = ntorc_realtime_enter(options->cpu, options->fifo);
    ntorc_loop_run(&loop);
    ntorc_realtime_leave(&granted);
    ntorc_progress_stop(&progress);
    ntorc_writer_stop(&writer);

    struct ntorc_report report = {.options = options, .design = &run->design, .granted = &granted, .loop = &loop,
                                  .summary = &run->summary, .interrupted = stop_requested != 0, .fault = fault};
    loop.regs = run->regs;
    read_back(run, &report, &probe, cycles, begun_ns);
    snprintf(fault, sizeof fault, "%s", loop.fault);
    int unwritten = atomic_load(&writer.failure);
    run->has_out = false;
    if (ntorc_records_end(&run->out, writer.written, unwritten == 0) != 0) {
        unwritten = errno;
    }
    if (unwritten == ETIMEDOUT && fault[0] == '\0') {
        snprintf(fault, sizeof fault, "cannot write %.200s: its reader took nothing within %llu us", options->out,
                 (unsigned long long)(options->patience_ns / 1000u));
    } else if (unwritten != 0 && fault[0] == '\0') {
        snprintf(fault, sizeof fault, "cannot write %.200s: %s", options->out, strerror(unwritten));
    }
    ntorc_report_print(&report);
    if (fault[0] != '\0') {
        fprintf(stderr, "ntorc-harness: %s\n", fault);
        return 1;
    }
    return 0;
}

static void release(struct run *run)
{
    ntorc_load_stop(run->load);
    if (run->has_sink) {
        ntorc_sink_close(&run->sink);
    }
    if (run->has_source) {
        ntorc_source_close(&run->source);
    }
    if (run->has_out) {
        (void)ntorc_records_end(&run->out, 0, 0);
    }
    ntorc_ring_close(&run->ring);
}

int main(int argc, char **argv)
{
    static struct run run; /* its histograms are too large for a small stack */
    char error[1024];
    struct ntorc_options options;
    int parsed = ntorc_options_parse(argc, argv, &options);
    if (parsed != 0) {
        return parsed == 1 ? 0 : parsed;
    }
    catch_signals();
    run.options = &options;
    run.regs = ntorc_regs_open(options.regs, error, sizeof error);
    if (run.regs == NULL) {
        fprintf(stderr, "ntorc-harness: %s\n", error);
        return 1;
    }
    int result = 1;
    if (prepare(&run, error, sizeof error) == 0) {
        result = measure(&run);
    } else {
        fprintf(stderr, "ntorc-harness: %s\n", error);
    }
    release(&run);
    ntorc_regs_close(run.regs);
    return result;
}
