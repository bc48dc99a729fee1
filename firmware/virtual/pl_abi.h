/* The ABI of a virtual bitstream: a shared library that holds simulated programmable logic.
 *
 * ntorc-virtual-pl loads such a library, checks its ABI version, makes one instance and owns it;
 * every function is called from one thread at a time.  One cycle is one period of the logic's
 * only clock (FCLK0 on a Zynq board).
 *
 * Build the library with -fPIC -shared -fvisibility=hidden (these symbols are exported by
 * NTORC_PL_EXPORT) and, when it is C++, with -fno-gnu-unique: otherwise its static data would
 * survive a reprogramming inside the server's process.
 */
#ifndef NTORC_PL_ABI_H
#define NTORC_PL_ABI_H

#include <stdint.h>

#define NTORC_PL_ABI_VERSION 1u
#define NTORC_PL_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI version that the library implements: NTORC_PL_ABI_VERSION. */
NTORC_PL_EXPORT uint32_t ntorc_pl_abi(void);

/* A new instance, not yet reset; NULL when there is no memory for it. */
NTORC_PL_EXPORT void *ntorc_pl_create(void);

/* Ends an instance.  NULL is allowed. */
NTORC_PL_EXPORT void ntorc_pl_destroy(void *logic);

/* Applies the logic's reset, as the PS does after configuration. */
NTORC_PL_EXPORT void ntorc_pl_reset(void *logic);

/* Lets `cycles` clock cycles pass with an idle bus. */
NTORC_PL_EXPORT void ntorc_pl_step(void *logic, uint64_t cycles);

/* One AXI4-Lite read of the 32-bit register at byte `offset`.  0: done, -1: bus time-out. */
NTORC_PL_EXPORT int ntorc_pl_read(void *logic, uint32_t offset, uint32_t *value);

/* One AXI4-Lite write of the 32-bit register at byte `offset`.  0: done, -1: bus time-out. */
NTORC_PL_EXPORT int ntorc_pl_write(void *logic, uint32_t offset, uint32_t value);

/* Optional: gives the logic's memory masters `bytes` bytes of memory at physical address `base`; it stays valid
 * until the instance ends.  Accesses outside get decode errors, as do all before this call. */
NTORC_PL_EXPORT void ntorc_pl_memory(void *logic, uint8_t *memory, uint64_t base, uint64_t bytes);

/* Clock cycles since the instance was made; bus transactions count with the cycles they took. */
NTORC_PL_EXPORT uint64_t ntorc_pl_cycles(const void *logic);

#ifdef __cplusplus
}
#endif

#endif
