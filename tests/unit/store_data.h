/* store_data: what tests of a migrated database share: one of their own per test, an arena, three
 * workflow versions and three runs. Included after the headers that store_case.h
 * wants. */
#ifndef TROUPE_TESTS_STORE_DATA_H
#define TROUPE_TESTS_STORE_DATA_H

#include "store_case.h"

enum { PARTITIONS = 16 };

#define RUN_A "018f0000-0000-7000-8000-00000000000a"
#define RUN_B "018f0000-0000-7000-8000-00000000000b"
#define RUN_C "018f0000-0000-7000-8000-00000000000c"
#define NO_RUN "018f0000-0000-7000-8000-0000000000ff"

static struct arena arena;

/* Each test begins with a copy of a migrated database. */
static inline int set_up_record(void **state)
{
    struct err err = ERR_INIT;
    static char like[POSTGRES_URL_LEN];
    arena_init(&arena, 64 << 20);
    if (server.pid && !like[0]) {
        if (set_up_database(state, NULL) != 0)
            return -1;
        assert_ok(store_migrate(*state, NULL, NULL, &err));
        store_free(*state);
        snprintf(like, sizeof(like), "%s", strrchr(url, '/') + 1);
    }
    return set_up_database(state, like);
}

static inline int clean_up(void **state)
{
    arena_free(&arena);
    return tear_down(state);
}

static inline void assert_text(struct slice actual, const char *expected)
{
    if (!slice_eq_str(actual, expected))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(actual), expected);
}

/* What of a graph is stored. */
static inline struct graph graph_of(const char *name, const char *canonical)
{
    struct graph graph = {.name = slice_str(name), .canonical = slice_str(canonical)};
    sha256_hex(graph.canonical, graph.digest);
    return graph;
}

static inline struct store_version deploy(struct store *store, const char *name,
                                          const char *canonical)
{
    struct err err = ERR_INIT;
    struct store_version version = {0};
    const struct graph graph = graph_of(name, canonical);
    assert_ok(store_deploy(store, &graph, slice_str(canonical), &version, &err));
    return version;
}

static struct store_workflow order_1, order_2, billing;

static inline void deploy_three(struct store *store)
{
    struct err err = ERR_INIT;
    (void)deploy(store, "order", "{\"a\":1}");
    (void)deploy(store, "order", "{\"a\":2}");
    (void)deploy(store, "billing", "{\"b\":1}");
    assert_ok(store_workflow_get(store, SLICE("order"), 1, &arena, &order_1, &err));
    assert_ok(store_workflow_get(store, SLICE("order"), 2, &arena, &order_2, &err));
    assert_ok(store_workflow_get(store, SLICE("billing"), 1, &arena, &billing, &err));
}

static inline struct store_submit request(const char *run_id, const struct store_workflow *workflow,
                                          struct slice input)
{
    struct store_submit submit = {
        .partition_count = PARTITIONS, .workflow = workflow, .input = input};
    assert_true(uuid_parse(slice_str(run_id), &submit.run_id));
    return submit;
}

static inline void submit_one(struct store *store, const char *run_id,
                              const struct store_workflow *workflow)
{
    struct err err = ERR_INIT;
    bool existed = true;
    const struct store_submit submit = request(run_id, workflow, SLICE("{}"));
    assert_ok(store_run_submit(store, &submit, &existed, &err));
    assert_false(existed);
}

static inline void fill_runs(struct store *store)
{
    deploy_three(store);
    submit_one(store, RUN_A, &order_1);
    submit_one(store, RUN_B, &billing);
    submit_one(store, RUN_C, &order_2);
    run_sql(store,
            "update run set status = 'failed', started_at = timestamptz 'epoch' + interval '2 s',"
            " ended_at = timestamptz 'epoch' + interval '3.000001 s', error = '{\"e\":1}'"
            " where run_id = '" RUN_A "';"
            "update run set status = 'running' where run_id = '" RUN_B "'");
}

#endif
