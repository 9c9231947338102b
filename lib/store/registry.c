/* registry: workers and queues as Redis knew them when it was asked last. */
#include "store/archive.h"
#include "store/connection.h"
#include "store/copy.h"

/* --- columns: an array each, the first parameters of a statement --- */

static void columns_begin(struct buf *columns, int count)
{
    for (int i = 0; i < count; i++) {
        buf_init(&columns[i], 0);
        array_begin(&columns[i]);
    }
}

/* False: there was no memory for all of them. */
static bool columns_end(struct buf *columns, int count, struct params *params)
{
    bool good = true;
    for (int i = 0; i < count; i++) {
        array_end(&columns[i]);
        good = good && buf_ok(&columns[i]);
        params_text(params, buf_slice(&columns[i]));
    }
    return good;
}

static void columns_free(struct buf *columns, int count)
{
    for (int i = 0; i < count; i++)
        buf_free(&columns[i]);
}

/* --- workers, queues --- */

#define LEASE_UNTIL MICROS_TO_TIME("lease")
#define WORKERS_SEEN_AT MICROS_TO_TIME("$8")

static const char workers_sql[] =
    "with gone as (delete from worker_registry w using partition_state p"
    "  where p.partition = w.partition and p.owner = $9 and not exists ("
    "    select 1 from unnest($1::integer[], $2::text[], $7::text[])"
    "      as n (partition, name, kind)"
    "    where n.partition = w.partition and n.name = w.name and n.kind = w.kind)),"
    " n as (select partition, name, session, " LEASE_UNTIL " as lease_until,"
    "   queues, held, " WORKERS_SEEN_AT " as seen_at, kind"
    "   from unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[], $5::text[],"
    "     $6::bigint[], $7::text[])"
    "     as n (partition, name, session, lease, queues, held, kind)"
    "   join partition_state p using (partition) where p.owner = $9),"
    " served as (insert into task_queue select queue, max(lease_until)"
    "   from n, unnest(string_to_array(n.queues, ',')) as q (queue) where kind = 'remote'"
    "   group by queue order by queue"
    "   on conflict (queue) do update set served_at = excluded.served_at"
    "   where task_queue.served_at < excluded.served_at)"
    " insert into worker_registry"
    "   (partition, name, session, lease_until, queues, held, seen_at, kind)"
    " select * from n"
    " on conflict (partition, name, kind) do update set session = excluded.session,"
    "   lease_until = excluded.lease_until, queues = excluded.queues,"
    "   held = excluded.held, seen_at = excluded.seen_at";

static int write_workers(struct store *store, struct slice owner,
                         const struct archive_worker *workers, uint32_t count, int64_t seen_us,
                         struct err *err)
{
    enum { COLUMNS = 7 };
    struct buf arrays[COLUMNS];
    struct params params;
    int result = -1;
    columns_begin(arrays, COLUMNS);
    for (uint32_t i = 0; i < count; i++) {
        array_add_int(&arrays[0], workers[i].partition);
        array_add(&arrays[1], workers[i].name);
        array_add_int(&arrays[2], workers[i].session);
        array_add_int(&arrays[3], workers[i].lease_until_us);
        array_add(&arrays[4], workers[i].queues);
        array_add_int(&arrays[5], (int64_t)workers[i].held);
        array_add(&arrays[6], workers[i].remote ? SLICE("remote") : SLICE("fleet"));
    }
    params_init(&params);
    const bool good = columns_end(arrays, COLUMNS, &params);
    params_int(&params, seen_us);
    params_text(&params, owner);
    if (!good)
        err_set(err, ERR_LIMIT, "no memory for the registry of %u workers", count);
    else
        result = store_exec(store, workers_sql, &params, NULL, err);
    columns_free(arrays, COLUMNS);
    return result;
}

#define OLDEST_AT MICROS_TO_TIME("nullif(n.oldest, 0)")
#define QUEUES_SEEN_AT MICROS_TO_TIME("$6")

static const char queues_sql[] =
    "insert into queue_stats"
    " select n.partition, n.queue, n.ready, n.held,"
    "   " OLDEST_AT ", " QUEUES_SEEN_AT
    " from unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])"
    "   as n (partition, queue, ready, held, oldest)"
    " join partition_state p on p.partition = n.partition and p.owner = $7"
    " on conflict (partition, queue) do update set ready = excluded.ready,"
    "   held = excluded.held, oldest_at = excluded.oldest_at, seen_at = excluded.seen_at";

static int write_queues(struct store *store, struct slice owner, const struct archive_queue *queues,
                        uint32_t count, int64_t seen_us, struct err *err)
{
    enum { COLUMNS = 5 };
    struct buf arrays[COLUMNS];
    struct params params;
    int result = -1;
    columns_begin(arrays, COLUMNS);
    for (uint32_t i = 0; i < count; i++) {
        array_add_int(&arrays[0], queues[i].partition);
        array_add(&arrays[1], queues[i].queue);
        array_add_int(&arrays[2], (int64_t)queues[i].ready);
        array_add_int(&arrays[3], (int64_t)queues[i].held);
        array_add_int(&arrays[4], queues[i].oldest_us);
    }
    params_init(&params);
    const bool good = columns_end(arrays, COLUMNS, &params);
    params_int(&params, seen_us);
    params_text(&params, owner);
    if (!good)
        err_set(err, ERR_LIMIT, "no memory for the registry of %u queues", count);
    else
        result = store_exec(store, queues_sql, &params, NULL, err);
    columns_free(arrays, COLUMNS);
    return result;
}

/* Whoever gets here has read the ledgers to their ends just before. */
static int note_caught_up(struct store *store, struct slice owner, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, owner);
    return store_exec(store,
                      "update partition_state set archived_at = clock_timestamp() where owner = $1",
                      &params, NULL, err);
}

int archive_registry(struct store *store, struct slice owner, const struct archive_worker *workers,
                     uint32_t worker_count, const struct archive_queue *queues,
                     uint32_t queue_count, int64_t seen_us, struct err *err)
{
    if (write_workers(store, owner, workers, worker_count, seen_us, err) != 0 ||
        write_queues(store, owner, queues, queue_count, seen_us, err) != 0 ||
        note_caught_up(store, owner, err) != 0)
        return err_prefix(err, "noting workers and queues");
    return 0;
}
