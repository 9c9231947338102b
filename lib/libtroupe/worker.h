/* worker: struct troupe_worker, as its parts share it. */
#ifndef TROUPE_LIBTROUPE_WORKER_H
#define TROUPE_LIBTROUPE_WORKER_H

#include "libtroupe/lane.h"
#include "libtroupe/pool.h"
#include "libtroupe/registry.h"

#define WORKER_BEATS (8 * LANE_BEATS_MOST) /* of one turn */
/* Until a partition that cannot work, a bell that is lost or a missing fleet is asked again. */
#define WORKER_HOLD_US 200000

struct troupe_worker {
    char name[129];
    uint32_t threads;
    int64_t lease_us, drain_us, prefetch_us;
    bool keep_signals;
    void (*log)(void *context, enum troupe_level level, const char *text);
    void *log_context;
    struct registry registry;

    struct wire wire, bell;
    bool listening; /* the bell's XREAD is under way */
    int64_t bell_next_us;
    struct pool *pool;
    struct pool *share; /* whose threads it works with; NULL: its own */
    void (*ended)(
        void *context); /* with `share`: callbacks of it have ended, so there is room again */
    void *ended_context;
    atomic_bool paused; /* with `share`: nothing is claimed; looked at every now and then */
    int64_t mean_us;    /* that a callback takes */
    int wake, signals;  /* descriptors; -1: none */

    struct lane *lanes; /* NULL until the number of partitions is known */
    uint32_t lane_count, first_lane;
    struct call *calls; /* of one turn */
    struct job **beats;
    struct words words;
    int64_t pause_us; /* before the next attempt, if this one fails */

    atomic_uint stops;
    uint32_t stopped; /* of those, seen */
    bool ran, draining, failed;
    int64_t drain_end_us;
};

/* troupe_worker_free that says whether it did: false: callbacks still run, and it is left as it is. */
bool worker_close(struct troupe_worker *worker);

void worker_say(const struct troupe_worker *worker, enum troupe_level level, const char *format,
                ...) PRINTF(3, 4);
/* Lets the loop look for what happened; `context` is the worker. From any thread. */
void worker_rouse(void *context);

#endif
