/* workflows: definitions by name and version, graphs by digest, and the namespace. */
#include "base/suggest.h"
#include "store/connection.h"

enum { PARTITIONS_DEFAULT = 16 };

/* --- the namespace --- */

static int fix_partitions(struct store *store, uint16_t wanted, struct err *err)
{
    struct params params;
    params_init(&params);
    params_int(&params, wanted ? wanted : PARTITIONS_DEFAULT);
    return store_exec(store,
                      "with made as (insert into namespace (partitions) values ($1::integer)"
                      "  on conflict do nothing returning partitions)"
                      " insert into partition_state (partition, epoch)"
                      " select p, extract(epoch from now())::bigint"
                      " from made, generate_series(0, made.partitions - 1) as p",
                      &params, NULL, err);
}

static int read_partitions(struct store *store, uint16_t *partitions, struct err *err)
{
    PGresult *result = store_query(store, "select partitions from namespace", NULL, err);
    if (!result)
        return err_prefix(err, "reading the number of partitions");
    *partitions = PQntuples(result) > 0 ? (uint16_t)result_int(result, 0, 0) : 0;
    PQclear(result);
    return 0;
}

int store_partitions(struct store *store, uint16_t wanted, uint16_t *partitions, struct err *err)
{
    if (read_partitions(store, partitions, err) != 0)
        return -1;
    if (*partitions == 0 &&
        (fix_partitions(store, wanted, err) != 0 || read_partitions(store, partitions, err) != 0))
        return -1;
    if (wanted != 0 && *partitions != wanted)
        return err_set(err, ERR_CONFLICT,
                       "the namespace has %u partitions and %u are asked for: their number is "
                       "fixed for good",
                       *partitions, wanted);
    return 0;
}

/* --- deploying --- */

static int store_graph(struct store *store, const struct graph *graph, struct err *err)
{
    struct params params;
    params_init(&params);
    params_str(&params, graph->digest);
    params_text(&params, graph->canonical);
    return store_exec(
        store, "insert into graph (digest, canonical) values ($1, $2) on conflict do nothing",
        &params, NULL, err);
}

static int add_version(struct store *store, const struct graph *graph, struct slice source,
                       struct store_version *version, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, graph->name);
    params_str(&params, graph->digest);
    params_text(&params, source);
    if (store_graph(store, graph, err) != 0 ||
        store_exec_script(store, "lock table workflow_version in share row exclusive mode", err) !=
            0)
        return -1;
    PGresult *result =
        store_query(store,
                    "with latest as (select version, digest from workflow_version"
                    "  where name = $1 order by version desc limit 1),"
                    " made as (insert into workflow_version (name, version, digest, source)"
                    "  select $1, coalesce((select version from latest), 0) + 1, $2, $3"
                    "  where not exists (select 1 from latest where digest = $2)"
                    "  returning version)"
                    " select version, true from made"
                    " union all select version, false from latest where digest = $2",
                    &params, err);
    if (!result)
        return -1;
    version->version = result_int(result, 0, 0);
    version->created = result_bool(result, 0, 1);
    PQclear(result);
    return version->created ? store_exec_script(store, "notify troupe_work", err) : 0;
}

int store_deploy(struct store *store, const struct graph *graph, struct slice source,
                 struct store_version *version, struct err *err)
{
    if (store_begin(store, err) != 0)
        return -1;
    if (add_version(store, graph, source, version, err) != 0) {
        store_rollback(store);
        return err_prefix(err, "deploying %.*s", SLICE_ARG(graph->name));
    }
    return store_commit(store, err);
}

/* --- reading --- */

