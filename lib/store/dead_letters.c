#include "store/dead_letters.h"
#include "store/connection.h"
#include "store/run_id.h"

#define AT TIME_TO_MICROS("at")
#define SETTLED_AT TIME_TO_MICROS("settled_at")
#define COLUMNS                                                                                    \
    "id::text, kind, run_id, workflow, node_id, scope, code, reason, coalesce(version, 0), " AT    \
    ", " SETTLED_AT ", state, retried_as::text"

static bool read_letter(const PGresult *result, int row, struct arena *arena,
                        struct store_dead_letter *letter)
{
    bool failed = false;
    *letter = (struct store_dead_letter){
        .id = result_copy(result, row, 0, arena, &failed),
        .kind = result_copy(result, row, 1, arena, &failed),
        .run_id = result_copy(result, row, 2, arena, &failed),
        .workflow = result_copy(result, row, 3, arena, &failed),
        .node_id = result_copy(result, row, 4, arena, &failed),
        .scope = result_copy(result, row, 5, arena, &failed),
        .code = result_copy(result, row, 6, arena, &failed),
        .reason = result_copy(result, row, 7, arena, &failed),
        .version = result_int(result, row, 8),
        .at_us = result_int(result, row, 9),
        .settled_us = result_int(result, row, 10),
        .state = result_copy(result, row, 11, arena, &failed),
        .retried_as = result_copy(result, row, 12, arena, &failed),
    };
    return !failed;
}

int store_dead_letter_list(struct store *store, const struct store_dead_letter_filter *filter,
                           struct arena *arena, struct store_dead_letter **items, uint32_t *count,
                           struct err *err)
{
    struct params params;
    params_init(&params);
    params_str(&params, filter->workflow);
    params_str(&params, filter->code);
    params_str(&params, filter->settled ? "true" : "false");
    params_int(&params, filter->limit);
    PGresult *result = store_query(store,
                                   "select " COLUMNS " from v_dead_letters"
                                   " where ($1 is null or workflow = $1)"
                                   " and ($2 is null or code = $2)"
                                   " and ($3::boolean or state = 'open')"
                                   " order by at desc, id limit $4::bigint",
                                   &params, err);
    if (!result)
        return err_prefix(err, "listing dead letters");
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool good = *items != NULL;
    for (uint32_t i = 0; good && i < *count; i++)
        good = read_letter(result, (int)i, arena, &(*items)[i]);
    PQclear(result);
    return good ? 0 : err_set(err, ERR_LIMIT, "no memory for %u dead letters", *count);
}

int store_dead_letter_get(struct store *store, struct slice id, struct arena *arena,
                          struct store_dead_letter *letter, struct err *err)
{
    struct params params;
    if (id_check(id, "dead letter", err) != 0)
        return -1;
    params_init(&params);
    params_text(&params, id);
    PGresult *result = store_query(
        store,
        "select " COLUMNS ", (select q.request::text from rejected_request as q where"
        " md5(q.partition || '/' || q.epoch || '/' || q.seq || '/' || q.ordinal)::uuid = l.id)"
        " from v_dead_letters as l where id = $1::uuid",
        &params, err);
    if (!result)
        return err_prefix(err, "reading dead letter %.*s", SLICE_ARG(id));
    bool found = PQntuples(result) > 0, failed = false;
    if (found) {
        failed = !read_letter(result, 0, arena, letter);
        letter->request = result_copy(result, 0, 13, arena, &failed);
    }
    PQclear(result);
    if (failed)
        return err_set(err, ERR_LIMIT, "no memory for dead letter %.*s", SLICE_ARG(id));
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no dead letter %.*s", SLICE_ARG(id));
}

int store_dead_letter_settle(struct store *store, struct slice id, struct slice run_id,
                             const char *by, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, id);
    params_str(&params, run_id.ptr ? "retry" : "drop");
    params_text(&params, run_id);
    params_str(&params, by);
    if (store_exec(store,
                   "insert into dead_letter_action (dead_letter, kind, run_id, asked_by)"
                   " values ($1::uuid, $2, $3::uuid, $4) on conflict do nothing",
                   &params, NULL, err) == 0)
        return 0;
    return err_prefix(err, "noting what was done with dead letter %.*s", SLICE_ARG(id));
}
