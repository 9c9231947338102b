/* store: the record in Postgres, as programs see it.
 *
 * The schema: migrations/ and docs/record.md.
 *
 * One struct store is one blocking libpq connection that connects lazily and again after a failure;
 * one per thread. Statements are parameterised and unnamed (pgbouncer in transaction mode works).
 * Timeouts: statement 30 s, lock 5 s, TCP user timeout 10 s. A failed connection is ERR_UNREACHABLE,
 * a refused one (password, missing database, permission) ERR_REFUSED, a database without our tables
 * ERR_REFUSED that suggests `troupe migrate`. A COMMIT whose answer was lost is ERR_UNREACHABLE: callers
 * repeat idempotently. What the supervisor writes in bulk is in store/archive.h.
 */
#ifndef TROUPE_STORE_STORE_H
#define TROUPE_STORE_STORE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/uuid7.h"
#include "graph/graph.h"
#include <stdbool.h>
#include <stdint.h>

struct store;

/* url: a libpq URI. Does not connect yet. application: shown in pg_stat_activity. */
MUSTCHECK struct store *store_new(const char *url, const char *application, struct err *err);
void store_free(struct store *store);
/* Connects and checks that the schema is the one this program was built for. */
MUSTCHECK int store_check(struct store *store, struct err *err);
/* The socket, to poll for notifications; -1 when not connected. */
int store_fd(const struct store *store);
/* LISTEN; kept over reconnects. Channels: "troupe_work" (runs, commands or versions were added) and
 * "troupe_progress" (something was archived). */
MUSTCHECK int store_listen(struct store *store, const char *channel, struct err *err);
/* Waits up to timeout_ms for a notification of any channel: 1 yes, 0 no, -1. A lost connection is
 * re-established and counts as a notification (something may have been missed). */
MUSTCHECK int store_wait(struct store *store, int64_t timeout_ms, struct err *err);

/* --- migrations --- */

struct migration_state {
    uint32_t number;
    const char *name;
    bool applied;
    bool checksum_differs; /* the applied text was another */
};
/* Applies what is missing, in order, each in its own transaction, under a lock; then re-creates the
 * views. Reports each step through `step` (may be NULL). An applied migration whose text changed, or
 * a database newer than this program, is ERR_CONFLICT. */
MUSTCHECK int store_migrate(struct store *store,
                            void (*step)(void *context, const struct migration_state *state),
                            void *context, struct err *err);

/* --- the namespace --- */

/* The number of partitions, fixed for good by the first who asks: the number wanted, or 16 for 0.
 * ERR_CONFLICT: another one is wanted than is there. */
MUSTCHECK int store_partitions(struct store *store, uint16_t wanted, uint16_t *partitions,
                               struct err *err);

/* --- definitions --- */

struct store_version {
    int64_t version;
    bool created; /* false: unchanged, the version that was there */
};
/* Stores the graph under its name as the next version; a no-op if the latest version has the same
 * digest. source: the file as given. */
MUSTCHECK int store_deploy(struct store *store, const struct graph *graph, struct slice source,
                           struct store_version *version, struct err *err);

struct store_workflow {
    struct slice name, digest;
    int64_t version;
    int64_t created_us;
};
/* version 0: the latest. ERR_NOT_FOUND suggests a near name. Text in the arena. */
MUSTCHECK int store_workflow_get(struct store *store, struct slice name, int64_t version,
                                 struct arena *arena, struct store_workflow *workflow,
                                 struct err *err);
/* Latest version of each name, by name. */
MUSTCHECK int store_workflow_list(struct store *store, struct arena *arena,
                                  struct store_workflow **items, uint32_t *count, struct err *err);
/* Canonical form by digest. */
MUSTCHECK int store_graph_get(struct store *store, struct slice digest, struct arena *arena,
                              struct slice *canonical, struct err *err);

/* --- runs --- */

#define RUN_STATUSES(X)                                                                            \
    X(QUEUED, "queued") /* accepted; no node has started */                                        \
    X(RUNNING, "running")                                                                          \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")

enum run_status {
#define X(id, text) RUN_##id,
    RUN_STATUSES(X)
#undef X
};
const char *run_status_name(enum run_status status);
static inline bool run_status_final(enum run_status status) { return status >= RUN_COMPLETED; }

struct store_submit {
    struct uuid run_id;
    uint16_t partition_count;
    const struct store_workflow *workflow;
    struct slice input;  /* JSON */
    struct slice labels; /* JSON object of strings */
    int64_t deadline_ms; /* from now; 0: none */
};
/* Accepts a run: a row in status queued, which the partition's owner starts. A row that is there with
 * the same workflow, version and input is fine (*existed); with others ERR_CONFLICT. */
MUSTCHECK int store_run_submit(struct store *store, const struct store_submit *submit,
                               bool *existed, struct err *err);

