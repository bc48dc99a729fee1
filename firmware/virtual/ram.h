/* The board's memory, as far as the logic's masters and `allocate` share it: a file beside the mailboxes'. */
#ifndef NTORC_RAM_H
#define NTORC_RAM_H

#include <stddef.h>
#include <stdint.h>

#define NTORC_RAM_BASE 0x10000000u       /* physical address of the file's first byte */
#define NTORC_RAM_BYTES (16u << 20)
#define NTORC_RAM_SUFFIX ".ram"          /* of the file's name, after the mailboxes' */

typedef struct {
    char path[4160];
    uint8_t *memory; /* NTORC_RAM_BYTES */
} ntorc_ram;

/* Makes the memory, zeroed, beside the mailboxes at `mailbox_path`.  0, or -1 with the reason in `error`. */
int ntorc_ram_open(ntorc_ram *ram, const char *mailbox_path, char *error, size_t n);

/* Unmaps and removes it. */
void ntorc_ram_close(ntorc_ram *ram);

#endif
