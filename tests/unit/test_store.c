/* The record as programs see it, against a real Postgres: definitions, runs, the
 * connection. What happened in runs: test_store_reads.c. */
#include "base/buf.h"
#include "base/clock.h"
#include "store/connection.h"
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>
/* after cmocka.h */
#include "store_data.h"

enum { RIVALS = 4, MEBIBYTE = 1 << 20 };

/* --- the namespace --- */

static void partitions_are_fixed(void **state)
{
    struct err err = ERR_INIT;
    uint16_t partitions = 0;
    REQUIRE_SERVER();
    assert_ok(store_partitions(*state, 0, &partitions, &err));
    assert_int_equal(partitions, PARTITIONS);
    assert_ok(store_partitions(*state, 0, &partitions, &err));
    assert_ok(store_partitions(*state, PARTITIONS, &partitions, &err));
    assert_err(store_partitions(*state, 8, &partitions, &err), ERR_CONFLICT,
               "has 16 partitions and 8 are asked for");
    assert_int_equal(ask(*state, "select count(*) from partition_state"
                                 " where partition between 0 and 15 and seq = 0 and abs(epoch -"
                                 " extract(epoch from now())) < 60"),
                     PARTITIONS);
    assert_int_equal(ask(*state, "select count(*) from namespace"), 1);
}

static void partitions_as_wanted(void **state)
{
    struct err err = ERR_INIT;
    uint16_t partitions = 0;
    REQUIRE_SERVER();
    assert_ok(store_partitions(*state, 3, &partitions, &err));
    assert_int_equal(partitions, 3);
    assert_int_equal(ask(*state, "select count(*) from partition_state"), 3);
    assert_ok(store_partitions(*state, 0, &partitions, &err));
    assert_int_equal(partitions, 3);
}

/* --- definitions --- */

static void assert_version(struct store_version version, int64_t number, bool created)
{
    assert_int_equal(version.version, number);
    assert_int_equal(version.created, created);
}

static void deploying_again_is_no_version(void **state)
{
    REQUIRE_SERVER();
    assert_version(deploy(*state, "order", "{\"a\":1}"), 1, true);
    assert_version(deploy(*state, "order", "{\"a\":1}"), 1, false);
    assert_version(deploy(*state, "order", "{\"a\":2}"), 2, true);
    assert_version(deploy(*state, "order", "{\"a\":1}"), 3, true);
    assert_version(deploy(*state, "other", "{\"a\":1}"), 1, true);
    assert_int_equal(ask(*state, "select count(*) from graph"), 2);
}

struct deployer {
    pthread_t thread;
    struct store *store;
    const struct graph *graph;
    struct store_version version;
    int result;
    struct err err;
};

static void *deployer_main(void *context)
{
    struct deployer *self = context;
    self->result =
        store_deploy(self->store, self->graph, SLICE("source"), &self->version, &self->err);
    return NULL;
}

/* All wait for the table at the same moment; one makes the version. */
static void deploying_at_once_is_one_version(void **state)
{
    const struct graph graph = graph_of("order", "{\"at\":\"once\"}");
    struct deployer deployers[RIVALS] = {0};
    int64_t waiting = 0;
    int created = 0;
    REQUIRE_SERVER();
    run_sql(*state, "begin");
    run_sql(*state, "lock table workflow_version in share row exclusive mode");
    for (int i = 0; i < RIVALS; i++) {
        deployers[i].store = connect_store();
        deployers[i].graph = &graph;
        assert_int_equal(pthread_create(&deployers[i].thread, NULL, deployer_main, &deployers[i]),
                         0);
    }
    /* One has the graph's row and waits for the table; the others wait for it. */
    for (int tries = 0; waiting < RIVALS && tries < 400; tries++) {
        waiting =
            ask(*state, "select count(*) from pg_stat_activity where wait_event_type = 'Lock'");
        poll(NULL, 0, 10);
        run_sql(*state, "select pg_stat_clear_snapshot()");
    }
    run_sql(*state, "commit");
    for (int i = 0; i < RIVALS; i++)
        pthread_join(deployers[i].thread, NULL);
    assert_int_equal(waiting, RIVALS);
    for (int i = 0; i < RIVALS; i++) {
        if (deployers[i].result != 0)
            fail_msg("%s", deployers[i].err.message);
        assert_int_equal(deployers[i].version.version, 1);
        created += deployers[i].version.created;
        store_free(deployers[i].store);
    }
    assert_int_equal(created, 1);
}

