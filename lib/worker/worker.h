/* worker: one member of the fleet.
 *
 *        bell ──entries──┐
 *   (blocking read)      ▼
 *   settle-and-claim ─> claims ─> execute ─> route ─> results ─┐
 *        ▲                                                     │
 *        └─────────────────────────────────────────────────────┘
 *
 * Everything runs on one event loop. Per partition (struct channel) a worker has a session, tokens
 * held, results not yet confirmed, and at most one call under way; calls of different partitions
 * overlap, so that Redis works while nodes execute. A busy worker spends one round trip per batch:
 * the call that settles also claims. Idle partitions are woken by the bell; a busy worker polls one
 * idle partition every few milliseconds, so none starves.
 *
 * Time for the record is Redis' clock: the time of the last reply plus monotonic time since, so a
 * successor never starts before its predecessor ended, whatever machine it runs on.
 *
 * Needs Redis only: graphs come from troupe:graph:DIGEST and are cached by digest (bounded, least
 * recently used out).
 */
#ifndef TROUPE_WORKER_WORKER_H
#define TROUPE_WORKER_WORKER_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "http/client.h"
#include "process/process.h"
#include <event2/event.h>
#include <stdint.h>

struct secrets;

struct worker_options {
    const char *redis_url;
    const char *database_url;  /* only to keep http nodes away from it; NULL: not known */
    const char *name;          /* consumer; NULL: HOST-PID-RANDOM */
    const char *const *queues; /* at least one; the first is the default of hidden tokens */
    uint32_t queue_count;
    uint32_t batch;       /* tokens per call; default 32 */
    uint32_t concurrency; /* tokens held at most, besides: */
    uint32_t
        async_concurrency;     /* executions under way that take their time (calls); default 1000 */
    struct http_settings http; /* of the calls; texts are copied */
    struct process_settings exec;  /* of the programs, the same; allow_count 0: there are none */
    const struct secrets *secrets; /* borrowed for the worker's life; NULL: none */
    int64_t lease_ms;              /* default 5000 */
    int64_t drain_timeout_ms;
    size_t max_value_bytes;
    size_t inline_bytes;        /* larger outputs and inputs live beside their run; 0: 4 KiB */
    uint64_t expression_steps;  /* of one evaluation; 0: default 1,000,000 */
    size_t expression_bytes;    /* of memory, the same; 0: default 64 MiB */
    const char *const *plugins; /* paths of shared objects to load, in this order */
    uint32_t plugin_count;
    uint32_t plugin_threads; /* 0: twice the cores */
    const char *jq_helper;   /* path of troupe-jq; NULL: beside the running program */
    const struct clock *clock;
};

struct worker;

/* Connects in the background and waits for a Redis that is not there yet (logging that it does).
 * Partition count and epochs are read from Redis: it waits until a supervisor has opened them. */
MUSTCHECK struct worker *worker_new(struct event_base *base, const struct worker_options *options,
                                    struct err *err);
/* Stops claiming, settles what it holds, says `leave`, then calls event_base_loopexit. */
void worker_drain(struct worker *worker);
/* False: code of a plugin is still running on a thread. The process must end at once then, by _exit:
 * what it stands on is not to be torn down under it. */
bool worker_free(struct worker *worker);

struct worker_stats {
    uint64_t executed, failed, settled, stale, reclaimed, hellos, started, rejected;
    uint64_t unknown;       /* entries that were pending for it without its knowing */
    uint32_t held, running; /* running: of those held */
    bool connected, draining;
};
void worker_stats(const struct worker *worker, struct worker_stats *stats);

#endif
