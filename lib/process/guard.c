#include "process/guard.h"
#include "process/scratch.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SWEEPS = 100, SWEEP_MS = 20 }; /* until those that were killed are gone */

struct message {
    int32_t group;
    int32_t watch; /* 0: forget */
};

/* --- the guard itself --- */

static void note(pid_t *groups, uint32_t most, const struct message *message)
{
    const pid_t wanted = message->watch ? 0 : message->group;
    for (uint32_t i = 0; i < most; i++) {
        if (groups[i] == wanted) {
            groups[i] = message->watch ? message->group : 0;
            return;
        }
    }
}

static void listen_until_end(int socket, pid_t *groups, uint32_t most)
{
    struct message message;
    for (;;) {
        const ssize_t got = recv(socket, &message, sizeof(message), 0);
        if (got == (ssize_t)sizeof(message) && message.group > 1)
            note(groups, most, &message);
        else if (got == 0 || (got < 0 && errno != EINTR))
            return;
    }
}

static void become_guard(int socket, pid_t *groups, uint32_t most, const char *directory)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
    (void)setsid(); /* a terminal's signals are for the worker */
    (void)prctl(PR_SET_NAME, "troupe-guard");
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    if (dup2(socket, STDIN_FILENO) < 0 || chdir("/") != 0)
        return;
    (void)close_range(STDIN_FILENO + 1, ~0u, 0);
    listen_until_end(STDIN_FILENO, groups, most);
    for (uint32_t i = 0; i < most; i++) {
        if (groups[i] > 1)
            (void)kill(-groups[i], SIGKILL);
    }
    for (int i = 0; i < SWEEPS && !scratch_remove(directory, SCRATCH_ALL); i++)
        (void)poll(NULL, 0, SWEEP_MS);
}

/* --- the side of the one it guards --- */

int guard_start(struct guard *guard, uint32_t most, const char *directory, struct err *err)
{
    int pair[2];
    *guard = GUARD_NONE;
    pid_t *groups = calloc(most, sizeof(*groups));
    if (!groups)
        return err_set(err, ERR_LIMIT, "no memory for the guard of exec nodes");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        free(groups);
        return err_set(err, ERR_IO, "cannot make a socket for the guard: %s", strerror(errno));
    }
    const pid_t pid = fork();
    if (pid == 0) {
        become_guard(pair[1], groups, most, directory);
        _exit(0);
    }
    const int why = errno;
    free(groups);
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return err_set(err, ERR_IO, "cannot start the guard of exec nodes: %s", strerror(why));
    }
    *guard = (struct guard){.pid = pid, .socket = pair[0]};
    return 0;
}

bool guard_lives(const struct guard *guard)
{
    struct pollfd poll_fd = {.fd = guard->socket}; /* its end closed is told unasked */
    return guard->pid > 0 && poll(&poll_fd, 1, 0) == 0;
}

void guard_stop(struct guard *guard)
{
    if (guard->pid <= 0)
        return;
    (void)close(guard->socket);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *guard = GUARD_NONE;
}

__attribute__((no_sanitize("address"))) bool guard_watch(int socket, pid_t group)
{
    const struct message message = {.group = group, .watch = 1};
    return send(socket, &message, sizeof(message), MSG_NOSIGNAL) == (ssize_t)sizeof(message);
}

/* When it is not there any more, there is nobody who would remember. */
void guard_forget(int socket, pid_t group)
{
    const struct message message = {.group = group, .watch = 0};
    ssize_t sent;
    do
        sent = send(socket, &message, sizeof(message), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
}
