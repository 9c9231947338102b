/* Migrations against a real Postgres: once each, under a lock, never over a history that differs. */
#include "base/buf.h"
#include "store/connection.h"
#include "store/migration_source.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>
/* after cmocka.h */
#include "store_case.h"

enum { MIGRATIONS_LEAST = 1, RIVALS = 3 };

/* A new, empty database for each test. */
static int set_up(void **state) { return set_up_database(state, NULL); }

struct steps {
    int count, applied;
};

static void count_step(void *context, const struct migration_state *state)
{
    struct steps *steps = context;
    assert_non_null(state->name);
    assert_int_equal(state->number, steps->count + 1);
    assert_false(state->checksum_differs);
    steps->count++;
    steps->applied += state->applied;
}

static int known_migrations(void)
{
    int count = 0;
    for (const struct migration_source *s = migration_sources; s->name; s++)
        count += s->number > 0;
    assert_true(count >= MIGRATIONS_LEAST);
    return count;
}

static struct steps migrate(struct store *store)
{
    struct err err = ERR_INIT;
    struct steps steps = {0};
    assert_ok(store_migrate(store, count_step, &steps, &err));
    assert_int_equal(steps.count, known_migrations());
    return steps;
}

/* Changes whenever a view is made again. */
static int64_t view_oid(struct store *store)
{
    return ask(store, "select 'v_runs'::regclass::oid");
}

static void empty_database_says_what_to_do(void **state)
{
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    assert_err(store_check(*state, &err), ERR_REFUSED, "run 'troupe migrate'");
    (void)migrate(*state);
    assert_ok(store_check(*state, &err));
}

static void twice_changes_nothing(void **state)
{
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    assert_int_equal(migrate(*state).applied, known_migrations());
    int64_t view = view_oid(*state);
    int64_t rows = ask(*state, "select count(*) from schema_migration");
    int64_t last = ask(*state, "select sum(xmin::text::bigint) from schema_migration");
    assert_int_equal(migrate(*state).applied, 0);
    assert_int_equal(view_oid(*state), view);
    assert_int_equal(rows, known_migrations() + 1);
    assert_int_equal(ask(*state, "select count(*) from schema_migration"), rows);
    assert_int_equal(ask(*state, "select sum(xmin::text::bigint) from schema_migration"), last);
    assert_ok(store_migrate(*state, NULL, NULL, &err));
}

static void every_view_answers(void **state)
{
    char statement[200];
    REQUIRE_SERVER();
    (void)migrate(*state);
    for (const struct migration_source *s = migration_sources; s->name; s++) {
        if (s->number != 0 || strstr(s->text, "create or replace function"))
            continue;
        snprintf(statement, sizeof(statement), "select count(*) from %s", s->name);
        assert_int_equal(ask(*state, statement), 0);
    }
}

static void changed_views_are_made_again(void **state)
{
    REQUIRE_SERVER();
    (void)migrate(*state);
    int64_t view = view_oid(*state);
    run_sql(*state, "update schema_migration set sha256 = repeat('0', 64) where number = 0");
    assert_int_equal(migrate(*state).applied, 0);
    assert_int_not_equal(view_oid(*state), view);
    assert_int_equal(
        ask(*state, "select count(*) from schema_migration where sha256 = repeat('0', 64)"), 0);
}

/* A view of a user stands on one of ours: nothing is dropped, and the message says of which. */
static void view_that_others_stand_on(void **state)
{
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    (void)migrate(*state);
    run_sql(*state, "create view mine as select run_id from v_runs;"
                    "update schema_migration set sha256 = repeat('0', 64) where number = 0");
    int64_t workers = ask(*state, "select 'v_workers'::regclass::oid");
    err = ERR_INIT;
    assert_int_equal(store_migrate(*state, NULL, NULL, &err), -1);
    assert_non_null(strstr(err.message, "view v_runs"));
    assert_int_equal(ask(*state, "select 'v_workers'::regclass::oid"), workers);
    run_sql(*state, "drop view mine");
    (void)migrate(*state);
}

/* As when a migration was committed and the program died before the views. */
static void views_follow_a_migration(void **state)
{
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    (void)migrate(*state);
    run_sql(*state,
            "drop view v_run_timeline, v_runs; delete from schema_migration where number = 0");
    assert_err(store_check(*state, &err), ERR_REFUSED, "run 'troupe migrate'");
    (void)migrate(*state);
    assert_ok(store_check(*state, &err));
    assert_int_equal(ask(*state, "select count(*) from v_runs"), 0);
}

