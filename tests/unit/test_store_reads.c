/* The record as programs see it, against a real Postgres: what happened in runs,
 * commands, health; and lists without memory. */
#include "alloc_in_turn.h"
#include "store/connection.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>
/* after cmocka.h */
#include "store_data.h"

enum { MEBIBYTE = 1 << 20 };

/* --- what happened --- */

static void fill_executions(struct store *store)
{
    fill_runs(store);
    run_sql(store,
            "insert into execution_row (run_id, node_index, scope, attempt, node_id, node_type,"
            "  status, token, at, started_at, ended_at, output, error, worker, terminal)"
            " select '" RUN_A "', n, scope, attempt, 'n' || n, 'function', status, token,"
            "  timestamptz 'epoch' + s * interval '1 s',"
            "  case when status <> 'skipped' then timestamptz 'epoch' + s * interval '1 s' end,"
            "  timestamptz 'epoch' + e * interval '1 s', output::json, error::json, worker, false"
            " from (values"
            "  (0, '', 1, 'completed', 10, 1.5, 2, '\"\\u0000\"', null, 'w1'),"
            "  (2, '', 1, 'failed', 11, 3, 4, null, '{\"code\":\"x\"}', 'w1'),"
            "  (2, '', 2, 'failed', 12, 5, 6, null, '{\"code\":\"y\"}', 'w2'),"
            "  (2, '', 3, 'completed', 13, 7, 8, '{\"b\": 1, \"a\": 2}', null, 'w3'),"
            "  (1, '', 0, 'skipped', null, 4, null, null, null, null),"
            "  (3, 'L#2', 1, 'cancelled', 15, 9, 9.5, null, null, 'w1'),"
            "  (3, 'L#1', 1, 'completed', 14, 9, 9.5, '1', null, 'w1')"
            " ) as v (n, scope, attempt, status, token, s, e, output, error, worker);"
            "insert into execution_row select '" RUN_B "', node_index, scope, attempt, node_id,"
            "  node_type, status, token, at, started_at, ended_at, output, error, worker, terminal"
            " from execution_row where node_index = 0");
}

static void executions_are_summed_up(void **state)
{
    struct err err = ERR_INIT;
    struct store_execution *e;
    uint32_t count;
    REQUIRE_SERVER();
    fill_executions(*state);
    assert_ok(store_execution_list(*state, SLICE(RUN_A), &arena, &e, &count, &err));
    assert_int_equal(count, 5);
    static const uint32_t order[] = {0, 2, 1, 3, 3};
    static const uint32_t attempts[] = {1, 3, 0, 1, 1};
    static const char *const status[] = {"completed", "completed", "skipped", "completed",
                                         "cancelled"};
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(e[i].node_index, order[i]);
        assert_int_equal(e[i].attempts, attempts[i]);
        assert_string_equal(e[i].status, status[i]);
        assert_text(e[i].type, "function");
    }
    assert_text(e[0].output, "\"\\u0000\"");
    assert_int_equal(e[0].started_us, 1500000);
    /* The first attempt's start, the last one's end and result. */
    assert_text(e[1].node_id, "n2");
    assert_int_equal(e[1].started_us, 3000000);
    assert_int_equal(e[1].ended_us, 8000000);
    assert_text(e[1].output, "{\"b\": 1, \"a\": 2}");
    assert_null(e[1].error.ptr);
    assert_text(e[1].worker, "w3");
    assert_int_equal(e[1].token, 13);
    assert_int_equal(e[2].started_us, 0);
    assert_int_equal(e[2].ended_us, 0);
    assert_int_equal(e[2].token, 0);
    assert_null(e[2].worker.ptr);
    assert_null(e[2].output.ptr);
    assert_text(e[3].scope, "L#1");
    assert_text(e[4].scope, "L#2");
    /* The view for people says the same. */
    assert_int_equal(ask(*state,
                         "select count(*) from v_run_timeline where run_id = '" RUN_A "'"
                         " and (position, node_id, attempts, status) in ((1, 'n0', 1,"
                         " 'completed'), (2, 'n2', 3, 'completed'), (3, 'n1', 0, 'skipped'),"
                         " (4, 'n3', 1, 'completed'), (5, 'n3', 1, 'cancelled'))"),
                     5);
    assert_ok(store_execution_list(*state, SLICE(RUN_C), &arena, &e, &count, &err));
    assert_int_equal(count, 0);
}

