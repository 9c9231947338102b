/* events: what the ledger said of a run, in order. */
#include "store/connection.h"
#include "store/run_id.h"

#define AT TIME_TO_MICROS("l.at")
/* Without an execution it is the graph's; Postgres takes no text out of one with a NUL in it. */
#define NODE_ID                                                                                    \
    "coalesce(e.node_id,"                                                                          \
    " (select case when position('\\u0000' in g.canonical) = 0"                                    \
    "   then g.canonical::json -> 'nodes' -> l.node_index ->> 'id' end"                            \
    " from run r join graph g using (digest)"                                                      \
    " where r.run_id = l.run_id and l.node_index is not null))"

static const char list_sql[] =
    "select l.event, l.kind, " AT ", coalesce(l.token, 0), l.delta, l.status, " NODE_ID ","
    " coalesce(l.scope, ''), coalesce(l.attempt, 0), e.status, l.detail"
    " from event_log l left join lateral (select node_id, status from node_executions n"
    "   where n.run_id = l.run_id and n.node_index = l.node_index and n.scope = l.scope"
    "   order by n.attempt = l.attempt desc limit 1) e on true"
    " where l.run_id = $1::uuid and l.event > $2::bigint"
    " order by l.event limit $3::bigint";

int store_event_list(struct store *store, struct slice run_id, uint64_t after, uint32_t limit,
                     struct arena *arena, struct store_event **items, uint32_t *count,
                     struct err *err)
{
    struct params params;
    if (id_check(run_id, "run", err) != 0)
        return -1;
    params_init(&params);
    params_text(&params, run_id);
    params_int(&params, (int64_t)after);
    params_int(&params, limit);
    PGresult *result = store_query(store, list_sql, &params, err);
    if (!result)
        return err_prefix(err, "reading the events of run %.*s", SLICE_ARG(run_id));
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool failed = *items == NULL;
    for (uint32_t i = 0; !failed && i < *count; i++) {
        const int row = (int)i;
        (*items)[i] = (struct store_event){
            .event = (uint64_t)result_int(result, row, 0),
            .kind = result_copy(result, row, 1, arena, &failed),
            .at_us = result_int(result, row, 2),
            .token = (uint64_t)result_int(result, row, 3),
            .delta = result_int(result, row, 4),
            .status = result_copy(result, row, 5, arena, &failed),
            .node_id = result_copy(result, row, 6, arena, &failed),
            .scope = result_copy(result, row, 7, arena, &failed),
            .attempt = (uint32_t)result_int(result, row, 8),
            .result = result_copy(result, row, 9, arena, &failed),
            .detail = result_copy(result, row, 10, arena, &failed),
        };
    }
    PQclear(result);
    return failed ? err_set(err, ERR_LIMIT, "no memory for %u events", *count) : 0;
}
