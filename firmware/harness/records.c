#include "records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ntorc_record *ntorc_records_allocate(size_t count)
{
    struct ntorc_record *records = malloc(count * sizeof *records);
    if (records != NULL) {
        /* Not calloc: its pages would be mapped one by one by the first writes, inside the loop. */
        memset(records, 0xFF, count * sizeof *records);
    }
    return records;
}

static int write_all(FILE *stream, const struct ntorc_records_header *header, const struct ntorc_record *records)
{
    if (fwrite(header, sizeof *header, 1, stream) != 1 ||
        fwrite(records, sizeof *records, header->count, stream) != header->count || fflush(stream) != 0) {
        return -1;
    }
    return fsync(fileno(stream));
}

int ntorc_records_write(const char *path, const struct ntorc_records_header *header,
                        const struct ntorc_record *records)
{
    size_t length = strlen(path) + sizeof ".new-XXXXXX";
    char *name = malloc(length);
    if (name == NULL) {
        return -1;
    }
    snprintf(name, length, "%s.new-XXXXXX", path);
    int file = mkstemp(name);
    FILE *stream = file >= 0 ? fdopen(file, "wb") : NULL;
    int result = -1;
    if (stream != NULL) {
        result = write_all(stream, header, records);
        if (fclose(stream) != 0) {
            result = -1;
        }
        if (result == 0) {
            result = rename(name, path);
        }
        if (result != 0) {
            int failure = errno;
            unlink(name);
            errno = failure;
        }
    }
    free(name);
    return result;
}
