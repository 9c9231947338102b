/* tasks: what of a run waits for remote workers, or is with them. */
#include "store/connection.h"
#include "store/run_id.h"

#define SINCE TIME_TO_MICROS("since")
#define UNSERVED_SINCE TIME_TO_MICROS("unserved_since")

static const char list_sql[] =
    "select node_index, scope, attempt, queue, worker, " SINCE ", workers, " UNSERVED_SINCE
    " from pending_tasks where run_id = $1::uuid";

int store_task_list(struct store *store, struct slice run_id, struct arena *arena,
                    struct store_task **items, uint32_t *count, struct err *err)
{
    struct params params;
    if (id_check(run_id, "run", err) != 0)
        return -1;
    params_init(&params);
    params_text(&params, run_id);
    PGresult *result = store_query(store, list_sql, &params, err);
    if (!result)
        return err_prefix(err, "reading the tasks of run %.*s", SLICE_ARG(run_id));
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool failed = *items == NULL;
    for (uint32_t i = 0; !failed && i < *count; i++)
        (*items)[i] = (struct store_task){
            .node_index = (uint32_t)result_int(result, (int)i, 0),
            .scope = result_copy(result, (int)i, 1, arena, &failed),
            .attempt = (uint32_t)result_int(result, (int)i, 2),
            .queue = result_copy(result, (int)i, 3, arena, &failed),
            .worker = result_copy(result, (int)i, 4, arena, &failed),
            .since_us = result_int(result, (int)i, 5),
            .workers = (uint32_t)result_int(result, (int)i, 6),
            .unserved_us = result_int(result, (int)i, 7),
        };
    PQclear(result);
    return failed ? err_set(err, ERR_LIMIT, "no memory for %u tasks", *count) : 0;
}