static void workflows_are_found(void **state)
{
    struct err err = ERR_INIT;
    struct store_workflow workflow, *items;
    struct slice canonical;
    uint32_t count;
    const struct graph first = graph_of("order", "{\"a\":1}");
    REQUIRE_SERVER();
    (void)deploy(*state, "order", "{\"a\":1}");
    (void)deploy(*state, "order", "{\"a\":2}");
    (void)deploy(*state, "billing", "{\"b\":\"\xc3\xa4\\u0000'\"}");
    assert_ok(store_workflow_get(*state, SLICE("order"), 0, &arena, &workflow, &err));
    assert_int_equal(workflow.version, 2);
    assert_text(workflow.name, "order");
    int64_t age_us = clock_wall_us(&clock_system) - workflow.created_us;
    assert_true(age_us > -1000000 && age_us < 60000000);
    assert_ok(store_workflow_get(*state, SLICE("order"), 1, &arena, &workflow, &err));
    assert_int_equal(workflow.version, 1);
    assert_text(workflow.digest, first.digest);
    assert_ok(store_graph_get(*state, workflow.digest, &arena, &canonical, &err));
    assert_text(canonical, "{\"a\":1}");
    assert_ok(store_workflow_list(*state, &arena, &items, &count, &err));
    assert_int_equal(count, 2);
    assert_text(items[0].name, "billing");
    assert_text(items[1].name, "order");
    assert_int_equal(items[1].version, 2);
    assert_ok(store_graph_get(*state, items[0].digest, &arena, &canonical, &err));
    assert_text(canonical, "{\"b\":\"\xc3\xa4\\u0000'\"}");
}

static void workflows_that_are_missing(void **state)
{
    struct err err = ERR_INIT;
    struct store_workflow workflow;
    struct slice canonical;
    REQUIRE_SERVER();
    assert_err(store_workflow_get(*state, SLICE("order"), 0, &arena, &workflow, &err),
               ERR_NOT_FOUND, "no workflow 'order'");
    (void)deploy(*state, "order", "{}");
    (void)deploy(*state, "order", "{\"a\":2}");
    assert_err(store_workflow_get(*state, SLICE("ordre"), 0, &arena, &workflow, &err),
               ERR_NOT_FOUND, "did you mean 'order'?");
    assert_err(store_workflow_get(*state, SLICE("ordre"), 7, &arena, &workflow, &err),
               ERR_NOT_FOUND, "did you mean 'order'?");
    assert_err(store_workflow_get(*state, SLICE("unlike"), 0, &arena, &workflow, &err),
               ERR_NOT_FOUND, "no workflow 'unlike'");
    assert_err(store_workflow_get(*state, SLICE("order"), 7, &arena, &workflow, &err),
               ERR_NOT_FOUND, "has no version 7: the latest is 2");
    assert_err(
        store_workflow_get(*state, SLICE("x'; drop table run; --"), 0, &arena, &workflow, &err),
        ERR_NOT_FOUND, "drop table");
    assert_err(store_graph_get(*state, SLICE("abc"), &arena, &canonical, &err), ERR_NOT_FOUND,
               "no graph with the digest abc");
    assert_int_equal(ask(*state, "select count(*) from run"), 0);
}

/* --- runs --- */

static void submitting_twice_is_one_run(void **state)
{
    struct err err = ERR_INIT;
    bool existed = true;
    struct store_run run;
    REQUIRE_SERVER();
    deploy_three(*state);
    struct store_submit submit = request(RUN_A, &order_2, SLICE("{\"x\": 1}"));
    submit.labels = SLICE("{\"team\":\"a\"}");
    assert_ok(store_run_submit(*state, &submit, &existed, &err));
    assert_false(existed);
    assert_ok(store_run_submit(*state, &submit, &existed, &err));
    assert_true(existed);
    assert_ok(store_run_get(*state, SLICE(RUN_A), &arena, &run, &err));
    assert_text(run.run_id, RUN_A);
    assert_text(run.workflow, "order");
    assert_int_equal(run.version, 2);
    assert_true(slice_eq(run.digest, order_2.digest));
    assert_int_equal(run.partition, uuid_partition(&submit.run_id, PARTITIONS));
    assert_int_equal(run.status, RUN_QUEUED);
    assert_text(run.input, "{\"x\": 1}");
    assert_text(run.labels, "{\"team\":\"a\"}");
    assert_null(run.output.ptr);
    assert_null(run.error.ptr);
    assert_true(run.submitted_us > 0);
    assert_int_equal(run.started_us, 0);
    assert_int_equal(run.ended_us, 0);
    assert_int_equal(ask(*state, "select count(*) from run"), 1);
}

