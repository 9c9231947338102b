/* state: what a supervisor is made of; for the files of this layer only.
 *
 * One pass of the loop:
 *
 *   partitions   lease, or give back; open what is not open (epochs)       Postgres, Redis
 *   batch        read the ledgers behind the cursors, compare, decode      Redis
 *   runs         which runs and graphs the records speak of                Postgres, when not cached
 *   expand       records to rows                                           memory
 *   archive      one transaction                                           Postgres
 *   after        acknowledge, forget, publish rejections, trim             Redis
 *   starts       accepted runs, commands                                   Postgres, Redis
 *   timers       parked tokens, within milliseconds of their time          Redis
 *   inbox, publish, registry: every now and then
 */
#ifndef TROUPE_SUPERVISOR_STATE_H
#define TROUPE_SUPERVISOR_STATE_H

#include "base/arena.h"
#include "base/strmap.h"
#include "graph/graph.h"
#include "protocol/calls.h"
#include "protocol/ledger.h"
#include "protocol/redis.h"
#include "store/archive.h"
#include "store/store.h"
#include "supervisor/supervisor.h"

enum {
    BATCH_ARENA_BYTES = 512 << 20,
    ARCHIVE_BUF_BYTES = 768 << 20,
    RUNS_CACHED_MOST = 200000,
    GRAPHS_CACHED_MOST = 256,
    /* Of a batch, about: what is written in an entry is there in its reply, its rows and what Postgres
     * gets, and each record of it once decoded. */
    BATCH_BYTES = 5 << 20,
    BODY_TIMES = 5,
    BATCH_ENTRIES = 256, /* the next ones may be much longer than the last */
    PAGE_LEAST = 4,      /* of a partition, unless fewer fit */
    PAGE_ENTRIES = 256,
    STARTS_MOST = 256,
    COMMANDS_MOST = 256,
    REDIS_TIMEOUT_MS = 5000,
    STARTS_EVERY_MS = 500,
    REGISTRY_EVERY_MS = 1000,
    PUBLISH_EVERY_MS = 3600 * 1000,
    NAMES_EVERY_MS = 500,
    WAIT_MOST_MS = 100,
    NOT_AFTER_MS = 30000,
    ALARM_EVERY_MS = 10000,
};

/* A partition that we own. */
struct partition {
    struct archive_cursor cursor;
    char epoch_text[24];
    bool open;             /* Redis has our epoch, as far as we know */
    bool more;             /* the last pass left entries unread */
    int64_t told_us;       /* when its last alarm was logged */
    int64_t timers_due_us; /* monotonic; 0: look, INT64_MAX: there is none */
};

/* A run that records speak of. Removed from the cache when it is final and committed. */
struct run {
    char id[UUID_TEXT_LEN + 1];
    struct graph *graph; /* one reference; NULL for stray ones */
    enum run_status status;
    uint64_t events;
    bool recorded; /* Postgres has its row */
    bool stray;    /* Redis has a run that the record does not allow: to be ended there */
    const char *stray_because; /* NULL once it was told */
    /* of the batch that is being made: */
    bool touched;
    uint16_t slot; /* index of its partition */
    struct archive_run fold;
    enum run_status status_before; /* as its row says */
    bool is_new;                   /* its row is made with the batch, of: */
    struct archive_new_run new_run;
    struct end *ends; /* what its output may be collected from */
    bool ends_unclear;
    bool dropped; /* is being removed from the cache */
};

struct runs {
    struct strmap map; /* id → struct run, owned */
};

struct graphs {
    struct strmap map; /* digest → struct graph, one reference each */
};

/* An entry of a ledger, a view of a reply. */
struct entry {
    uint16_t slot; /* index of its partition */
    uint64_t seq;
    int64_t at_us;
    struct slice body;
    struct slice time_text;
};

struct record {
    uint32_t entry; /* index */
    uint32_t ordinal;
    struct ledger_record ledger;
    struct run *run; /* NULL for rejections */
};

struct batch {
    struct arena arena;
    redisReply **replies;
    uint32_t reply_count;
    struct entry *entries;
    uint32_t entry_count;
    struct record *records;
    uint32_t record_count;
    struct run **touched;
    uint32_t touched_count;
};

