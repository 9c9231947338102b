/* spawn: a program as a child process, confined, with pipes to it.
 *
 * Internal to lib/process. The child has a session and a process group of its own (its id is the
 * child's), ends when the thread that started it does (PR_SET_PDEATHSIG), gains no privileges, keeps no
 * descriptor but 0, 1 and 2, has default signals, umask 077, and the limits.
 *
 * Between clone and exec the child shares our memory and we stand still (CLONE_VM, CLONE_VFORK): no copy
 * of a large process's page tables, nothing is allocated there, and what failed is simply written down
 * for us, where a forked child would need a pipe for it.
 */
#ifndef TROUPE_PROCESS_SPAWN_H
#define TROUPE_PROCESS_SPAWN_H

#include "base/attr.h"
#include "base/err.h"
#include "process/process.h"
#include <sys/types.h>

struct spawn_order {
    const char *program; /* absolute */
    char *const *argv;
    char *const *envp;
    int directory; /* where it starts: an open directory */
    int guard;     /* told of the group before exec; -1: none */
    bool input;    /* false: /dev/null */
    const struct process_limits *limits;
};

/* Ends of pipes that are ours do not block; input is -1 for /dev/null. */
struct spawned {
    pid_t pid;
    int pidfd;
    int input, output, errors;
};

/* -1 with err: nothing is left behind. ERR_INVALID: the program cannot be executed, now or later. */
MUSTCHECK int spawn(const struct spawn_order *order, struct spawned *child, struct err *err);

#endif
