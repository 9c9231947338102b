/* What is too long for its row: taken, hashed once, added once, by whoever comes first. */
#include "store/connection.h"
#include "store/values.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>
/* after cmocka.h */
#include "store_data.h"

#define SHORT SLICE("[1]")
#define LONG_A SLICE("[1,2]")
#define LONG_B SLICE("[3,4,5]")
#define LONG_C SLICE("\"d\303\251j\303\240 vu\"")

enum { INLINE_BYTES = 4, MANY = 3000 };

static bool take(struct values *values, struct slice json)
{
    uint8_t digest[SHA256_BYTES], again[SHA256_BYTES];
    const bool kept = values_take(values, json, digest);
    if (kept) {
        sha256_bytes(json, again);
        assert_memory_equal(digest, again, SHA256_BYTES);
    }
    return kept;
}

static void what_is_short_stays(void **state)
{
    struct values values;
    (void)state;
    values_init(&values, INLINE_BYTES);
    assert_false(take(&values, SHORT));
    assert_false(take(&values, SLICE("1234")));
    assert_false(take(&values, SLICE_NONE));
    assert_null(values.items);
    assert_true(take(&values, SLICE("12345")));
    assert_int_equal(values.count, 1);
    values_free(&values);
}

/* The same bytes elsewhere are the same value: compared, not hashed and noted again. */
static void one_that_passes_through_is_noted_once(void **state)
{
    struct values values;
    char copy[] = "[1,2]";
    (void)state;
    values_init(&values, INLINE_BYTES);
    for (int i = 0; i < 10; i++) {
        assert_true(take(&values, slice_str(copy)));
        assert_true(take(&values, LONG_A));
        assert_true(take(&values, LONG_B));
    }
    assert_int_equal(values.count, 2);
    values_reset(&values);
    assert_true(take(&values, LONG_B));
    assert_int_equal(values.count, 1);
    assert_true(slice_eq(values.items[0].json, LONG_B));
    values_free(&values);
}

static void commit(struct store *store, struct values *values)
{
    struct err err = ERR_INIT;
    assert_ok(store_begin(store, &err));
    assert_ok(values_commit(store, values, &err));
    assert_ok(store_commit(store, &err));
}

static void assert_all_are_what_they_say(struct store *store, int64_t count)
{
    assert_int_equal(ask(store, "select count(*) from value"), count);
    assert_int_equal(ask(store, "select count(*) from value where"
                                " digest = sha256(convert_to(json::text, 'UTF8'))"
                                " and length = octet_length(json::text)"),
                     count);
}

static void they_are_added_once(void **state)
{
    struct values values;
    REQUIRE_SERVER();
    values_init(&values, INLINE_BYTES);
    commit(*state, &values); /* nothing */
    assert_true(take(&values, LONG_A) && take(&values, LONG_C));
    commit(*state, &values);
    values_reset(&values);
    assert_true(take(&values, LONG_B) && take(&values, LONG_A) && take(&values, LONG_C));
    commit(*state, &values);
    assert_all_are_what_they_say(*state, 3);
    values_free(&values);
}

/* More than the comparison looks back, in more statements than one, and one that a statement has alone. */
static void many_are_added(void **state)
{
    struct values values;
    static char texts[MANY][1024];
    struct buf large;
    REQUIRE_SERVER();
    values_init(&values, INLINE_BYTES);
    buf_init(&large, 0);
    buf_char(&large, '"');
    for (int i = 0; i < 3 << 20; i++)
        buf_char(&large, 'x');
    buf_char(&large, '"');
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            memset(texts[i], ' ', sizeof texts[i]);
            (void)snprintf(texts[i], sizeof texts[i], "[%d", i);
            texts[i][strlen(texts[i])] = ' ';
            texts[i][sizeof texts[i] - 1] = ']';
            assert_true(take(&values, slice_of(texts[i], sizeof texts[i])));
        }
        assert_true(take(&values, buf_slice(&large)));
    }
    commit(*state, &values);
    assert_int_equal(values.count, MANY + 1);
    assert_all_are_what_they_say(*state, MANY + 1);
    values_free(&values);
    buf_free(&large);
}

struct other {
    struct store *store;
    struct values values;
    struct err err;
    int result;
};