struct supervisor {
    char *name;
    struct slice owner; /* name */
    const struct clock *clock;
    int64_t lease_ms;
    uint32_t batch_entries; /* of a partition, at most */
    uint32_t page_entries;  /* of a partition, in this batch: by what one has lately had */
    size_t entry_bytes;     /* that */
    bool quiet; /* the last batch had all that there was, which says nothing of the next one */
    uint32_t read_first,
        read_count;             /* which of `partitions` are read, from the first on and around */
    uint16_t partitions_wanted; /* 0: whatever there is */
    const char *const *queues;
    struct slice *queue_names;
    uint32_t queue_count;

    struct store *store;
    struct redis *redis;
    struct redis *bell;
    bool bell_sent;

    char namespace_id[UUID_TEXT_LEN + 1];
    uint16_t partition_count; /* of the namespace; 0: not known yet */
    struct partition *partitions;
    uint32_t owned;
    bool must_lease;  /* cursors are to be read again before anything is archived */
    bool share_known; /* stats.partitions_share is */
    bool ask_all;     /* of the next batch's runs, whether the record has them */

    struct runs runs;
    struct graphs graphs;
    struct archive archive;
    struct batch batch;

    int64_t leased_us, lease_due_us, starts_due_us, registry_due_us, publish_due_us, names_due_us,
        inbox_due_us, dismiss_due_us;
    int64_t read_us, paced_until_us; /* of the last batch, and when to read the next */
    int64_t redis_offset_us;         /* Redis' clock minus our monotonic clock */
    int64_t published_ms;            /* as written to Redis; 0: never */
    uint64_t versions_seen;          /* workflow versions at the last publication */
    struct strmap published;         /* digest → (void *)1, since the last complete publication */

    uint32_t failures; /* in a row */
    bool has_worked;   /* a pass has succeeded */
    struct supervisor_stats stats;
};

static inline bool owns_first(const struct supervisor *s)
{
    return s->owned > 0 && s->partitions[0].cursor.partition == 0;
}
static inline int64_t now_us(const struct supervisor *s) { return clock_mono_us(s->clock); }
/* Redis' clock. */
static inline int64_t redis_now_us(const struct supervisor *s)
{
    return now_us(s) + s->redis_offset_us;
}

/* --- partitions.c --- */
MUSTCHECK int partitions_find_out(struct supervisor *s, struct err *err);
MUSTCHECK int partitions_lease(struct supervisor *s, struct err *err);
MUSTCHECK int partitions_open(struct supervisor *s, struct err *err);
/* So much time has passed since the last lease that others may have the partitions. */
bool partitions_lapsed(const struct supervisor *s);
/* NULL: not ours. */
struct partition *partition_find(const struct supervisor *s, uint16_t number);
/* Redis' time from any reply that has it. */
void note_redis_time(struct supervisor *s, int64_t redis_us);
/* At most one line per partition and ALARM_EVERY_MS. */
void partition_alarm(struct supervisor *s, struct partition *p, const char *message,
                     const char *detail);

/* --- batch.c --- */
/* Reads what is new; a partition that lost something is closed and contributes nothing. */
MUSTCHECK int batch_read(struct supervisor *s, struct err *err);
void batch_clear(struct supervisor *s);
/* Only what points to runs, before they are removed from the cache. */
void batch_clear_runs(struct supervisor *s);
/* SHA-256 of an entry's bytes. */
void entry_sha256(const struct entry *entry, char hex[SHA256_HEX_LEN + 1]);
/* An entry of a reply of XRANGE. */
MUSTCHECK int entry_of_reply(const redisReply *reply, uint16_t slot, int64_t *epoch,
                             struct entry *entry);

/* --- runs.c --- */
void runs_init(struct runs *runs);
void runs_clear(struct runs *runs);
void runs_remove(struct runs *runs, struct run *run);
/* Gives a run its graph. Without one its records say nothing: it becomes a stray. */
MUSTCHECK int run_find_graph(struct supervisor *s, struct run *run, struct slice digest,
                             struct err *err);
/* Sets `run` of all records. */
MUSTCHECK int runs_of_batch(struct supervisor *s, struct err *err);
/* A borrowed graph, from the cache or the record; NULL with err (ERR_NOT_FOUND, …). */
struct graph *supervisor_graph(struct supervisor *s, struct slice digest, struct err *err);
void graphs_clear(struct graphs *graphs);

/* --- expand.c --- */
/* All records of the batch into the archive. */
MUSTCHECK int expand_batch(struct supervisor *s, struct err *err);
/* A scope with node ids, in the batch's arena. */
struct slice shown_scope(struct supervisor *s, const struct graph *graph, struct slice scope);
/* The row of a record's event. execution may be NULL, node is -1 when it is of none. */
void expand_event(struct supervisor *s, const struct record *record, const char *kind,
                  const struct ledger_execution *execution, int64_t node, struct slice detail);

