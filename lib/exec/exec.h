/* exec: what a node does, once its input is there.
 *
 * An executor turns a task into an output (JSON text) or a failure. One table maps a node's type (and
 * function) to its executor. The worker owns the task, its arena and its output buffer; the executor
 * borrows them for the call. Executors here compute and return at once; none may block the loop,
 * but a program in jq may take jq_time_ms.
 */
#ifndef TROUPE_EXEC_EXEC_H
#define TROUPE_EXEC_EXEC_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "graph/graph.h"
#include "jq/jq.h"
#include <stdint.h>

/* Largest output: settings value `max-value` (default 16 MiB). Beyond it: `too_large`. */
struct exec_task {
    const struct graph_node *node;
    struct graph_values *values; /* input already resolved (config.input applied) */
    struct arena *arena;
    struct slice run_id; /* for logs */
    uint32_t attempt;
    int64_t started_us; /* of this attempt, by Redis' clock; a wait does not begin anew */
    int64_t now_us;
    size_t max_value_bytes;
    struct jq *jq;         /* NULL: programs in jq fail with `internal` */
    int64_t jq_time_ms;    /* of one evaluation; 0: JQ_TIME_MS */
    struct buf *output;    /* empty when called; JSON text on success */
    struct slice passed;   /* instead of output: text passed on as it is (no copy) */
    int64_t wait_until_us; /* set: nothing to do before that; run it again then */
    struct graph_failure failure;
};

/* 0, with output, passed or wait_until_us set; or -1 with failure set. */
MUSTCHECK int exec_run(struct exec_task *task);

/* The execution's input: config.input evaluated, or `natural` (what the edges brought). Sets
 * values->input. -1 with failure (`binding`). */
MUSTCHECK int exec_resolve_input(struct exec_task *task, struct slice natural);

/* What a definition is checked with besides the rules of lib/graph. Borrows jq, which must outlive
 * the compilation. */
struct graph_checks exec_checks(struct jq *jq);

#endif
