#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ESTIMATES 50000000u /* 2 GB of records */
#define MAX_HOP 1000000u
#define MAX_PERIOD_NS 10000000000u
#define MAX_TIMEOUT_US 600000000u
#define MAX_GAP_CYCLES 1000000000u
#define DEFAULT_TIMEOUT_US 1000000u

static const char usage[] =
    "usage: ntorc-harness --regs URL --samples FILE --estimates N --hop H --out FILE [options]\n"
    "\n"
    "Feeds samples to the programmed logic, waits for its estimates and records when each came.\n"
    "Prints one JSON object.  Status: 0 done (or stopped by SIGINT), 1 fault, 2 wrong usage.\n"
    "  --regs URL         sim:PATH, devmem:0xBASE:0xSPAN or uio:PATH:0xSPAN\n"
    "  --samples FILE     raw ADC counts, 32-bit little-endian; used again from the start at its end\n"
    "  --estimates N      how many estimates to measure\n"
    "  --hop H            samples from one estimate to the next\n"
    "  --out FILE         receives the records after the loop\n"
    "  --period-ns P      time between samples; 0 (default): as fast as the logic answers\n"
    "  --gap-cycles C     free running: cycles of the logic to let pass between samples (default 0)\n"
    "  --timeout-us T     longest wait for one estimate (default 1000000)\n"
    "  --design-id HEX16  refuse any other design\n"
    "  --cpu K            run the loop on processor K\n"
    "  --fifo PRIO        run the loop under SCHED_FIFO with this priority (1 to 99)\n";

enum { REGS, SAMPLES, ESTIMATES, HOP, OUT, PERIOD, GAP, TIMEOUT, DESIGN, CPU, FIFO, HELP };

static const struct option known[] = {
    {"regs", required_argument, NULL, REGS},
    {"samples", required_argument, NULL, SAMPLES},
    {"estimates", required_argument, NULL, ESTIMATES},
    {"hop", required_argument, NULL, HOP},
    {"out", required_argument, NULL, OUT},
    {"period-ns", required_argument, NULL, PERIOD},
    {"gap-cycles", required_argument, NULL, GAP},
    {"timeout-us", required_argument, NULL, TIMEOUT},
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
        good = number("estimates", text, 10, 1, MAX_ESTIMATES, &value);
        options->estimates = (uint32_t)value;
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

int ntorc_options_parse(int argc, char **argv, struct ntorc_options *options)
{
    *options = (struct ntorc_options){.timeout_ns = DEFAULT_TIMEOUT_US * 1000ull, .cpu = -1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == HELP) {
            fputs(usage, stdout);
            return 1;
        }
        if (!take(option, optarg, options)) {
            return 2;
        }
    }
    if (optind != argc || options->regs == NULL || options->samples == NULL || options->out == NULL ||
        options->estimates == 0 || options->hop == 0) {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}
