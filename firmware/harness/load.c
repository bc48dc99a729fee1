#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_THREADS 68
#define MAX_CPU_THREADS 64
#define COPY_BYTES (16u << 20) /* twice: more than the caches of a board */
#define FILE_BYTES (1u << 20)
#define FILE_ROUNDS 64 /* after which it is written from its start */
#define STACK_BYTES 65536

struct ntorc_load {
    _Atomic bool stop;
    int threads;
    pthread_t thread[MAX_THREADS];
    unsigned char *memory; /* 2 * COPY_BYTES */
    unsigned char *block;  /* FILE_BYTES */
    int file, socket;
    _Atomic uint64_t work; /* so that no compiler removes what is done */
};

static const struct {
    const char *name;
    unsigned kind;
} names[] = {{"cpu", NTORC_LOAD_CPU}, {"mem", NTORC_LOAD_MEM}, {"io", NTORC_LOAD_IO}, {"net", NTORC_LOAD_NET}};

int ntorc_load_parse(const char *text)
{
    unsigned kinds = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        unsigned found = 0;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (strlen(names[i].name) == length && strncmp(text, names[i].name, length) == 0) {
                found = names[i].kind;
            }
        }
        if (found == 0) {
            return -1;
        }
        kinds |= found;
        text += length;
        if (*text == ',' && *++text == '\0') {
            return -1; /* a comma with nothing behind it */
        }
    }
    return kinds != 0 ? (int)kinds : -1;
}

static bool going(struct ntorc_load *load)
{
    return !atomic_load_explicit(&load->stop, memory_order_relaxed);
}

static void *compute(void *argument)
{
    struct ntorc_load *load = argument;
    uint64_t state = 88172645463325252u;
    while (going(load)) {
        for (int i = 0; i < 100000; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        atomic_fetch_add_explicit(&load->work, state & 1u, memory_order_relaxed);
    }
    return NULL;
}

static void *copy(void *argument)
{
    struct ntorc_load *load = argument;
    while (going(load)) {
        memcpy(load->memory, load->memory + COPY_BYTES, COPY_BYTES);
        atomic_fetch_add_explicit(&load->work, load->memory[1], memory_order_relaxed);
        memcpy(load->memory + COPY_BYTES, load->memory, COPY_BYTES);
    }
    return NULL;
}

static void *store(void *argument)
{
    struct ntorc_load *load = argument;
    for (unsigned round = 0; going(load); round++) {
        off_t place = (off_t)(round % FILE_ROUNDS) * (off_t)FILE_BYTES;
        if (pwrite(load->file, load->block, FILE_BYTES, place) < 0 && errno == ENOSPC) {
            (void)ftruncate(load->file, 0);
        }
        (void)fsync(load->file);
    }
    return NULL;
}

static void *talk(void *argument)
{
    struct ntorc_load *load = argument;
    unsigned char message[1400] = {0}, answer[sizeof message];
    while (going(load)) {
        (void)send(load->socket, message, sizeof message, MSG_DONTWAIT);
        (void)recv(load->socket, answer, sizeof answer, 0); /* SO_RCVTIMEO bounds it */
    }
    return NULL;
}

static bool begin(struct ntorc_load *load, void *(*work)(void *))
{
    pthread_attr_t small;
    sigset_t all, previous;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    bool started = load->threads < MAX_THREADS &&
                   pthread_create(&load->thread[load->threads], &small, work, load) == 0;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&small);
    load->threads += started;
    return started;
}

static bool begin_compute(struct ntorc_load *load)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    bool good = true;
    for (long i = 0; i < processors && i < MAX_CPU_THREADS && good; i++) {
        good = begin(load, compute);
    }
    return good;
}

static bool begin_copy(struct ntorc_load *load)
{
    load->memory = malloc(2u * COPY_BYTES);
    if (load->memory == NULL) {
        return false;
    }
    memset(load->memory, 1, 2u * COPY_BYTES);
    return begin(load, copy);
}

static bool begin_store(struct ntorc_load *load, const char *beside)
{
    char name[4200];
    int length = snprintf(name, sizeof name, "%s.load-XXXXXX", beside);
    load->block = malloc(FILE_BYTES);
    load->file = length > 0 && (size_t)length < sizeof name ? mkostemp(name, O_CLOEXEC) : -1;
    if (load->block == NULL || load->file < 0) {
        return false;
    }
    unlink(name);
    memset(load->block, 1, FILE_BYTES);
    return begin(load, store);
}

/* A datagram socket that is connected to itself. */
static bool begin_talk(struct ntorc_load *load)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct timeval limit = {.tv_usec = 100000};

    load->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return load->socket >= 0 && bind(load->socket, (const struct sockaddr *)&address, sizeof address) == 0 &&
           getsockname(load->socket, (struct sockaddr *)&address, &length) == 0 &&
           connect(load->socket, (const struct sockaddr *)&address, length) == 0 &&
           setsockopt(load->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 && begin(load, talk);
}

struct ntorc_load *ntorc_load_start(unsigned kinds, const char *beside, char *error, size_t n)
{
    struct ntorc_load *load = calloc(1, sizeof *load);
    if (load == NULL) {
        snprintf(error, n, "no memory");
        return NULL;
    }
    load->file = load->socket = -1;
    errno = EAGAIN;
    if (((kinds & NTORC_LOAD_CPU) != 0 && !begin_compute(load)) || ((kinds & NTORC_LOAD_MEM) != 0 && !begin_copy(load)) ||
        ((kinds & NTORC_LOAD_IO) != 0 && !begin_store(load, beside)) ||
        ((kinds & NTORC_LOAD_NET) != 0 && !begin_talk(load))) {
        snprintf(error, n, "the load cannot be started: %s", strerror(errno));
        ntorc_load_stop(load);
        return NULL;
    }
    return load;
}

void ntorc_load_stop(struct ntorc_load *load)
{
    if (load == NULL) {
        return;
    }
    atomic_store(&load->stop, true);
    for (int i = 0; i < load->threads; i++) {
        pthread_join(load->thread[i], NULL);
    }
    if (load->file >= 0) {
        close(load->file);
    }
    if (load->socket >= 0) {
        close(load->socket);
    }
    free(load->memory);
    free(load->block);
    free(load);
}
