/* supervisor: from the ledgers to the record.
 *
 * Several may run; every partition has one owner at a time: a row in Postgres with a fence and a
 * lease, checked in every commit. Those that run share the partitions evenly: who has more than its
 * share gives back the rest between two passes (docs/design/013). The owner
 *   - opens its partitions in Redis (epoch, queues, groups), again after Redis lost them;
 *   - starts accepted runs (status queued) and applies commands, both by idempotent scripts;
 *   - archives: reads the ledgers from the last committed entry (comparing its bytes with the copy
 *     kept beside the cursor), writes history, run updates and cursors in one transaction, then
 *     acknowledges inbox entries, forgets finished runs, publishes rejections and trims;
 *   - publishes graphs and the table of names, and keeps v_workers and v_queues fresh.
 * Everything after a commit is idempotent and repeated by the next owner for entries still in the
 * ledger, so a crash between any two lines loses and doubles nothing.
 *
 * One thread, blocking calls with deadlines; it survives the loss of either server at any point and
 * says so in its log. Postgres is the truth about what was archived: after a lost COMMIT the cursor is
 * read again.
 */
#ifndef TROUPE_SUPERVISOR_SUPERVISOR_H
#define TROUPE_SUPERVISOR_SUPERVISOR_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct supervisor_options {
    const char *redis_url;
    const char *database_url;
    const char *name; /* NULL: HOST-PID-RANDOM */
    uint16_t
        partitions; /* of a new namespace; an existing one keeps its own (a misfit is an error) */
    const char *const *queues; /* whose streams are made when a partition is opened */
    uint32_t queue_count;
    int64_t lease_ms;       /* of ownership; default 5000 */
    uint32_t batch_entries; /* ledger entries per partition and transaction */
    size_t inline_bytes;    /* longer inputs and outputs are kept by content address */
    const struct clock *clock;
};

struct supervisor;

MUSTCHECK struct supervisor *supervisor_new(const struct supervisor_options *options,
                                            struct err *err);
/* Works until *stop is not 0, then gives its partitions back and returns 0; -1 for what cannot heal
 * (no schema, wrong password at start, partition count misfit). `tick` (may be NULL) is called at
 * least every 100 ms between two steps. */
MUSTCHECK int supervisor_run(struct supervisor *supervisor, const volatile sig_atomic_t *stop,
                             void (*tick)(void *context), void *context, struct err *err);
void supervisor_free(struct supervisor *supervisor);

struct supervisor_stats {
    uint64_t entries, records, transactions, runs_final, starts, commands, timers, alarms;
    uint64_t partitions_given_back;              /* to be shared */
    uint32_t partitions_owned, partitions_share; /* what it is to own */
    bool redis_connected, postgres_connected;
};
void supervisor_stats(const struct supervisor *supervisor, struct supervisor_stats *stats);

#endif
