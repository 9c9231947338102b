/* run: one execution while it is under way. Internal to execute.c, conclude.c and job.c. */
#ifndef TROUPE_WORKER_RUN_H
#define TROUPE_WORKER_RUN_H

#include "exec/exec.h"
#include "worker/execute.h"

/* Beside the values themselves: the status, times and names around them. */
enum { RECORD_EXTRA_BYTES = 64 << 10 };

struct run {
    const struct execution *by;
    struct token *token;
    struct arena *arena;           /* of what only the execution needs: not of its result */
    const struct graph_node *node; /* NULL: the hidden token */
    struct graph_values values;
    uint32_t *inputs; /* indices into values.outputs: what the input is made of */
    uint32_t input_count;
    int64_t started_us;
    bool blind;   /* what it wants could not be read */
    bool resumed; /* it waited, and began earlier */
    bool doubted; /* its node has a probe, and an earlier attempt may have had its effect */
    bool asked;   /* the probe, since the last attempt */
    struct probing *probing; /* what is being executed is the node's probe (probe.h); or NULL */
    const struct graph_failure *probe_failure; /* it could not answer; or NULL */
    struct slice came_back;    /* what came of its task; ptr NULL: it has not been one */
    struct slice usage;        /* of that: JSON, or len 0 */
    struct task_result result; /* the same, read; its worker has executed it */
    bool routing;              /* what failed was the choice of its edges */
    struct exec_jq jq;
    struct graph_jq conditions; /* by jq; values has its address */
    struct graph_failure failure;
    struct exec_verdict verdict;
};

/* An execution that takes its time: what of it has to stay is in the token's arena. */
struct job {
    struct run run; /* by NULL: it is set anew for the end */
    struct exec_task task;
    void (*done)(void *context, struct token *token);
    void (*words)(void *context, const struct token *token, struct slice body);
    void *context;
};

/* Starts the job of an asynchronous node: 0 with token->job set, or a result when it was over at once. */
MUSTCHECK int job_start(struct run *run, const struct exec_task *task);
/* From what the job came to, to the token's result. The token has no job any more. */
MUSTCHECK int job_finish(const struct execution *execution, struct token *token);

static inline struct exec_jq run_jq(const struct execution *execution)
{
    return (struct exec_jq){
        .jq = execution->jq, .time_ms = execution->jq_time_ms, .wall_ms = execution->jq_wall_ms};
}
void run_limit_jq(struct run *run, int64_t now_us);
/* NULL: no plugin of this process executes the node. */
const struct handler *execute_plugin(const struct execution *execution,
                                     const struct graph_node *node);
/* Executes what has its input, passed its checks and is wanted, or begins to. -1 with the failure. */
MUSTCHECK int run_attempt(struct run *run, struct exec_task *task);
/* What the executor left becomes the result. */
MUSTCHECK int run_executed(struct run *run, const struct exec_task *task);
/* Takes the failure over; -1. */
int run_failed(struct run *run, const struct exec_task *task);
MUSTCHECK int run_handle_failure(struct run *run);

static inline bool is_hidden(const struct token *token) { return slice_eq_str(token->node, "o"); }
static inline bool is_continuation(const struct token *token)
{
    return slice_eq_str(token->node, "c");
}

/* What settle compares, a part of token->live; `failed`: with the generation. */
struct slice run_identity(const struct token *token, bool failed);
/* Takes what is in the scratch buffer into the token's arena. ptr NULL when it does not fit. */
struct slice run_keep_scratch(struct run *run);
/* The run's failure, that nobody handles, becomes the token's result: the run ends. */
MUSTCHECK int run_fail(struct run *run);
/* The token's result is to be parked. */
MUSTCHECK int run_wait_until(struct run *run, int64_t until_us);
/* The text of what whoever executes it is asked: a task (docs/tasks.md). */
MUSTCHECK int run_ask(struct run *run, struct slice *text);
/* Appends what tasks of the node say as their idempotency key, in JSON. */
void run_write_task_key(const struct run *run, struct buf *out);
/* What a plugin said: *output, or -1 with the failure. */
MUSTCHECK int run_take_said(struct run *run, const struct exec_said *said, struct slice *output);
/* The token's result is to become a task for a remote worker. */
MUSTCHECK int run_post(struct run *run);
/* What came of the task: *output, or -1 with the failure. */
MUSTCHECK int run_take_back(struct run *run, struct slice *output);
/* The token stays, and waits, as `op` says: with the record of a failed attempt, or of nothing but the waiting. */
MUSTCHECK int run_stay(struct run *run, struct ledger_execution *record, enum ledger_kind kind,
                       struct route_op op, struct slice reason);
/* What the token wants without what it was parked with. */
struct slice run_wanted_before(const struct token *token);
struct ledger_execution run_record(const struct run *run);
/* Appends the failure of the attempt, in JSON. */
void run_write_failure(const struct run *run, struct buf *out);
/* Whether the failure may be tried again: by the node's retry, and by its code. */
bool run_may_retry(const struct run *run);
/* The failed attempt and the next one become the token's result. */
MUSTCHECK int run_retry(struct run *run);
/* What was executed, or not to be, becomes the token's result. */
MUSTCHECK int run_conclude(struct run *run, enum route_outcome outcome, struct slice output,
                           struct slice error, const struct route *route);

#endif
