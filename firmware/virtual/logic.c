#include "logic.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailbox.h"
#include "ntorc_registers.h"
#include "pl_abi.h"

/* The longest stretch of simulation between two looks at whether anything moves. */
#define QUIET_CYCLES 2000u

/* A loaded virtual bitstream: its library, its one instance, and the functions of pl_abi.h. */
struct bitstream {
    void *library;
    void *instance;
    uint32_t (*abi)(void);
    void *(*create)(void);
    void (*destroy)(void *);
    void (*reset)(void *);
    void (*step)(void *, uint64_t);
    int (*read)(void *, uint32_t, uint32_t *);
    int (*write)(void *, uint32_t, uint32_t);
    uint64_t (*cycles)(const void *);
    void (*memory)(void *, uint8_t *, uint64_t, uint64_t); /* NULL: it has no masters */
};

struct ntorc_logic {
    pthread_mutex_t lock;
    _Atomic uint32_t wanted; /* threads that want the lock for something else than an access */
    uint64_t access_cycles;
    char *scratch;
    uint8_t *memory;
    uint64_t memory_base, memory_bytes;
    struct bitstream bitstream; /* .instance is NULL while nothing is programmed */
    struct ntorc_logic_info info;
    uint64_t access_end; /* cycle at which the access in progress is over */
    bool simulates_time;
    struct ntorc_board_time time;
    uint32_t cycles_hi; /* where time is simulated: what CYCLES_HI reads */
};

ntorc_logic *ntorc_logic_new(const char *scratch, uint64_t access_cycles)
{
    ntorc_logic *logic = calloc(1, sizeof *logic);
    if (logic == NULL) {
        return NULL;
    }
    logic->scratch = strdup(scratch);
    if (logic->scratch == NULL) {
        free(logic);
        return NULL;
    }
    pthread_mutex_init(&logic->lock, NULL);
    logic->access_cycles = access_cycles;
    return logic;
}

void ntorc_logic_memory(ntorc_logic *logic, uint8_t *memory, uint64_t base, uint64_t bytes)
{
    logic->memory = memory;
    logic->memory_base = base;
    logic->memory_bytes = bytes;
}

void ntorc_logic_simulate_time(ntorc_logic *logic, const struct ntorc_board_time *time)
{
    logic->time = *time;
    logic->simulates_time = true;
}

uint32_t ntorc_logic_simulates_time(const ntorc_logic *logic)
{
    return logic->simulates_time;
}

/* A mutex is not fair: a client that polls would keep the control commands out. */
static void take(ntorc_logic *logic)
{
    atomic_fetch_add(&logic->wanted, 1u);
    pthread_mutex_lock(&logic->lock);
    atomic_fetch_sub(&logic->wanted, 1u);
}

static void unload(struct bitstream *bitstream)
{
    if (bitstream->instance != NULL) {
        bitstream->destroy(bitstream->instance);
    }
    if (bitstream->library != NULL) {
        dlclose(bitstream->library);
    }
    memset(bitstream, 0, sizeof *bitstream);
}

void ntorc_logic_free(ntorc_logic *logic)
{
    if (logic != NULL) {
        unload(&logic->bitstream);
        pthread_mutex_destroy(&logic->lock);
        free(logic->scratch);
        free(logic);
    }
}

static int copy_file(int from, int to)
{
    for (;;) {
        ssize_t sent = sendfile(to, from, NULL, 1u << 30);
        if (sent == 0) {
            return 0;
        }
        if (sent < 0 && errno != EINTR) {
            return -1;
        }
    }
}

/* Copies a file to a new name, because the dynamic loader gives the old library again for a path
 * that it knows, and because the original may be replaced while its pages are in use. */
static int private_copy(const char *path, char *copy, char *error, size_t n)
{
    struct stat about;
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0 || fstat(from, &about) != 0 || !S_ISREG(about.st_mode)) {
        snprintf(error, n, "cannot read %s: %s", path, from < 0 ? strerror(errno) : "not a file");
        if (from >= 0) {
            close(from);
        }
        return -1;
    }
    int to = mkstemp(copy);
    if (to < 0) {
        snprintf(error, n, "cannot make %s: %s", copy, strerror(errno));
        close(from);
        return -1;
    }
    int result = copy_file(from, to);
    if (result != 0) {
        snprintf(error, n, "cannot copy %s: %s", path, strerror(errno));
        unlink(copy);
    }
    close(from);
    close(to);
    return result;
}

