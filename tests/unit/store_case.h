/* store_case: what tests of the record share: one server per program, a database and a store (the
 * state) per test, and assertions. Included after cmocka.h and store/connection.h: included here, that
 * would link every unit test with the store. */
#ifndef TROUPE_TESTS_STORE_CASE_H
#define TROUPE_TESTS_STORE_CASE_H

#include "postgres_fixture.h"

static struct postgres_fixture server;
static char url[POSTGRES_URL_LEN];

static inline struct store *connect_store(void)
{
    struct err err = ERR_INIT;
    struct store *store = store_new(url, "unit test", &err);
    assert_non_null(store);
    return store;
}

/* A new database for each test: empty, or like the one named. */
static inline int set_up_database(void **state, const char *like)
{
    *state = NULL;
    if (!server.pid)
        return 0;
    if (!postgres_database(&server, like, url))
        return -1;
    *state = connect_store();
    return 0;
}

static inline int tear_down(void **state)
{
    store_free(*state);
    return 0;
}

#define REQUIRE_SERVER()                                                                           \
    do {                                                                                           \
        if (!server.pid)                                                                           \
            skip();                                                                                \
    } while (0)

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err *err_ = &err;                                                                   \
        *err_ = ERR_INIT;                                                                          \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s: %s", #call, err_name(err_->code), err_->message);                    \
    } while (0)

#define assert_err(call, expected, text)                                                           \
    do {                                                                                           \
        err = ERR_INIT;                                                                            \
        assert_int_equal((call), -1);                                                              \
        if (err.code != (expected) || !strstr(err.message, (text)))                                \
            fail_msg("%s: %s: %s", #call, err_name(err.code), err.message);                        \
    } while (0)

static inline void run_sql(struct store *store, const char *sql)
{
    struct err err = ERR_INIT;
    assert_ok(store_exec_script(store, sql, &err));
}

static inline int64_t ask(struct store *store, const char *sql)
{
    struct err err = ERR_INIT;
    PGresult *result = store_query(store, sql, NULL, &err);
    if (!result)
        fail_msg("%s: %s", sql, err.message);
    assert_int_equal(PQntuples(result), 1);
    int64_t number = result_int(result, 0, 0);
    PQclear(result);
    return number;
}

static inline int start_server(void **state)
{
    (void)state;
    if (!postgres_present(&server)) {
        print_message(
            "no Postgres server in /usr/lib/postgresql: nothing of the record is tested\n");
        return 0;
    }
    return postgres_start(&server) ? 0 : -1;
}

static inline int stop_server(void **state)
{
    (void)state;
    postgres_stop(&server);
    return 0;
}

#endif
