#include "control.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS 16
#define LINE_BYTES 4608 /* a command and a path of PATH_MAX */

struct connection {
    int file; /* -1: free */
    size_t used;
    char line[LINE_BYTES];
};

uint64_t ntorc_parse_clock(const char *text)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= NTORC_CLOCK_MIN_HZ) || value > NTORC_CLOCK_MAX_HZ) {
        return 0;
    }
    return (uint64_t)llround(value);
}

static bool fill_address(const char *path, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) {
        return false;
    }
    strcpy(address->sun_path, path);
    return true;
}

/* Removes a socket that a dead server left; anything else stays where it is. */
static void remove_stale(const char *path, const struct sockaddr_un *address)
{
    struct stat about;
    if (lstat(path, &about) != 0 || !S_ISSOCK(about.st_mode)) {
        return;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return;
    }
    if (connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED) {
        unlink(path);
    }
    close(probe);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (isatty(STDIN_FILENO)) {
        sigaddset(&set, SIGINT);
    } else {
        /* Ctrl-C reaches the whole group; the parent ends us by closing our standard input. */
        signal(SIGINT, SIG_IGN);
    }
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int ntorc_control_open(ntorc_control *control, const char *path, ntorc_logic *logic, uint64_t clock_hz,
                       char *error, size_t n)
{
    struct sockaddr_un address;

    *control = (ntorc_control){.path = path, .listener = -1, .logic = logic, .clock_hz = clock_hz};
    if (!fill_address(path, &address)) {
        snprintf(error, n, "the socket's path has %zu bytes, %zu are possible: use a shorter one", strlen(path),
                 sizeof address.sun_path - 1);
        return -1;
    }
    control->signals = open_signals();
    remove_stale(path, &address);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (control->signals < 0 || control->listener < 0) {
        snprintf(error, n, "cannot make the control socket: %s", strerror(errno));
        return -1;
    }
    mode_t previous = umask(0077); /* only this user may program the logic */
    int bound = bind(control->listener, (const struct sockaddr *)&address, sizeof address);
    umask(previous);
    if (bound != 0 || listen(control->listener, SOMAXCONN) != 0) {
        snprintf(error, n, "cannot listen on %s: %s", path, strerror(errno));
        close(control->listener);
        return -1;
    }
    return 0;
}

void ntorc_control_close(ntorc_control *control)
{
    unlink(control->path);
    close(control->listener);
    close(control->signals);
}

static void answer_info(ntorc_control *control, char *answer, size_t n)
{
    struct ntorc_logic_info info;
    ntorc_logic_info(control->logic, &info);
    snprintf(answer, n, "ok clock_hz=%llu cycles=%llu accesses=%llu programmed=%s",
             (unsigned long long)control->clock_hz, (unsigned long long)info.cycles,
             (unsigned long long)info.accesses, info.path);
}

/* Carries out one command.  False when it was the last. */
static bool command(ntorc_control *control, const char *line, char *answer, size_t n)
{
    char reason[LINE_BYTES] = "";

    snprintf(answer, n, "ok");
    if (strncmp(line, "program ", 8) == 0) {
        if (ntorc_logic_program(control->logic, line + 8, reason, sizeof reason) != 0) {
            snprintf(answer, n, "error %s", reason);
        }
    } else if (strcmp(line, "unprogram") == 0) {
        ntorc_logic_unprogram(control->logic);
    } else if (strncmp(line, "clock ", 6) == 0) {
        uint64_t clock_hz = ntorc_parse_clock(line + 6);
        if (clock_hz == 0) {
            snprintf(answer, n, "error '%s' is not a clock from %u to %u Hz", line + 6, NTORC_CLOCK_MIN_HZ,
                     NTORC_CLOCK_MAX_HZ);
        } else {
            control->clock_hz = clock_hz;
            ntorc_logic_clock(control->logic, clock_hz);
            snprintf(answer, n, "ok %llu", (unsigned long long)clock_hz);
        }
    } else if (strcmp(line, "clock?") == 0) {
        snprintf(answer, n, "ok %llu", (unsigned long long)control->clock_hz);
    } else if (strcmp(line, "info") == 0) {
        answer_info(control, answer, n);
    } else if (strcmp(line, "quit") != 0) {
        snprintf(answer, n, "error unknown command; there are program PATH, unprogram, clock HZ, clock?, info, quit");
    } else {
        return false;
    }
    return true;
}

static bool send_line(int file, char *answer)
{
    /* A reason may quote what the client sent, or come from the loader in several lines. */
    for (char *c = answer; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\r') {
            *c = ' ';
        }
    }
    size_t length = strlen(answer);
    answer[length++] = '\n';
    for (size_t sent = 0; sent < length;) {
        ssize_t part = send(file, answer + sent, length - sent, MSG_NOSIGNAL);
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return false; /* gone, or does not read: SO_SNDTIMEO bounds the wait */
        }
        sent += (size_t)part;
    }
    return true;
}

