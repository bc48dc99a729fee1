#include "ram.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int ntorc_ram_open(ntorc_ram *ram, const char *mailbox_path, char *error, size_t n)
{
    char name[sizeof ram->path];

    if (snprintf(ram->path, sizeof ram->path, "%s%s", mailbox_path, NTORC_RAM_SUFFIX) >= (int)sizeof ram->path ||
        snprintf(name, sizeof name, "%s.new-XXXXXX", mailbox_path) >= (int)sizeof name) {
        snprintf(error, n, "the memory's path is too long");
        return -1;
    }
    int file = mkostemp(name, O_CLOEXEC);
    if (file < 0) {
        snprintf(error, n, "cannot make %s: %s", ram->path, strerror(errno));
        return -1;
    }
    /* reserved, not only named: a full disk must be an error here, and not a signal at some later access */
    int failure = posix_fallocate(file, 0, NTORC_RAM_BYTES);
    void *memory = MAP_FAILED;
    if (failure == 0) {
        memory = mmap(NULL, NTORC_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        failure = memory == MAP_FAILED || rename(name, ram->path) != 0 ? errno : 0;
    }
    close(file);
    if (failure != 0) {
        snprintf(error, n, "cannot prepare %s: %s", ram->path, strerror(failure));
        if (memory != MAP_FAILED) {
            munmap(memory, NTORC_RAM_BYTES);
        }
        unlink(name);
        return -1;
    }
    ram->memory = memory;
    return 0;
}

void ntorc_ram_close(ntorc_ram *ram)
{
    unlink(ram->path);
    munmap(ram->memory, NTORC_RAM_BYTES);
}