static void *commit_there(void *context)
{
    struct other *other = context;
    other->result = store_begin(other->store, &other->err);
    if (other->result == 0)
        other->result = values_commit(other->store, &other->values, &other->err);
    if (other->result == 0)
        other->result = store_commit(other->store, &other->err);
    else
        store_rollback(other->store);
    return NULL;
}

/* Until the other one stands before the value that we have added and not committed. */
static void wait_for_waiting(struct store *store)
{
    for (int i = 0; i < 2000; i++) {
        if (ask(store, "select count(*) from pg_stat_activity where datname = current_database()"
                       " and wait_event_type = 'Lock'") > 0)
            return;
        const struct timespec moment = {.tv_nsec = 5000000};
        (void)nanosleep(&moment, NULL);
    }
    fail_msg("nobody waits");
}

static void two_add_the_same(struct store *store, bool first_commits)
{
    struct err err = ERR_INIT;
    struct values values;
    struct other other = {.store = connect_store(), .err = ERR_INIT};
    struct store *looking = connect_store();
    pthread_t thread;
    values_init(&values, INLINE_BYTES);
    values_init(&other.values, INLINE_BYTES);
    assert_true(take(&values, LONG_A) && take(&values, LONG_B));
    assert_true(take(&other.values, LONG_C) && take(&other.values, LONG_B) &&
                take(&other.values, LONG_A));
    assert_ok(store_begin(store, &err));
    assert_ok(values_commit(store, &values, &err));
    assert_int_equal(pthread_create(&thread, NULL, commit_there, &other), 0);
    wait_for_waiting(looking);
    if (first_commits)
        assert_ok(store_commit(store, &err));
    else
        store_rollback(store);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(other.result);
    assert_all_are_what_they_say(store, 3);
    values_free(&values);
    values_free(&other.values);
    store_free(other.store);
    store_free(looking);
}

static void two_add_the_same_and_the_first_commits(void **state)
{
    REQUIRE_SERVER();
    two_add_the_same(*state, true);
}

static void two_add_the_same_and_the_first_does_not(void **state)
{
    REQUIRE_SERVER();
    two_add_the_same(*state, false);
}

/* What a batch that collects does: its own come before, then it adds one in the transaction of its rows. */
static void one_adds_more_of_them_later(void **state)
{
    struct err err = ERR_INIT;
    struct values before, later;
    struct other other = {.err = ERR_INIT};
    REQUIRE_SERVER();
    struct store *looking = connect_store();
    other.store = connect_store();
    values_init(&before, INLINE_BYTES);
    values_init(&later, INLINE_BYTES);
    values_init(&other.values, INLINE_BYTES);
    assert_true(take(&before, LONG_A) && take(&later, LONG_B));
    assert_true(take(&other.values, LONG_A) && take(&other.values, LONG_B));
    assert_ok(values_commit_before(*state, &before, &err));
    /* Whoever adds A as well does not wait for what comes with the rows, and so nobody in a circle. */
    assert_ok(store_begin(other.store, &other.err));
    assert_ok(values_commit(other.store, &other.values, &other.err));
    assert_ok(store_commit(other.store, &other.err));
    /* Nobody refers to A yet, and it stays. */
    assert_int_equal(store_exec_script(looking,
                                       "begin; set local lock_timeout = '1ms';"
                                       "select pg_advisory_xact_lock(" VALUES_LOCK ")",
                                       &err),
                     -1);
    assert_ok(store_exec_script(looking, "rollback", &err));
    assert_ok(store_begin(*state, &err));
    assert_ok(values_commit(*state, &later, &err));
    assert_ok(store_commit(*state, &err));
    values_unlock(*state, &before);
    assert_all_are_what_they_say(*state, 2);
    assert_int_equal(ask(looking, "select drop_unreferenced_values()"), 2);
    values_free(&before);
    values_free(&later);
    values_free(&other.values);
    store_free(other.store);
    store_free(looking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_short_stays),
        cmocka_unit_test(one_that_passes_through_is_noted_once),
        cmocka_unit_test_setup_teardown(they_are_added_once, set_up_record, clean_up),
        cmocka_unit_test_setup_teardown(many_are_added, set_up_record, clean_up),
        cmocka_unit_test_setup_teardown(two_add_the_same_and_the_first_commits, set_up_record,
                                        clean_up),
        cmocka_unit_test_setup_teardown(two_add_the_same_and_the_first_does_not, set_up_record,
                                        clean_up),
        cmocka_unit_test_setup_teardown(one_adds_more_of_them_later, set_up_record, clean_up),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
