/* Registers of a real board, mapped: through /dev/mem here, through UIO in regs_uio.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "regs_kind.h"

struct mapped {
    ntorc_regs base;
    void *memory;          /* whole pages */
    size_t length;
    volatile uint32_t *first; /* the register at offset 0 */
    uint32_t span;
};

/* One 32-bit access each, in program order: device memory is mapped strongly ordered (O_SYNC). */
static int mapped_read(ntorc_regs *regs, uint32_t offset, uint32_t *value)
{
    struct mapped *mapped = (struct mapped *)regs;
    if (offset >= mapped->span) {
        return NTORC_REGS_BAD_OFFSET;
    }
    *value = mapped->first[offset / 4u];
    return NTORC_REGS_OK;
}

static int mapped_write(ntorc_regs *regs, uint32_t offset, uint32_t value)
{
    struct mapped *mapped = (struct mapped *)regs;
    if (offset >= mapped->span) {
        return NTORC_REGS_BAD_OFFSET;
    }
    mapped->first[offset / 4u] = value;
    return NTORC_REGS_OK;
}

static void mapped_close(ntorc_regs *regs)
{
    struct mapped *mapped = (struct mapped *)regs;
    munmap(mapped->memory, mapped->length);
    free(mapped);
}

ntorc_regs *ntorc_regs_map(const char *path, uint64_t base, uint32_t span, char *error, size_t n)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t begin = base / page * page;
    size_t length = (size_t)((base - begin + span + page - 1) / page * page);
    struct mapped *mapped = calloc(1, sizeof *mapped);
    if (mapped == NULL) {
        snprintf(error, n, "no memory");
        return NULL;
    }
    int file = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
    if (file < 0) {
        snprintf(error, n, "cannot open %s: %s (registers of a board need root, or a rule for the device)", path,
                 strerror(errno));
        free(mapped);
        return NULL;
    }
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)begin);
    int failure = errno;
    close(file);
    if (memory == MAP_FAILED) {
        snprintf(error, n, "cannot map 0x%x bytes at 0x%llx of %s: %s", span, (unsigned long long)base, path,
                 strerror(failure));
        free(mapped);
        return NULL;
    }
    mapped->base = (ntorc_regs){.read = mapped_read, .write = mapped_write, .close = mapped_close};
    mapped->memory = memory;
    mapped->length = length;
    mapped->first = (volatile uint32_t *)((char *)memory + (base - begin));
    mapped->span = span;
    return &mapped->base;
}

ntorc_regs *ntorc_regs_open_devmem(const char *rest, char *error, size_t n)
{
    uint64_t base = 0;
    uint64_t span = 0;
    const char *next = rest;

    if (!ntorc_regs_number(rest, ':', INT64_MAX / 2, &base, &next) || base % 4 != 0 ||
        !ntorc_regs_number(next, '\0', 0x40000000u, &span, &next) || span < 4 || span % 4 != 0) {
        snprintf(error, n, "'devmem:%s' is not devmem:0xBASE:0xSPAN with multiples of 4", rest);
        return NULL;
    }
    return ntorc_regs_map("/dev/mem", base, (uint32_t)span, error, n);
}
