/* What a run of any length comes to, in bounded memory: made by the writer, outside the loop. */
#ifndef NTORC_SUMMARY_H
#define NTORC_SUMMARY_H

#include <stdint.h>

#include "hdr.h"
#include "records.h"

#define NTORC_BLOCKS 256u       /* at most; then two become one */
#define NTORC_BLOCK_RECORDS 64u /* estimates of a block at first */

struct ntorc_summary {
    uint64_t deadline_ns; /* of the loop; 0: none */
    uint64_t count;       /* records */
    uint64_t delivered;   /* of them whole: those that the histograms have */
    uint64_t misses;      /* over the deadline, or not delivered whole */
    struct ntorc_hdr pl_cycles, driver_ns, loop_ns;
    /* The largest loop_ns of each block of block_records estimates; the last block may be shorter. */
    uint64_t block_records;
    uint32_t blocks;
    uint64_t in_block; /* records in the last one */
    uint64_t block_max_ns[NTORC_BLOCKS];
};

void ntorc_summary_clear(struct ntorc_summary *summary, uint64_t deadline_ns);
void ntorc_summary_add(struct ntorc_summary *summary, const struct ntorc_record *record);

#endif
