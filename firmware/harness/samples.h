/* Raw ADC counts from a file, 32-bit little-endian. */
#ifndef NTORC_SAMPLES_H
#define NTORC_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* Reads all of a file into memory.  NULL with the reason in `error`. */
int32_t *ntorc_samples_read(const char *path, size_t *count, char *error, size_t n);

#endif
