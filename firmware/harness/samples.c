#include "samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_SAMPLES 268435456 /* 1 GiB */

int32_t *ntorc_samples_read(const char *path, size_t *count, char *error, size_t n)
{
    struct stat about;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fstat(fileno(stream), &about) != 0) {
        snprintf(error, n, "cannot read the samples %s: %s", path, strerror(errno));
        if (stream != NULL) {
            fclose(stream);
        }
        return NULL;
    }
    int32_t *samples = NULL;
    off_t bytes = about.st_size;
    if (!S_ISREG(about.st_mode) || bytes < 4 || bytes % 4 != 0 || bytes / 4 > MAX_SAMPLES) {
        snprintf(error, n, "%s is not a file of 1 to %d 32-bit samples (%lld bytes)", path, MAX_SAMPLES,
                 (long long)bytes);
    } else {
        *count = (size_t)(bytes / 4);
        samples = malloc(*count * sizeof *samples);
        if (samples == NULL || fread(samples, sizeof *samples, *count, stream) != *count) {
            snprintf(error, n, "cannot read all of the samples %s", path);
            free(samples);
            samples = NULL;
        }
    }
    fclose(stream);
    return samples;
}
