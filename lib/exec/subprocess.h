/* subprocess: an exec node's program, from what its config says to its output. Internal to lib/exec.
 *
 * Everything that lasts until the end is in the task's arena.
 */
#ifndef TROUPE_EXEC_SUBPROCESS_H
#define TROUPE_EXEC_SUBPROCESS_H

#include "base/json.h"
#include "exec/executors.h"
#include "process/process.h"

enum subprocess_output { SUBPROCESS_JSON, SUBPROCESS_TEXT };

struct subprocess_node {
    struct process_order order; /* but done, line and context */
    const char *name;           /* argv[0] */
    enum subprocess_output output;
    struct slice *codes; /* by exit code; ptr NULL: none of its own. NULL: there are none */
};

struct subprocess_job {
    struct subprocess_node node;
    struct process *process;
    /* what of stderr goes into the log */
    int64_t second; /* monotonic, the one that is counted */
    uint32_t lines; /* in it */
    uint64_t unsaid;
};

enum { SUBPROCESS_EXIT_CODES = 256 };

/* -1 with the task's failure: `rejected` for a program that is not allowed, `type` for a value that does
 * not fit, `binding` and its like of the config. */
MUSTCHECK int subprocess_read(struct exec_task *task, struct subprocess_node *node);

#endif
