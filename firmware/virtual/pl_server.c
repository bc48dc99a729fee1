/* ntorc-virtual-pl: the programmable logic of a virtual board, in one process as on a chip. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "logic.h"
#include "ram.h"
#include "serve.h"

#define DEFAULT_CLOCK_HZ 100000000u
#define MAX_ACCESS_CYCLES 1000000u
#define MAX_DELAY_NS 1000000000000
#define MAX_CLOCK_ERROR_PPB 500000000

static const char usage[] =
    "usage: ntorc-virtual-pl --memory PATH --control SOCKET --access-cycles N [--clock-hz HZ]\n"
    "\n"
    "Holds the simulated logic of a virtual board.  Registers are reached through the shared\n"
    "memory PATH, bitstreams and the clock through the Unix socket SOCKET.  PATH.ram is the memory\n"
    "that the logic's masters reach.\n"
    "  --access-cycles N  clock cycles that one register access takes on the board in all\n"
    "  --clock-hz HZ      FCLK0 at start (default 100000000)\n"
    "With one of these the board's time is simulated too, and the harness measures in it:\n"
    "  --wake-up-ns N     from a sleep's end to the loop running, at least\n"
    "  --jitter-ns N      mean of an exponential delay on top, --jitter-max-ns N its largest\n"
    "  --clock-error-ppb N  by how much FCLK0 is faster than it reads back, in 10^-9; may be negative\n"
    "  --seed N           of the delays (default 1)\n"
    "Prints `ready` when both can be used.  Ends when its standard input is closed, on SIGTERM,\n"
    "and on the command `quit`.\n";

struct options {
    const char *memory;
    const char *control;
    uint64_t access_cycles;
    uint64_t clock_hz;
    bool simulates_time;
    struct ntorc_board_time time;
};

static bool parse_cycles(const char *text, uint64_t *value)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') {
        return false;
    }
    *value = strtoull(text, &end, 10);
    return *end == '\0' && *value >= 1 && *value <= MAX_ACCESS_CYCLES;
}

/* A property of the simulated board; false with a message when it is out of range. */
static bool parse_property(char option, const char *text, struct options *options)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    bool good = end != text && *end == '\0' && value <= MAX_DELAY_NS;
    switch (option) {
    case 'w':
        options->time.wake_up_ns = (uint64_t)value;
        break;
    case 'j':
        options->time.jitter_ns = (uint64_t)value;
        break;
    case 'J':
        options->time.jitter_max_ns = (uint64_t)value;
        break;
    case 's':
        options->time.seed = (uint64_t)value;
        good = good && value != 0;
        break;
    default:
        options->time.clock_error = (double)value * 1e-9;
        good = good && llabs(value) <= MAX_CLOCK_ERROR_PPB;
        value = 0; /* the only one that may be negative */
    }
    options->simulates_time = true;
    if (!good || value < 0) {
        fprintf(stderr, "ntorc-virtual-pl: '%s' is not possible for a property of the board; see --help\n", text);
    }
    return good && value >= 0;
}

/* 0: go on, 1: help was shown, 2: wrong usage. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"memory", required_argument, NULL, 'm'},    {"control", required_argument, NULL, 'c'},
        {"access-cycles", required_argument, NULL, 'a'}, {"clock-hz", required_argument, NULL, 'z'},
        {"wake-up-ns", required_argument, NULL, 'w'}, {"jitter-ns", required_argument, NULL, 'j'},
        {"jitter-max-ns", required_argument, NULL, 'J'}, {"clock-error-ppb", required_argument, NULL, 'e'},
        {"seed", required_argument, NULL, 's'},      {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.clock_hz = DEFAULT_CLOCK_HZ, .time.seed = 1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'm':
            options->memory = optarg;
            break;
        case 'c':
            options->control = optarg;
            break;
        case 'a':
            if (!parse_cycles(optarg, &options->access_cycles)) {
                fprintf(stderr, "ntorc-virtual-pl: --access-cycles takes 1 to %u, not '%s'\n", MAX_ACCESS_CYCLES, optarg);
                return 2;
            }
            break;
        case 'z':
            options->clock_hz = ntorc_parse_clock(optarg);
            if (options->clock_hz == 0) {
                fprintf(stderr, "ntorc-virtual-pl: --clock-hz takes %u to %u, not '%s'\n", NTORC_CLOCK_MIN_HZ,
                        NTORC_CLOCK_MAX_HZ, optarg);
                return 2;
            }
            break;
        case 'w':
        case 'j':
        case 'J':
        case 'e':
        case 's':
            if (!parse_property((char)option, optarg, options)) {
                return 2;
            }
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind != argc || options->memory == NULL || options->control == NULL || options->access_cycles == 0) {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}

static int run(const struct options *options, ntorc_logic *logic)
{
    char error[8192];
    ntorc_control control;
    ntorc_ram ram;
    ntorc_serving serving;

    /* The socket first: it blocks the ending signals for the serving thread too. */
    if (ntorc_control_open(&control, options->control, logic, options->clock_hz, error, sizeof error) != 0) {
        fprintf(stderr, "ntorc-virtual-pl: %s\n", error);
        return 1;
    }
    if (ntorc_serving_start(&serving, options->memory, logic, error, sizeof error) != 0) {
        fprintf(stderr, "ntorc-virtual-pl: %s\n", error);
        ntorc_control_close(&control);
        return 1;
    }
    /* After the mailboxes, whose lock says that no other server uses this path. */
    if (ntorc_ram_open(&ram, options->memory, error, sizeof error) != 0) {
        fprintf(stderr, "ntorc-virtual-pl: %s\n", error);
        ntorc_serving_stop(&serving);
        ntorc_control_close(&control);
        return 1;
    }
    ntorc_logic_memory(logic, ram.memory, NTORC_RAM_BASE, NTORC_RAM_BYTES);
    puts("ready");
    fflush(stdout);
    ntorc_control_run(&control);
    ntorc_serving_stop(&serving);
    ntorc_logic_unprogram(logic); /* its masters use the memory */
    ntorc_ram_close(&ram);
    ntorc_control_close(&control);
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    int parsed = parse_options(argc, argv, &options);
    if (parsed != 0) {
        return parsed == 1 ? 0 : parsed;
    }
    ntorc_logic *logic = ntorc_logic_new(options.memory, options.access_cycles);
    if (logic == NULL) {
        fputs("ntorc-virtual-pl: no memory\n", stderr);
        return 1;
    }
    if (options.simulates_time) {
        ntorc_logic_simulate_time(logic, &options.time);
    }
    ntorc_logic_clock(logic, options.clock_hz);
    int result = run(&options, logic);
    ntorc_logic_free(logic);
    return result;
}