static void drop(struct connection *connection)
{
    close(connection->file);
    connection->file = -1;
    connection->used = 0;
}

static void accept_connection(ntorc_control *control, struct connection *connections)
{
    int file = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
    if (file < 0) {
        return;
    }
    struct timeval limit = {.tv_sec = 1};
    (void)setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    for (int i = 0; i < CONNECTIONS; i++) {
        if (connections[i].file < 0) {
            connections[i].file = file;
            connections[i].used = 0;
            return;
        }
    }
    char full[] = "error too many connections\0"; /* room for the line's end */
    (void)send_line(file, full);
    close(file);
}

/* Reads what has come and carries out the whole lines in it.  False when the server is to end. */
static bool serve_connection(ntorc_control *control, struct connection *connection)
{
    char answer[2 * LINE_BYTES];
    ssize_t count = recv(connection->file, connection->line + connection->used,
                         sizeof connection->line - connection->used, MSG_DONTWAIT);
    if (count <= 0) {
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            drop(connection);
        }
        return true;
    }
    connection->used += (size_t)count;
    char *end;
    while ((end = memchr(connection->line, '\n', connection->used)) != NULL) {
        *end = '\0';
        bool more = command(control, connection->line, answer, sizeof answer - 1);
        size_t consumed = (size_t)(end - connection->line) + 1;
        connection->used -= consumed;
        memmove(connection->line, end + 1, connection->used);
        bool delivered = send_line(connection->file, answer);
        if (!more) {
            return false;
        }
        if (!delivered) {
            drop(connection);
            return true;
        }
    }
    if (connection->used == sizeof connection->line) {
        snprintf(answer, sizeof answer - 1, "error a command has at most %d bytes", LINE_BYTES - 1);
        (void)send_line(connection->file, answer);
        drop(connection);
    }
    return true;
}

/* Whether the parent has closed our standard input; what it writes there is ignored. */
static bool input_ended(short events)
{
    char ignored[256];
    if ((events & (POLLIN | POLLHUP | POLLERR)) == 0) {
        return (events & POLLNVAL) != 0;
    }
    ssize_t count = read(STDIN_FILENO, ignored, sizeof ignored);
    return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN);
}

void ntorc_control_run(ntorc_control *control)
{
    static struct connection connections[CONNECTIONS];
    struct pollfd polled[3 + CONNECTIONS] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = control->signals, .events = POLLIN},
        {.fd = control->listener, .events = POLLIN},
    };
    bool running = true;

    for (int i = 0; i < CONNECTIONS; i++) {
        connections[i].file = -1;
    }
    while (running) {
        for (int i = 0; i < CONNECTIONS; i++) {
            polled[3 + i] = (struct pollfd){.fd = connections[i].file, .events = POLLIN};
        }
        if (poll(polled, 3 + CONNECTIONS, -1) < 0) {
            running = errno == EINTR;
            continue;
        }
        running = !input_ended(polled[0].revents) && polled[1].revents == 0;
        for (int i = 0; running && i < CONNECTIONS; i++) {
            if (polled[3 + i].fd >= 0 && polled[3 + i].revents != 0) {
                running = serve_connection(control, &connections[i]);
            }
        }
        if (running && polled[2].revents != 0) {
            accept_connection(control, connections);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        if (connections[i].file >= 0) {
            drop(&connections[i]);
        }
    }
}