/* --- fold.c --- */
/* The run is to be ended in Redis. Told and acted on once the batch is committed: until then
 * another supervisor may have been faster, and what is in the record already is these very
 * entries. */
void fold_stray(struct run *run, const char *why);
/* Whether a record that is not a start may go into the record. */
bool fold_allows(struct supervisor *s, struct run *run, const struct entry *entry,
                 const struct ledger_outcome *outcome);
/* After every record of a run. executed: a token of it was at a node, so it is running unless it
 * ended. */
void fold_outcome(struct supervisor *s, struct run *run, const struct entry *entry,
                  const struct ledger_outcome *outcome, bool executed);
/* A token of it got to its node at that time; the first one counts. */
void fold_started(struct run *run, int64_t started_us);
/* The run ended with this record: what it says of the reason. execution may be NULL. */
void fold_end(struct supervisor *s, struct run *run, const struct ledger_execution *execution,
              bool open_joins);

/* --- decided.c --- */
/* A loop's next iteration begins: no edge is decided. */
bool decided_to_go_back(const struct ledger_execution *execution);
/* By a goto, or back: what a terminal node makes is none of the run's output then. */
bool decided_to_lead_on(const struct ledger_execution *execution);
/* Rows of the decision, if there was a choice, and of what its dead edges skipped. */
MUSTCHECK int decided_edges(struct supervisor *s, const struct run *run,
                            const struct graph_node *node, const struct ledger_execution *execution,
                            struct err *err);
/* Of the joins that an outcome lists: those that were skipped, and what hangs on them alone. */
MUSTCHECK int decided_joins(struct supervisor *s, const struct run *run, struct slice joins,
                            int64_t at_us, bool *open_joins, struct err *err);

/* --- waiting.c --- */
/* A token that waits, for its time or for a remote worker. */
MUSTCHECK int expand_wait(struct supervisor *s, const struct record *record, struct err *err);
/* It was claimed, told of, lapsed or handed back by a remote worker. */
MUSTCHECK int expand_task(struct supervisor *s, const struct record *record, struct err *err);
/* Until when a token waits, and for which attempt when one has failed. SLICE_NONE: the record does
 * not say (of an older worker). */
struct slice waiting_until(struct supervisor *s, const struct ledger_execution *execution);

/* --- cancelled.c --- */
/* Rows for what was live when runs of the batch failed or were cancelled. */
MUSTCHECK int expand_cancelled(struct supervisor *s, struct err *err);
/* What a cancelled run's error is. */
void cancelled_error_write(struct buf *out, struct slice by);

/* --- ends.c --- */
/* A row of an execution was added. */
MUSTCHECK int ends_add(struct supervisor *s, struct run *run,
                       const struct archive_execution *execution, struct err *err);
/* Makes the output of a run of the batch that is to be collected, if the batch has all of it. */
MUSTCHECK int ends_collect(struct supervisor *s, struct run *run, struct err *err);

/* --- after.c --- */
/* What follows a commit, for the batch. Failing halfway is fine: the partitions are closed then, and
 * opening them repeats it. */
MUSTCHECK int after_commit(struct supervisor *s, struct err *err);
/* The same for committed entries that the last owner left in the ledger. */
MUSTCHECK int after_takeover(struct supervisor *s, struct partition *p, struct err *err);

/* --- starts.c, commands.c --- */
MUSTCHECK int starts_pass(struct supervisor *s, struct err *err);
MUSTCHECK int commands_pass(struct supervisor *s, struct err *err);

/* --- publish.c --- */
MUSTCHECK int publish_pass(struct supervisor *s, struct err *err);
/* Makes sure that workers find the graph. */
MUSTCHECK int publish_graph(struct supervisor *s, const struct graph *graph, struct err *err);
/* Redis may have lost it: all again. */
void publish_forget(struct supervisor *s);

/* --- inbox.c --- */
/* The inbox is there, and who has stopped reading it is forgotten. */
MUSTCHECK int inbox_pass(struct supervisor *s, struct err *err);

/* --- timers.c --- */
/* Fires what is due. */
MUSTCHECK int timers_pass(struct supervisor *s, struct err *err);
/* The partition may have a new timer. */
void timers_look(struct partition *p);
/* When the next is due, monotonic; INT64_MAX: none. */
int64_t timers_next_us(const struct supervisor *s);

/* --- registry.c --- */
MUSTCHECK int registry_pass(struct supervisor *s, struct err *err);

#endif
