#include "jq/child.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 10000, REAP_MS = 1000, EXEC_FAILED = 127 };

/* --- starting --- */

/* Its signals are as for any new program, but a terminal's do not reach it. */
static int default_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        return -1;
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, so only what may be called between fork and exec. Returns on failure, with errno. */
static void become_helper(const char *helper, char *const *argv, int socket, pid_t parent)
{
    char *const environment[] = {NULL};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return;
    if (getppid() != parent) /* it died before we asked */
        _exit(EXEC_FAILED);
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0 || dup2(socket, STDIN_FILENO) < 0 || dup2(socket, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0)
        return;
    /* Ours are all closed by exec; those of a library may not be. */
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) != 0 && errno != ENOSYS &&
        errno != EINVAL)
        return;
    if (setpgid(0, 0) != 0 || default_signals() != 0)
        return;
    (void)execve(helper, argv, environment);
}

/* exec's failure comes as a reply like any other. */
static NORETURN void run_in_child(const char *helper, char *const *argv, int socket, pid_t parent)
{
    become_helper(helper, argv, socket, parent);
    const struct jq_reply reply = {.status = JQ_REPLY_BROKEN, .number = (uint64_t)errno};
    const ssize_t put = write(socket, &reply, sizeof(reply));
    _exit(put == (ssize_t)sizeof(reply) ? EXEC_FAILED : EXEC_FAILED - 1);
}

/* socketpair's ends must not become 0, 1 or 2: dup2 would close them. */
static int move_up(int *fd)
{
    if (*fd > STDERR_FILENO)
        return 0;
    const int higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0)
        return -1;
    (void)close(*fd);
    *fd = higher;
    return 0;
}

static int make_sockets(int pair[2], struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set(err, ERR_IO, "cannot make a socket for troupe-jq: %s", strerror(errno));
    if (move_up(&pair[0]) == 0 && move_up(&pair[1]) == 0 &&
        fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    (void)err_set(err, ERR_IO, "cannot make a socket for troupe-jq: %s", strerror(errno));
    (void)close(pair[0]);
    (void)close(pair[1]);
    return -1;
}

static int await_ready(struct jq_child *child, const char *helper, struct err *err)
{
    struct jq_reply reply;
    struct buf text;
    buf_init(&text, 1024);
    const struct jq_until until = {clock_mono_us(&clock_system) + (int64_t)START_MS * 1000,
                                   INT64_MAX};
    const enum jq_talk talk = jq_child_receive(child, &reply, &text, &until);
    int rc = -1;
    if (talk == JQ_TALK_LATE)
        (void)err_set(err, ERR_TIMEOUT, "%s is not ready after %d s", helper, START_MS / 1000);
    else if (talk != JQ_TALK_OK)
        (void)err_set(err, ERR_IO, "%s ended before it was ready", helper);
    else if (reply.status == JQ_REPLY_BROKEN && reply.number != 0)
        (void)err_set(err, ERR_IO, "cannot start %s: %s", helper, strerror((int)reply.number));
    else if (reply.status == JQ_REPLY_BROKEN)
        (void)err_set(err, ERR_IO, "%s cannot confine itself: %.*s", helper,
                      SLICE_ARG(buf_slice(&text)));
    else if (reply.status != JQ_REPLY_READY || reply.number != JQ_WIRE_VERSION)
        (void)err_set(err, ERR_IO, "%s is of another version than this program", helper);
    else
        rc = 0;
    buf_free(&text);
    if (rc != 0)
        (void)jq_child_end(child);
    return rc;
}

int jq_child_start(struct jq_child *child, const char *helper, size_t memory_bytes, struct err *err)
{
    char memory[24], name[] = "troupe-jq";
    int pair[2];
    char *const argv[] = {name, memory, NULL};
    *child = JQ_CHILD_NONE;
    (void)snprintf(memory, sizeof(memory), "%zu", memory_bytes);
    if (make_sockets(pair, err) != 0)
        return -1;
    const pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        run_in_child(helper, argv, pair[1], parent);
    const int why = errno;
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return err_set(err, ERR_IO, "cannot start %s: %s", helper, strerror(why));
    }
    *child = (struct jq_child){.pid = pid, .socket = pair[0]};
    return await_ready(child, helper, err);
}

/* --- ending --- */

bool jq_child_lives(const struct jq_child *child)
{
    /* It says nothing unasked, so whatever there is to read is its end. */
    struct pollfd poll_fd = {.fd = child->socket, .events = POLLIN};
    return child->pid > 0 && poll(&poll_fd, 1, 0) == 0;
}

