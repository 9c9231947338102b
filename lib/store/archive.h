/* archive: what the supervisor does to the record, in bulk.
 *
 *   archive_join       how many partitions I am to have
 *   archive_offer      gives back what I have above that
 *   archive_lease      which partitions are mine, and up to where their ledgers are committed
 *   archive_add_*      collect rows in memory
 *   archive_commit     one transaction: rows, runs, commands, cursors; all or nothing
 *
 * Ownership is a row with a fence and a lease by Postgres' clock; every commit moves the cursors of
 * the partitions only if owner, fence, epoch and the old cursor are as they were when they were
 * read, else it is ERR_CONFLICT and nothing is changed. After any failure the caller reads its
 * partitions again with archive_lease: a COMMIT whose answer was lost may have succeeded.
 */
#ifndef TROUPE_STORE_ARCHIVE_H
#define TROUPE_STORE_ARCHIVE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/sha256.h"
#include "base/slice.h"
#include "store/store.h"
#include "store/values.h"
#include <stdbool.h>
#include <stdint.h>

/* --- ownership --- */

/* The id of the namespace, a UUID's text. */
MUSTCHECK int archive_namespace_id(struct store *store, char id[UUID_TEXT_LEN + 1],
                                   struct err *err);

struct archive_cursor {
    uint16_t partition;
    int64_t epoch;
    uint64_t seq;                          /* of the last committed entry; 0: none in this epoch */
    char entry_sha256[SHA256_HEX_LEN + 1]; /* of its bytes; "" for none */
    int64_t fence;
};

/* A row of partition_state is
 *
 *   owner, lease runs      somebody's
 *   no owner, lease runs   offered: for those who are below their share
 *   lease has ended        free for all
 *
 * `owner` is ready to work for lease_ms. Writes its share of so many partitions: those that are ready
 * have it evenly, and the first of them what does not come out even. */
MUSTCHECK int archive_join(struct store *store, struct slice owner, int64_t lease_ms,
                           uint32_t partitions, uint32_t *share, struct err *err);
/* Offers what `owner` has above its share, the highest numbers, for lease_ms. Between batches only.
 * given: how many. */
MUSTCHECK int archive_offer(struct store *store, struct slice owner, int64_t lease_ms,
                            uint32_t share, uint32_t *given, struct err *err);
/* Renews the leases of what `owner` has, takes all that is free, and of what is offered so much that it
 * has its share. Writes all that it has then, by partition, at most `most`. */
MUSTCHECK int archive_lease(struct store *store, struct slice owner, int64_t lease_ms,
                            uint32_t share, struct archive_cursor *cursors, uint32_t most,
                            uint32_t *count, struct err *err);
/* Gives everything back, for all, and is not ready any more. */
MUSTCHECK int archive_release(struct store *store, struct slice owner, struct err *err);
/* Raises the epoch of a partition to `epoch`, which begins without entries; updates the cursor.
 * ERR_UNREACHABLE: not ours any more. */
MUSTCHECK int archive_raise_epoch(struct store *store, struct slice owner,
                                  struct archive_cursor *cursor, int64_t epoch, struct err *err);

/* --- collecting --- */

struct archive {
    struct buf events, executions, decisions, rejected, new_runs; /* COPY */
    struct buf run_ids, run_values[8];                            /* arrays, parallel */
    struct buf command_ids, cursors[6];
    struct values values; /* what is too long for its row */
    uint32_t event_count, execution_count, decision_count, rejected_count, new_run_count, run_count,
        collect_count, command_count, cursor_count;
};

/* cap_bytes: of each buffer. inline_bytes: inputs and outputs up to this length stay in their rows,
 * others are kept by content address, and are borrowed until the archive is committed or reset. */
void archive_init(struct archive *archive, size_t cap_bytes, size_t inline_bytes);
void archive_free(struct archive *archive);
/* Empty, with its memory. */
void archive_reset(struct archive *archive);
/* False: a cap was reached, or no memory; then it cannot be committed. */
bool archive_ok(const struct archive *archive);

struct archive_event {
    struct slice run;
    uint64_t event;
    uint16_t partition;
    int64_t epoch;
    uint64_t seq;
    uint32_t ordinal;
    const char *kind;
    int64_t at_us;
    uint64_t token; /* 0: none */
    int64_t delta;
    uint64_t first, last;
    enum run_status status;
    int64_t node; /* -1: none */
    struct slice scope;
    uint32_t attempt;
    struct slice detail;
};
void archive_add_event(struct archive *archive, const struct archive_event *event);

struct archive_execution {
    struct slice run;
    const struct graph_node *node;
    struct slice scope;
    uint32_t attempt;   /* 0: skipped */
    const char *status; /* completed failed skipped cancelled */
    uint64_t token;     /* 0: skipped */
    int64_t at_us, started_us, ended_us;
    struct slice output, error, worker, usage; /* ptr NULL: none */
    bool left;                                 /* by an edge: its output is none of the run's */
    bool goes_back;                            /* the next iteration of its loop began */
    int64_t list_order;                        /* behind an each join; -1: elsewhere */
};
void archive_add_execution(struct archive *archive, const struct archive_execution *execution);
/* Its output is one of those that a run without a mapping has. */
bool archive_counts_as_end(const struct archive_execution *execution);

