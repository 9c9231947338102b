/* Who has which partitions, against a real Postgres. Supervisors are names here, and take turns. */
#include "store/archive.h"
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

enum { LEASE_MS = 60000 };

struct supervisor_name {
    const char *name;
    uint32_t owned, share, given;
    struct archive_cursor cursors[PARTITIONS];
};

/* What a supervisor does a few times in each lease. */
static void take_turn(struct store *store, struct supervisor_name *s)
{
    struct err err = ERR_INIT;
    const struct slice owner = slice_str(s->name);
    s->given = 0;
    assert_ok(archive_join(store, owner, LEASE_MS, PARTITIONS, &s->share, &err));
    if (s->owned > s->share)
        assert_ok(archive_offer(store, owner, LEASE_MS, s->share, &s->given, &err));
    assert_ok(
        archive_lease(store, owner, LEASE_MS, s->share, s->cursors, PARTITIONS, &s->owned, &err));
}

/* Its leases have ended. */
static void lapse(struct store *store, const char *name)
{
    char sql[300];
    snprintf(sql, sizeof(sql),
             "update supervisor set lease_until = clock_timestamp() - interval '1 s'"
             " where name = '%s';"
             "update partition_state set lease_until = clock_timestamp() - interval '1 s'"
             " where owner = '%s'",
             name, name);
    run_sql(store, sql);
}

static void begin(struct store *store)
{
    struct err err = ERR_INIT;
    uint16_t partitions;
    assert_ok(store_partitions(store, PARTITIONS, &partitions, &err));
}

static int64_t fences(struct store *store)
{
    return ask(store, "select sum(fence) from partition_state");
}

static void the_first_has_all_until_others_come(void **state)
{
    struct supervisor_name a = {.name = "z"}, b = {.name = "b"}, c = {.name = "a"};
    REQUIRE_SERVER();
    begin(*state);
    take_turn(*state, &a);
    assert_int_equal(a.owned, 16);
    take_turn(*state, &b); /* is seen */
    assert_int_equal(b.owned, 0);
    assert_int_equal(b.share, 8);
    take_turn(*state, &a);
    assert_int_equal(a.given, 8);
    assert_int_equal(a.owned, 8);
    assert_int_equal(a.cursors[7].partition, 7); /* the highest are given */
    take_turn(*state, &b);
    assert_int_equal(b.owned, 8);
    assert_int_equal(b.cursors[0].fence, 2);
    take_turn(*state, &c);
    assert_int_equal(c.share, 5);
    take_turn(*state, &a);
    take_turn(*state, &b);
    take_turn(*state, &c);
    assert_int_equal(a.owned, 6); /* it came first */
    assert_int_equal(b.owned, 5);
    assert_int_equal(c.owned, 5);
    const int64_t moved = fences(*state);
    for (int i = 0; i < 5; i++) {
        take_turn(*state, &c);
        take_turn(*state, &b);
        take_turn(*state, &a);
    }
    assert_int_equal(fences(*state), moved);
    assert_int_equal(a.given + b.given + c.given, 0);
}

static void three_have_all(struct store *store, struct supervisor_name s[3])
{
    begin(store);
    for (int i = 0; i < 9; i++)
        take_turn(store, &s[i % 3]);
    assert_int_equal(s[0].owned, 6);
    assert_int_equal(s[1].owned + s[2].owned, 10);
}

static void what_has_lapsed_is_taken_at_once(void **state)
{
    struct supervisor_name s[3] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    REQUIRE_SERVER();
    three_have_all(*state, s);
    lapse(*state, "a");
    take_turn(*state, &s[2]);
    assert_int_equal(s[2].owned, 11);
    assert_int_equal(s[2].share, 8);
    take_turn(*state, &s[1]); /* nothing is left for it yet */
    assert_int_equal(s[1].owned, 5);
    take_turn(*state, &s[2]);
    assert_int_equal(s[2].given, 3);
    take_turn(*state, &s[1]);
    assert_int_equal(s[1].owned, 8);
    /* The one that had slept: first again, and only its share. */
    take_turn(*state, &s[0]);
    assert_int_equal(s[0].owned, 0);
    for (int i = 0; i < 6; i++)
        take_turn(*state, &s[2 - i % 3]);
    assert_int_equal(s[0].owned, 6);
    assert_int_equal(s[1].owned, 5);
    assert_int_equal(s[2].owned, 5);
}

static void who_ends_leaves_all_to_anybody(void **state)
{
    struct supervisor_name s[3] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    three_have_all(*state, s);
    assert_ok(archive_release(*state, SLICE("b"), &err));
    assert_int_equal(ask(*state, "select count(*) from supervisor"), 2);
    take_turn(*state, &s[2]);
    assert_int_equal(s[2].share, 8);
    assert_int_equal(s[2].owned, 10);
    take_turn(*state, &s[2]);
    take_turn(*state, &s[0]);
    assert_int_equal(s[0].owned, 8);
    assert_int_equal(s[2].owned, 8);
}

