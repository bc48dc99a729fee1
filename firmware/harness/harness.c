/* ntorc-harness: measures the programmed estimator as a control loop would use it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "design.h"
#include "loop.h"
#include "ntorc_registers.h"
#include "options.h"
#include "progress.h"
#include "realtime.h"
#include "records.h"
#include "regs.h"
#include "samples.h"

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

static void print_text(const char *name, const char *text)
{
    printf(", \"%s\": \"", name);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if (*c < 0x20) {
            printf("\\u%04x", *c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

static void print_summary(const struct ntorc_options *options, const struct ntorc_design *design,
                          const struct ntorc_realtime *granted, const struct ntorc_loop *loop, const char *fault)
{
    printf("{\"estimates\": %u, \"requested\": %u", loop->count, options->estimates);
    printf(", \"torn\": %u, \"timeouts\": %u, \"skipped\": %u, \"overruns\": %u", loop->torn, loop->timeouts,
           loop->skipped, loop->overruns);
    printf(", \"late_samples\": %llu", (unsigned long long)loop->late_samples);
    printf(", \"interrupted\": %s", stop_requested ? "true" : "false");
    printf(", \"design_id\": \"%016llx\", \"shell_version\": %u", (unsigned long long)design->design_id,
           design->shell_version);
    printf(", \"clock_hz\": %u, \"window\": %u, \"hop\": %u, \"outputs\": %u", design->clock_hz, design->window,
           options->hop, design->outputs);
    printf(", \"period_ns\": %llu, \"clock\": \"CLOCK_MONOTONIC\"", (unsigned long long)options->period_ns);
    printf(", \"scheduler\": \"%s\", \"priority\": %d", granted->fifo > 0 ? "SCHED_FIFO" : "SCHED_OTHER",
           granted->fifo);
    printf(", \"locked\": %s, \"cpu\": ", granted->locked ? "true" : "false");
    granted->cpu >= 0 ? printf("%d", granted->cpu) : printf("null");
    if (fault[0] != '\0') {
        print_text("fault", fault);
    }
    puts("}");
    fflush(stdout);
}

/* The loop between preparation and its files: nothing is allocated from here to its end. */
static int measure(const struct ntorc_options *options, const struct ntorc_design *design, struct ntorc_loop *loop)
{
    struct ntorc_progress progress;
    char fault[512];

    ntorc_progress_start(&progress, options->estimates);
    loop->done = &progress.done;
    struct ntorc_realtime granted = ntorc_realtime_enter(options->cpu, options->fifo);
    ntorc_loop_run(loop);
    ntorc_progress_stop(&progress);

    snprintf(fault, sizeof fault, "%s", loop->fault);
    struct ntorc_records_header header = {
        .magic = {'N', 'T', 'H', 'R'},
        .version = NTORC_RECORDS_VERSION,
        .record_bytes = sizeof(struct ntorc_record),
        .hop = options->hop,
        .window = design->window,
        .clock_hz = design->clock_hz,
        .count = loop->count,
        .period_ns = options->period_ns,
        .design_id = design->design_id,
    };
    if (ntorc_records_write(options->out, &header, loop->records) != 0 && fault[0] == '\0') {
        snprintf(fault, sizeof fault, "cannot write %.200s: %s", options->out, strerror(errno));
    }
    print_summary(options, design, &granted, loop, fault);
    if (fault[0] != '\0') {
        fprintf(stderr, "ntorc-harness: %s\n", fault);
        return 1;
    }
    return 0;
}

static int prepare_and_measure(const struct ntorc_options *options, ntorc_regs *regs)
{
    char error[1024];
    struct ntorc_design design;
    size_t sample_count = 0;

    if (ntorc_design_identify(regs, options, &design, error, sizeof error) != 0) {
        fprintf(stderr, "ntorc-harness: %s\n", error);
        return 1;
    }
    int32_t *samples = ntorc_samples_read(options->samples, &sample_count, error, sizeof error);
    if (samples == NULL) {
        fprintf(stderr, "ntorc-harness: %s\n", error);
        return 1;
    }
    struct ntorc_record *records = ntorc_records_allocate(options->estimates);
    int result = 1;
    if (records == NULL) {
        fprintf(stderr, "ntorc-harness: no memory for %u records: ask for fewer estimates\n", options->estimates);
    } else if (ntorc_design_restart(regs, options, error, sizeof error) != 0) {
        fprintf(stderr, "ntorc-harness: %s\n", error);
    } else {
        struct ntorc_loop loop = {
            .regs = regs,
            .options = options,
            .window = design.window,
            .samples = samples,
            .sample_count = sample_count,
            .records = records,
            .stop = &stop_requested,
        };
        result = measure(options, &design, &loop);
    }
    free(records);
    free(samples);
    return result;
}

int main(int argc, char **argv)
{
    char error[1024];
    struct ntorc_options options;
    int parsed = ntorc_options_parse(argc, argv, &options);
    if (parsed != 0) {
        return parsed == 1 ? 0 : parsed;
    }
    catch_signals();
    ntorc_regs *regs = ntorc_regs_open(options.regs, error, sizeof error);
    if (regs == NULL) {
        fprintf(stderr, "ntorc-harness: %s\n", error);
        return 1;
    }
    int result = prepare_and_measure(&options, regs);
    ntorc_regs_close(regs);
    return result;
}
