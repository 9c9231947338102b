/* pending: what the owner of a partition has to do: runs to start, commands to apply. */
#include "base/buf.h"
#include "store/archive.h"
#include "store/connection.h"
#include "store/copy.h"
#include <string.h>

/* Of a run: while it runs, its row does not follow what is archived of it. */
#define EVENTS                                                                                     \
    "case when run.status = 'running' then (select coalesce(max(event), 0) from event_log l"       \
    " where l.run_id = run.run_id) else run.events end"

static int no_memory(PGresult *result, struct err *err)
{
    PQclear(result);
    return err_set(err, ERR_LIMIT, "no memory for what Postgres answered");
}

static bool read_status(struct slice text, enum run_status *status)
{
    for (int i = 0; i <= RUN_CANCELLED; i++) {
        if (slice_eq_str(text, run_status_name((enum run_status)i))) {
            *status = (enum run_status)i;
            return true;
        }
    }
    return false;
}

int archive_known_runs(struct store *store, const struct slice *runs, uint32_t run_count,
                       struct arena *arena, struct archive_known_run **items, uint32_t *count,
                       struct err *err)
{
    struct params params;
    struct buf ids;
    buf_init(&ids, 0);
    array_begin(&ids);
    for (uint32_t i = 0; i < run_count; i++)
        array_add(&ids, runs[i]);
    array_end(&ids);
    params_init(&params);
    params_text(&params, buf_slice(&ids));
    PGresult *result = !buf_ok(&ids) ? NULL
                                     : store_query(store,
                                                   /* A join: `= any` is compared one by one
                                                      when the planner scans the table. */
                                                   "select run_id::text, digest, status, " EVENTS
                                                   " from unnest($1::uuid[]) as w (run_id)"
                                                   " join run using (run_id)",
                                                   &params, err);
    bool short_of_memory = !buf_ok(&ids);
    buf_free(&ids);
    if (short_of_memory)
        return err_set(err, ERR_LIMIT, "no memory to ask for %u runs", run_count);
    if (!result)
        return -1;
    bool failed = false;
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    if (!*items)
        return no_memory(result, err);
    for (uint32_t i = 0; i < *count; i++) {
        struct archive_known_run *run = &(*items)[i];
        run->run = result_copy(result, (int)i, 0, arena, &failed);
        run->digest = result_copy(result, (int)i, 1, arena, &failed);
        run->events = (uint64_t)result_int(result, (int)i, 3);
        if (!read_status(result_text(result, (int)i, 2), &run->status))
            failed = true;
    }
    if (failed)
        return no_memory(result, err);
    PQclear(result);
    return 0;
}

#define SUBMITTED_AT TIME_TO_MICROS("r.submitted_at")

static const char to_start_sql[] =
    "select r.run_id::text, r.partition, r.workflow, r.version, r.digest,"
    " r.input::text, r.labels::text, " SUBMITTED_AT ","
    " coalesce((extract(epoch from r.deadline_at) * 1000)::bigint, 0)"
    " from run r join partition_state p on p.partition = r.partition"
    " where p.owner = $1 and r.events = 0 and r.status = 'queued'"
    " order by r.submitted_at limit $2::integer";

int archive_runs_to_start(struct store *store, struct slice owner, uint32_t most,
                          struct arena *arena, struct store_run **items, uint32_t *count,
                          struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, owner);
    params_int(&params, most);
    PGresult *result = store_query(store, to_start_sql, &params, err);
    if (!result)
        return -1;
    bool failed = false;
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    if (!*items)
        return no_memory(result, err);
    for (uint32_t i = 0; i < *count; i++) {
        int row = (int)i;
        (*items)[i] = (struct store_run){
            .run_id = result_copy(result, row, 0, arena, &failed),
            .partition = (uint16_t)result_int(result, row, 1),
            .workflow = result_copy(result, row, 2, arena, &failed),
            .version = result_int(result, row, 3),
            .digest = result_copy(result, row, 4, arena, &failed),
            .input = result_copy(result, row, 5, arena, &failed),
            .labels = result_copy(result, row, 6, arena, &failed),
            .submitted_us = result_int(result, row, 7),
            .deadline_ms = result_int(result, row, 8),
        };
    }
    if (failed)
        return no_memory(result, err);
    PQclear(result);
    return 0;
}

