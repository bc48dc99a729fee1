#include "hdr.h"

#include <string.h>

#define HALF (1ull << NTORC_HDR_BITS) /* bins of a power of two */

void ntorc_hdr_clear(struct ntorc_hdr *hdr)
{
    memset(hdr, 0, sizeof *hdr);
    hdr->min = UINT64_MAX;
}

size_t ntorc_hdr_bin(uint64_t value)
{
    if (value > NTORC_HDR_MAX) {
        value = NTORC_HDR_MAX;
    }
    if (value < 2 * HALF) {
        return (size_t)value;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - NTORC_HDR_BITS;
    return (size_t)(shift * HALF + (value >> shift));
}

uint64_t ntorc_hdr_lower(size_t bin)
{
    if (bin < 2 * HALF) {
        return bin;
    }
    unsigned shift = (unsigned)(bin / HALF - 1);
    return (bin % HALF + HALF) << shift;
}

void ntorc_hdr_add(struct ntorc_hdr *hdr, uint64_t value)
{
    hdr->count++;
    hdr->bins[ntorc_hdr_bin(value)]++;
    hdr->min = value < hdr->min ? value : hdr->min;
    hdr->max = value > hdr->max ? value : hdr->max;
}

uint64_t ntorc_hdr_at_rank(const struct ntorc_hdr *hdr, uint64_t rank)
{
    uint64_t seen = 0;
    for (size_t bin = 0; bin < NTORC_HDR_BINS; bin++) {
        seen += hdr->bins[bin];
        if (seen >= rank && seen > 0) {
            uint64_t last = bin + 1 < NTORC_HDR_BINS ? ntorc_hdr_lower(bin + 1) - 1 : UINT64_MAX;
            return last < hdr->max ? last : hdr->max;
        }
    }
    return hdr->max;
}