static void decisions_are_listed(void **state)
{
    struct err err = ERR_INIT;
    struct store_decision *items;
    uint32_t count;
    REQUIRE_SERVER();
    fill_runs(*state);
    run_sql(*state,
            "insert into run_decision (run_id, node_index, scope, attempt, node_id, taken, dead,"
            " reason, at) values"
            " ('" RUN_A "', 4, '', 1, 'late', '[\"x\"]', '[]', 'r2', timestamptz 'epoch' +"
            " interval '2 s'),"
            " ('" RUN_A "', 9, 'L#1', 1, 'early', '[]', '[\"x\", \"y\"]', 'r1', timestamptz 'epoch'"
            " + interval '1 s'),"
            " ('" RUN_B "', 9, '', 1, 'other', '[]', '[]', '', now())");
    assert_ok(store_decision_list(*state, SLICE(RUN_A), &arena, &items, &count, &err));
    assert_int_equal(count, 2);
    assert_text(items[0].node_id, "early");
    assert_text(items[0].scope, "L#1");
    assert_text(items[0].taken, "[]");
    assert_text(items[0].dead, "[\"x\", \"y\"]");
    assert_text(items[0].reason, "r1");
    assert_int_equal(items[0].at_us, 1000000);
    assert_text(items[1].node_id, "late");
}

/* --- commands --- */

static void commands_are_for_live_runs(void **state)
{
    struct err err = ERR_INIT;
    struct store_command command, again;
    char statement[200];
    REQUIRE_SERVER();
    fill_runs(*state);
    struct store *listener = connect_store();
    assert_ok(store_listen(listener, "troupe_work", &err));
    assert_int_equal(store_wait(listener, 0, &err), 1);
    assert_ok(store_command_add(*state, SLICE(RUN_B), "cancel", "me", &arena, &command, &err));
    assert_int_equal(store_wait(listener, 10000, &err), 1);
    assert_null(command.outcome.ptr);
    assert_int_equal(command.id.len, UUID_TEXT_LEN);
    assert_int_equal(ask(*state, "select count(*) from command c join run r using (run_id)"
                                 " where r.run_id = '" RUN_B "' and c.partition = r.partition"
                                 " and c.kind = 'cancel' and c.asked_by = 'me'"),
                     1);
    assert_ok(store_command_get(*state, command.id, &arena, &again, &err));
    assert_true(slice_eq(command.id, again.id));
    assert_null(again.outcome.ptr);
    snprintf(statement, sizeof(statement),
             "update command set outcome = 'applied' where command_id = '%.*s'",
             SLICE_ARG(command.id));
    run_sql(*state, statement);
    assert_ok(store_command_get(*state, command.id, &arena, &again, &err));
    assert_text(again.outcome, "applied");
    /* Queued ones too. */
    assert_ok(store_command_add(*state, SLICE(RUN_C), "cancel", "me", &arena, &command, &err));
    assert_err(store_command_add(*state, SLICE(RUN_A), "cancel", "me", &arena, &command, &err),
               ERR_CONFLICT, "cannot cancel run " RUN_A ": it is failed");
    assert_err(store_command_add(*state, SLICE(NO_RUN), "cancel", "me", &arena, &command, &err),
               ERR_NOT_FOUND, "no run " NO_RUN);
    assert_err(store_command_get(*state, SLICE(NO_RUN), &arena, &command, &err), ERR_NOT_FOUND,
               "no command " NO_RUN);
    assert_int_equal(ask(*state, "select count(*) from command"), 2);
    store_free(listener);
}

/* The answer needs no room for the run's input. */
static void refused_command_of_a_big_run(void **state)
{
    struct err err = ERR_INIT;
    struct store_command command;
    struct arena small;
    REQUIRE_SERVER();
    fill_runs(*state);
    run_sql(*state, "update run_row set input = to_json(repeat('x', 100000))");
    arena_init(&small, 1000);
    assert_err(store_command_add(*state, SLICE(RUN_A), "cancel", "me", &small, &command, &err),
               ERR_CONFLICT, "it is failed");
    arena_free(&small);
}

