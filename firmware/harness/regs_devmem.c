/* Registers of a real board, mapped through /dev/mem or a UIO device. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

static ntorc_regs *map_registers(const char *path, uint64_t base, uint32_t span, char *error, size_t n)
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

/* A number in C notation up to `end`, and nothing else. */
static bool parse_number(const char *text, char end, uint64_t limit, uint64_t *value, const char **after)
{
    char *stop = NULL;
    if (*text < '0' || *text > '9') {
        return false; /* strtoull would accept signs and spaces */
    }
    errno = 0;
    *value = strtoull(text, &stop, 0);
    if (errno != 0 || stop == text || *stop != end || *value > limit) {
        return false;
    }
    *after = stop + 1;
    return true;
}

static bool valid_span(uint64_t span)
{
    return span >= 4 && span % 4 == 0;
}

ntorc_regs *ntorc_regs_open_devmem(const char *rest, char *error, size_t n)
{
    uint64_t base = 0;
    uint64_t span = 0;
    const char *next = rest;

    if (!parse_number(rest, ':', INT64_MAX / 2, &base, &next) || base % 4 != 0 ||
        !parse_number(next, '\0', 0x40000000u, &span, &next) || !valid_span(span)) {
        snprintf(error, n, "'devmem:%s' is not devmem:0xBASE:0xSPAN with multiples of 4", rest);
        return NULL;
    }
    return map_registers("/dev/mem", base, (uint32_t)span, error, n);
}

ntorc_regs *ntorc_regs_open_uio(const char *rest, char *error, size_t n)
{
    const char *colon = strrchr(rest, ':');
    const char *next = rest;
    uint64_t span = 0;

    if (colon == NULL || colon == rest || !parse_number(colon + 1, '\0', 0x40000000u, &span, &next) ||
        !valid_span(span)) {
        snprintf(error, n, "'uio:%s' is not uio:PATH:0xSPAN with a multiple of 4", rest);
        return NULL;
    }
    char *path = strndup(rest, (size_t)(colon - rest));
    if (path == NULL) {
        snprintf(error, n, "no memory");
        return NULL;
    }
    ntorc_regs *regs = map_registers(path, 0, (uint32_t)span, error, n);
    free(path);
    return regs;
}