static int reap(struct jq_child *child)
{
    int status = -1;
    pid_t got;
    do
        got = waitpid(child->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    (void)close(child->socket);
    *child = JQ_CHILD_NONE;
    return got > 0 ? status : -1;
}

int jq_child_end(struct jq_child *child)
{
    if (child->pid <= 0)
        return -1;
    (void)kill(child->pid, SIGKILL);
    return reap(child);
}

/* Its socket is closed while it ends, before anybody can wait for it. One that closed its socket and
 * goes on is ended. */
int jq_child_reap(struct jq_child *child)
{
    const int64_t until_us = clock_mono_us(&clock_system) + (int64_t)REAP_MS * 1000;
    siginfo_t info = {.si_pid = 0};
    while (child->pid > 0 && clock_mono_us(&clock_system) < until_us) {
        if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            info.si_pid != 0)
            break;
        (void)poll(NULL, 0, 1);
    }
    return jq_child_end(child);
}

/* --- talking --- */

int64_t jq_child_cpu_us(const struct jq_child *child)
{
    clockid_t clock;
    struct timespec used;
    if (child->pid <= 0 || clock_getcpuclockid(child->pid, &clock) != 0 ||
        clock_gettime(clock, &used) != 0)
        return -1;
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

/* Processor time does not pass faster than time does: the child has one thread. */
static int64_t cpu_left_us(const struct jq_child *child, const struct jq_until *until)
{
    if (until->cpu_us == INT64_MAX)
        return INT64_MAX;
    const int64_t used_us = jq_child_cpu_us(child);
    return used_us < 0 ? INT64_MAX : until->cpu_us - used_us;
}

static enum jq_talk await(const struct jq_child *child, short events, const struct jq_until *until)
{
    for (;;) {
        const int64_t left_us = until->deadline_us - clock_mono_us(&clock_system);
        if (left_us <= 0)
            return JQ_TALK_LATE;
        const int64_t cpu_us = cpu_left_us(child, until);
        if (cpu_us <= 0)
            return JQ_TALK_SPENT;
        const int64_t wait_us = cpu_us < left_us ? cpu_us : left_us;
        struct pollfd poll_fd = {.fd = child->socket, .events = events};
        const int got = poll(&poll_fd, 1, (int)((wait_us + 999) / 1000));
        if (got > 0)
            return JQ_TALK_OK;
        if (got < 0 && errno != EINTR)
            return JQ_TALK_BROKEN;
    }
}

enum jq_talk jq_child_send(const struct jq_child *child, const void *bytes, size_t count,
                           const struct jq_until *until)
{
    const char *at = bytes;
    while (count > 0) {
        const ssize_t put = send(child->socket, at, count, MSG_NOSIGNAL);
        if (put >= 0) {
            at += put;
            count -= (size_t)put;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return JQ_TALK_GONE;
        } else if (errno == EAGAIN) {
            const enum jq_talk talk = await(child, POLLOUT, until);
            if (talk != JQ_TALK_OK)
                return talk;
        } else if (errno != EINTR) {
            return JQ_TALK_BROKEN;
        }
    }
    return JQ_TALK_OK;
}

static enum jq_talk receive(const struct jq_child *child, void *bytes, size_t count,
                            const struct jq_until *until)
{
    char *at = bytes;
    while (count > 0) {
        const ssize_t got = recv(child->socket, at, count, 0);
        if (got > 0) {
            at += got;
            count -= (size_t)got;
        } else if (got == 0 || errno == ECONNRESET) {
            return JQ_TALK_GONE;
        } else if (errno == EAGAIN) {
            const enum jq_talk talk = await(child, POLLIN, until);
            if (talk != JQ_TALK_OK)
                return talk;
        } else if (errno != EINTR) {
            return JQ_TALK_BROKEN;
        }
    }
    return JQ_TALK_OK;
}

enum jq_talk jq_child_receive(const struct jq_child *child, struct jq_reply *reply,
                              struct buf *text, const struct jq_until *until)
{
    buf_reset(text);
    const enum jq_talk talk = receive(child, reply, sizeof(*reply), until);
    if (talk != JQ_TALK_OK || reply->bytes == 0)
        return talk;
    if (!buf_reserve(text, reply->bytes))
        return JQ_TALK_BROKEN;
    text->len = reply->bytes;
    text->data[text->len] = '\0';
    return receive(child, text->data, reply->bytes, until);
}
