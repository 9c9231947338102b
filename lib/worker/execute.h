/* execute: from a claimed token to its result.
 *
 *   values ──> input ──> lib/exec ──> output ──> route ──> result (record, stored output, operations)
 *
 * Special tokens: `o`, the hidden last one, evaluates the output mapping; `c`, a continuation, has
 * nothing to execute; state `u` fails with join_unsatisfied; three deliveries fail with worker_lost,
 * unexecuted. Everything the result holds is in the token's arena.
 *
 * A node that takes its time (exec_is_async) leaves a job: execute_token returns with token->job set and
 * no result. Later the execution's `done` is called, once, from the loop; then execute_finish makes the
 * result. Until then the token may not be freed, unless execute_cancel ended the job.
 */
#ifndef TROUPE_WORKER_EXECUTE_H
#define TROUPE_WORKER_EXECUTE_H

#include "base/attr.h"
#include "base/buf.h"
#include "jq/jq.h"
#include "worker/failure.h"
#include "worker/token.h"

/* Lapses of holders that had the token alone before its next holder gives it up. */
#define EXECUTE_MAX_DELIVERIES 3
/* The same for a job, which has the worker alone only while it begins: many are lost at once, and most of
 * them by no fault of theirs. */
#define EXECUTE_MAX_DELIVERIES_ASYNC 20

struct execution {
    struct call_queues queues;
    struct slice consumer;
    size_t max_value_bytes;
    struct cel_budget expressions;    /* of each evaluation of one */
    struct jq *jq;                    /* NULL: programs in jq fail */
    int64_t jq_time_ms, jq_wall_ms;   /* of one execution: processor time, and all */
    struct buf *scratch;              /* the caller's, used during the call */
    struct arena *arena;              /* the same, reset by every execution */
    const struct exec_host *host;     /* NULL: jobs fail */
    int64_t (*now_us)(void *context); /* Redis' clock */
    void (*done)(void *context, struct token *token); /* of a job */
    /* What a job has to say for its run's events; NULL: nobody takes that. */
    void (*words)(void *context, const struct token *token, struct slice body);
    void *context;
};

/* token->graph is set. 0 with token->result (of a success or a failure) or token->job, or -1 when there
 * is no memory even for saying so. */
MUSTCHECK int execute_token(const struct execution *execution, struct token *token);

/* Whether a plugin of this process executes it: it may take the process down, as long as it runs. */
bool execute_by_plugin(const struct execution *execution, const struct token *token);

/* The job is done: 0 with token->result, or -1 as above. */
MUSTCHECK int execute_finish(const struct execution *execution, struct token *token);
/* Ends the job; the token has neither a job nor a result then. Nothing when there is none. */
void execute_cancel(struct token *token);
/* Ends the job, whose time is over: it failed with `timeout`, and is tried again if it may be. */
MUSTCHECK int execute_time_out(const struct execution *execution, struct token *token);
/* Ends the job because nobody wants its result any more: failed with `cancelled`. */
MUSTCHECK int execute_abandon(const struct execution *execution, struct token *token,
                              const char *why);
/* The job says what it has to say now: `words` is called once at most. */
void execute_tell(const struct token *token);
/* When its node's time is over, by Redis' clock; INT64_MAX: never. */
int64_t execute_deadline_us(const struct token *token);

/* Puts a failure in place of whatever result there is. -1 without memory, or for a continuation,
 * which cannot fail. */
MUSTCHECK int execute_give_up(const struct execution *execution, struct token *token,
                              const struct graph_failure *failure);

#endif
