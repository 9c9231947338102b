/* process: one child, from its order to its result. */
#include "process/host.h"
#include "process/place.h"
#include "process/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 64 << 10,
    CHUNKS_PER_TURN = 4,
    LAST_CHUNKS =
        16, /* a pipe holds a MiB at most: what an escaped descendant adds does not count */
};

/* --- ending --- */

static void drop_pipe(struct event *event, int *fd)
{
    if (*fd < 0)
        return;
    (void)event_del(event);
    (void)close(*fd);
    *fd = -1;
}

void process_signal(struct process *process, int number)
{
    if (process->pid <= 0)
        return;
    if (number == SIGKILL)
        process->state = PROCESS_KILLED;
    /* Its number is its own until it is reaped. */
    (void)kill(-process->pid, number);
    (void)kill(-process->pid, SIGCONT);
}

static void set_timer(struct process *process, int64_t ms)
{
    const struct timeval after = {ms / 1000, (suseconds_t)(ms % 1000 * 1000)};
    /* Without memory for a timer there is no grace. */
    if (evtimer_add(&process->timer, &after) != 0)
        process_signal(process, SIGKILL);
}

/* Its pipes are closed: nothing of it counts any more, and it should not wait for us. */
static void end(struct process *process, enum process_end why)
{
    if (process->state != PROCESS_RUNNING)
        return;
    process->state = PROCESS_ENDING;
    process->why = why;
    drop_pipe(&process->on_input, &process->input);
    drop_pipe(&process->on_output, &process->output);
    process_signal(process, SIGTERM);
    set_timer(process, process->host->grace_ms);
}

void process_free(struct process *process)
{
    drop_pipe(&process->on_input, &process->input);
    drop_pipe(&process->on_output, &process->output);
    drop_pipe(&process->on_errors, &process->errors);
    drop_pipe(&process->on_exit, &process->pidfd);
    (void)evtimer_del(&process->timer);
    if (process->directory >= 0)
        (void)close(process->directory);
    if (process->scratch)
        host_scratch_drop(process->host, process->scratch);
    buf_free(&process->collected);
    said_free(&process->said);
    free(process);
}

/* Takes it from its list; its result is told before it is freed. */
static void conclude(struct process *process, struct process_list *list, enum process_end how,
                     int code, bool retriable)
{
    struct process_result result = {.end = how,
                                    .code = code,
                                    .began = process->pid > 0,
                                    .retriable = retriable,
                                    .message = process->problem,
                                    .output = process->collected,
                                    .errors = &process->said};
    struct process_host *host = process->host;
    const struct process_order order = process->order;
    host_list_remove(list, process);
    buf_init(&process->collected, 0);
    /* What is done next may look for what it left behind. */
    if (process->scratch)
        host_scratch_drop(host, process->scratch);
    process->scratch = NULL;
    if (order.done)
        order.done(order.context, &result);
    buf_free(&result.output);
    process_free(process);
    host_wake(host);
}

/* --- its pipes --- */

static said_line_fn *line_of(const struct process *process)
{
    return process->order.done ? process->order.line : NULL;
}

static void take(struct process *process, bool errors, struct slice bytes)
{
    if (errors) {
        said_add(&process->said, bytes, line_of(process), process->order.context);
        return;
    }
    buf_slice_append(&process->collected, bytes);
    if (!buf_ok(&process->collected))
        end(process, PROCESS_TOO_LARGE);
}

static void read_some(struct process *process, bool errors, int chunks)
{
    int *fd = errors ? &process->errors : &process->output;
    char chunk[CHUNK_BYTES];
    for (int i = 0; i < chunks && *fd >= 0; i++) {
        const ssize_t got = read(*fd, chunk, sizeof(chunk));
        if (got > 0)
            take(process, errors, slice_of(chunk, (size_t)got));
        else if (got < 0 && errno == EAGAIN)
            return;
        else if (got == 0 || errno != EINTR)
            drop_pipe(errors ? &process->on_errors : &process->on_output, fd);
    }
}

static void on_output(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    read_some(context, false, CHUNKS_PER_TURN);
}

static void on_errors(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    read_some(context, true, CHUNKS_PER_TURN);
}

/* A program that does not read all of its input may be right. */
static void on_input(evutil_socket_t fd, short what, void *context)
{
    struct process *process = context;
    const struct slice input = process->order.input;
    (void)fd;
    (void)what;
    while (process->written < input.len) {
        const ssize_t put =
            write(process->input, input.ptr + process->written, input.len - process->written);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (put < 0)
            break;
        process->written += (size_t)put;
    }
    drop_pipe(&process->on_input, &process->input);
}

/* --- its end --- */

/* The group is killed while its number is still taken by the leader, and forgotten before it is free. */
bool process_reap(struct process *process)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 &&
        errno == EINTR)
        return false;
    if (info.si_pid == 0)
        return false;
    (void)kill(-process->pid, SIGKILL);
    guard_forget(process->host->guard.socket, process->pid);
    while (waitid(P_PID, (id_t)process->pid, &info, WEXITED) != 0 && errno == EINTR)
        ;
    return true;
}

