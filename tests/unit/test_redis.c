/* The blocking connection, against a real Redis. */
#include "base/buf.h"
#include "base/clock.h"
#include "protocol/calls.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "protocol/scripts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include "redis_fixture.h"
#include <cmocka.h>

static struct redis_fixture server;

#define REQUIRE_SERVER()                                                                           \
    do {                                                                                           \
        if (!server.pid)                                                                           \
            skip();                                                                                \
    } while (0)

static struct redis *open_redis(int64_t timeout_ms)
{
    struct err err = ERR_INIT;
    struct redis *redis = redis_new(server.url, timeout_ms, &err);
    assert_non_null(redis);
    return redis;
}

/* Sends words that must succeed. */
#define DO(redis, ...)                                                                             \
    do {                                                                                           \
        struct err err_ = ERR_INIT;                                                                \
        redisReply *reply_ = redis_words(redis, &err_, __VA_ARGS__, NULL);                         \
        if (!reply_)                                                                               \
            fail_msg("%s", err_.message);                                                          \
        freeReplyObject(reply_);                                                                   \
    } while (0)

/* --- URLs --- */

static void test_urls(void **state UNUSED)
{
    static const struct {
        const char *url, *host;
        int port;
        const char *user, *password;
        int database;
    } good[] = {
        {"redis://localhost", "localhost", 6379, "", "", 0},
        {"redis://127.0.0.1:7000", "127.0.0.1", 7000, "", "", 0},
        {"redis://h:1/", "h", 1, "", "", 0},
        {"redis://h/15", "h", 6379, "", "", 15},
        {"redis://:secret@h", "h", 6379, "", "secret", 0},
        {"redis://me:s%40c%3Ar%2Fe%25t@h:2/3", "h", 2, "me", "s@c:r/e%t", 3},
        {"redis://m%c3%a9:a:b@c@h", "h", 6379, "m\xc3\xa9", "a:b@c", 0},
        {"redis://[::1]:65535/2", "::1", 65535, "", "", 2},
        {"redis://[::1]", "::1", 6379, "", "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct redis_address address;
        struct err err = ERR_INIT;
        if (redis_parse_url(good[i].url, &address, &err))
            fail_msg("%s: %s", good[i].url, err.message);
        assert_string_equal(address.host, good[i].host);
        assert_int_equal(address.port, good[i].port);
        assert_string_equal(address.user, good[i].user);
        assert_string_equal(address.password, good[i].password);
        assert_int_equal(address.database, good[i].database);
    }
}

static void test_bad_urls_name_the_part_and_never_the_password(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "localhost:6379",
        "http://h",
        "rediss://h",
        "redis://",
        "redis:///1",
        "redis://h:",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h/x",
        "redis://h/1/2",
        "redis://h/-1",
        "redis://h?db=1",
        "redis://[::1",
        "redis://[::1]x",
        "redis://user@h",
        "redis://:hunter%2@h",
        "redis://:hunter%zz@h",
        "redis://:hunter%00@h",
        "redis://:hunter%",
        "redis://:hunter/2@h",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct redis_address address;
        struct err err = ERR_INIT;
        if (redis_parse_url(bad[i], &address, &err) != -1)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(err.code, ERR_USAGE);
        assert_null(strstr(err.message, "hunter"));
    }
    struct err err = ERR_INIT;
    struct buf url;
    struct redis_address address;
    buf_init(&url, 0);
    buf_str(&url, "redis://:");
    for (int i = 0; i < 600; i++)
        buf_char(&url, 'x');
    buf_str(&url, "@h");
    assert_int_equal(redis_parse_url(url.data, &address, &err), -1);
    assert_non_null(strstr(err.message, "longer"));
    assert_null(redis_new("nonsense", 1000, &err));
    buf_free(&url);
}

/* --- commands --- */

static void test_words_and_errors(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    struct redis *redis = open_redis(5000);
    assert_string_equal(redis_run_id(redis), "");
    assert_int_equal(redis_fd(redis), -1);
    DO(redis, "SET", "a", "1");
    assert_int_equal(strlen(redis_run_id(redis)), 40);
    assert_true(redis_fd(redis) >= 0);
    redisReply *reply = redis_words(redis, &err, "GET", "a", NULL);
    assert_true(slice_eq_str(reply_slice(reply), "1"));
    freeReplyObject(reply);
    assert_null(redis_words(redis, &err, "HGET", "a", "b", NULL));
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_non_null(strstr(err.message, "WRONGTYPE"));
    reply = redis_words(redis, &err, "GET", "none", NULL);
    assert_int_equal(reply->type, REDIS_REPLY_NIL);
    assert_null(reply_slice(reply).ptr);
    assert_null(reply_word(reply).ptr);
    freeReplyObject(reply);
    redis_free(redis);
    redis_free(NULL);
}

