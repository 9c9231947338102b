#include "process/host.h"
#include "process/scratch.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PER_PROCESSOR = 4,
    SWEEP_ENTRIES = 500, /* per turn of the loop */
    SWEEP_TRIES =
        1000, /* a directory that cannot be removed is left to who looks after the machine */
    SWEEP_PAUSE_US = 5000,
    LAST_WAIT_MS = 1000, /* for those that were killed, when the host is freed */
};

/* --- lists --- */

void host_list_push(struct process_list *list, struct process *process)
{
    process->previous = list->tail;
    process->next_one = NULL;
    if (list->tail)
        list->tail->next_one = process;
    else
        list->head = process;
    list->tail = process;
    list->count++;
}

void host_list_remove(struct process_list *list, struct process *process)
{
    if (process->previous)
        process->previous->next_one = process->next_one;
    else
        list->head = process->next_one;
    if (process->next_one)
        process->next_one->previous = process->previous;
    else
        list->tail = process->previous;
    list->count--;
}

static void on_next(evutil_socket_t fd, short what, void *context)
{
    struct process_host *host = context;
    (void)fd;
    (void)what;
    if (!host->waiting.head || host->running.count >= host->max)
        return;
    process_begin(host->waiting.head);
    host_wake(host); /* one a turn: a fork takes its time */
}

void host_wake(struct process_host *host)
{
    static const struct timeval now = {0, 0};
    if (host->waiting.head && host->running.count < host->max)
        (void)event_add(host->next, &now);
}

/* Without one nothing is begun: nobody would end it after us. */
int host_guard(struct process_host *host, struct err *err)
{
    if (guard_lives(&host->guard))
        return 0;
    guard_stop(&host->guard);
    if (guard_start(&host->guard, host->max, host->scratch, err) != 0)
        return -1;
    for (const struct process *p = host->running.head; p; p = p->next_one) {
        if (!guard_watch(host->guard.socket, p->pid))
            return err_set(err, ERR_IO, "the guard of exec nodes ended: %s", strerror(errno));
    }
    return 0;
}

/* --- directories --- */

char *host_scratch_make(struct process_host *host, struct err *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%llu", host->scratch,
                   (unsigned long long)++host->last_scratch);
    if (mkdir(path, 0700) != 0) {
        (void)err_set(err, ERR_IO, "cannot make a directory: %.150s: %s", path, strerror(errno));
        return NULL;
    }
    char *copy = strdup(path);
    if (!copy) {
        (void)rmdir(path);
        (void)err_set(err, ERR_LIMIT, "no memory for a directory");
    }
    return copy;
}

static void sweep_later(struct process_host *host)
{
    static const struct timeval pause = {0, SWEEP_PAUSE_US};
    if (host->leftovers)
        (void)event_add(host->sweep, &pause);
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    struct process_host *host = context;
    struct leftover *leftover = host->leftovers;
    (void)fd;
    (void)what;
    if (scratch_remove(leftover->path, SWEEP_ENTRIES) || ++leftover->tries >= SWEEP_TRIES) {
        host->leftovers = leftover->next;
        free(leftover);
    }
    sweep_later(host);
}

/* Most are gone with the first call. What there is no memory for goes when the host does. */
void host_scratch_drop(struct process_host *host, char *path)
{
    const size_t bytes = strlen(path) + 1;
    struct leftover *leftover =
        scratch_remove(path, SWEEP_ENTRIES) ? NULL : malloc(sizeof(*leftover) + bytes);
    if (leftover) {
        *leftover = (struct leftover){.next = host->leftovers};
        memcpy(leftover->path, path, bytes);
        host->leftovers = leftover;
        sweep_later(host);
    }
    free(path);
}

static int make_scratch(struct process_host *host, const char *where, struct err *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    if (!where)
        where = getenv("TMPDIR");
    if (!where || !*where)
        where = "/tmp";
    if (!realpath(where, real) || strlen(real) > PATH_MAX - 64)
        return err_set(err, ERR_USAGE, "exec-dir: %.200s: %s", where, strerror(errno));
    (void)snprintf(path, sizeof(path), "%.*s/troupe-exec-XXXXXX", PATH_MAX - 64, real);
    if (!mkdtemp(path))
        return err_set(err, ERR_USAGE, "exec-dir: %.200s: %s", where, strerror(errno));
    host->scratch = strdup(path);
    if (host->scratch)
        return 0;
    (void)rmdir(path);
    return err_set(err, ERR_LIMIT, "no memory for exec nodes");
}

