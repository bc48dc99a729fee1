/* The harness's one JSON object on stdout. */
#ifndef NTORC_REPORT_H
#define NTORC_REPORT_H

#include <stdbool.h>

#include "design.h"
#include "loop.h"
#include "options.h"
#include "probe.h"
#include "realtime.h"
#include "summary.h"

struct ntorc_report {
    const struct ntorc_options *options;
    const struct ntorc_design *design;
    const struct ntorc_realtime *granted;
    const struct ntorc_loop *loop;
    const struct ntorc_summary *summary;
    const struct ntorc_probe *probe; /* NULL: it could not be read */
    uint64_t cycles_passed, ns_passed; /* of the logic and of the board's time, over the whole run */
    bool interrupted;
    const char *fault; /* empty: none */
};

void ntorc_report_print(const struct ntorc_report *report);

#endif
