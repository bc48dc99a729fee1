#include "summary.h"

#include <string.h>

#define NOT_WHOLE (NTORC_RECORD_TORN | NTORC_RECORD_TIMEOUT | NTORC_RECORD_SKIPPED)

void ntorc_summary_clear(struct ntorc_summary *summary, uint64_t deadline_ns)
{
    memset(summary, 0, sizeof *summary);
    summary->deadline_ns = deadline_ns;
    summary->block_records = NTORC_BLOCK_RECORDS;
    ntorc_hdr_clear(&summary->pl_cycles);
    ntorc_hdr_clear(&summary->driver_ns);
    ntorc_hdr_clear(&summary->loop_ns);
}

static void join_blocks(struct ntorc_summary *summary)
{
    for (uint32_t i = 0; i < NTORC_BLOCKS / 2; i++) {
        uint64_t first = summary->block_max_ns[2 * i], second = summary->block_max_ns[2 * i + 1];
        summary->block_max_ns[i] = first > second ? first : second;
    }
    summary->blocks = NTORC_BLOCKS / 2;
    summary->block_records *= 2;
    summary->in_block = summary->block_records; /* the last one is whole */
}

static void add_to_block(struct ntorc_summary *summary, uint64_t loop_ns)
{
    if (summary->blocks == 0 || summary->in_block == summary->block_records) {
        if (summary->blocks == NTORC_BLOCKS) {
            join_blocks(summary);
        }
        summary->block_max_ns[summary->blocks++] = 0;
        summary->in_block = 0;
    }
    uint64_t *max_ns = &summary->block_max_ns[summary->blocks - 1];
    *max_ns = loop_ns > *max_ns ? loop_ns : *max_ns;
    summary->in_block++;
}

void ntorc_summary_add(struct ntorc_summary *summary, const struct ntorc_record *record)
{
    uint64_t loop_ns = record->done_ns - record->release_ns;
    int whole = (record->status & NOT_WHOLE) == 0;

    summary->count++;
    summary->misses += !whole || (summary->deadline_ns > 0 && loop_ns > summary->deadline_ns);
    add_to_block(summary, loop_ns);
    if (whole) {
        summary->delivered++;
        ntorc_hdr_add(&summary->pl_cycles, record->pl_cycles);
        ntorc_hdr_add(&summary->driver_ns, record->done_ns - record->write_ns);
        ntorc_hdr_add(&summary->loop_ns, loop_ns);
    }
}
