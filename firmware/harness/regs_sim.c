/* Registers of the virtual PL, through its shared memory. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailbox.h"
#include "regs_kind.h"
#include "waiting.h"

/* An access waits at most this long; a dead server is noticed within one slice. */
#define ACCESS_LIMIT_NS 5000000000u
#define SLICE_NS 20000000u
/* An access with its simulated cycles takes 1-20 us; beyond this, sleeping is cheaper. */
#define SPIN_NS 60000u

struct sim {
    ntorc_regs base;
    int file;
    struct ntorc_mailbox *mailbox;
    struct ntorc_mailbox_slot *slot;
    pthread_mutex_t lock;
    uint64_t time_ns; /* of a board whose time is simulated, behind the last access */
};

static bool answered(struct ntorc_mailbox_slot *slot)
{
    return atomic_load(&slot->response) == atomic_load(&slot->request);
}

/* Waits until the slot's newest request is answered. */
static int wait_for_answer(struct sim *sim)
{
    struct ntorc_mailbox_slot *slot = sim->slot;
    uint64_t start_ns = ntorc_now_ns();
    unsigned round = 0;

    while (!answered(slot)) {
        if (ntorc_spin(start_ns, SPIN_NS, &round)) {
            continue;
        }
        if (ntorc_now_ns() - start_ns >= ACCESS_LIMIT_NS) {
            return NTORC_REGS_TIMEOUT;
        }
        atomic_store(&slot->waiting, 1u);
        uint32_t seen = atomic_load(&slot->response);
        if (seen != atomic_load(&slot->request)) {
            ntorc_futex_wait(&slot->response, seen, SLICE_NS);
        }
        atomic_store(&slot->waiting, 0u);
        bool ended = atomic_load(&sim->mailbox->closed) != 0 ||
                     !ntorc_byte_is_locked(sim->file, NTORC_MAILBOX_SERVER_LOCK);
        if (ended && !answered(slot)) {
            return NTORC_REGS_GONE;
        }
    }
    return NTORC_REGS_OK;
}

static int transact(struct sim *sim, uint32_t op, uint32_t offset, uint32_t *value)
{
    struct ntorc_mailbox_slot *slot = sim->slot;

    if (atomic_load(&sim->mailbox->closed) != 0) {
        return NTORC_REGS_GONE;
    }
    /* An earlier request that timed out may still be in flight: its fields are the server's. */
    int result = wait_for_answer(sim);
    if (result != NTORC_REGS_OK) {
        return result;
    }
    slot->op = op;
    slot->offset = offset;
    slot->value = *value;
    atomic_fetch_add(&slot->request, 1u);
    atomic_fetch_add(&sim->mailbox->doorbell, 1u);
    if (atomic_load(&sim->mailbox->sleeping) != 0) {
        ntorc_futex_wake(&sim->mailbox->doorbell);
    }
    result = wait_for_answer(sim);
    if (result != NTORC_REGS_OK) {
        return result;
    }
    if (slot->status != NTORC_MAILBOX_OK) {
        return NTORC_REGS_BUS_ERROR;
    }
    sim->time_ns = slot->time_ns;
    *value = slot->answer;
    return NTORC_REGS_OK;
}

static int sim_read(ntorc_regs *regs, uint32_t offset, uint32_t *value)
{
    struct sim *sim = (struct sim *)regs;
    uint32_t answer = 0;
    pthread_mutex_lock(&sim->lock);
    int result = transact(sim, NTORC_MAILBOX_READ, offset, &answer);
    pthread_mutex_unlock(&sim->lock);
    if (result == NTORC_REGS_OK) {
        *value = answer;
    }
    return result;
}

static int sim_write(ntorc_regs *regs, uint32_t offset, uint32_t value)
{
    struct sim *sim = (struct sim *)regs;
    pthread_mutex_lock(&sim->lock);
    int result = transact(sim, NTORC_MAILBOX_WRITE, offset, &value);
    pthread_mutex_unlock(&sim->lock);
    return result;
}