/* Neither is anything changed: the views, which are to be made again, are not. */
static void refused(struct store *store, const char *change, const char *text)
{
    struct err err = ERR_INIT;
    struct steps steps = {0};
    (void)migrate(store);
    run_sql(store, change);
    run_sql(store, "update schema_migration set sha256 = repeat('0', 64) where number = 0");
    int64_t view = view_oid(store);
    assert_err(store_check(store, &err), ERR_CONFLICT, text);
    assert_err(store_migrate(store, count_step, &steps, &err), ERR_CONFLICT, text);
    assert_int_equal(steps.count, 0);
    assert_int_equal(view_oid(store), view);
}

static void changed_text_is_refused(void **state)
{
    REQUIRE_SERVER();
    refused(*state, "update schema_migration set sha256 = repeat('a', 64) where number = 1",
            "migration 0001_record was applied with another text");
}

static void newer_database_is_refused(void **state)
{
    REQUIRE_SERVER();
    refused(*state, "insert into schema_migration values (900, 'later', repeat('a', 64))",
            "newer than this program (migration 900");
}

static void foreign_history_is_refused(void **state)
{
    REQUIRE_SERVER();
    refused(*state, "insert into schema_migration values (-1, 'odd', 'short')", "not troupe's");
}

static void failed_migration_leaves_nothing(void **state)
{
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    run_sql(*state, "create table run (mine integer)");
    err = ERR_INIT;
    assert_int_equal(store_migrate(*state, NULL, NULL, &err), -1);
    assert_non_null(strstr(err.message, "migration 0001_record"));
    assert_int_equal(ask(*state, "select count(*) from schema_migration"), 0);
    assert_int_equal(ask(*state, "select (to_regclass('graph') is null)::integer"), 1);
    run_sql(*state, "drop table run");
    assert_int_equal(migrate(*state).applied, known_migrations());
}

struct rival {
    pthread_t thread;
    int result, applied;
    struct err err;
};

static void note_step(void *context, const struct migration_state *state)
{
    struct rival *rival = context;
    rival->applied += state->applied;
}

static void *rival_main(void *context)
{
    struct rival *rival = context;
    rival->err = ERR_INIT;
    rival->result = -1;
    struct store *store = store_new(url, "rival", &rival->err);
    if (store)
        rival->result = store_migrate(store, note_step, rival, &rival->err);
    store_free(store);
    return NULL;
}

/* All wait for the lock at the same moment. */
static void several_at_once(void **state)
{
    struct rival rivals[RIVALS] = {0};
    int64_t waiting = 0;
    int applied = 0;
    REQUIRE_SERVER();
    (void)migrate(*state);
    run_sql(*state, "drop schema public cascade; create schema public; begin");
    /* The lock that migrate takes, seen while it has it: held here under the same number. */
    (void)ask(*state, "select pg_advisory_xact_lock(7092026001)");
    for (int i = 0; i < RIVALS; i++)
        assert_int_equal(pthread_create(&rivals[i].thread, NULL, rival_main, &rivals[i]), 0);
    for (int tries = 0; waiting < RIVALS && tries < 400; tries++) {
        waiting = ask(*state, "select count(*) from pg_locks where locktype = 'advisory'"
                              " and not granted");
        poll(NULL, 0, 10);
    }
    run_sql(*state, "commit");
    for (int i = 0; i < RIVALS; i++)
        pthread_join(rivals[i].thread, NULL);
    assert_int_equal(waiting, RIVALS);
    for (int i = 0; i < RIVALS; i++) {
        if (rivals[i].result != 0)
            fail_msg("%s", rivals[i].err.message);
        applied += rivals[i].applied;
    }
    assert_int_equal(applied, known_migrations());
    assert_int_equal(migrate(*state).applied, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_database_says_what_to_do),
        TEST(twice_changes_nothing),
        TEST(every_view_answers),
        TEST(changed_views_are_made_again),
        TEST(view_that_others_stand_on),
        TEST(views_follow_a_migration),
        TEST(changed_text_is_refused),
        TEST(newer_database_is_refused),
        TEST(foreign_history_is_refused),
        TEST(failed_migration_leaves_nothing),
        TEST(several_at_once),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
