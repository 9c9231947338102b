/* token: one claimed token, from its claim to the confirmation of its result.
 *
 *   claim ──> held ──execute──> with a result ──settle──> confirmed: freed
 *                                    ▲   │
 *                                    └───┘ outcome unknown: submitted again
 *
 * A token owns an arena with everything about it: a copy of the claim, the scratch of its execution
 * and its result. It holds a reference to its graph. Lists are intrusive: a token is in one list at
 * a time.
 */
#ifndef TROUPE_WORKER_TOKEN_H
#define TROUPE_WORKER_TOKEN_H

#include "base/arena.h"
#include "base/attr.h"
#include "protocol/calls.h"
#include "worker/beside.h"
#include "worker/route.h"

/* What a token may take at most: values of many predecessors, documents over them, its output. */
#define TOKEN_ARENA_BYTES ((size_t)512 << 20)

/* A node that was executed before the one that the result is of (stretch.h). */
struct token_step {
    struct slice node, scope;  /* executed, and where */
    struct slice output_value; /* empty: stores nothing */
    struct slice record;
    const struct route_op *ops;
    uint32_t op_count;
    bool leads_only; /* to the next one: no ops */
    bool apart;      /* what was gone on with, an earlier one led to */
};

/* What an executed node led to and may be executed with it. */
struct token_branch {
    uint32_t node;
    uint32_t step; /* which node led to it */
    struct slice wanted, scope;
};

/* A join that all edges decided so far lead to from here. */
struct token_join {
    uint32_t node, decided, taken;
    struct slice scope;
    char *marks; /* 't' or 'd' by slot, 0: not decided */
};

struct job;
struct channel;

struct token_result {
    enum ledger_kind kind;
    bool failed;
    struct slice identity;                   /* ends with '|'; a failure's has the generation */
    struct slice output_field, output_value; /* both empty: stores nothing */
    bool exports;                            /* the output, into frames around its own */
    struct slice record;
    const struct route_op *ops;
    uint32_t op_count;
    int64_t ended_us; /* Redis' clock */
};

struct token {
    struct token *next, *before; /* in its list */
    struct arena arena;
    struct graph *graph; /* retained; NULL until it is needed */

    /* the claim */
    uint32_t queue;
    struct slice entry_id, run, number, live, incarnation, digest, wanted, node, scope;
    uint32_t attempt, generation, deliveries;
    char state;
    struct slice *values; /* one per wanted name; ptr NULL: absent */
    uint32_t value_count;
    bool told;              /* by a hello: an earlier process of this name may have executed it */
    bool values_too_large;  /* they did not fit: the execution fails with too_large */
    bool value_gone;        /* one that it refers to: it fails with internal */
    uint32_t references;    /* among the values, still to be read (fetch.h) */
    struct beside **beside; /* values that it holds; in the arena */
    uint32_t beside_count;

    /* Executed and not settled: the first is of the claimed token. node, attempt, state, wanted and values are
     * then of the one behind the last, which has no number yet, and here is what was claimed. */
    struct token_step *steps;
    uint32_t step_count, step_capacity, step_operations;
    struct token_branch *branches; /* the next one last */
    uint32_t branch_count, branch_capacity;
    struct token_join *joins;
    uint32_t join_count, join_capacity;
    uint32_t step_iterations; /* begun by them */
    uint32_t
        iteration_begins; /* at this step: outputs of those before it are gone; 0: none went back */
    struct slice first_identity; /* of the first one's result */
    struct slice claimed_wanted, *claimed_values;
    uint32_t claimed_count;

    struct job *job;         /* its execution is under way; in the arena */
    struct channel *channel; /* from its execution on: whose it is */
    uint64_t job_number;     /* of this worker; replies that come later know it by that */
    int64_t job_began_us, job_looked_us; /* monotonic; whether it is still wanted */
    int64_t job_told_us;                 /* the same; what it has to say */
    bool job_doubted;                    /* no hello has confirmed it yet */

    struct token_result result;
    bool given_up; /* the result is `internal`, put in place of one that Redis refused */
};

/* Somebody may have begun this attempt before, and was lost. */
static inline bool token_had_holders(const struct token *token)
{
    return token->generation > 0 || token->told;
}

struct token_list {
    struct token *head, *tail;
    uint32_t count;
};

void token_list_push(struct token_list *list, struct token *token);
struct token *token_list_pop(struct token_list *list); /* NULL when empty */
/* Moves all of `from` behind `to`. */
void token_list_append(struct token_list *to, struct token_list *from);
/* Takes the token out of the list that it is in. */
void token_list_remove(struct token_list *list, struct token *token);
/* The token of that entry, or NULL. */
struct token *token_list_find(const struct token_list *list, uint32_t queue, struct slice entry_id);

/* Finished tokens whose small arenas are used again, the last one first. */
struct token_pool {
    struct token *free;
    size_t bytes;              /* of their arenas */
    struct beside_list beside; /* what tokens hold of values beside their runs */
};

/* A copy of the claim. NULL without memory. */
MUSTCHECK struct token *token_new(struct token_pool *pool, const struct claim *claim);
/* Puts every value that is at hand in the pool in place of its reference. */
void token_take_beside(struct token_pool *pool, struct token *token);
/* As it was claimed: what was executed since is forgotten. -1 when that cannot be read. */
MUSTCHECK int token_rewind(struct token *token);
void token_free(struct token_pool *pool, struct token *token); /* NULL is fine */
void token_list_free(struct token_pool *pool, struct token_list *list);
void token_pool_free(struct token_pool *pool);

#endif