static uint64_t sim_now_ns(ntorc_regs *regs)
{
    struct sim *sim = (struct sim *)regs;
    pthread_mutex_lock(&sim->lock);
    uint64_t time_ns = sim->time_ns;
    pthread_mutex_unlock(&sim->lock);
    return time_ns;
}

static int sim_sleep_until(ntorc_regs *regs, uint64_t when_ns)
{
    struct sim *sim = (struct sim *)regs;
    uint32_t high = (uint32_t)(when_ns >> 32);
    pthread_mutex_lock(&sim->lock);
    int result = transact(sim, NTORC_MAILBOX_SLEEP, (uint32_t)when_ns, &high);
    pthread_mutex_unlock(&sim->lock);
    return result;
}

static void sim_close(ntorc_regs *regs)
{
    struct sim *sim = (struct sim *)regs;
    if (sim->mailbox != NULL) {
        munmap(sim->mailbox, sizeof *sim->mailbox);
    }
    if (sim->file >= 0) {
        close(sim->file); /* gives the slot back: the lock was this description's */
    }
    pthread_mutex_destroy(&sim->lock);
    free(sim);
}

static bool map_mailbox(struct sim *sim, const char *path, char *error, size_t n)
{
    struct stat about;

    sim->file = open(path, O_RDWR | O_CLOEXEC);
    if (sim->file < 0 || fstat(sim->file, &about) != 0) {
        snprintf(error, n, "cannot open the virtual PL's memory %s: %s", path, strerror(errno));
        return false;
    }
    if (about.st_size < (off_t)sizeof(struct ntorc_mailbox)) {
        snprintf(error, n, "%s is not the memory of a virtual PL", path);
        return false;
    }
    void *memory = mmap(NULL, sizeof(struct ntorc_mailbox), PROT_READ | PROT_WRITE, MAP_SHARED, sim->file, 0);
    if (memory == MAP_FAILED) {
        snprintf(error, n, "cannot map %s: %s", path, strerror(errno));
        return false;
    }
    sim->mailbox = memory;
    if (sim->mailbox->magic != NTORC_MAILBOX_MAGIC || sim->mailbox->version != NTORC_MAILBOX_VERSION ||
        sim->mailbox->slots != NTORC_MAILBOX_SLOTS) {
        snprintf(error, n, "%s is not the memory of a virtual PL of this version", path);
        return false;
    }
    if (!ntorc_byte_is_locked(sim->file, NTORC_MAILBOX_SERVER_LOCK)) {
        snprintf(error, n, "no virtual PL is running behind %s", path);
        return false;
    }
    return true;
}

static bool claim_slot(struct sim *sim, const char *path, char *error, size_t n)
{
    for (unsigned i = 0; i < NTORC_MAILBOX_SLOTS; i++) {
        if (ntorc_byte_lock(sim->file, i)) {
            sim->slot = &sim->mailbox->slot[i];
            return true; /* what a dead owner left in flight is awaited by the first access */
        }
    }
    snprintf(error, n, "all %u clients' slots of the virtual PL %s are in use", NTORC_MAILBOX_SLOTS, path);
    return false;
}

ntorc_regs *ntorc_regs_open_sim(const char *rest, char *error, size_t n)
{
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        snprintf(error, n, "no memory");
        return NULL;
    }
    sim->base = (ntorc_regs){.read = sim_read, .write = sim_write, .close = sim_close};
    sim->file = -1;
    pthread_mutex_init(&sim->lock, NULL);
    if (!map_mailbox(sim, rest, error, n) || !claim_slot(sim, rest, error, n)) {
        sim_close(&sim->base);
        return NULL;
    }
    if (sim->mailbox->simulates_time != 0) {
        sim->base.now_ns = sim_now_ns;
        sim->base.sleep_until = sim_sleep_until;
    }
    return &sim->base;
}