static int resolve(struct bitstream *bitstream, char *error, size_t n)
{
    const struct {
        const char *name;
        void *function; /* the address of the function pointer to set */
    } wanted[] = {
        {"ntorc_pl_abi", &bitstream->abi},         {"ntorc_pl_create", &bitstream->create},
        {"ntorc_pl_destroy", &bitstream->destroy}, {"ntorc_pl_reset", &bitstream->reset},
        {"ntorc_pl_step", &bitstream->step},       {"ntorc_pl_read", &bitstream->read},
        {"ntorc_pl_write", &bitstream->write},     {"ntorc_pl_cycles", &bitstream->cycles},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        void *symbol = dlsym(bitstream->library, wanted[i].name);
        if (symbol == NULL) {
            snprintf(error, n, "not a virtual bitstream: it has no %s", wanted[i].name);
            return -1;
        }
        memcpy(wanted[i].function, &symbol, sizeof symbol); /* POSIX's way from object to function */
    }
    void *memory = dlsym(bitstream->library, "ntorc_pl_memory");
    memcpy(&bitstream->memory, &memory, sizeof memory);
    return 0;
}

static int load(const ntorc_logic *logic, const char *path, struct bitstream *bitstream, char *error, size_t n)
{
    char copy[4200];
    snprintf(copy, sizeof copy, "%s.logic-XXXXXX", logic->scratch);
    if (private_copy(path, copy, error, n) != 0) {
        return -1;
    }
    bitstream->library = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
    unlink(copy); /* the mapping keeps it as long as it is needed */
    if (bitstream->library == NULL) {
        const char *reason = dlerror();
        snprintf(error, n, "cannot load %s: %s", path, reason != NULL ? reason : "unknown reason");
        return -1;
    }
    if (resolve(bitstream, error, n) != 0) {
        return -1;
    }
    uint32_t version = bitstream->abi();
    if (version != NTORC_PL_ABI_VERSION) {
        snprintf(error, n, "%s has ABI version %u, this virtual PL has %u", path, version, NTORC_PL_ABI_VERSION);
        return -1;
    }
    bitstream->instance = bitstream->create();
    if (bitstream->instance == NULL) {
        snprintf(error, n, "%s could not be instantiated", path);
        return -1;
    }
    if (bitstream->memory != NULL && logic->memory != NULL) {
        bitstream->memory(bitstream->instance, logic->memory, logic->memory_base, logic->memory_bytes);
    }
    bitstream->reset(bitstream->instance);
    return 0;
}

static void replace(ntorc_logic *logic, const struct bitstream *next, const char *path)
{
    take(logic);
    struct bitstream previous = logic->bitstream;
    if (previous.instance != NULL) {
        ntorc_board_time_restart(&logic->time, previous.cycles(previous.instance));
    }
    logic->bitstream = *next;
    memset(&logic->info, 0, sizeof logic->info);
    snprintf(logic->info.path, sizeof logic->info.path, "%s", path);
    pthread_mutex_unlock(&logic->lock);
    unload(&previous);
}

int ntorc_logic_program(ntorc_logic *logic, const char *path, char *error, size_t n)
{
    struct bitstream next = {0};
    if (strlen(path) >= sizeof logic->info.path) {
        snprintf(error, n, "the path is too long");
        return -1;
    }
    if (load(logic, path, &next, error, n) != 0) {
        unload(&next);
        return -1;
    }
    replace(logic, &next, path);
    return 0;
}

void ntorc_logic_unprogram(ntorc_logic *logic)
{
    const struct bitstream nothing = {0};
    replace(logic, &nothing, "");
}

void ntorc_logic_info(ntorc_logic *logic, struct ntorc_logic_info *info)
{
    take(logic);
    *info = logic->info;
    const struct bitstream *bitstream = &logic->bitstream;
    info->cycles = bitstream->instance != NULL ? bitstream->cycles(bitstream->instance) : 0;
    pthread_mutex_unlock(&logic->lock);
}

void ntorc_logic_clock(ntorc_logic *logic, uint64_t clock_hz)
{
    take(logic);
    const struct bitstream *bitstream = &logic->bitstream;
    uint64_t cycles = bitstream->instance != NULL ? bitstream->cycles(bitstream->instance) : 0;
    ntorc_board_time_clock(&logic->time, cycles, clock_hz);
    pthread_mutex_unlock(&logic->lock);
}

uint64_t ntorc_logic_time_ns(const ntorc_logic *logic)
{
    const struct bitstream *bitstream = &logic->bitstream;
    if (!logic->simulates_time || bitstream->instance == NULL) {
        return 0;
    }
    return ntorc_board_time_ns(&logic->time, bitstream->cycles(bitstream->instance));
}

