#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define MAX_ESTIMATES 4000000000u /* of which the sequence numbers are all different */
#define MAX_HOP 1000000u
#define MAX_PERIOD_NS 10000000000u
#define MAX_TIMEOUT_US 600000000u
#define MAX_GAP_CYCLES 1000000000u
#define DEFAULT_TIMEOUT_US 1000000u
#define PATIENCE 10u /* time-outs: a reader that compresses and stores takes nothing for a while */
#define MAX_DEADLINE_NS 1000000000000u
#define DEFAULT_HIST_SHIFT 9u /* up to 32768 cycles */
#define DEFAULT_RING_MODE 0600

static const char usage[] =
    "usage: ntorc-harness --regs URL --samples SOURCE --estimates N --hop H --out FILE [options]\n"
    "\n"
    "Feeds samples to the programmed logic, waits for its estimates and records when each came.\n"
    "Prints one JSON object.  Status: 0 done (or stopped by SIGINT), 1 fault, 2 wrong usage.\n"
    "  --regs URL         sim:PATH, devmem:0xBASE:0xSPAN, uio:DEVICE, or null:WINDOW (no logic: the harness alone)\n"
    "  --samples SOURCE   FILE: raw ADC counts, 32-bit little-endian, used again from the start at its end;\n"
    "                     shm:PATH: a ring in shared memory, made here, filled by another process;\n"
    "                     unix:PATH: a stream socket that another process listens on\n"
    "  --estimates N      how many estimates to measure\n"
    "  --endless          instead: until SIGINT, SIGTERM or the end of a live source\n"
    "  --hop H            samples from one estimate to the next\n"
    "  --out FILE         receives the records while the loop runs; a pipe too\n"
    "  --sink SINK        estimates also to shm:PATH (a ring) or unix:PATH (a SOCK_SEQPACKET socket)\n"
    "  --ring-mode MODE   permissions of the rings that are made, in octal (default 0600: this user alone)\n"
    "  --period-ns P      time between samples; 0 (default): as fast as logic and source allow\n"
    "  --gap-cycles C     free running: cycles of the logic to let pass between samples (default 0)\n"
    "  --timeout-us T     longest wait for one estimate or a live source's sample (default 1000000); ten times as\n"
    "                     long for the records' reader, where the loop runs freely or has ended\n"
    "  --deadline-ns D    of an estimate, from its last sample's release; later ones are misses\n"
    "  --deadline-cycles C   the same for the logic alone: counted by its probe\n"
    "  --hist-lower C     lower edge of the probe's 64 bins, in cycles (default 0)\n"
    "  --hist-shift S     logarithm to base 2 of a bin's width, 0 to 15 (default 9)\n"
    "  --load KINDS       interference meanwhile: cpu, mem, io, net, or several with commas\n"
    "  --account          measure the harness's own time beside that of its register accesses\n"
    "  --design-id HEX16  refuse any other design\n"
    "  --cpu K            run the loop on processor K\n"
    "  --fifo PRIO        run the loop under SCHED_FIFO with this priority (1 to 99)\n";

enum {
    REGS, SAMPLES, ESTIMATES, ENDLESS, HOP, OUT, SINK, RING_MODE, PERIOD, GAP, TIMEOUT, DEADLINE, DEADLINE_CYCLES,
    HIST_LOWER, HIST_SHIFT, LOAD, ACCOUNT, DESIGN, CPU, FIFO, HELP
};