int archive_open_commands(struct store *store, struct slice owner, uint32_t most,
                          struct arena *arena, struct archive_command **items, uint32_t *count,
                          struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, owner);
    params_int(&params, most);
    PGresult *result =
        store_query(store,
                    "select c.command_id::text, c.run_id::text, c.kind, c.asked_by, c.partition,"
                    " run.status, " EVENTS " from command c join run on run.run_id = c.run_id"
                    " join partition_state p on p.partition = c.partition"
                    " where c.outcome is null and p.owner = $1"
                    " order by c.created_at limit $2::integer",
                    &params, err);
    if (!result)
        return -1;
    bool failed = false;
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    if (!*items)
        return no_memory(result, err);
    for (uint32_t i = 0; i < *count; i++) {
        struct archive_command *command = &(*items)[i];
        int row = (int)i;
        *command = (struct archive_command){
            .id = result_copy(result, row, 0, arena, &failed),
            .run = result_copy(result, row, 1, arena, &failed),
            .kind = result_copy(result, row, 2, arena, &failed),
            .asked_by = result_copy(result, row, 3, arena, &failed),
            .partition = (uint16_t)result_int(result, row, 4),
            .events = (uint64_t)result_int(result, row, 6),
        };
        if (!read_status(result_text(result, row, 5), &command->status))
            failed = true;
    }
    if (failed)
        return no_memory(result, err);
    PQclear(result);
    return 0;
}

#define NOW MICROS_TO_TIME("$4")

static const char cancel_absent_sql[] =
    "with ended as ("
    "  update run_row as run set status = 'cancelled', error = $3::json,"
    "  ended_at = greatest(" NOW ", started_at),"
    "  events = " EVENTS " + (events > 0)::integer"
    "  where run_id = $1::uuid and status in ('queued', 'running')"
    "  returning run_id, partition, events, ended_at),"
    " event as ("
    "  insert into event_log (run_id, event, partition, epoch, seq, ordinal, kind, at, delta,"
    "    status, detail)"
    "  select e.run_id, e.events, e.partition, p.epoch, p.seq, 0, 'command', e.ended_at,"
    "    -(select sum(delta) from event_log l where l.run_id = e.run_id), 'cancelled', 'cancel'"
    "  from ended e join partition_state p using (partition) where e.events > 0),"
    " told as (select pg_notify('troupe_progress', '') from ended)"
    " update command set settled_at = clock_timestamp(),"
    "   outcome = case when exists (select 1 from ended) then 'applied' else 'ended' end"
    " from (select count(*) from told) t"
    " where command_id = $2::uuid and outcome is null";

/* What Redis did of it is lost, and with it the other events: one takes back their sum. */
int archive_cancel_absent(struct store *store, const struct archive_command *command,
                          struct slice error, int64_t now_us, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, command->run);
    params_text(&params, command->id);
    params_text(&params, error);
    params_int(&params, now_us);
    return store_exec(store, cancel_absent_sql, &params, NULL, err);
}

int archive_command_ended(struct store *store, struct slice command_id, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, command_id);
    return store_exec(store,
                      "update command set outcome = 'ended', settled_at = clock_timestamp()"
                      " where command_id = $1::uuid and outcome is null",
                      &params, NULL, err);
}

int archive_count_live(struct store *store, uint16_t partition, uint64_t *count, struct err *err)
{
    struct params params;
    params_init(&params);
    params_int(&params, partition);
    PGresult *result = store_query(store,
                                   "select count(*) from run where partition = $1::integer"
                                   " and status in ('queued', 'running') and events > 0",
                                   &params, err);
    if (!result)
        return -1;
    *count = (uint64_t)result_int(result, 0, 0);
    PQclear(result);
    return 0;
}

int archive_version_count(struct store *store, uint64_t *count, struct err *err)
{
    PGresult *result = store_query(store, "select count(*) from workflow_version", NULL, err);
    if (!result)
        return -1;
    *count = (uint64_t)result_int(result, 0, 0);
    PQclear(result);
    return 0;
}

int archive_versions(struct store *store, struct arena *arena, struct store_workflow **items,
                     uint32_t *count, struct err *err)
{
    PGresult *result = store_query(
        store, "select name, version, digest from workflow_version order by name, version", NULL,
        err);
    if (!result)
        return -1;
    bool failed = false;
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    if (!*items)
        return no_memory(result, err);
    for (uint32_t i = 0; i < *count; i++)
        (*items)[i] = (struct store_workflow){
            .name = result_copy(result, (int)i, 0, arena, &failed),
            .version = result_int(result, (int)i, 1),
            .digest = result_copy(result, (int)i, 2, arena, &failed),
        };
    if (failed)
        return no_memory(result, err);
    PQclear(result);
    return 0;
}
