/* guard: a process that outlives ours for a moment, to end what we started.
 *
 * When a worker is killed with -9 the kernel ends its children (PR_SET_PDEATHSIG), but not theirs. The
 * guard knows the process groups; when our end of its socket closes, by whatever we died of, it kills
 * them and removes their directory.
 *
 *   child, before exec ──watch──┐
 *   we, before reaping ─forget──┴──> guard: a list; end of file: kill(-each), remove, exit
 *
 * A group is forgotten before its leader is reaped: its number can only then belong to another.
 * Internal to lib/process.
 */
#ifndef TROUPE_PROCESS_GUARD_H
#define TROUPE_PROCESS_GUARD_H

#include "base/attr.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct guard {
    pid_t pid; /* 0: none */
    int socket;
};
#define GUARD_NONE ((struct guard){.pid = 0, .socket = -1})

/* Forks: better before there are threads. most: groups at a time. directory: removed at the end with all that is
 * in it; copied by the fork. */
MUSTCHECK int guard_start(struct guard *guard, uint32_t most, const char *directory,
                          struct err *err);
/* False: somebody killed it. */
bool guard_lives(const struct guard *guard);
/* Waits for its end: at once after all groups were forgotten. */
void guard_stop(struct guard *guard);
/* May be called between clone and exec. False, with errno: nobody listens. */
bool guard_watch(int socket, pid_t group);
void guard_forget(int socket, pid_t group);

#endif
