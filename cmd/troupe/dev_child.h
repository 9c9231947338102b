/* dev_child: a program that `troupe dev` started.
 *
 *   (none) --child_start--> running --reaped--> ended --child_start--> running ...
 *
 * Servers get a process group of their own, so that Ctrl-C in the terminal reaches only `troupe dev`,
 * which then ends them in good order. All children die with their parent, even when that is killed:
 * they ask the kernel for a signal at its death, after having changed user (which would cancel the
 * wish), and then look whether it is still there.
 */
#ifndef TROUPE_DEV_CHILD_H
#define TROUPE_DEV_CHILD_H

#include "base/attr.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct account {
    uid_t uid;
    gid_t gid;
};

struct child {
    const char *name;             /* "redis", "worker-1" */
    pid_t pid;                    /* 0: not running */
    int status;                   /* of waitpid, once it ended */
    int64_t started_us, ended_us; /* monotonic; ended_us 0: runs, or never did */
    uint32_t failures;            /* short lives in a row, for the back-off */
    char log_path[4096];
};

struct child_spec {
    const char *program; /* path, or a name to be found in PATH */
    char *const *argv;
    const char *directory;         /* to run in, or NULL */
    const struct account *account; /* to run as, or NULL */
    const char *const *environment; /* name, value (NULL: removed), name, value, …, NULL; or NULL */
    int death_signal;               /* when we die */
    bool foreground;                /* our process group and our stdin, stdout, stderr */
};

/* Starts it; stdout and stderr go to the end of child->log_path. ERR_IO when it cannot be executed
 * (*exec_errno, if not NULL, says why). */
MUSTCHECK int child_start(struct child *child, const struct child_spec *spec, int *exec_errno,
                          struct err *err);
/* True when it has ended since; fills status. */
bool child_reap(struct child *child);
static inline bool child_runs(const struct child *child) { return child->pid > 0; }
/* Nothing when it does not run. */
void child_signal(const struct child *child, int number);
/* "exit status 1", "signal 9". */
void child_fate(const struct child *child, char *text, size_t size);
/* The last lines of its log to stderr, indented. */
void child_write_log_tail(const struct child *child);

#endif
