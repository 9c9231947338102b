/* live: what Redis knows of a run that has not ended: its tokens, and who holds them. */
#ifndef TROUPE_LIVE_H
#define TROUPE_LIVE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "graph/graph.h"
#include "protocol/redis.h"
#include "store/store.h"
#include <stdbool.h>
#include <stdint.h>

struct live_token {
    uint64_t number;
    const struct graph_node *node;
    struct slice scope;
    uint32_t attempt;
    bool parked;         /* waits for its time */
    bool task;           /* waits for a remote worker, or is with one */
    bool running;        /* delivered to a worker, which has not settled it */
    struct slice worker; /* len 0 while it is only queued */
    int64_t since_us;    /* of its delivery; 0 while it is only queued */
};

struct live {
    bool present;              /* Redis has the run */
    int64_t now_us;            /* Redis' clock */
    struct live_token *tokens; /* of nodes; the hidden ones are left out */
    uint32_t count;
};

/* Text is the arena's. Not a snapshot: tokens that move while it is read may look queued. */
MUSTCHECK int live_read(struct redis *redis, const struct store_run *run, const struct graph *graph,
                        struct arena *arena, struct live *live, struct err *err);

#endif