struct store_run {
    struct slice run_id, workflow, digest;
    int64_t version;
    uint16_t partition;
    enum run_status status;
    struct slice input, output, error, labels;  /* JSON; ptr NULL: none */
    int64_t submitted_us, started_us, ended_us; /* 0: not yet */
    int64_t deadline_ms;                        /* unix ms; 0: none */
};
/* ERR_NOT_FOUND when there is none. */
MUSTCHECK int store_run_get(struct store *store, struct slice run_id, struct arena *arena,
                            struct store_run *run, struct err *err);
struct store_run_filter {
    const char *status;   /* NULL: any */
    const char *workflow; /* NULL: any */
    uint32_t limit;
    bool live_only; /* queued and running */
};
/* Newest first. Without inputs and outputs. */
MUSTCHECK int store_run_list(struct store *store, const struct store_run_filter *filter,
                             struct arena *arena, struct store_run **items, uint32_t *count,
                             struct err *err);

/* One row per (node, scope): attempts summed up. */
struct store_execution {
    struct slice node_id, scope, type;
    uint32_t node_index;
    const char *status;                 /* completed failed skipped cancelled */
    uint32_t attempts;                  /* 0: skipped */
    int64_t started_us, ended_us;       /* 0: none */
    struct slice output, error, worker; /* ptr NULL: none */
    uint64_t token;
};
/* In order of start, skipped ones by the time of the decision; ties by node index. */
MUSTCHECK int store_execution_list(struct store *store, struct slice run_id, struct arena *arena,
                                   struct store_execution **items, uint32_t *count,
                                   struct err *err);
struct store_decision {
    struct slice node_id, scope, reason;
    struct slice taken, dead; /* JSON arrays of node ids */
    int64_t at_us;
};
MUSTCHECK int store_decision_list(struct store *store, struct slice run_id, struct arena *arena,
                                  struct store_decision **items, uint32_t *count, struct err *err);

/* A task that is not through, as the record has it. */
struct store_task {
    uint32_t node_index, attempt;
    struct slice scope, queue;
    struct slice worker; /* which remote one has it; ptr NULL: it waits */
    int64_t since_us;    /* it waits, or is with that worker */
    uint32_t workers;    /* alive and serving the queue */
    int64_t unserved_us; /* since when there is none; 0: there are */
};
MUSTCHECK int store_task_list(struct store *store, struct slice run_id, struct arena *arena,
                              struct store_task **items, uint32_t *count, struct err *err);

/* One record of the ledger. */
struct store_event {
    uint64_t event, token; /* token 0: none */
    int64_t at_us, delta;
    struct slice kind, status;                   /* status: of the run after it */
    struct slice node_id, scope, result, detail; /* ptr NULL: none; result: of the execution */
    uint32_t attempt;
};
/* Those numbered above `after`, in order, at most `limit`. */
MUSTCHECK int store_event_list(struct store *store, struct slice run_id, uint64_t after,
                               uint32_t limit, struct arena *arena, struct store_event **items,
                               uint32_t *count, struct err *err);

/* --- commands --- */

struct store_command {
    struct slice id;      /* UUID text */
    struct slice outcome; /* "applied", "ended" (the run was final before), ptr NULL: not yet */
};
/* Commits a command for the partition's owner. ERR_NOT_FOUND: no such run; ERR_CONFLICT: the run is
 * final. */
MUSTCHECK int store_command_add(struct store *store, struct slice run_id, const char *kind,
                                const char *by, struct arena *arena, struct store_command *command,
                                struct err *err);
MUSTCHECK int store_command_get(struct store *store, struct slice command_id, struct arena *arena,
                                struct store_command *command, struct err *err);

/* --- health, for doctor --- */

struct store_health {
    uint32_t partitions, owned;    /* by a supervisor whose lease holds */
    uint32_t supervisors, workers; /* seen in the last 10 s */
    int64_t oldest_queued_us;      /* submitted at; 0: none */
    uint64_t queued, running;
    int64_t archive_lag_us; /* of the slowest partition's last report */
};
MUSTCHECK int store_health_get(struct store *store, struct store_health *health, struct err *err);

/* v_workers and v_queues. */
struct store_worker {
    struct slice name, queues; /* queues: comma-separated */
    bool alive;
    bool remote; /* it executes tasks; else one of the fleet */
    uint64_t held;
    int64_t lease_until_us, seen_us;
};
MUSTCHECK int store_worker_list(struct store *store, struct arena *arena,
                                struct store_worker **items, uint32_t *count, struct err *err);
struct store_queue {
    struct slice queue;
    uint64_t ready, held;
    uint32_t workers;           /* alive and serving it */
    int64_t oldest_us, seen_us; /* oldest 0: empty; seen 0: never */
    bool tasks;                 /* for remote workers; else of the fleet */
};
MUSTCHECK int store_queue_list(struct store *store, struct arena *arena, struct store_queue **items,
                               uint32_t *count, struct err *err);

#endif
