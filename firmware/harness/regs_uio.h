/* A UIO device's registers with the kernel's description of it in a folder that is given, for tests. */
#ifndef NTORC_REGS_UIO_H
#define NTORC_REGS_UIO_H

#include "regs.h"

NTORC_REGS_EXPORT ntorc_regs *ntorc_regs_open_uio_at(const char *sysfs, const char *rest, char *error, size_t n);

#endif