static void ids_that_are_none(void **state)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "018f0000-0000-7000-8000-00000000000",
                                      RUN_A "0",
                                      "018f0000-0000-7000-8000-00000000000g",
                                      "' or true --"};
    struct err err = ERR_INIT;
    struct store_run run;
    struct store_execution *executions;
    struct store_decision *decisions;
    struct store_command command;
    uint32_t count;
    REQUIRE_SERVER();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct slice id = slice_str(bad[i]);
        assert_err(store_run_get(*state, id, &arena, &run, &err), ERR_NOT_FOUND, "UUID");
        assert_err(store_execution_list(*state, id, &arena, &executions, &count, &err),
                   ERR_NOT_FOUND, "UUID");
        assert_err(store_decision_list(*state, id, &arena, &decisions, &count, &err), ERR_NOT_FOUND,
                   "UUID");
        assert_err(store_command_add(*state, id, "cancel", "me", &arena, &command, &err),
                   ERR_NOT_FOUND, "UUID");
        assert_err(store_command_get(*state, id, &arena, &command, &err), ERR_NOT_FOUND, "UUID");
    }
    assert_err(store_run_get(*state, SLICE(NO_RUN), &arena, &run, &err), ERR_NOT_FOUND, NO_RUN);
}

static void ids_in_upper_case(void **state)
{
    struct err err = ERR_INIT;
    struct store_run run;
    struct store_command command, again;
    char id[UUID_TEXT_LEN];
    REQUIRE_SERVER();
    fill_runs(*state);
    assert_ok(
        store_run_get(*state, SLICE("018F0000-0000-7000-8000-00000000000B"), &arena, &run, &err));
    assert_text(run.run_id, RUN_B);
    assert_ok(store_command_add(*state, run.run_id, "cancel", "me", &arena, &command, &err));
    for (size_t i = 0; i < sizeof(id); i++)
        id[i] =
            command.id.ptr[i] >= 'a' ? (char)(command.id.ptr[i] - 'a' + 'A') : command.id.ptr[i];
    assert_ok(store_command_get(*state, slice_of(id, sizeof(id)), &arena, &again, &err));
    assert_true(slice_eq(command.id, again.id));
}

/* --- health --- */

static void health_of_nothing(void **state)
{
    struct err err = ERR_INIT;
    struct store_health health;
    struct store_worker *workers;
    struct store_queue *queues;
    uint32_t count;
    const struct store_health nothing = {0};
    REQUIRE_SERVER();
    memset(&health, 0xff, sizeof(health));
    assert_ok(store_health_get(*state, &health, &err));
    assert_int_equal(health.partitions, 0);
    assert_int_equal(health.owned, 0);
    assert_int_equal(health.supervisors, 0);
    assert_int_equal(health.workers, 0);
    assert_true(health.oldest_queued_us == nothing.oldest_queued_us);
    assert_true(health.queued == 0 && health.running == 0 && health.archive_lag_us == 0);
    assert_ok(store_worker_list(*state, &arena, &workers, &count, &err));
    assert_int_equal(count, 0);
    assert_ok(store_queue_list(*state, &arena, &queues, &count, &err));
    assert_int_equal(count, 0);
}

/* Of partition 0..3: two owned by s1, one by s2, one lapsed and long silent. */
static void fill_health(struct store *store)
{
    struct err err = ERR_INIT;
    uint16_t partitions;
    fill_runs(store);
    assert_ok(store_partitions(store, 4, &partitions, &err));
    run_sql(store,
            "update partition_state set owner = 's1', lease_until = now() + interval '1 min',"
            " archived_at = clock_timestamp() - interval '2 s' where partition < 2;"
            "update partition_state set owner = 's2', lease_until = now() + interval '1 min',"
            " archived_at = clock_timestamp() - interval '50 s' where partition = 2;"
            "update partition_state set owner = 's3', lease_until = now() - interval '1 s',"
            " archived_at = clock_timestamp() - interval '9 h' where partition = 3;"
            "insert into worker_registry values"
            " (0, 'w1', 7, now() + interval '1 min', 'default,gpu', 2, now()),"
            " (1, 'w1', 7, now() + interval '1 min', 'default,gpu', 3, now()),"
            " (0, 'lapsed', 8, now() - interval '1 min', 'default', 1, now()),"
            " (0, 'unheard', 9, now() + interval '1 min', 'default', 0, now() - interval '1 h');"
            "insert into queue_stats values"
            " (0, 'default', 4, 1, timestamptz 'epoch' + interval '9 s', now()),"
            " (1, 'default', 6, 2, timestamptz 'epoch' + interval '8 s', now()),"
            " (0, 'nobody', 5, 0, timestamptz 'epoch' + interval '1 s', now()),"
            " (0, 'gpu', 0, 0, null, now())");
}

