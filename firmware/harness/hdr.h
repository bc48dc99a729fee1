/* A histogram of whole numbers with a bounded relative width of its bins (log-linear, as in HdrHistogram):
 * below 2^(BITS+1) each value has a bin of its own, above that each power of two has 2^BITS bins, so that a
 * bin is at most 2^-BITS of its values wide.  Reader: toolchain/ntorc/measure/histograms.py. */
#ifndef NTORC_HDR_H
#define NTORC_HDR_H

#include <stddef.h>
#include <stdint.h>

#define NTORC_HDR_BITS 7u
#define NTORC_HDR_MAX ((1ull << 40) - 1) /* larger values are counted as this one; `max` has them exactly */
#define NTORC_HDR_BINS ((40u - NTORC_HDR_BITS + 1u) << NTORC_HDR_BITS)

struct ntorc_hdr {
    uint64_t count;
    uint64_t min, max; /* exact; of no values UINT64_MAX and 0 */
    uint64_t bins[NTORC_HDR_BINS];
};

void ntorc_hdr_clear(struct ntorc_hdr *hdr);
void ntorc_hdr_add(struct ntorc_hdr *hdr, uint64_t value);

/* The bin of a value, and the smallest value of a bin. */
size_t ntorc_hdr_bin(uint64_t value);
uint64_t ntorc_hdr_lower(size_t bin);

/* The smallest value that is known not to be exceeded by at least `rank` of the values (1..count): the last
 * value of the bin, or the maximum where that is smaller.  0 without values. */
uint64_t ntorc_hdr_at_rank(const struct ntorc_hdr *hdr, uint64_t rank);

#endif
