/* The file of records: a header, then one record an estimate.  Little-endian, no padding; the
 * reader is toolchain/ntorc/measure/records.py. */
#ifndef NTORC_RECORDS_H
#define NTORC_RECORDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTORC_RECORDS_VERSION 1u

struct ntorc_records_header {
    char magic[4]; /* "NTHR" */
    uint32_t version;
    uint32_t record_bytes;
    uint32_t hop;
    uint32_t window;
    uint32_t clock_hz;  /* as the design's register says */
    uint64_t count;     /* records that follow, or NTORC_RECORDS_TO_THE_END */
    uint64_t period_ns; /* between samples; 0: free running */
    uint64_t design_id;
};

/* Bits of ntorc_record.status. */
#define NTORC_RECORD_TORN (1u << 0)     /* another result came while this one was read */
#define NTORC_RECORD_TIMEOUT (1u << 1)  /* no result in time: value and pl_cycles are 0 */
#define NTORC_RECORD_OVERRUN (1u << 2)  /* the logic has lost an estimate since the soft reset */
#define NTORC_RECORD_SKIPPED (1u << 3)  /* the sequence advanced by more than one */
#define NTORC_RECORD_WARMING (1u << 4)  /* the logic does not call its estimates valid yet */

struct ntorc_record {
    uint32_t seq;        /* RESULT_SEQ of this estimate; of a time-out, the one that was awaited */
    int32_t value;       /* RESULT 0 */
    uint32_t pl_cycles;  /* LATENCY */
    uint32_t status;
    uint64_t release_ns; /* scheduled release of the last sample; free running: start of its write */
    uint64_t write_ns;   /* before the last sample's write */
    uint64_t done_ns;    /* the estimate is known to be whole */
};

_Static_assert(sizeof(struct ntorc_records_header) == 48, "the file's layout");
_Static_assert(sizeof(struct ntorc_record) == 40, "the file's layout");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is written as it lies in memory");

/* A file that is being written, or a pipe, to which the count cannot be added later. */
#define NTORC_RECORDS_TO_THE_END UINT64_MAX

struct ntorc_records_file {
    int file;
    char *path;
    char *temporary; /* NULL: a pipe or a device, written as it is */
    /* A pipe whose reader takes nothing: waited for as long as `ending` is false, then this long since anything
     * was taken. */
    uint64_t patience_ns;
    const _Atomic bool *ending; /* NULL: true */
};

/* Begins a file of records: under a temporary name beside `path`, or straight into what is no regular
 * file.  0, or -1 with errno set. */
int ntorc_records_begin(struct ntorc_records_file *out, const char *path, const struct ntorc_records_header *header,
                        uint64_t patience_ns);

/* 0, or -1 with errno set; ETIMEDOUT: the reader took nothing for too long, see `ending`. */
int ntorc_records_append(struct ntorc_records_file *out, const struct ntorc_record *records, size_t count);

/* Ends the file: with the header's count in it and under its own name, or not at all.  0, or -1 with errno
 * set.  To be called also after a failure; `keep` false removes what was written. */
int ntorc_records_end(struct ntorc_records_file *out, uint64_t count, int keep);

#endif