/* The one for whom it was offered has died: it is nobody's for one lease, and then anybody's. */
static void an_offer_ends(void **state)
{
    struct supervisor_name a = {.name = "a"}, b = {.name = "b"};
    REQUIRE_SERVER();
    begin(*state);
    take_turn(*state, &a);
    take_turn(*state, &b);
    take_turn(*state, &a);
    take_turn(*state, &a);
    assert_int_equal(a.owned, 8);
    run_sql(*state, "update partition_state set lease_until = clock_timestamp() - interval '1 s'"
                    " where owner is null");
    take_turn(*state, &a);
    assert_int_equal(a.owned, 16);
    take_turn(*state, &a);
    assert_int_equal(a.given, 8);
    lapse(*state, "b");
    take_turn(*state, &a); /* it is alone: what it had offered is its own share */
    assert_int_equal(a.share, 16);
    assert_int_equal(a.owned, 16);
}

/* Whose share is not known takes what is free for all. */
static void an_offer_is_not_for_everybody(void **state)
{
    struct supervisor_name a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"};
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    begin(*state);
    take_turn(*state, &a);
    take_turn(*state, &b);
    take_turn(*state, &a);
    assert_ok(
        archive_lease(*state, SLICE("c"), LEASE_MS, 0, c.cursors, PARTITIONS, &c.owned, &err));
    assert_int_equal(c.owned, 0);
    lapse(*state, "a");
    assert_ok(
        archive_lease(*state, SLICE("c"), LEASE_MS, 0, c.cursors, PARTITIONS, &c.owned, &err));
    assert_int_equal(c.owned, 8);
    take_turn(*state, &b);
    assert_int_equal(b.owned, 8);
}

static void more_than_there_are_partitions(void **state)
{
    enum { MANY = PARTITIONS + 3 };
    static char names[MANY][16];
    static struct supervisor_name s[MANY];
    uint32_t owners = 0;
    REQUIRE_SERVER();
    begin(*state);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "s%d", i);
        s[i] = (struct supervisor_name){.name = names[i]};
    }
    for (int i = 0; i < 3 * MANY; i++)
        take_turn(*state, &s[i % MANY]);
    for (int i = 0; i < MANY; i++) {
        assert_true(s[i].owned <= 1);
        owners += s[i].owned;
    }
    assert_int_equal(owners, PARTITIONS);
    assert_int_equal(s[MANY - 1].owned, 0);
}

static void who_has_given_back_commits_nothing(void **state)
{
    struct supervisor_name a = {.name = "a"}, b = {.name = "b"};
    struct archive archive;
    struct err err = ERR_INIT;
    REQUIRE_SERVER();
    begin(*state);
    take_turn(*state, &a);
    struct archive_cursor last = a.cursors[PARTITIONS - 1];
    take_turn(*state, &b);
    take_turn(*state, &a);
    archive_init(&archive, 1 << 20, 4096);
    archive_reset(&archive);
    archive_add_cursor(&archive, &last, 1, "x");
    assert_err(archive_commit(*state, &archive, SLICE("a"), &err), ERR_CONFLICT,
               "another supervisor");
    take_turn(*state, &b);
    lapse(*state, "b");
    take_turn(*state, &a); /* and not when it has it again, with what it knew before */
    archive_reset(&archive);
    archive_add_cursor(&archive, &last, 1, "x");
    assert_err(archive_commit(*state, &archive, SLICE("a"), &err), ERR_CONFLICT,
               "another supervisor");
    assert_int_equal(a.cursors[PARTITIONS - 1].fence, last.fence + 2);
    archive_reset(&archive);
    archive_add_cursor(&archive, &a.cursors[PARTITIONS - 1], 1, "x");
    assert_ok(archive_commit(*state, &archive, SLICE("a"), &err));
    archive_free(&archive);
}

static void rows_of_the_dead_go(void **state)
{
    struct supervisor_name a = {.name = "a"};
    REQUIRE_SERVER();
    begin(*state);
    run_sql(*state, "insert into supervisor (name, lease_until) values"
                    " ('old', clock_timestamp() - interval '2 minutes'),"
                    " ('late', clock_timestamp() - interval '2 s'),"
                    " ('a', clock_timestamp() - interval '1 day')");
    take_turn(*state, &a);
    assert_int_equal(a.share, 16);
    assert_int_equal(ask(*state, "select count(*) from supervisor where name in ('a', 'late')"), 2);
    assert_int_equal(ask(*state, "select count(*) from supervisor"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_record, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_has_all_until_others_come), TEST(what_has_lapsed_is_taken_at_once),
        TEST(who_ends_leaves_all_to_anybody),      TEST(an_offer_ends),
        TEST(an_offer_is_not_for_everybody),       TEST(more_than_there_are_partitions),
        TEST(who_has_given_back_commits_nothing),  TEST(rows_of_the_dead_go),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
