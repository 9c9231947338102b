/* host: what all processes of one loop share. Internal to lib/process.
 *
 * A process is in one list: waiting (not begun), running (a child that is not reaped), or none. Its own
 * directory outlives it until it is swept: some entries per turn of the loop.
 */
#ifndef TROUPE_PROCESS_HOST_H
#define TROUPE_PROCESS_HOST_H

#include "process/guard.h"
#include "process/process.h"
#include <event2/event_struct.h>
#include <sys/types.h>

struct process_list {
    struct process *head, *tail;
    uint32_t count;
};

/* A directory that is to be removed. */
struct leftover {
    struct leftover *next;
    uint32_t tries;
    char path[];
};

struct process_host {
    struct event_base *base;
    struct programs *programs;
    char **directories; /* real paths */
    uint32_t directory_count;
    char *scratch; /* of ours, in which each process has one */
    uint64_t last_scratch;
    uint32_t max;
    int64_t grace_ms;
    struct process_limits limits;
    struct guard guard;
    struct process_list waiting, running;
    struct leftover *leftovers;
    struct event *sweep;
    struct event *next; /* begins what waits */
};

enum process_state { PROCESS_WAITING, PROCESS_RUNNING, PROCESS_ENDING, PROCESS_KILLED };

struct process {
    struct process_host *host;
    struct process *previous, *next_one;
    enum process_state state;
    struct process_order order; /* done NULL: nobody waits for it */
    int directory;              /* open; -1: its own */
    char *scratch;              /* path; NULL: none yet */
    pid_t pid;                  /* 0: not begun */
    int pidfd, input, output, errors;
    struct event on_exit, on_input, on_output, on_errors, timer;
    size_t written;
    struct buf collected;
    struct said said;
    enum process_end why; /* ENDING: TIMED_OUT or TOO_LARGE */
    char problem[sizeof(((struct err *)0)->message)];
};

void host_list_push(struct process_list *list, struct process *process);
void host_list_remove(struct process_list *list, struct process *process);
/* Begins what waits, as far as there is room, soon. */
void host_wake(struct process_host *host);
/* A guard that was killed is replaced. -1 with err. */
MUSTCHECK int host_guard(struct process_host *host, struct err *err);
/* A fresh directory; NULL with err. To be freed. */
MUSTCHECK char *host_scratch_make(struct process_host *host, struct err *err);
/* Takes the path. */
void host_scratch_drop(struct process_host *host, char *path);

/* --- process.c --- */

/* Makes a child of one that waits, or tells its end. */
void process_begin(struct process *process);
void process_signal(struct process *process, int number);
/* Reaps it if it has ended; false: it has not. */
bool process_reap(struct process *process);
/* Closes and frees all that it has. */
void process_free(struct process *process);

#endif
