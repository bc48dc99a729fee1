#include "report.h"

#include <inttypes.h>
#include <stdio.h>

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

static void print_counts(const struct ntorc_report *report)
{
    const struct ntorc_loop *loop = report->loop;
    const struct ntorc_options *options = report->options;

    printf("{\"estimates\": %" PRIu64 ", \"requested\": %" PRIu64, loop->count, options->estimates);
    printf(", \"torn\": %" PRIu64 ", \"timeouts\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"overruns\": %" PRIu64,
           loop->torn, loop->timeouts, loop->skipped, loop->overruns);
    printf(", \"late_samples\": %" PRIu64 ", \"starved\": %" PRIu64 ", \"dropped\": %" PRIu64, loop->late_samples,
           loop->starved, loop->dropped);
    printf(", \"unsent\": %" PRIu64, loop->sink != NULL ? loop->sink->unsent : 0);
    printf(", \"interrupted\": %s, \"source_ended\": %s", report->interrupted ? "true" : "false",
           loop->source_ended ? "true" : "false");
    printf(", \"deadline_ns\": %" PRIu64 ", \"misses\": %" PRIu64, options->deadline_ns, report->summary->misses);
    print_text("load", options->load_text);
    const struct ntorc_polling *polling = &loop->polling;
    printf(", \"polling\": {\"waits\": %" PRIu64 ", \"polls\": %" PRIu64 ", \"span_ns\": %" PRIu64, polling->waits,
           polling->polls, polling->span_ns);
    printf(", \"gaps\": %" PRIu64 ", \"gap_ns\": %" PRIu64 "}", polling->gaps, polling->gap_ns);
}

static void print_machine(const struct ntorc_report *report)
{
    const struct ntorc_design *design = report->design;
    const struct ntorc_realtime *granted = report->granted;
    const struct ntorc_options *options = report->options;

    printf(", \"design_id\": \"%016" PRIx64 "\", \"shell_version\": %u", design->design_id, design->shell_version);
    printf(", \"clock_hz\": %u, \"window\": %u, \"hop\": %u, \"outputs\": %u", design->clock_hz, design->window,
           options->hop, design->outputs);
    printf(", \"period_ns\": %" PRIu64, options->period_ns);
    print_text("clock", ntorc_regs_time_is_simulated(report->loop->regs) ? "simulated" : "CLOCK_MONOTONIC");
    printf(", \"cycles_passed\": %" PRIu64 ", \"ns_passed\": %" PRIu64, report->cycles_passed, report->ns_passed);
    printf(", \"scheduler\": \"%s\", \"priority\": %d", granted->fifo > 0 ? "SCHED_FIFO" : "SCHED_OTHER",
           granted->fifo);
    printf(", \"locked\": %s, \"no_deep_sleep\": %s, \"cpu\": ", granted->locked ? "true" : "false",
           granted->awake >= 0 ? "true" : "false");
    granted->cpu >= 0 ? printf("%d", granted->cpu) : printf("null");
}

/* Bins that hold something, as [smallest value, count]. */
static void print_histogram(const char *name, const struct ntorc_hdr *hdr)
{
    const char *between = "";
    printf("\"%s\": {\"count\": %" PRIu64 ", \"min\": %" PRIu64 ", \"max\": %" PRIu64 ", \"bins\": [", name, hdr->count,
           hdr->count > 0 ? hdr->min : 0, hdr->max);
    for (size_t bin = 0; bin < NTORC_HDR_BINS; bin++) {
        if (hdr->bins[bin] > 0) {
            printf("%s[%" PRIu64 ", %" PRIu64 "]", between, ntorc_hdr_lower(bin), hdr->bins[bin]);
            between = ", ";
        }
    }
    printf("]}");
}

static void print_summary(const struct ntorc_summary *summary)
{
    printf(", \"intervals\": {\"bits\": %u, ", NTORC_HDR_BITS);
    print_histogram("pl_cycles", &summary->pl_cycles);
    printf(", ");
    print_histogram("driver_ns", &summary->driver_ns);
    printf(", ");
    print_histogram("loop_ns", &summary->loop_ns);
    printf("}, \"block_maxima\": {\"records\": %" PRIu64 ", \"loop_ns\": [", summary->block_records);
    for (uint32_t i = 0; i < summary->blocks; i++) {
        printf("%s%" PRIu64, i > 0 ? ", " : "", summary->block_max_ns[i]);
    }
    printf("]}");
}

static void print_probe(const struct ntorc_probe *probe)
{
    printf(", \"probe\": {\"latency_min\": %u, \"latency_max\": %u, \"deadline\": %u, \"missed\": %u, \"lost\": %u",
           probe->latency_min, probe->latency_max, probe->deadline, probe->missed, probe->lost);
    printf(", \"lower\": %u, \"shift\": %u, \"under\": %u, \"over\": %u, \"bins\": [", probe->lower, probe->shift,
           probe->under, probe->over);
    for (uint32_t i = 0; i < NTORC_HISTOGRAM_COUNT; i++) {
        printf("%s%u", i > 0 ? ", " : "", probe->bins[i]);
    }
    printf("]}");
}

static void print_account(const struct ntorc_loop *loop)
{
    printf(", \"account\": {\"elapsed_ns\": %" PRIu64 ", \"accesses\": %" PRIu64 ", \"access_ns\": %" PRIu64,
           loop->elapsed_ns, loop->account->accesses, loop->account->access_ns);
    printf(", \"waiting_ns\": %" PRIu64 ", \"waiting_accesses\": %" PRIu64 ", \"waiting_access_ns\": %" PRIu64,
           loop->waiting_ns, loop->waiting_accesses, loop->waiting_access_ns);
    printf(", \"polls\": %" PRIu64 ", \"samples\": %" PRIu64 ", \"clock_ns\": %" PRIu64 "}", loop->polling.polls,
           loop->written, loop->account->clock_ns);
}

void ntorc_report_print(const struct ntorc_report *report)
{
    print_counts(report);
    print_machine(report);
    print_summary(report->summary);
    if (report->probe != NULL) {
        print_probe(report->probe);
    }
    if (report->loop->account != NULL) {
        print_account(report->loop);
    }
    if (report->fault[0] != '\0') {
        print_text("fault", report->fault);
    }
    puts("}");
    fflush(stdout);
}