static void on_exit_of(evutil_socket_t fd, short what, void *context)
{
    struct process *process = context;
    siginfo_t info = {.si_pid = 0};
    (void)fd;
    (void)what;
    if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0 || !process_reap(process))
        return;
    const bool ended_by_us = process->state != PROCESS_RUNNING;
    read_some(process, false, LAST_CHUNKS);
    read_some(process, true, LAST_CHUNKS);
    said_end(&process->said, line_of(process), process->order.context);
    enum process_end how = info.si_code == CLD_EXITED ? PROCESS_EXITED : PROCESS_SIGNALLED;
    if (ended_by_us || process->state != PROCESS_RUNNING) /* the last bytes were too many */
        how = process->why;
    conclude(process, &process->host->running, how, info.si_status, true);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct process *process = context;
    (void)fd;
    (void)what;
    if (process->state == PROCESS_WAITING) {
        (void)snprintf(process->problem, sizeof(process->problem),
                       "it waited for its turn all the time");
        conclude(process, &process->host->waiting, PROCESS_TIMED_OUT, 0, true);
    } else if (process->state == PROCESS_RUNNING) {
        end(process, PROCESS_TIMED_OUT);
    } else {
        process_signal(process, SIGKILL);
        set_timer(process, process->host->grace_ms);
        on_exit_of(-1, 0, process); /* frees it, perhaps */
    }
}

/* --- beginning --- */

static int make_child(struct process *process, struct spawned *child, struct err *err)
{
    struct process_host *host = process->host;
    if (host_guard(host, err) != 0)
        return -1;
    process->scratch = host_scratch_make(host, err);
    if (!process->scratch)
        return -1;
    const int own =
        process->directory >= 0 ? -1 : open(process->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process->directory < 0 && own < 0)
        return err_set(err, ERR_IO, "cannot open %.150s: %s", process->scratch, strerror(errno));
    char **environment = place_environment(process->scratch, process->order.environment,
                                           process->order.environment_count);
    union {
        const char *const *given;
        char *const *taken; /* execve's, which does not write to them either */
    } argv = {.given = process->order.argv};
    const struct spawn_order order = {.program = process->order.program,
                                      .argv = argv.taken,
                                      .envp = environment,
                                      .directory = own >= 0 ? own : process->directory,
                                      .guard = host->guard.socket,
                                      .input = process->order.input.ptr != NULL,
                                      .limits = &host->limits};
    const int rc = environment ? spawn(&order, child, err)
                               : err_set(err, ERR_LIMIT, "no memory for the environment");
    free(environment);
    if (own >= 0)
        (void)close(own);
    return rc;
}

/* The loop had no memory to watch it: it cannot stay. */
static void refuse(struct process *process)
{
    (void)snprintf(process->problem, sizeof(process->problem), "no memory to watch it");
    process->why = PROCESS_NOT_STARTED;
    process_signal(process, SIGKILL);
    set_timer(process, 1);
}

static void attach(struct process *process, const struct spawned *child)
{
    struct event_base *base = process->host->base;
    process->pid = child->pid;
    process->pidfd = child->pidfd;
    process->input = child->input;
    process->output = child->output;
    process->errors = child->errors;
    const struct {
        struct event *event;
        int fd;
        short what;
        event_callback_fn callback;
    } wanted[] = {{&process->on_exit, child->pidfd, EV_READ | EV_PERSIST, on_exit_of},
                  {&process->on_output, child->output, EV_READ | EV_PERSIST, on_output},
                  {&process->on_errors, child->errors, EV_READ | EV_PERSIST, on_errors},
                  {&process->on_input, child->input, EV_WRITE | EV_PERSIST, on_input}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (wanted[i].fd < 0)
            continue;
        (void)event_assign(wanted[i].event, base, wanted[i].fd, wanted[i].what, wanted[i].callback,
                           process);
        if (event_add(wanted[i].event, NULL) != 0)
            refuse(process);
    }
}

void process_begin(struct process *process)
{
    struct err err = ERR_INIT;
    struct spawned child = {.pid = 0};
    if (make_child(process, &child, &err) != 0) {
        (void)snprintf(process->problem, sizeof(process->problem), "%s", err.message);
        conclude(process, &process->host->waiting, PROCESS_NOT_STARTED, 0, err.code != ERR_INVALID);
        return;
    }
    host_list_remove(&process->host->waiting, process);
    host_list_push(&process->host->running, process);
    process->state = PROCESS_RUNNING;
    attach(process, &child);
}

struct process *process_start(struct process_host *host, const struct process_order *order,
                              struct err *err)
{
    const int directory = order->directory ? place_open(host->directories, host->directory_count,
                                                        order->directory, err)
                                           : -1;
    if (order->directory && directory < 0)
        return NULL;
    struct process *process = calloc(1, sizeof(*process));
    if (!process) {
        if (directory >= 0)
            (void)close(directory);
        (void)err_set(err, ERR_LIMIT, "no memory for a process");
        return NULL;
    }
    *process = (struct process){.host = host,
                                .order = *order,
                                .directory = directory,
                                .pidfd = -1,
                                .input = -1,
                                .output = -1,
                                .errors = -1};
    buf_init(&process->collected, order->max_output_bytes);
    said_init(&process->said);
    (void)evtimer_assign(&process->timer, host->base, on_timer, process);
    if (order->timeout_ms > 0)
        set_timer(process, order->timeout_ms);
    host_list_push(&host->waiting, process);
    host_wake(host);
    return process;
}

bool process_cancel(struct process *process)
{
    const bool began = process->pid > 0;
    process->order.done = NULL;
    process->order.input = SLICE("");
    if (!began) {
        host_list_remove(&process->host->waiting, process);
        process_free(process);
        return false;
    }
    end(process, PROCESS_TIMED_OUT);
    return true;
}
