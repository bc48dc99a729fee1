/* The shared memory between the virtual PL and the clients of its registers.
 *
 * A file is mapped by the server and by every client.  Each client owns one slot and has at most
 * one request in flight in it: it writes op, offset and value, then increments `request`; the
 * server answers with value and status, then sets `response` to that number.
 *
 * Ownership and liveness are open-file-description locks on single bytes of the file, which the
 * kernel drops when their holder ends, however it ends: byte i is held by the owner of slot i,
 * byte NTORC_MAILBOX_SERVER_LOCK by the server.  So a dead client's slot is free at once, a
 * process number that was used again deceives nobody, and a client can tell a dead server from
 * a slow one.
 *
 * Sleeping is by futex on `doorbell` (server) and `response` (client).  A sleeper first sets its
 * flag, then looks again, then sleeps; a waker first publishes, then looks at the flag.  Both
 * sides use sequentially consistent operations there, so that one of them sees the other.
 */
#ifndef NTORC_MAILBOX_H
#define NTORC_MAILBOX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define NTORC_MAILBOX_MAGIC 0x4C50544Eu /* "NTPL" */
#define NTORC_MAILBOX_VERSION 2u
#define NTORC_MAILBOX_SLOTS 16u
#define NTORC_MAILBOX_SERVER_LOCK NTORC_MAILBOX_SLOTS

/* SLEEP: until the board's time is offset + 2^32 * value nanoseconds; only where it is simulated. */
enum ntorc_mailbox_op { NTORC_MAILBOX_READ = 1, NTORC_MAILBOX_WRITE = 2, NTORC_MAILBOX_SLEEP = 3 };

enum ntorc_mailbox_status {
    NTORC_MAILBOX_OK = 0,
    NTORC_MAILBOX_BUS_ERROR = 1,      /* the logic did not answer, or nothing is programmed */
    NTORC_MAILBOX_BAD_REQUEST = 2,    /* an operation that does not exist */
};

/* A line of its own for what each side writes, so that they do not steal it from each other. */
struct ntorc_mailbox_slot {
    _Alignas(64) _Atomic uint32_t request; /* client: number of the newest request */
    uint32_t op;
    uint32_t offset;
    uint32_t value;
    _Atomic uint32_t waiting;               /* client: asleep on `response` */
    _Alignas(64) _Atomic uint32_t response; /* server: number of the newest answer; futex */
    uint32_t answer;
    uint32_t status;
    uint64_t time_ns; /* of the board behind this access, where its time is simulated */
};

struct ntorc_mailbox {
    uint32_t magic;
    uint32_t version;
    uint32_t slots;
    uint32_t simulates_time; /* the board's time is the server's, not the system's */
    _Alignas(64) _Atomic uint32_t doorbell; /* clients: incremented after each request; futex */
    _Alignas(64) _Atomic uint32_t sleeping; /* server: asleep on `doorbell` */
    _Atomic uint32_t closed;                /* server: it has ended in good order */
    struct ntorc_mailbox_slot slot[NTORC_MAILBOX_SLOTS];
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "atomics in shared memory must be lock-free");
_Static_assert(offsetof(struct ntorc_mailbox, slot) == 192, "layout shared between programs");
_Static_assert(sizeof(struct ntorc_mailbox_slot) == 128, "layout shared between programs");

#endif
