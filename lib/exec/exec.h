/* exec: what a node does, once its input is there.
 *
 * An executor turns a task into an output (JSON text) or a failure. One table maps a node's type (and
 * function) to its executor. The worker owns the task, its arena and its output buffer; the executor
 * borrows them for the call. None may block the loop, but programs in jq may take exec_jq.wall_ms.
 *
 * Most compute and return at once. What takes time (an http call, a program) is asynchronous:
 *
 *   exec_run ──task->job set──> under way ──> task->done(task): passed, or failure
 *                                   └──task->cancel(task)──> over, done is not called
 *
 * The task, its values and its arena must then stay where they are until one of the two; the output
 * buffer is borrowed for exec_run only. done is never called inside exec_run.
 */
#ifndef TROUPE_EXEC_EXEC_H
#define TROUPE_EXEC_EXEC_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "graph/graph.h"
#include "http/client.h"
#include "jq/jq.h"
#include "process/process.h"
#include <stdint.h>

/* For the programs in jq of one execution, its conditions included: they share its time. The worker's
 * loop stands still for wall_ms at most. */
struct exec_jq {
    struct jq *jq;       /* NULL: they fail with `internal` */
    int64_t time_ms;     /* of processor time; 0: JQ_TIME_MS */
    int64_t wall_ms;     /* 0: JQ_WALL_MS */
    int64_t timeout_ms;  /* of the node, which fails with `timeout` then; 0: none */
    int64_t deadline_us; /* when that is over, by the monotonic clock */
    int64_t cpu_us;      /* what those that have run took */
    int64_t wall_us;
};

struct plugins;
struct handler;

/* What executors need of their process. NULL: it is not there, and who needs it fails with `internal`;
 * but without `processes` with `rejected`: nobody allowed any. */
struct exec_host {
    struct http_client *http;
    struct process_host *processes;
    const struct graph_secrets *secrets; /* NULL: there are none */
    struct plugins *plugins;
};

/* What a callback said, as a remote worker does (docs/tasks.md). */
struct exec_said {
    char kind; /* c or f; 0: nothing */
    struct slice body;
};

/* What is known of a failed attempt besides its code. */
struct exec_verdict {
    bool final;             /* the same again would fail the same way: no other attempt */
    bool unknown;           /* it may have had its effect outside */
    int64_t retry_after_ms; /* no other attempt before that; 0: whatever the node's retry says */
};

/* Largest output: settings value `max-value` (default 16 MiB). Beyond it: `too_large`. */
struct exec_task {
    const struct graph_node *node;
    struct graph_values *values; /* input already resolved (config.input applied) */
    struct arena *arena;
    struct slice run_id, scope;
    uint32_t attempt;
    bool taken_over; /* somebody had this attempt before and was lost: it may have had its effect */
    int64_t started_us; /* of this attempt, by Redis' clock; a wait does not begin anew */
    int64_t now_us;
    size_t max_value_bytes;
    struct exec_jq *jq;    /* NULL: as with none in it */
    struct buf *output;    /* empty when called; JSON text on success */
    struct slice passed;   /* instead of output: text passed on as it is (no copy) */
    int64_t wait_until_us; /* set: nothing to do before that; run it again then */
    struct graph_failure failure;
    struct exec_verdict verdict; /* with a failure, and behind cancel */

    /* Asynchronous executions. */
    const struct exec_host *host;
    const struct handler *plugin; /* executes it; NULL: what the node's type says */
    struct slice asked;           /* what it is asked: a task's text */
    struct exec_said said;        /* what it said */
    void *job;                    /* the executor's; NULL: none is under way */
    int64_t overdue_ms; /* the executor's: how long behind the node's timeout it may take to end the
                           job by itself, before somebody else does */
    void (*cancel)(struct exec_task *task); /* the executor's: ends the job */
    void (*done)(struct exec_task *task);   /* whose task it is: job is NULL again */
    /* Whose task it is, or NULL: progress and log lines for the run's events (JSON, docs/tasks.md) */
    void (*words)(struct exec_task *task, struct slice body);
};

/* 0, with output, passed, wait_until_us or job set; or -1 with failure set. */
MUSTCHECK int exec_run(struct exec_task *task);

/* Whether it computes and returns at once, with no effect outside: it may be done again, or for a run that turns out
 * to be there already, and nobody can tell. */
bool exec_is_instant(const struct graph_node *node);

/* Whether exec_run may leave a job under way. */
bool exec_is_async(const struct graph_node *node);

/* The execution's input: config.input evaluated, or `natural` (what the edges brought). Sets
 * values->input. -1 with failure (`binding`). */
MUSTCHECK int exec_resolve_input(struct exec_task *task, struct slice natural);

/* How graph_expr_holds runs conditions in jq. Borrows jq. */
struct graph_jq exec_conditions(struct exec_jq *jq);

/* What a definition is checked with besides the rules of lib/graph. Borrows jq, which must outlive
 * the compilation. */
struct graph_checks exec_checks(struct jq *jq);

#endif