struct archive_decision {
    struct slice run;
    const struct graph_node *node;
    struct slice scope;
    uint32_t attempt;
    struct slice taken, dead; /* JSON arrays */
    struct slice reason;
    int64_t at_us;
};
void archive_add_decision(struct archive *archive, const struct archive_decision *decision);

struct archive_rejected {
    uint16_t partition;
    int64_t epoch;
    uint64_t seq;
    uint32_t ordinal;
    struct slice inbox_id, run, reason, request;
    int64_t at_us;
};
void archive_add_rejected(struct archive *archive, const struct archive_rejected *rejected);

/* A run that the record does not have: it came through the inbox. */
struct archive_new_run {
    struct slice run, workflow, digest, input, labels, inbox_id;
    int64_t version;
    uint16_t partition;
    int64_t submitted_us;
    int64_t deadline_us; /* 0: none */
};

/* What became of a run in this batch. Each run of a batch is added at most once: */
struct archive_run {
    struct slice run;
    enum run_status status;
    uint64_t events;     /* number of the last one */
    int64_t started_us;  /* of the first execution, as far as it is in this batch; 0: not in it */
    int64_t ended_us;    /* 0: not final */
    struct slice output; /* of a mapping; ptr NULL: none */
    bool collect;        /* the output is an object of the terminal executions' outputs */
    struct slice error;
};
/* Its row is made as it is at the end of the batch, so collect makes two of it: the row, and an
 * update of it. */
void archive_add_new_run(struct archive *archive, const struct archive_new_run *run,
                         const struct archive_run *became);
/* Its row is updated. Not needed for one that was running and still is: had somebody ended it in the
 * record, then with the event that the batch adds, and the key of event_log tells. */
void archive_add_run(struct archive *archive, const struct archive_run *run);

/* A command that took effect. */
void archive_add_command(struct archive *archive, struct slice command_id);

/* Moves the cursor of a partition from `old` to (seq, sha256). */
void archive_add_cursor(struct archive *archive, const struct archive_cursor *old, uint64_t seq,
                        const char *entry_sha256);

/* Notifies "troupe_progress". */
MUSTCHECK int archive_commit(struct store *store, struct archive *archive, struct slice owner,
                             struct err *err);

/* --- reading what the owner has to do --- */

struct archive_known_run {
    struct slice run, digest;
    enum run_status status;
    uint64_t events;
};
/* Those of `runs` that the record has. Text is the arena's. */
MUSTCHECK int archive_known_runs(struct store *store, const struct slice *runs, uint32_t run_count,
                                 struct arena *arena, struct archive_known_run **items,
                                 uint32_t *count, struct err *err);

/* Accepted runs that have not been started, oldest first, of the owner's partitions. */
MUSTCHECK int archive_runs_to_start(struct store *store, struct slice owner, uint32_t most,
                                    struct arena *arena, struct store_run **items, uint32_t *count,
                                    struct err *err);

struct archive_command {
    struct slice id, run, kind, asked_by;
    uint16_t partition;
    enum run_status status; /* of the run */
    uint64_t events;
};
/* Commands without an outcome, oldest first. */
MUSTCHECK int archive_open_commands(struct store *store, struct slice owner, uint32_t most,
                                    struct arena *arena, struct archive_command **items,
                                    uint32_t *count, struct err *err);
/* For a run that Redis does not have: cancels it in the record, if it is not final, and gives the
 * command its outcome. */
MUSTCHECK int archive_cancel_absent(struct store *store, const struct archive_command *command,
                                    struct slice error, int64_t now_us, struct err *err);
/* The run was final before. */
MUSTCHECK int archive_command_ended(struct store *store, struct slice command_id, struct err *err);
/* Runs of the partition that are not final though Redis was told to start them. */
MUSTCHECK int archive_count_live(struct store *store, uint16_t partition, uint64_t *count,
                                 struct err *err);

/* Workflow versions, by name and version; the last of each name is its latest. Versions are never
 * removed: a count that is the same means that nothing is new. */
MUSTCHECK int archive_version_count(struct store *store, uint64_t *count, struct err *err);
MUSTCHECK int archive_versions(struct store *store, struct arena *arena,
                               struct store_workflow **items, uint32_t *count, struct err *err);

/* --- what Redis said of workers and queues --- */

struct archive_worker {
    uint16_t partition;
    struct slice name, queues;
    int64_t session, lease_until_us;
    uint64_t held;
    bool remote; /* it executes tasks: without a session, and what it holds is in the record */
};
struct archive_queue {
    uint16_t partition;
    struct slice queue;
    uint64_t ready, held;
    int64_t oldest_us; /* 0: empty */
};
/* Replaces what is there of the owner's partitions; seen_us: when Redis was asked, by its clock. */
MUSTCHECK int archive_registry(struct store *store, struct slice owner,
                               const struct archive_worker *workers, uint32_t worker_count,
                               const struct archive_queue *queues, uint32_t queue_count,
                               int64_t seen_us, struct err *err);

#endif
