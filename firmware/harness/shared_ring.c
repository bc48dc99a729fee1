#include "shared_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


static size_t bytes_of(uint32_t entry_bytes, uint32_t capacity)
{
    return sizeof(struct ntorc_shared_ring) + (size_t)entry_bytes * capacity;
}

struct ntorc_shared_ring *ntorc_shared_ring_make(const char *path, uint32_t entry_bytes, uint32_t capacity,
                                                 mode_t mode, char *error, size_t n)
{
    char name[4200];
    int length = snprintf(name, sizeof name, "%s.new-XXXXXX", path);
    int file = length > 0 && (size_t)length < sizeof name ? mkostemp(name, O_CLOEXEC) : -1;
    if (file < 0) {
        snprintf(error, n, "cannot make %s: %s", path, strerror(errno));
        return NULL;
    }
    size_t bytes = bytes_of(entry_bytes, capacity);
    void *memory = MAP_FAILED;
    errno = posix_fallocate(file, 0, (off_t)bytes);
    if (errno == 0) {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    if (memory != MAP_FAILED) {
        struct ntorc_shared_ring *ring = memory;
        memset(ring->entries, 0, bytes - sizeof *ring);
        ring->version = NTORC_SHARED_RING_VERSION;
        ring->entry_bytes = entry_bytes;
        ring->capacity = capacity;
        ring->magic = NTORC_SHARED_RING_MAGIC;
        if (fchmod(file, mode) == 0 && rename(name, path) == 0) {
            close(file);
            return ring;
        }
        munmap(memory, bytes);
    }
    snprintf(error, n, "cannot make %s: %s", path, strerror(errno));
    unlink(name);
    close(file);
    return NULL;
}

void ntorc_shared_ring_close(struct ntorc_shared_ring *ring)
{
    if (ring != NULL) {
        munmap(ring, bytes_of(ring->entry_bytes, ring->capacity));
    }
}