static const struct option known[] = {
    {"regs", required_argument, NULL, REGS},
    {"samples", required_argument, NULL, SAMPLES},
    {"estimates", required_argument, NULL, ESTIMATES},
    {"endless", no_argument, NULL, ENDLESS},
    {"hop", required_argument, NULL, HOP},
    {"out", required_argument, NULL, OUT},
    {"sink", required_argument, NULL, SINK},
    {"ring-mode", required_argument, NULL, RING_MODE},
    {"period-ns", required_argument, NULL, PERIOD},
    {"gap-cycles", required_argument, NULL, GAP},
    {"timeout-us", required_argument, NULL, TIMEOUT},
    {"deadline-ns", required_argument, NULL, DEADLINE},
    {"deadline-cycles", required_argument, NULL, DEADLINE_CYCLES},
    {"hist-lower", required_argument, NULL, HIST_LOWER},
    {"hist-shift", required_argument, NULL, HIST_SHIFT},
    {"load", required_argument, NULL, LOAD},
    {"account", no_argument, NULL, ACCOUNT},
    {"design-id", required_argument, NULL, DESIGN},
    {"cpu", required_argument, NULL, CPU},
    {"fifo", required_argument, NULL, FIFO},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

/* A whole number in min..max in this base, and nothing else; or a message. */
static bool number(const char *option, const char *text, int base, uint64_t min, uint64_t max, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, base);
    bool plain = text[0] != '\0' && strspn(text, base == 16 ? "0123456789abcdefABCDEF" : "0123456789") == strlen(text);
    if (!plain || *end != '\0' || errno != 0 || *value < min || *value > max) {
        fprintf(stderr, "ntorc-harness: --%s takes a number from %llu to %llu, not '%s'\n", option,
                (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    return true;
}

static bool design_id(const char *text, uint64_t *value)
{
    if (strlen(text) != 16) {
        fprintf(stderr, "ntorc-harness: --design-id takes 16 hexadecimal digits, not '%s'\n", text);
        return false;
    }
    return number("design-id", text, 16, 0, UINT64_MAX, value);
}

/* Octal permissions to read and write; nobody runs a ring. */
static bool ring_mode(const char *text, mode_t *mode)
{
    size_t length = strlen(text);
    unsigned long value = strspn(text, "01234567") == length && length > 0 && length < 6 ? strtoul(text, NULL, 8) : 01000;
    if ((value & ~0666ul) != 0) {
        fprintf(stderr, "ntorc-harness: --ring-mode takes octal permissions to read and write, such as 0660, not '%s'\n",
                text);
        return false;
    }
    *mode = (mode_t)value;
    return true;
}

static bool number32(const char *option, const char *text, uint32_t max, uint32_t *value)
{
    uint64_t wide = 0;
    bool good = number(option, text, 10, 0, max, &wide);
    *value = (uint32_t)wide;
    return good;
}

static bool load(const char *text, struct ntorc_options *options)
{
    int kinds = ntorc_load_parse(text);
    if (kinds < 0) {
        fprintf(stderr, "ntorc-harness: --load takes cpu, mem, io, net, or several with commas, not '%s'\n", text);
        return false;
    }
    options->load = (unsigned)kinds;
    options->load_text = text;
    return true;
}

static bool take(int option, const char *text, struct ntorc_options *options)
{
    uint64_t value = 0;
    bool good = true;
    switch (option) {
    case REGS:
        options->regs = text;
        break;
    case SAMPLES:
        options->samples = text;
        break;
    case OUT:
        options->out = text;
        break;
    case ESTIMATES:
        good = number("estimates", text, 10, 1, MAX_ESTIMATES, &options->estimates);
        break;
    case SINK:
        options->sink = text;
        break;
    case RING_MODE:
        good = ring_mode(text, &options->ring_mode);
        break;
    case ENDLESS:
        options->endless = true;
        break;
    case ACCOUNT:
        options->account = true;
        break;
    case LOAD:
        good = load(text, options);
        break;
    case DEADLINE:
        good = number("deadline-ns", text, 10, 1, MAX_DEADLINE_NS, &options->deadline_ns);
        break;
    case DEADLINE_CYCLES:
        good = number32("deadline-cycles", text, UINT32_MAX, &options->deadline_cycles);
        break;
    case HIST_LOWER:
        good = number32("hist-lower", text, UINT32_MAX, &options->hist_lower);
        break;
    case HIST_SHIFT:
        good = number32("hist-shift", text, 15, &options->hist_shift);
        break;
    case HOP:
        good = number("hop", text, 10, 1, MAX_HOP, &value);
        options->hop = (uint32_t)value;
        break;
    case PERIOD:
        good = number("period-ns", text, 10, 0, MAX_PERIOD_NS, &options->period_ns);
        break;
    case GAP:
        good = number("gap-cycles", text, 10, 0, MAX_GAP_CYCLES, &value);
        options->gap_cycles = (uint32_t)value;
        break;
    case TIMEOUT:
        good = number("timeout-us", text, 10, 1, MAX_TIMEOUT_US, &value);
        options->timeout_ns = value * 1000u;
        options->patience_ns = PATIENCE * options->timeout_ns;
        break;
    case DESIGN:
        good = design_id(text, &options->design_id);
        options->check_design_id = true;
        break;
    case CPU:
        good = number("cpu", text, 10, 0, 1023, &value);
        options->cpu = (int)value;
        break;
    case FIFO:
        good = number("fifo", text, 10, 1, 99, &value);
        options->fifo = (int)value;
        break;
    default:
        fputs(usage, stderr);
        good = false;
    }
    return good;
}

/* Whether what was given can be done together; or a message. */
static bool complete(const struct ntorc_options *options)
{
    if (options->regs == NULL || options->samples == NULL || options->out == NULL || options->hop == 0 ||
        (options->estimates == 0 && !options->endless)) {
        fputs(usage, stderr);
        return false;
    }
    if (options->estimates > 0 && options->endless) {
        fputs("ntorc-harness: give --estimates or --endless, not both\n", stderr);
        return false;
    }
    return true;
}

int ntorc_options_parse(int argc, char **argv, struct ntorc_options *options)
{
    *options = (struct ntorc_options){
        .timeout_ns = DEFAULT_TIMEOUT_US * 1000ull,
        .patience_ns = PATIENCE * DEFAULT_TIMEOUT_US * 1000ull,
        .cpu = -1,
        .ring_mode = DEFAULT_RING_MODE,
        .deadline_cycles = UINT32_MAX,
        .hist_shift = DEFAULT_HIST_SHIFT,
        .load_text = "",
    };
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == HELP) {
            fputs(usage, stdout);
            return 1;
        }
        if (!take(option, optarg, options)) {
            return 2;
        }
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    return complete(options) ? 0 : 2;
}
