#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "waiting.h"

/* How long the server looks for a next request before it sleeps: a client's think time. */
#define SPIN_NS 100000u

static bool serve_slot(ntorc_serving *serving, struct ntorc_mailbox_slot *slot)
{
    uint32_t request = atomic_load(&slot->request);
    if (request == atomic_load(&slot->response)) {
        return false;
    }
    uint32_t answer = 0;
    slot->status = ntorc_logic_access(serving->logic, slot->op, slot->offset, slot->value, &answer);
    slot->answer = answer;
    slot->time_ns = ntorc_logic_time_ns(serving->logic);
    atomic_store(&slot->response, request);
    if (atomic_load(&slot->waiting) != 0) {
        ntorc_futex_wake(&slot->response);
    }
    /* After the answer, so that the client goes on while the rest of the access time passes. */
    ntorc_logic_finish(serving->logic);
    return true;
}

static bool serve_all(ntorc_serving *serving)
{
    bool served = false;
    for (unsigned i = 0; i < NTORC_MAILBOX_SLOTS; i++) {
        served |= serve_slot(serving, &serving->mailbox->slot[i]);
    }
    return served;
}

static void *serve(void *argument)
{
    ntorc_serving *serving = argument;
    struct ntorc_mailbox *mailbox = serving->mailbox;

    while (atomic_load(&serving->stop) == 0) {
        uint32_t seen = atomic_load(&mailbox->doorbell);
        if (serve_all(serving)) {
            continue;
        }
        uint64_t start_ns = ntorc_now_ns();
        unsigned round = 0;
        while (atomic_load(&mailbox->doorbell) == seen && ntorc_spin(start_ns, SPIN_NS, &round)) {
        }
        if (atomic_load(&mailbox->doorbell) != seen) {
            continue;
        }
        atomic_store(&mailbox->sleeping, 1u);
        ntorc_futex_wait(&mailbox->doorbell, seen, 0);
        atomic_store(&mailbox->sleeping, 0u);
    }
    return NULL;
}

/* Whether another server holds the memory at this path. */
static bool in_use(const char *path)
{
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool locked = ntorc_byte_is_locked(file, NTORC_MAILBOX_SERVER_LOCK);
    close(file);
    return locked;
}

/* A new file under a temporary name, locked and filled, then renamed: clients never see half of
 * it, and clients of an earlier server keep the earlier file, whose lock nobody holds. */
static int make_memory(ntorc_serving *serving, char *error, size_t n)
{
    char name[4200];
    snprintf(name, sizeof name, "%s.new-XXXXXX", serving->path);
    serving->file = mkostemp(name, O_CLOEXEC);
    if (serving->file < 0) {
        snprintf(error, n, "cannot make %s: %s", serving->path, strerror(errno));
        return -1;
    }
    size_t length = sizeof *serving->mailbox;
    void *memory = MAP_FAILED;
    if (posix_fallocate(serving->file, 0, (off_t)length) == 0 &&
        ntorc_byte_lock(serving->file, NTORC_MAILBOX_SERVER_LOCK)) {
        memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, serving->file, 0);
    }
    if (memory != MAP_FAILED) {
        serving->mailbox = memory;
        serving->mailbox->magic = NTORC_MAILBOX_MAGIC;
        serving->mailbox->version = NTORC_MAILBOX_VERSION;
        serving->mailbox->slots = NTORC_MAILBOX_SLOTS;
        serving->mailbox->simulates_time = ntorc_logic_simulates_time(serving->logic);
        if (rename(name, serving->path) == 0) {
            return 0;
        }
        munmap(memory, length);
    }
    snprintf(error, n, "cannot prepare %s: %s", serving->path, strerror(errno));
    unlink(name);
    close(serving->file);
    return -1;
}

int ntorc_serving_start(ntorc_serving *serving, const char *path, ntorc_logic *logic, char *error, size_t n)
{
    *serving = (ntorc_serving){.path = path, .file = -1, .logic = logic};
    if (in_use(path)) {
        snprintf(error, n, "another virtual PL already serves %s", path);
        return -1;
    }
    if (make_memory(serving, error, n) != 0) {
        return -1;
    }
    int failure = pthread_create(&serving->thread, NULL, serve, serving);
    if (failure != 0) {
        snprintf(error, n, "cannot start the serving thread: %s", strerror(failure));
        unlink(path);
        munmap(serving->mailbox, sizeof *serving->mailbox);
        close(serving->file);
        return -1;
    }
    return 0;
}

void ntorc_serving_stop(ntorc_serving *serving)
{
    struct ntorc_mailbox *mailbox = serving->mailbox;

    atomic_store(&serving->stop, 1u);
    atomic_fetch_add(&mailbox->doorbell, 1u);
    ntorc_futex_wake(&mailbox->doorbell);
    pthread_join(serving->thread, NULL);
    unlink(serving->path);
    atomic_store(&mailbox->closed, 1u);
    for (unsigned i = 0; i < NTORC_MAILBOX_SLOTS; i++) {
        ntorc_futex_wake(&mailbox->slot[i].response);
    }
    munmap(mailbox, sizeof *mailbox);
    close(serving->file);
}