/* What is left of the access in progress. */
static void pass_access(ntorc_logic *logic)
{
    const struct bitstream *bitstream = &logic->bitstream;
    if (bitstream->instance != NULL) {
        uint64_t now = bitstream->cycles(bitstream->instance);
        if (now < logic->access_end) {
            bitstream->step(bitstream->instance, logic->access_end - now);
        }
    }
}

/* Whether nothing moves in the logic until the next access, so that its cycles need no simulation. */
static bool is_quiet(const struct bitstream *bitstream)
{
    uint32_t status = 0, features = 0;
    return bitstream->read(bitstream->instance, NTORC_REG_FEATURES, &features) == 0 &&
           (features & NTORC_FEATURES_STREAMING) == 0 &&
           bitstream->read(bitstream->instance, NTORC_REG_STATUS, &status) == 0 && (status & NTORC_STATUS_BUSY) == 0;
}

/* Lets the logic work until the sleeper wakes up; what it would only wait is passed over. */
static void pass_sleep(ntorc_logic *logic, uint64_t when_ns)
{
    const struct bitstream *bitstream = &logic->bitstream;
    uint64_t wake_ns = ntorc_board_time_wake_ns(&logic->time, bitstream->cycles(bitstream->instance), when_ns);
    for (;;) {
        uint64_t cycles = bitstream->cycles(bitstream->instance);
        uint64_t left = ntorc_board_time_cycles_until(&logic->time, cycles, wake_ns);
        if (left == 0) {
            return;
        }
        if (left > QUIET_CYCLES && is_quiet(bitstream)) {
            ntorc_board_time_pass_over(&logic->time, bitstream->cycles(bitstream->instance), wake_ns);
            return;
        }
        bitstream->step(bitstream->instance, left < QUIET_CYCLES ? left : QUIET_CYCLES);
    }
}

/* A read where time is simulated: the cycle counter counts also what was passed over. */
static int read_in_time(ntorc_logic *logic, uint32_t offset, uint32_t *answer)
{
    const struct bitstream *bitstream = &logic->bitstream;
    uint32_t high = 0;
    int result = bitstream->read(bitstream->instance, offset, answer);
    if (result == 0 && offset == NTORC_REG_CYCLES_LO) {
        result = bitstream->read(bitstream->instance, NTORC_REG_CYCLES_HI, &high);
        uint64_t cycles = ((uint64_t)high << 32 | *answer) + (uint64_t)logic->time.passed_over;
        *answer = (uint32_t)cycles;
        logic->cycles_hi = (uint32_t)(cycles >> 32);
    } else if (offset == NTORC_REG_CYCLES_HI) {
        *answer = logic->cycles_hi;
    }
    return result;
}

uint32_t ntorc_logic_access(ntorc_logic *logic, uint32_t op, uint32_t offset, uint32_t value, uint32_t *answer)
{
    while (atomic_load(&logic->wanted) != 0) {
        sched_yield();
    }
    pthread_mutex_lock(&logic->lock);
    const struct bitstream *bitstream = &logic->bitstream;
    *answer = 0;
    if (bitstream->instance == NULL) {
        return NTORC_MAILBOX_BUS_ERROR;
    }
    logic->info.accesses++;
    logic->access_end = bitstream->cycles(bitstream->instance) + logic->access_cycles;
    int result;
    switch (op) {
    case NTORC_MAILBOX_READ:
        result = logic->simulates_time ? read_in_time(logic, offset, answer)
                                       : bitstream->read(bitstream->instance, offset, answer);
        break;
    case NTORC_MAILBOX_WRITE:
        result = bitstream->write(bitstream->instance, offset, value);
        break;
    case NTORC_MAILBOX_SLEEP:
        if (!logic->simulates_time) {
            return NTORC_MAILBOX_BAD_REQUEST;
        }
        logic->access_end = 0;
        pass_sleep(logic, (uint64_t)value << 32 | offset);
        return NTORC_MAILBOX_OK;
    default:
        return NTORC_MAILBOX_BAD_REQUEST;
    }
    if (logic->simulates_time) {
        pass_access(logic); /* its reader goes on when it is over */
    }
    return result == 0 ? NTORC_MAILBOX_OK : NTORC_MAILBOX_BUS_ERROR;
}

void ntorc_logic_finish(ntorc_logic *logic)
{
    pass_access(logic);
    pthread_mutex_unlock(&logic->lock);
}
