#include "design.h"

#include <stdbool.h>
#include <stdio.h>

#include "ntorc_registers.h"
#include "waiting.h"

#define MAX_WINDOW 16777216u

static bool read_register(ntorc_regs *regs, uint32_t offset, const char *name, uint32_t *value, char *error, size_t n)
{
    int result = ntorc_regs_read(regs, offset, value);
    if (result != NTORC_REGS_OK) {
        snprintf(error, n, "cannot read the register %s: %s", name, ntorc_regs_describe(result));
    }
    return result == NTORC_REGS_OK;
}

static bool write_register(ntorc_regs *regs, uint32_t offset, const char *name, uint32_t value, char *error, size_t n)
{
    int result = ntorc_regs_write(regs, offset, value);
    if (result != NTORC_REGS_OK) {
        snprintf(error, n, "cannot write the register %s: %s", name, ntorc_regs_describe(result));
    }
    return result == NTORC_REGS_OK;
}

int ntorc_design_identify(ntorc_regs *regs, const struct ntorc_options *options, struct ntorc_design *design,
                          char *error, size_t n)
{
    uint32_t magic = 0, low = 0, high = 0;

    if (!read_register(regs, NTORC_REG_MAGIC, "MAGIC", &magic, error, n)) {
        return -1;
    }
    if (magic != NTORC_MAGIC) {
        snprintf(error, n, "there is no ntorc design behind these registers: MAGIC reads 0x%08X, not 0x%08X", magic,
                 NTORC_MAGIC);
        return -1;
    }
    if (!read_register(regs, NTORC_REG_DESIGN_ID_LO, "DESIGN_ID_LO", &low, error, n) ||
        !read_register(regs, NTORC_REG_DESIGN_ID_HI, "DESIGN_ID_HI", &high, error, n)) {
        return -1;
    }
    design->design_id = (uint64_t)high << 32 | low;
    if (options->check_design_id && design->design_id != options->design_id) {
        snprintf(error, n, "another design is programmed: its identity is %016llx, not %016llx",
                 (unsigned long long)design->design_id, (unsigned long long)options->design_id);
        return -1;
    }
    if (!read_register(regs, NTORC_REG_SHELL_VERSION, "SHELL_VERSION", &design->shell_version, error, n) ||
        !read_register(regs, NTORC_REG_CLOCK_HZ, "CLOCK_HZ", &design->clock_hz, error, n) ||
        !read_register(regs, NTORC_REG_WINDOW, "WINDOW", &design->window, error, n) ||
        !read_register(regs, NTORC_REG_OUTPUTS, "OUTPUTS", &design->outputs, error, n)) {
        return -1;
    }
    if (design->shell_version != NTORC_SHELL_VERSION) {
        snprintf(error, n, "the design's register map has version %u, this harness knows %u", design->shell_version,
                 NTORC_SHELL_VERSION);
        return -1;
    }
    if (design->window == 0 || design->window > MAX_WINDOW || design->outputs == 0 || design->clock_hz == 0) {
        snprintf(error, n, "the design's registers make no sense: window %u, outputs %u, clock %u Hz", design->window,
                 design->outputs, design->clock_hz);
        return -1;
    }
    return 0;
}

int ntorc_design_restart(ntorc_regs *regs, const struct ntorc_options *options, char *error, size_t n)
{
    uint32_t hop = 0, seq = 0, status = 0;

    if (!write_register(regs, NTORC_REG_HOP, "HOP", options->hop, error, n) ||
        !read_register(regs, NTORC_REG_HOP, "HOP", &hop, error, n)) {
        return -1;
    }
    if (hop != options->hop) {
        snprintf(error, n, "the design does not take a hop of %u samples (it reads back %u)", options->hop, hop);
        return -1;
    }
    if (!write_register(regs, NTORC_REG_CONTROL, "CONTROL", NTORC_CONTROL_SOFT_RESET, error, n)) {
        return -1;
    }
    uint64_t start_ns = ntorc_now_ns();
    do {
        if (!read_register(regs, NTORC_REG_STATUS, "STATUS", &status, error, n) ||
            !read_register(regs, NTORC_REG_RESULT_SEQ, "RESULT_SEQ", &seq, error, n)) {
            return -1;
        }
        if (seq == 0 && (status & (NTORC_STATUS_BUSY | NTORC_STATUS_FILLED)) == 0) {
            return 0;
        }
    } while (ntorc_now_ns() - start_ns < options->timeout_ns);
    snprintf(error, n, "the design did not become idle after a soft reset (status 0x%X, sequence %u)", status, seq);
    return -1;
}
