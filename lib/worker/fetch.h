/* fetch: the values that claims refer to, read from beside their runs before their tokens are executed.
 *
 *   claim ──no reference──────────────────────────> ready, suspects, waiting (channel.h)
 *         ──references──> lacking ──one MGET─────────┘
 *
 * One call reads for as many tokens as come to FETCH_BYTES, and none is made while more than that waits to be
 * executed. Nothing is there for a reference when the token is not live any more; then its result, a failure
 * `internal`, is `gone` or `stale`. Were the token live, that would be our mistake, and its run's record says so.
 */
#ifndef TROUPE_WORKER_FETCH_H
#define TROUPE_WORKER_FETCH_H

#include "worker/channel.h"

/* What a call reads together, unless one token needs more. */
#define FETCH_BYTES ((size_t)4 << 20)
#define FETCH_KEYS 256

/* A channel's call that is under way: what it asked for. */
struct fetch {
    struct arena arena;
    struct beside_name *names;
    uint64_t *lengths;
    uint32_t count;
};

/* All that the token refers to is at hand, and in it. */
bool fetch_complete(struct channel *channel, struct token *token);
bool channel_wants_fetch(const struct channel *channel);
bool channel_fetch(struct channel *channel);
/* What the call under way asked for, if there is one. */
void fetch_drop(struct channel *channel);

#endif
