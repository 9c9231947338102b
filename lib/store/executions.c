/* executions: what happened in a run, and what was decided. */
#include "store/connection.h"
#include "store/run_id.h"
#include <string.h>

static const char *status_of(struct slice text)
{
    static const char *const known[] = {"completed", "failed", "skipped", "cancelled"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (slice_eq_str(text, known[i]))
            return known[i];
    }
    panic("an execution has the status '%.*s'", SLICE_ARG(text)); /* the table's check forbids it */
}

static bool read_execution(const PGresult *result, int row, struct arena *arena,
                           struct store_execution *execution)
{
    bool failed = false;
    *execution = (struct store_execution){
        .node_id = result_copy(result, row, 0, arena, &failed),
        .scope = result_copy(result, row, 1, arena, &failed),
        .type = result_copy(result, row, 2, arena, &failed),
        .node_index = (uint32_t)result_int(result, row, 3),
        .status = status_of(result_text(result, row, 4)),
        .attempts = (uint32_t)result_int(result, row, 5),
        .started_us = result_int(result, row, 6),
        .ended_us = result_int(result, row, 7),
        .output = result_copy(result, row, 8, arena, &failed),
        .error = result_copy(result, row, 9, arena, &failed),
        .worker = result_copy(result, row, 10, arena, &failed),
        .token = (uint64_t)result_int(result, row, 11),
    };
    return !failed;
}

#define STARTED_AT TIME_TO_MICROS("first.started_at")
#define ENDED_AT TIME_TO_MICROS("last.ended_at")

static const char executions_sql[] =
    "select last.node_id, last.scope, last.node_type, last.node_index, last.status,"
    " last.attempt, " STARTED_AT ", " ENDED_AT ", last.output::text, last.error::text,"
    " last.worker, last.token"
    " from (select distinct on (node_index, scope) * from node_executions"
    "   where run_id = $1::uuid order by node_index, scope, attempt desc) last"
    " join (select node_index, scope, min(at) as at, min(started_at) as started_at"
    "   from node_executions where run_id = $1::uuid group by node_index, scope) first"
    "   using (node_index, scope)"
    " order by first.at, last.node_index, last.scope";

int store_execution_list(struct store *store, struct slice run_id, struct arena *arena,
                         struct store_execution **items, uint32_t *count, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, run_id);
    if (id_check(run_id, "run", err) != 0)
        return -1;
    PGresult *result = store_query(store, executions_sql, &params, err);
    if (!result)
        return err_prefix(err, "reading what happened in run %.*s", SLICE_ARG(run_id));
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool good = *items != NULL;
    for (uint32_t i = 0; good && i < *count; i++)
        good = read_execution(result, (int)i, arena, &(*items)[i]);
    PQclear(result);
    return good ? 0 : err_set(err, ERR_LIMIT, "no memory for %u executions", *count);
}

#define DECIDED_AT TIME_TO_MICROS("at")

static const char decisions_sql[] =
    "select node_id, scope, reason, taken::text, dead::text, " DECIDED_AT
    " from run_decision where run_id = $1::uuid"
    " order by at, node_index, scope, attempt";

int store_decision_list(struct store *store, struct slice run_id, struct arena *arena,
                        struct store_decision **items, uint32_t *count, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, run_id);
    if (id_check(run_id, "run", err) != 0)
        return -1;
    PGresult *result = store_query(store, decisions_sql, &params, err);
    if (!result)
        return err_prefix(err, "reading the decisions of run %.*s", SLICE_ARG(run_id));
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool failed = *items == NULL;
    for (uint32_t i = 0; !failed && i < *count; i++)
        (*items)[i] = (struct store_decision){
            .node_id = result_copy(result, (int)i, 0, arena, &failed),
            .scope = result_copy(result, (int)i, 1, arena, &failed),
            .reason = result_copy(result, (int)i, 2, arena, &failed),
            .taken = result_copy(result, (int)i, 3, arena, &failed),
            .dead = result_copy(result, (int)i, 4, arena, &failed),
            .at_us = result_int(result, (int)i, 5),
        };
    PQclear(result);
    return failed ? err_set(err, ERR_LIMIT, "no memory for %u decisions", *count) : 0;
}
