/* health: what an operator wants to know first. */
#include "store/connection.h"

#define OLDEST_QUEUED TIME_TO_MICROS("min(submitted_at)")

static const char health_sql[] =
    "select (select count(*) from partition_state),"
    " (select count(*) from partition_state"
    "   where owner is not null and lease_until > clock_timestamp()),"
    " (select count(*) from (select owner from partition_state"
    "   where owner is not null and lease_until > clock_timestamp()"
    "   union select name from supervisor where lease_until > clock_timestamp()) s),"
    " (select count(distinct name) from worker_registry"
    "   where kind = 'fleet' and lease_until > seen_at"
    "   and seen_at > clock_timestamp() - interval '10 s'),"
    " (select " OLDEST_QUEUED " from run where status = 'queued'),"
    " (select count(*) from run where status = 'queued'),"
    " (select count(*) from run where status = 'running'),"
    " (select coalesce((extract(epoch from"
    "     max(clock_timestamp() - archived_at)) * 1000000)::bigint, 0)"
    "   from partition_state where lease_until > clock_timestamp())";

int store_health_get(struct store *store, struct store_health *health, struct err *err)
{
    PGresult *result = store_query(store, health_sql, NULL, err);
    if (!result)
        return err_prefix(err, "reading the state of the system");
    *health = (struct store_health){
        .partitions = (uint32_t)result_int(result, 0, 0),
        .owned = (uint32_t)result_int(result, 0, 1),
        .supervisors = (uint32_t)result_int(result, 0, 2),
        .workers = (uint32_t)result_int(result, 0, 3),
        .oldest_queued_us = result_int(result, 0, 4),
        .queued = (uint64_t)result_int(result, 0, 5),
        .running = (uint64_t)result_int(result, 0, 6),
        .archive_lag_us = result_int(result, 0, 7),
    };
    PQclear(result);
    return 0;
}

#define SEEN_AT TIME_TO_MICROS("seen_at")
#define LEASE_UNTIL TIME_TO_MICROS("lease_until")

static const char workers_sql[] =
    "select name, queues, status = 'alive', held, " LEASE_UNTIL ", " SEEN_AT ", kind = 'remote'"
    " from v_workers";

int store_worker_list(struct store *store, struct arena *arena, struct store_worker **items,
                      uint32_t *count, struct err *err)
{
    PGresult *result = store_query(store, workers_sql, NULL, err);
    if (!result)
        return err_prefix(err, "listing workers");
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool failed = *items == NULL;
    for (uint32_t i = 0; !failed && i < *count; i++)
        (*items)[i] = (struct store_worker){
            .name = result_copy(result, (int)i, 0, arena, &failed),
            .queues = result_copy(result, (int)i, 1, arena, &failed),
            .alive = result_bool(result, (int)i, 2),
            .held = (uint64_t)result_int(result, (int)i, 3),
            .lease_until_us = result_int(result, (int)i, 4),
            .seen_us = result_int(result, (int)i, 5),
            .remote = result_bool(result, (int)i, 6),
        };
    PQclear(result);
    return failed ? err_set(err, ERR_LIMIT, "no memory for %u workers", *count) : 0;
}

#define OLDEST_AT TIME_TO_MICROS("oldest_at")

static const char queues_sql[] =
    "select queue, ready, held, workers, " OLDEST_AT ", " SEEN_AT ", kind = 'task'"
    " from v_queues";

int store_queue_list(struct store *store, struct arena *arena, struct store_queue **items,
                     uint32_t *count, struct err *err)
{
    PGresult *result = store_query(store, queues_sql, NULL, err);
    if (!result)
        return err_prefix(err, "listing queues");
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool failed = *items == NULL;
    for (uint32_t i = 0; !failed && i < *count; i++)
        (*items)[i] = (struct store_queue){
            .queue = result_copy(result, (int)i, 0, arena, &failed),
            .ready = (uint64_t)result_int(result, (int)i, 1),
            .held = (uint64_t)result_int(result, (int)i, 2),
            .workers = (uint32_t)result_int(result, (int)i, 3),
            .oldest_us = result_int(result, (int)i, 4),
            .seen_us = result_int(result, (int)i, 5),
            .tasks = result_bool(result, (int)i, 6),
        };
    PQclear(result);
    return failed ? err_set(err, ERR_LIMIT, "no memory for %u queues", *count) : 0;
}
