/* process: programs as child processes on the event loop.
 *
 *   process_start ─> waiting ─> running ──it ends──> reaped ─> done(result)
 *                       ^          │ deadline, too much output           ^
 *                       └─ max are └──> ending: SIGTERM to its group, ───┘
 *                          running      SIGKILL after the grace
 *
 * A program is run by its real path (programs.h), never through a shell, with a session and a process
 * group of its own, a directory of its own that is removed afterwards, the limits, and no privileges to
 * gain (spawn.h). What is left of its group when it has ended is killed: nothing goes on behind its
 * result. (What leaves the group on purpose, by setsid, does go on.)
 *
 * Its input is written as it reads; its output is kept up to max_output_bytes: with more it is ended; of
 * what it says on stderr the beginning and the end are kept, and lines are handed on as they come.
 *
 * One thread. Callbacks run on the loop, never inside process_start; there others may be started and
 * cancelled, but the host not be freed. A guard (guard.h) ends what is left when we are killed.
 */
#ifndef TROUPE_PROCESS_PROCESS_H
#define TROUPE_PROCESS_PROCESS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "process/programs.h"
#include "process/said.h"
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process_host;
struct process;

/* Of each process, as setrlimit(2) has them; 0: no limit of ours. */
struct process_limits {
    int64_t cpu_s;
    uint64_t memory_bytes; /* address space */
    uint64_t file_bytes;   /* largest file that it may write */
    uint32_t files;        /* open at once */
    uint32_t processes;    /* of the user in all, threads too; root is not held to it */
};

/* Texts are copied. */
struct process_settings {
    const char *const *allow; /* programs; see programs.h */
    uint32_t allow_count;
    const char *const *directories; /* where they may work instead; what is below counts too */
    uint32_t directory_count;
    const char *scratch; /* where their own directories are made; NULL: TMPDIR, or /tmp */
    uint32_t max;        /* running at once; 0: four for each processor */
    int64_t grace_ms;    /* between SIGTERM and SIGKILL; 0: PROCESS_GRACE_MS */
    struct process_limits limits;
};

enum { PROCESS_GRACE_MS = 800 };

/* ERR_USAGE: a setting is wrong, and the message names it. Forks: before there are threads. */
MUSTCHECK struct process_host *
process_host_new(struct event_base *base, const struct process_settings *settings, struct err *err);
/* Kills and reaps what is left; done is not called. NULL is fine. */
void process_host_free(struct process_host *host);
/* What was cancelled has had its grace: SIGKILL. */
void process_host_hurry(struct process_host *host);
/* Children that are not reaped yet, cancelled ones too. */
uint32_t process_host_running(const struct process_host *host);
/* The real path of a program that is allowed, or NULL. */
const char *process_host_program(const struct process_host *host, struct slice name);

struct process_pair {
    struct slice name, value; /* the name without '=', neither with NUL */
};

enum process_end {
    PROCESS_EXITED,     /* code: its exit code */
    PROCESS_SIGNALLED,  /* code: the signal, not of ours */
    PROCESS_TIMED_OUT,  /* ended by us at the deadline, or never begun until then */
    PROCESS_TOO_LARGE,  /* ended by us: max_output_bytes */
    PROCESS_NOT_STARTED /* message; retriable */
};

/* Borrowed for the callback; who wants the output takes it: copies the buf and zeroes this one. */
struct process_result {
    enum process_end end;
    int code;
    bool began; /* it was started: it may have had effects */
    bool retriable;
    const char *message;
    struct buf output;
    const struct said *errors;
};

/* All of it must stay where it is until done or process_cancel. */
struct process_order {
    const char *program;                    /* of process_host_program */
    const char *const *argv;                /* ends with NULL */
    const struct process_pair *environment; /* besides PATH, HOME, LANG, TMPDIR, which it may set */
    size_t environment_count;
    const char *directory; /* NULL: its own */
    struct slice input;    /* ptr NULL: /dev/null */
    size_t max_output_bytes;
    int64_t timeout_ms; /* from process_start on; 0: none */
    void (*done)(void *context, struct process_result *result);
    said_line_fn *line; /* of stderr; NULL: nobody wants them */
    void *context;
};

/* NULL with err: ERR_REFUSED: the directory is not allowed; ERR_LIMIT: no memory. */
MUSTCHECK struct process *process_start(struct process_host *host,
                                        const struct process_order *order, struct err *err);
/* Nobody waits for it any more: done is not called, and it is ended as at its deadline. True when it had
 * begun. */
bool process_cancel(struct process *process);

#endif
