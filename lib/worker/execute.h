/* execute: from a claimed token to its result.
 *
 *   values ──> input ──> lib/exec ──> output ──> route ──> result (record, stored output, operations)
 *
 * Special tokens: `o`, the hidden last one, evaluates the output mapping; `c`, a continuation, has
 * nothing to execute; state `u` fails with join_unsatisfied; three deliveries fail with worker_lost,
 * unexecuted. Everything the result holds is in the token's arena.
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

struct execution {
    struct call_queues queues;
    struct slice consumer;
    size_t max_value_bytes;
    struct cel_budget expressions;    /* of each evaluation of one */
    struct jq *jq;                    /* NULL: programs in jq fail */
    int64_t jq_time_ms, jq_wall_ms;   /* of one execution: processor time, and all */
    struct buf *scratch;              /* the caller's, used during the call */
    int64_t (*now_us)(void *context); /* Redis' clock */
    void *context;
};

/* token->graph is set. 0 with token->result (of a success or a failure), or -1 when there is no
 * memory even for saying so. */
MUSTCHECK int execute_token(const struct execution *execution, struct token *token);

/* Puts a failure in place of whatever result there is. -1 without memory, or for a continuation,
 * which cannot fail. */
MUSTCHECK int execute_give_up(const struct execution *execution, struct token *token,
                              const struct graph_failure *failure);

#endif
