/* Connecting to a Unix socket on which somebody listens. */
#ifndef NTORC_UNIX_SOCKET_H
#define NTORC_UNIX_SOCKET_H

#include <stddef.h>

/* A connected socket of this type (SOCK_STREAM, SOCK_SEQPACKET), or -1 with the reason in `error`. */
int ntorc_unix_connect(const char *path, int type, char *error, size_t n);

#endif