static void submitting_something_else_is_a_conflict(void **state)
{
    struct err err = ERR_INIT;
    bool existed;
    struct store_run run;
    REQUIRE_SERVER();
    deploy_three(*state);
    struct store_submit submit = request(RUN_A, &order_1, SLICE("{\"x\":1}"));
    assert_ok(store_run_submit(*state, &submit, &existed, &err));
    submit.workflow = &order_2;
    assert_err(store_run_submit(*state, &submit, &existed, &err), ERR_CONFLICT,
               "'order', version 1");
    submit.workflow = &billing;
    assert_err(store_run_submit(*state, &submit, &existed, &err), ERR_CONFLICT, "workflow 'order'");
    submit.workflow = &order_1;
    submit.input = SLICE("{\"x\":2}");
    assert_err(store_run_submit(*state, &submit, &existed, &err), ERR_CONFLICT, "another input");
    assert_ok(store_run_get(*state, SLICE(RUN_A), &arena, &run, &err));
    assert_text(run.input, "{\"x\":1}");
    assert_int_equal(run.version, 1);
}

static void submitting_notifies(void **state)
{
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    deploy_three(*state);
    struct store *listener = connect_store();
    assert_ok(store_listen(listener, "troupe_work", &err));
    assert_int_equal(store_wait(listener, 0, &err), 1); /* what it may have missed before */
    assert_int_equal(store_wait(listener, 0, &err), 0);
    submit_one(*state, RUN_A, &order_1);
    assert_int_equal(store_wait(listener, 10000, &err), 1);
    assert_int_equal(store_wait(listener, 0, &err), 0);
    store_free(listener);
}

/* A value is stored and shown as the bytes it came as. */
static void assert_survives(struct store *store, struct slice input)
{
    struct err err = ERR_INIT;
    bool existed = true;
    struct store_run run;
    char id[UUID_TEXT_LEN + 1];
    struct store_submit submit = request(RUN_A, &order_1, input);
    submit.run_id = uuid7_make(clock_wall_us(&clock_system) / 1000, 5);
    uuid_format(&submit.run_id, id);
    assert_ok(store_run_submit(store, &submit, &existed, &err));
    assert_false(existed);
    assert_ok(store_run_submit(store, &submit, &existed, &err));
    assert_true(existed);
    assert_ok(store_run_get(store, slice_str(id), &arena, &run, &err));
    assert_int_equal(run.input.len, input.len);
    assert_memory_equal(run.input.ptr, input.ptr, input.len);
    assert_int_equal(run.partition, 5);
}

static void values_survive(void **state)
{
    struct buf big;
    REQUIRE_SERVER();
    deploy_three(*state);
    assert_survives(*state, SLICE("\"a\\u0000b\""));
    assert_survives(*state, SLICE("\"it's \\\"quoted\\\" \\\\ $1 %s ; -- /* ' */\""));
    assert_survives(*state, SLICE("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xad\""));
    assert_survives(*state, SLICE("\"\\ud83c\\udfad \\ud800\""));
    assert_survives(*state, SLICE(" { \"b\" : 1.0 , \"a\":1e400,\n\t\"b\": -0 } "));
    assert_survives(*state, SLICE("123456789012345678901234567890.10"));
    assert_survives(*state, SLICE("null"));
    assert_survives(*state, SLICE("[]"));
    buf_init(&big, 0);
    buf_char(&big, '"');
    while (big.len < MEBIBYTE)
        buf_str(&big, "\xc3\xa4' \\u0000\\n");
    buf_char(&big, '"');
    assert_true(buf_ok(&big));
    assert_survives(*state, buf_slice(&big));
    buf_free(&big);
}

/* The statement fails, and the store goes on. */
static void values_that_are_none(void **state)
{
    struct err err = ERR_INIT;
    bool existed;
    REQUIRE_SERVER();
    deploy_three(*state);
    struct store_submit submit = request(RUN_A, &order_1, SLICE("{\"x\":"));
    assert_err(store_run_submit(*state, &submit, &existed, &err), ERR_INTERNAL,
               "accepting run " RUN_A);
    submit.input = SLICE("\"a\0b\"");
    assert_err(store_run_submit(*state, &submit, &existed, &err), ERR_INTERNAL,
               "accepting run " RUN_A);
    submit_one(*state, RUN_A, &order_1);
}

