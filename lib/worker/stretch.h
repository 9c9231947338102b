/* stretch: nodes that are executed one after the other and settled together.
 *
 *   claimed token ──execute──> its first successor ──execute──> … ──execute──> what does not go on
 *         step 0                      step 1                         the token's result
 *
 * A node goes on at once with what it leads to, the first of it first, as long as that takes no time, has no
 * effect outside, and needs nothing that is not at hand: depth first, when a branch ends the next one is
 * executed. So a chain of such nodes, or a fork with all its branches, costs one call, not one each.
 * Whatever else a node leads to goes its own way, and is there when the call is through.
 * What a crash repeats is what the call would have settled: as with any result that was not submitted.
 */
#ifndef TROUPE_WORKER_STRETCH_H
#define TROUPE_WORKER_STRETCH_H

#include "worker/token.h"

enum {
    STRETCH_STEPS_MOST = 127,
    STRETCH_ITERATIONS = 8,    /* of loops: a long one shares */
    STRETCH_OPERATIONS = 400,  /* less than a call's budget: what a wider fork leads to is shared */
    STRETCH_US = 2000,         /* after that it goes on no more: others wait */
    STRETCH_BYTES = 256 << 10, /* of what it came to so far */
};

/* The token's result becomes a step and its successor takes its place, without a result: true. False when
 * it is to be settled as it is, or ended after until_us (Redis' clock). */
bool stretch_on(struct token *token, int64_t until_us);

#endif