static void test_nobody_is_there(void **state UNUSED)
{
    struct err err = ERR_INIT;
    char url[64];
    int port = 0, fd = fixture_socket(&port, false); /* bound, but nobody listens */
    assert_true(fd >= 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
    struct redis *redis = redis_new(url, 1000, &err);
    assert_int_equal(redis_connect(redis, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_null(redis_words(redis, &err, "PING", NULL));
    assert_int_equal(err.code, ERR_UNREACHABLE);
    redis_free(redis);
    close(fd);
}

static void test_scripts_that_redis_does_not_know(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    struct redis *redis = open_redis(5000);
    struct command commands[3];
    redisReply *replies[3];
    int64_t redis_us;
    for (int i = 0; i < 3; i++)
        command_init(&commands[i]);
    DO(redis, "FLUSHALL");
    DO(redis, "SCRIPT", "FLUSH");
    open_build(&commands[0], 3, 1, 16, (struct call_queues){NULL, 0});
    redisReply *reply = redis_call(redis, &commands[0], &err);
    assert_int_equal(call_status(reply, &redis_us, &err), CALL_OK);
    freeReplyObject(reply);

    /* In a pipeline only those are sent again; what is no script call is done once. */
    DO(redis, "SCRIPT", "FLUSH");
    command_begin(&commands[1], "INCR");
    command_arg_str(&commands[1], "count");
    beat_build(&commands[2], 3, SLICE("1"), SLICE("w"), SLICE("1"), 1000);
    assert_int_equal(redis_pipeline(redis, commands, 3, replies, &err), 0);
    assert_int_equal(call_status(replies[0], &redis_us, &err), CALL_OK);
    assert_int_equal(replies[1]->integer, 1);
    assert_int_equal(call_status(replies[2], &redis_us, &err), CALL_SESSION);
    for (int i = 0; i < 3; i++)
        freeReplyObject(replies[i]);

    /* Sent now, read later: the body goes along. */
    DO(redis, "SCRIPT", "FLUSH");
    assert_int_equal(redis_send(redis, &commands[2], &err), 0);
    reply = redis_receive(redis, &err);
    assert_int_equal(call_status(reply, &redis_us, &err), CALL_SESSION);
    freeReplyObject(reply);
    for (int i = 0; i < 3; i++)
        command_free(&commands[i]);
    redis_free(redis);
}

static void test_long_pipelines(void **state UNUSED)
{
    REQUIRE_SERVER();
    enum { COUNT = 3000 };
    struct err err = ERR_INIT;
    struct redis *redis = open_redis(20000);
    struct command *commands = calloc(COUNT, sizeof(*commands));
    redisReply **replies = calloc(COUNT, sizeof(redisReply *));
    char *value = malloc(10000);
    assert_true(commands && replies && value);
    memset(value, 'x', 10000);
    for (int i = 0; i < COUNT; i++) {
        command_init(&commands[i]);
        command_begin(&commands[i], i % 100 == 7 ? "NOSUCH" : "ECHO");
        command_arg(&commands[i], slice_of(value, 10000));
    }
    if (redis_pipeline(redis, commands, COUNT, replies, &err))
        fail_msg("%s", err.message);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(replies[i]->type, i % 100 == 7 ? REDIS_REPLY_ERROR : REDIS_REPLY_STRING);
        freeReplyObject(replies[i]);
        command_free(&commands[i]);
    }
    free(value);
    free(replies);
    free(commands);
    redis_free(redis);
}

static void test_a_deadline_breaks_the_connection(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    struct redis *redis = open_redis(200);
    DO(redis, "DEL", "list");
    int64_t before = clock_mono_us(&clock_system);
    assert_null(redis_words(redis, &err, "BLPOP", "list", "5", NULL));
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_in_range(clock_mono_us(&clock_system) - before, 190000, 3000000);
    assert_int_equal(redis_fd(redis), -1);
    DO(redis, "PING");
    redis_free(redis);
}

static void test_a_blocking_read_awaited_by_poll(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    struct redis *reader = open_redis(5000), *writer = open_redis(5000);
    struct command command;
    DO(writer, "DEL", "list");
    command_init(&command);
    command_begin(&command, "BLPOP");
    command_arg_str(&command, "list");
    command_arg_str(&command, "5");
    assert_int_equal(redis_send(reader, &command, &err), 0);
    struct pollfd poller = {.fd = redis_fd(reader), .events = POLLIN};
    assert_int_equal(poll(&poller, 1, 0), 0);
    DO(writer, "RPUSH", "list", "x");
    assert_int_equal(poll(&poller, 1, 5000), 1);
    redisReply *reply = redis_receive(reader, &err);
    assert_non_null(reply);
    assert_int_equal(reply->elements, 2);
    freeReplyObject(reply);
    command_free(&command);
    redis_free(reader);
    redis_free(writer);
}

static void test_a_restart_is_noticed(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    char before[64];
    struct redis *redis = open_redis(2000);
    assert_int_equal(redis_connect(redis, &err), 0);
    snprintf(before, sizeof(before), "%s", redis_run_id(redis));
    fixture_stop(&server);
    assert_null(redis_words(redis, &err, "PING", NULL));
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_string_equal(redis_run_id(redis), "");
    assert_true(fixture_start(&server));
    DO(redis, "PING");
    assert_string_not_equal(redis_run_id(redis), before);
    redis_free(redis);
}

static void test_passwords_users_and_databases(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    char url[128];
    struct redis *admin = open_redis(2000);
    DO(admin, "ACL", "SETUSER", "limited", "on", ">a:b", "~*", "+info", "+ping", "+select");
    DO(admin, "CONFIG", "SET", "requirepass", "right");

    struct redis *redis = open_redis(2000);
    assert_int_equal(redis_connect(redis, &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    redis_free(redis);

    snprintf(url, sizeof(url), "redis://:wrong@127.0.0.1:%d", server.port);
    redis = redis_new(url, 2000, &err);
    assert_int_equal(redis_connect(redis, &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_null(strstr(err.message, "wrong@"));
    redis_free(redis);

    snprintf(url, sizeof(url), "redis://:right@127.0.0.1:%d/3", server.port);
    redis = redis_new(url, 2000, &err);
    DO(redis, "SET", "only", "here");
    redis_free(redis);
    DO(admin, "SELECT", "3");
    redisReply *reply = redis_words(admin, &err, "GET", "only", NULL);
    assert_true(slice_eq_str(reply_slice(reply), "here"));
    freeReplyObject(reply);

    snprintf(url, sizeof(url), "redis://limited:a%%3Ab@127.0.0.1:%d/1", server.port);
    redis = redis_new(url, 2000, &err);
    DO(redis, "PING");
    assert_null(redis_words(redis, &err, "GET", "only", NULL));
    assert_int_equal(err.code, ERR_REFUSED);
    assert_non_null(strstr(err.message, "NOPERM"));
    redis_free(redis);

    DO(admin, "CONFIG", "SET", "requirepass", "");
    redis_free(admin);
}

static void test_a_redis_that_may_evict_is_refused(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    struct redis *admin = open_redis(2000), *redis = open_redis(2000);
    DO(admin, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    assert_int_equal(redis_connect(redis, &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_non_null(strstr(err.message, "allkeys-lru"));
    DO(admin, "CONFIG", "SET", "maxmemory-policy", "noeviction");
    assert_int_equal(redis_connect(redis, &err), 0);
    redis_free(redis);
    redis_free(admin);
}

static void test_a_command_over_its_cap_is_not_sent(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct err err = ERR_INIT;
    struct redis *redis = open_redis(2000);
    struct command command;
    char *big = calloc(1, COMMAND_MAX_BYTES);
    assert_non_null(big);
    command_init(&command);
    command_begin(&command, "ECHO");
    command_arg(&command, slice_of(big, COMMAND_MAX_BYTES));
    assert_null(redis_call(redis, &command, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    DO(redis, "PING");
    command_free(&command);
    free(big);
    redis_free(redis);
}

static int stop_server(void **state UNUSED)
{
    fixture_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_bad_urls_name_the_part_and_never_the_password),
        cmocka_unit_test(test_nobody_is_there),
        cmocka_unit_test(test_words_and_errors),
        cmocka_unit_test(test_scripts_that_redis_does_not_know),
        cmocka_unit_test(test_long_pipelines),
        cmocka_unit_test(test_a_deadline_breaks_the_connection),
        cmocka_unit_test(test_a_blocking_read_awaited_by_poll),
        cmocka_unit_test(test_a_restart_is_noticed),
        cmocka_unit_test(test_passwords_users_and_databases),
        cmocka_unit_test(test_a_redis_that_may_evict_is_refused),
        cmocka_unit_test(test_a_command_over_its_cap_is_not_sent),
    };
    scripts_setup();
    signal(SIGPIPE, SIG_IGN);
    if (fixture_has_server() && !fixture_start(&server)) {
        fprintf(stderr, "redis-server does not start\n");
        return 1;
    }
    if (!server.pid)
        fprintf(stderr, "no redis-server in PATH: most of these tests are left out\n");
    return cmocka_run_group_tests(tests, NULL, stop_server);
}