static void health_counts_leases_that_hold(void **state)
{
    struct err err = ERR_INIT;
    struct store_health health;
    REQUIRE_SERVER();
    fill_health(*state);
    assert_ok(store_health_get(*state, &health, &err));
    assert_int_equal(health.partitions, 4);
    assert_int_equal(health.owned, 3);
    assert_int_equal(health.supervisors, 2);
    assert_int_equal(health.workers, 1);
    assert_int_equal(health.queued, 1);
    assert_int_equal(health.running, 1);
    assert_in_range(health.archive_lag_us, 50000000, 110000000);
    assert_int_equal(health.oldest_queued_us,
                     ask(*state, "select (extract(epoch from submitted_at) * 1000000)::bigint"
                                 " from run where run_id = '" RUN_C "'"));
}

static void workers_and_queues_are_listed(void **state)
{
    struct err err = ERR_INIT;
    struct store_worker *w;
    struct store_queue *q;
    uint32_t count;
    REQUIRE_SERVER();
    fill_health(*state);
    assert_ok(store_worker_list(*state, &arena, &w, &count, &err));
    assert_int_equal(count, 3);
    assert_text(w[0].name, "lapsed");
    assert_false(w[0].alive);
    assert_text(w[2].name, "w1");
    assert_true(w[2].alive);
    assert_text(w[2].queues, "default,gpu");
    assert_int_equal(w[2].held, 5);
    assert_true(w[2].lease_until_us - w[2].seen_us == 60000000);
    assert_ok(store_queue_list(*state, &arena, &q, &count, &err));
    assert_int_equal(count, 3);
    assert_text(q[0].queue, "default");
    assert_int_equal(q[0].ready, 10);
    assert_int_equal(q[0].held, 3);
    assert_int_equal(q[0].oldest_us, 8000000);
    assert_text(q[1].queue, "gpu");
    assert_int_equal(q[1].workers, 1);
    assert_int_equal(q[1].oldest_us, 0);
    assert_text(q[2].queue, "nobody");
    assert_int_equal(q[2].workers, 0);
    assert_true(q[2].seen_us > 0);
}

/* --- memory --- */

#define FAILS_WITHOUT_MEMORY(call)                                                                 \
    do {                                                                                           \
        assert_true(                                                                               \
            ALLOC_IN_TURN((err = ERR_INIT, arena_free(&arena),                                     \
                           (call) == 0 || (assert_int_equal(err.code, ERR_LIMIT), false))) > 0);   \
    } while (0)

static void lists_without_memory(void **state)
{
    struct err err = ERR_INIT;
    const struct store_run_filter all = {.limit = 100};
    struct store_run *runs, run;
    struct store_execution *executions;
    struct store_workflow *workflows;
    struct store_worker *workers;
    struct store_queue *queues;
    struct arena small;
    uint32_t count;
    REQUIRE_SERVER();
    fill_executions(*state);
    run_sql(*state, "insert into worker_registry values (0, 'w', 1, now(), 'q', 0, now());"
                    "insert into queue_stats values (0, 'q', 0, 0, null, now())");
    FAILS_WITHOUT_MEMORY(store_run_list(*state, &all, &arena, &runs, &count, &err));
    FAILS_WITHOUT_MEMORY(store_run_get(*state, SLICE(RUN_A), &arena, &run, &err));
    FAILS_WITHOUT_MEMORY(
        store_execution_list(*state, SLICE(RUN_A), &arena, &executions, &count, &err));
    FAILS_WITHOUT_MEMORY(store_workflow_list(*state, &arena, &workflows, &count, &err));
    FAILS_WITHOUT_MEMORY(store_worker_list(*state, &arena, &workers, &count, &err));
    FAILS_WITHOUT_MEMORY(store_queue_list(*state, &arena, &queues, &count, &err));
    /* At each cap up to the one that is enough. */
    for (size_t cap = 64;; cap += 64) {
        arena_init(&small, cap);
        err = ERR_INIT;
        int result = store_execution_list(*state, SLICE(RUN_A), &small, &executions, &count, &err);
        arena_free(&small);
        if (result == 0)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(cap < MEBIBYTE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_record, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(executions_are_summed_up),
        TEST(decisions_are_listed),
        TEST(commands_are_for_live_runs),
        TEST(refused_command_of_a_big_run),
        TEST(ids_that_are_none),
        TEST(ids_in_upper_case),
        TEST(health_of_nothing),
        TEST(health_counts_leases_that_hold),
        TEST(workers_and_queues_are_listed),
        TEST(lists_without_memory),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
