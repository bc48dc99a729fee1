#include "unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int ntorc_unix_connect(const char *path, int type, char *error, size_t n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(error, n, "a socket's path has at most %zu bytes, not %zu", sizeof address.sun_path - 1,
                 strlen(path));
        return -1;
    }
    strcpy(address.sun_path, path);
    int file = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (file < 0 || connect(file, (const struct sockaddr *)&address, sizeof address) != 0) {
        snprintf(error, n, "cannot connect to the socket %s: %s", path, strerror(errno));
        if (file >= 0) {
            close(file);
        }
        return -1;
    }
    return file;
}
