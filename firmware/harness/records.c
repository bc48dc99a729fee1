#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "waiting.h"

#define LOOK_MS 10 /* at `ending`, while a pipe is full */

/* Waits until a pipe has room or no reader; write says which.  False with errno set: given up. */
static bool await_room(const struct ntorc_records_file *out)
{
    struct pollfd room = {.fd = out->file, .events = POLLOUT};
    uint64_t since_ns = 0; /* it is ending, and nothing was taken */

    for (;;) {
        int ready = poll(&room, 1, LOOK_MS);
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (out->ending != NULL && !atomic_load(out->ending)) {
            continue;
        }
        uint64_t seen_ns = ntorc_now_ns();
        since_ns = since_ns == 0 ? seen_ns : since_ns;
        if (seen_ns - since_ns >= out->patience_ns) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

static int write_all(const struct ntorc_records_file *out, const void *from, size_t bytes)
{
    for (const char *next = from; bytes > 0;) {
        ssize_t written = write(out->file, next, bytes);
        if (written < 0 && (errno == EINTR || (errno == EAGAIN && await_room(out)))) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }
        next += written;
        bytes -= (size_t)written;
    }
    return 0;
}

/* A write must not wait inside the system: nothing could end it. */
static bool make_nonblocking(int file)
{
    int flags = fcntl(file, F_GETFL);
    return flags >= 0 && fcntl(file, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Opens what receives the bytes. */
static int open_place(struct ntorc_records_file *out, const char *path)
{
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) {
        out->file = open(path, O_WRONLY | O_CLOEXEC);
        return out->file >= 0 && make_nonblocking(out->file) ? 0 : -1;
    }
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        errno = EISDIR; /* rename would say so only after the measurement */
        return -1;
    }
    size_t length = strlen(path) + sizeof ".new-XXXXXX";
    out->temporary = malloc(length);
    if (out->temporary == NULL) {
        return -1;
    }
    snprintf(out->temporary, length, "%s.new-XXXXXX", path);
    out->file = mkostemp(out->temporary, O_CLOEXEC);
    return out->file >= 0 ? 0 : -1;
}

int ntorc_records_begin(struct ntorc_records_file *out, const char *path, const struct ntorc_records_header *header,
                        uint64_t patience_ns)
{
    struct ntorc_records_header first = *header;

    *out = (struct ntorc_records_file){.file = -1, .path = strdup(path), .patience_ns = patience_ns};
    first.count = NTORC_RECORDS_TO_THE_END;
    if (out->path != NULL && open_place(out, path) == 0 && write_all(out, &first, sizeof first) == 0) {
        return 0;
    }
    int failure = errno;
    (void)ntorc_records_end(out, 0, 0);
    errno = failure;
    return -1;
}

int ntorc_records_append(struct ntorc_records_file *out, const struct ntorc_record *records, size_t count)
{
    return write_all(out, records, count * sizeof *records);
}

static int publish(struct ntorc_records_file *out, uint64_t count)
{
    off_t place = (off_t)offsetof(struct ntorc_records_header, count);
    if (pwrite(out->file, &count, sizeof count, place) != (ssize_t)sizeof count || fsync(out->file) != 0) {
        return -1;
    }
    return rename(out->temporary, out->path);
}

int ntorc_records_end(struct ntorc_records_file *out, uint64_t count, int keep)
{
    int result = 0;
    int failure = 0;

    if (out->file >= 0) {
        if (keep && out->temporary != NULL) {
            result = publish(out, count);
            failure = errno;
        }
        if (out->temporary != NULL && (!keep || result != 0)) {
            unlink(out->temporary);
        }
        if (close(out->file) != 0 && keep && result == 0) {
            result = -1;
            failure = errno;
        }
    }
    free(out->temporary);
    free(out->path);
    *out = (struct ntorc_records_file){.file = -1};
    errno = failure;
    return result;
}