static void assert_listed(struct store *store, struct store_run_filter filter, const char *ids)
{
    struct err err = ERR_INIT;
    struct store_run *items;
    uint32_t count;
    char found[8] = "";
    filter.limit = filter.limit ? filter.limit : 100;
    assert_ok(store_run_list(store, &filter, &arena, &items, &count, &err));
    assert_true(count < sizeof(found));
    for (uint32_t i = 0; i < count; i++) {
        found[i] = items[i].run_id.ptr[UUID_TEXT_LEN - 1];
        assert_null(items[i].input.ptr);
    }
    assert_string_equal(found, ids);
}

static void runs_are_filtered(void **state)
{
    struct err err = ERR_INIT;
    struct store_run run;
    REQUIRE_SERVER();
    assert_listed(*state, (struct store_run_filter){0}, "");
    fill_runs(*state);
    assert_listed(*state, (struct store_run_filter){0}, "cba");
    assert_listed(*state, (struct store_run_filter){.limit = 2}, "cb");
    assert_listed(*state, (struct store_run_filter){.workflow = "order"}, "ca");
    assert_listed(*state, (struct store_run_filter){.status = "running"}, "b");
    assert_listed(*state, (struct store_run_filter){.status = "failed", .workflow = "order"}, "a");
    assert_listed(*state, (struct store_run_filter){.status = "failed", .live_only = true}, "");
    assert_listed(*state, (struct store_run_filter){.live_only = true}, "cb");
    assert_listed(*state, (struct store_run_filter){.workflow = "order' or 'a'='a"}, "");
    assert_ok(store_run_get(*state, SLICE(RUN_A), &arena, &run, &err));
    assert_int_equal(run.status, RUN_FAILED);
    assert_int_equal(run.started_us, 2000000);
    assert_int_equal(run.ended_us, 3000001);
    assert_text(run.error, "{\"e\":1}");
    assert_true(run_status_final(run.status));
    assert_string_equal(run_status_name(run.status), "failed");
}

/* --- the connection --- */

static void servers_that_are_not_there(void **state)
{
    struct err err = ERR_INIT;
    char other[POSTGRES_URL_LEN];
    int port = 0;
    REQUIRE_SERVER();
    int fd = fixture_socket(&port, false); /* bound, and nobody listens */
    assert_true(fd >= 0);
    snprintf(other, sizeof(other), "postgresql://postgres@127.0.0.1:%d/x", port);
    struct store *store = store_new(other, "unit test", &err);
    assert_err(store_check(store, &err), ERR_UNREACHABLE, "cannot reach Postgres");
    store_free(store);
    close(fd);
    postgres_url(&server, "no_such_database", other);
    store = store_new(other, "unit test", &err);
    assert_err(store_check(store, &err), ERR_REFUSED, "no_such_database");
    store_free(store);
    assert_null(store_new("postgresql://u:secret@[", "unit test", &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_null(strstr(err.message, "secret"));
    (void)state;
}

static void lost_connection_comes_back(void **state)
{
    struct err err = ERR_INIT;
    uint16_t partitions;
    char statement[100];
    REQUIRE_SERVER();
    assert_ok(store_partitions(*state, 4, &partitions, &err));
    snprintf(statement, sizeof(statement), "select pg_terminate_backend(%" PRId64 ", 10000)::int",
             ask(*state, "select pg_backend_pid()"));
    struct store *killer = connect_store();
    assert_int_equal(ask(killer, statement), 1);
    err = ERR_INIT;
    /* The first call may find out, and says so. */
    if (store_partitions(*state, 0, &partitions, &err) != 0)
        assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_ok(store_partitions(*state, 0, &partitions, &err));
    assert_int_equal(partitions, 4);
    store_free(killer);
}

static void statements_are_not_compiled(void **state)
{
    REQUIRE_SERVER();
    assert_int_equal(ask(*state, "select (current_setting('jit') = 'off')::int"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_record, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(partitions_are_fixed),          TEST(partitions_as_wanted),
        TEST(deploying_again_is_no_version), TEST(deploying_at_once_is_one_version),
        TEST(workflows_are_found),           TEST(workflows_that_are_missing),
        TEST(submitting_twice_is_one_run),   TEST(submitting_something_else_is_a_conflict),
        TEST(submitting_notifies),           TEST(values_survive),
        TEST(values_that_are_none),          TEST(runs_are_filtered),
        TEST(servers_that_are_not_there),    TEST(lost_connection_comes_back),
        TEST(statements_are_not_compiled),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