static int no_workflow(struct store *store, struct slice name, struct err *err)
{
    struct store_workflow *items = NULL;
    uint32_t count = 0;
    struct arena arena;
    struct suggest suggest;
    arena_init(&arena, 64 << 20);
    int result = store_workflow_list(store, &arena, &items, &count, err);
    suggest_init(&suggest, name);
    for (uint32_t i = 0; result == 0 && i < count; i++)
        suggest_offer(&suggest, items[i].name);
    if (result == 0 && suggest.best.ptr)
        err_set(err, ERR_NOT_FOUND, "no workflow '%.*s': did you mean '%.*s'?", SLICE_ARG(name),
                SLICE_ARG(suggest.best));
    else if (result == 0)
        err_set(err, ERR_NOT_FOUND, "no workflow '%.*s': deploy it with 'troupe deploy FILE'",
                SLICE_ARG(name));
    arena_free(&arena);
    return -1;
}

static int no_version(struct store *store, struct slice name, int64_t version, struct err *err)
{
    struct store_workflow latest = {0};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    if (store_workflow_get(store, name, 0, &arena, &latest, err) == 0)
        err_set(err, ERR_NOT_FOUND, "workflow '%.*s' has no version %lld: the latest is %lld",
                SLICE_ARG(name), (long long)version, (long long)latest.version);
    arena_free(&arena);
    return -1;
}

#define WORKFLOW_COLUMNS "name, version, digest, " TIME_TO_MICROS("created_at")

static bool read_workflow(const PGresult *result, int row, struct arena *arena,
                          struct store_workflow *workflow)
{
    bool failed = false;
    *workflow = (struct store_workflow){
        .name = result_copy(result, row, 0, arena, &failed),
        .version = result_int(result, row, 1),
        .digest = result_copy(result, row, 2, arena, &failed),
        .created_us = result_int(result, row, 3),
    };
    return !failed;
}

int store_workflow_get(struct store *store, struct slice name, int64_t version, struct arena *arena,
                       struct store_workflow *workflow, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, name);
    params_int(&params, version);
    PGresult *result = store_query(store,
                                   "select " WORKFLOW_COLUMNS " from workflow_version"
                                   " where name = $1 and $2::bigint in (0, version)"
                                   " order by version desc limit 1",
                                   &params, err);
    if (!result)
        return err_prefix(err, "reading workflow %.*s", SLICE_ARG(name));
    bool found = PQntuples(result) > 0;
    bool good = !found || read_workflow(result, 0, arena, workflow);
    PQclear(result);
    if (!good)
        return err_set(err, ERR_LIMIT, "no memory for a workflow");
    if (!found)
        return version ? no_version(store, name, version, err) : no_workflow(store, name, err);
    return 0;
}

int store_workflow_list(struct store *store, struct arena *arena, struct store_workflow **items,
                        uint32_t *count, struct err *err)
{
    PGresult *result = store_query(store,
                                   "select distinct on (name) " WORKFLOW_COLUMNS
                                   " from workflow_version order by name, version desc",
                                   NULL, err);
    if (!result)
        return err_prefix(err, "listing workflows");
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool good = *items != NULL;
    for (uint32_t i = 0; good && i < *count; i++)
        good = read_workflow(result, (int)i, arena, &(*items)[i]);
    PQclear(result);
    return good ? 0 : err_set(err, ERR_LIMIT, "no memory for %u workflows", *count);
}

int store_graph_get(struct store *store, struct slice digest, struct arena *arena,
                    struct slice *canonical, struct err *err)
{
    struct params params;
    bool failed = false;
    params_init(&params);
    params_text(&params, digest);
    PGresult *result =
        store_query(store, "select canonical from graph where digest = $1", &params, err);
    if (!result)
        return err_prefix(err, "reading graph %.*s", SLICE_ARG(digest));
    bool found = PQntuples(result) > 0;
    if (found)
        *canonical = result_copy(result, 0, 0, arena, &failed);
    PQclear(result);
    if (failed)
        return err_set(err, ERR_LIMIT, "no memory for a graph");
    return found ? 0
                 : err_set(err, ERR_NOT_FOUND, "no graph with the digest %.*s", SLICE_ARG(digest));
}