static int resolve_directories(struct process_host *host, const struct process_settings *settings,
                               struct err *err)
{
    char real[PATH_MAX];
    struct stat about;
    if (settings->directory_count == 0)
        return 0;
    host->directories = calloc(settings->directory_count, sizeof(char *));
    for (uint32_t i = 0; host->directories && i < settings->directory_count; i++) {
        const char *path = settings->directories[i];
        if (path[0] != '/')
            return err_set(err, ERR_USAGE, "exec-cwd: '%.200s' must be an absolute path", path);
        if (!realpath(path, real) || stat(real, &about) != 0)
            return err_set(err, ERR_USAGE, "exec-cwd: %.200s: %s", path, strerror(errno));
        if (!S_ISDIR(about.st_mode))
            return err_set(err, ERR_USAGE, "exec-cwd: %.200s is no directory", path);
        host->directories[i] = strdup(real);
        if (!host->directories[i])
            break;
        host->directory_count = i + 1;
    }
    return host->directory_count == settings->directory_count
               ? 0
               : err_set(err, ERR_LIMIT, "no memory for exec nodes");
}

/* --- life --- */

static int make_host(struct process_host *host, const struct process_settings *settings,
                     struct err *err)
{
    host->programs = programs_new(settings->allow, settings->allow_count, err);
    if (!host->programs || resolve_directories(host, settings, err) != 0)
        return -1;
    host->sweep = evtimer_new(host->base, on_sweep, host);
    host->next = evtimer_new(host->base, on_next, host);
    if (!host->sweep || !host->next)
        return err_set(err, ERR_LIMIT, "no memory for exec nodes");
    if (make_scratch(host, settings->scratch, err) != 0)
        return -1;
    return guard_start(&host->guard, host->max, host->scratch, err);
}

struct process_host *process_host_new(struct event_base *base,
                                      const struct process_settings *settings, struct err *err)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct process_host *host = calloc(1, sizeof(*host));
    if (!host) {
        (void)err_set(err, ERR_LIMIT, "no memory for exec nodes");
        return NULL;
    }
    *host = (struct process_host){
        .base = base,
        .max = settings->max ? settings->max
                             : PER_PROCESSOR * (uint32_t)(processors > 0 ? processors : 1),
        .grace_ms = settings->grace_ms > 0 ? settings->grace_ms : PROCESS_GRACE_MS,
        .limits = settings->limits,
        .guard = GUARD_NONE};
    if (make_host(host, settings, err) != 0) {
        process_host_free(host);
        return NULL;
    }
    return host;
}

/* Those that were killed end at once, unless the kernel holds them. */
static void end_all(struct process_host *host)
{
    while (host->waiting.head) {
        struct process *process = host->waiting.head;
        host_list_remove(&host->waiting, process);
        process_free(process);
    }
    for (struct process *p = host->running.head; p; p = p->next_one)
        process_signal(p, SIGKILL);
    for (int ms = 0; host->running.head;) {
        struct process *process = host->running.head;
        if (!process_reap(process) && ms++ < LAST_WAIT_MS) {
            (void)poll(NULL, 0, 1);
            continue;
        }
        host_list_remove(&host->running, process);
        process_free(process);
    }
}

void process_host_free(struct process_host *host)
{
    if (!host)
        return;
    end_all(host);
    while (host->leftovers) {
        struct leftover *leftover = host->leftovers;
        host->leftovers = leftover->next;
        free(leftover);
    }
    if (host->scratch && host->guard.pid <= 0)
        (void)scratch_remove(host->scratch, SCRATCH_ALL);
    guard_stop(&host->guard); /* removes it too, with what is left in it */
    if (host->sweep)
        event_free(host->sweep);
    if (host->next)
        event_free(host->next);
    for (uint32_t i = 0; i < host->directory_count; i++)
        free(host->directories[i]);
    free(host->directories);
    free(host->scratch);
    programs_free(host->programs);
    free(host);
}

void process_host_hurry(struct process_host *host)
{
    for (struct process *p = host->running.head; p; p = p->next_one) {
        if (!p->order.done)
            process_signal(p, SIGKILL);
    }
}

uint32_t process_host_running(const struct process_host *host) { return host->running.count; }

const char *process_host_program(const struct process_host *host, struct slice name)
{
    return programs_find(host->programs, name);
}
