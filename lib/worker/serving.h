/* serving: a worker with plugins is also a remote worker for what they have (docs/tasks.md).
 *
 * A token whose node a plugin executes may be claimed by a worker that does not have it: that one parks it
 * as a task, and workers with the plugin serve the queues of tasks `function:NAME` of all that their plugins
 * have. One thread of its own talks to Redis, as in a program with libtroupe, with connections of its own;
 * the callbacks run on the plugins' threads, not more of them at a time.
 */
#ifndef TROUPE_WORKER_SERVING_H
#define TROUPE_WORKER_SERVING_H

#include "exec/plugins.h"

struct serving;

struct serving_options {
    const char *redis_url, *name; /* the worker's */
    int64_t lease_ms, drain_timeout_ms;
};

/* Begins at once; waits for Redis and for a supervisor. `plugins` outlives it. */
MUSTCHECK struct serving *serving_new(struct plugins *plugins,
                                      const struct serving_options *options, struct err *err);
/* Drains: claims nothing more, waits for what runs, hands back the rest. NULL is fine, here and below. */
void serving_drain(struct serving *serving);
/* While paused it claims nothing; what it has goes on. */
void serving_pause(struct serving *serving, bool paused);
/* Whether draining is over; the plugins' room is told of then. */
bool serving_drained(const struct serving *serving);
/* Hands back what still runs, and waits until that is said (seconds, when Redis is away). False: a
 * callback is still running, and its thread with it. */
bool serving_free(struct serving *serving);

#endif
