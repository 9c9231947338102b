/* The connection on the event loop, against a real Redis. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/calls.h"
#include "protocol/keys.h"
#include "protocol/link.h"
#include "protocol/redis.h"
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

/* What a link told its owner. */
struct owner {
    struct event_base *base;
    struct link *link;
    int ups, downs;
    char reason[200];
    int replies, lost; /* callbacks with and without a reply */
    char text[256];    /* of the last reply */
    int type;
    int lost_when_down; /* `lost` when on_down came */
    bool up_when_lost;  /* link_is_up inside a callback without a reply */
    bool sends_when_up; /* a command from within on_up */
};

static void on_reply(void *context, const redisReply *reply)
{
    struct owner *owner = context;
    if (!reply) {
        owner->lost++;
        owner->up_when_lost |= owner->link && link_is_up(owner->link);
        return;
    }
    owner->replies++;
    owner->type = reply->type;
    owner->text[0] = '\0';
    if (reply->str)
        snprintf(owner->text, sizeof(owner->text), "%s", reply->str);
    else if (reply_word(reply).ptr)
        snprintf(owner->text, sizeof(owner->text), "%.*s", SLICE_ARG(reply_word(reply)));
}

static void send_words(struct owner *owner, int64_t timeout_ms, const char *first, ...)
{
    struct command command;
    const char *word;
    va_list words;
    command_init(&command);
    command_begin(&command, first);
    va_start(words, first);
    while ((word = va_arg(words, const char *)))
        command_arg_str(&command, word);
    va_end(words);
    assert_int_equal(link_send(owner->link, &command, timeout_ms, on_reply, owner), 0);
    command_free(&command);
}

static void on_up(void *context)
{
    struct owner *owner = context;
    owner->ups++;
    if (owner->sends_when_up)
        send_words(owner, 2000, "PING", NULL);
}

static void on_down(void *context, const char *reason)
{
    struct owner *owner = context;
    owner->downs++;
    owner->lost_when_down = owner->lost;
    snprintf(owner->reason, sizeof(owner->reason), "%s", reason);
}

static struct owner owner_new(void)
{
    struct owner owner = {.base = event_base_new()};
    assert_non_null(owner.base);
    return owner;
}

static void owner_link(struct owner *owner, const char *url)
{
    struct err err = ERR_INIT;
    const struct link_events events = {on_up, on_down, owner};
    owner->link = link_new(owner->base, url, &events, &err);
    if (!owner->link)
        fail_msg("%s", err.message);
}

static void owner_free(struct owner *owner)
{
    link_free(owner->link);
    event_base_free(owner->base);
}

/* Turns the loop until the counter has that value. */
static void wait_for(struct owner *owner, const int *counter, int value)
{
    int64_t end = clock_mono_us(&clock_system) + 10 * 1000000;
    while (*counter < value) {
        const struct timeval nap = {.tv_usec = 20000};
        if (clock_mono_us(&clock_system) > end)
            fail_msg("not within 10 s; down: %s", owner->reason);
        event_base_loopexit(owner->base, &nap);
        event_base_loop(owner->base, EVLOOP_ONCE);
    }
}

static void test_commands_in_order(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct owner owner = owner_new();
    struct command command;
    owner.sends_when_up = true;
    owner_link(&owner, server.url);
    command_init(&command);
    command_begin(&command, "PING");
    assert_false(link_is_up(owner.link));
    assert_int_equal(link_send(owner.link, &command, 1000, on_reply, &owner), -1);
    wait_for(&owner, &owner.ups, 1);
    wait_for(&owner, &owner.replies, 1);
    assert_string_equal(owner.text, "PONG");
    for (int i = 0; i < 1000; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", i);
        send_words(&owner, 2000, "ECHO", number, NULL);
    }
    assert_int_equal(link_waiting(owner.link), 1000);
    wait_for(&owner, &owner.replies, 1001);
    assert_string_equal(owner.text, "999");
    assert_int_equal(link_waiting(owner.link), 0);
    send_words(&owner, 2000, "NOSUCH", NULL);
    wait_for(&owner, &owner.replies, 1002);
    assert_int_equal(owner.type, REDIS_REPLY_ERROR);
    assert_int_equal(owner.downs, 0);
    command_free(&command);
    owner_free(&owner);
}

static void test_large_values(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct owner owner = owner_new();
    size_t len = 20u << 20;
    char *value = malloc(len + 1);
    assert_non_null(value);
    memset(value, 'v', len);
    value[len] = '\0';
    owner_link(&owner, server.url);
    wait_for(&owner, &owner.ups, 1);
    send_words(&owner, 20000, "ECHO", value, NULL);
    wait_for(&owner, &owner.replies, 1);
    assert_int_equal(owner.type, REDIS_REPLY_STRING);
    free(value);
    owner_free(&owner);
}

static void test_noscript_is_invisible(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct owner owner = owner_new();
    struct command command;
    command_init(&command);
    owner_link(&owner, server.url);
    wait_for(&owner, &owner.ups, 1);
    send_words(&owner, 2000, "FLUSHALL", NULL);
    send_words(&owner, 2000, "SCRIPT", "FLUSH", NULL);
    open_build(&command, 3, 1, 16, (struct call_queues){NULL, 0});
    assert_int_equal(link_send(owner.link, &command, 2000, on_reply, &owner), 0);
    command_begin(&command, "PING"); /* the link has what it needs for sending it again */
    assert_int_equal(link_send(owner.link, &command, 2000, on_reply, &owner), 0);
    command_free(&command);
    wait_for(&owner, &owner.replies, 4);
    assert_string_equal(owner.text, "ok");
    assert_int_equal(owner.type, REDIS_REPLY_ARRAY);
    owner_free(&owner);
}

static void test_a_deadline_loses_everything_that_waits(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct owner owner = owner_new();
    owner_link(&owner, server.url);
    wait_for(&owner, &owner.ups, 1);
    send_words(&owner, 5000, "DEL", "list", NULL);
    send_words(&owner, 300, "BLPOP", "list", "5", NULL);
    send_words(&owner, 5000, "PING", NULL);
    int64_t before = clock_mono_us(&clock_system);
    wait_for(&owner, &owner.downs, 1);
    assert_in_range(clock_mono_us(&clock_system) - before, 250000, 3000000);
    assert_int_equal(owner.lost, 2);
    assert_int_equal(owner.lost_when_down, 2);
    assert_false(owner.up_when_lost);
    assert_string_equal(owner.reason, "no answer in time");
    wait_for(&owner, &owner.ups, 2);
    send_words(&owner, 2000, "ECHO", "again", NULL);
    wait_for(&owner, &owner.replies, 2);
    assert_string_equal(owner.text, "again");
    owner_free(&owner);
}

static void test_it_comes_back_with_the_server(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct owner owner = owner_new();
    fixture_stop(&server);
    owner_link(&owner, server.url);
    const struct timeval nap = {.tv_usec = 300000};
    event_base_loopexit(owner.base, &nap);
    event_base_dispatch(owner.base);
    assert_int_equal(owner.ups + owner.downs, 0);
    assert_true(fixture_start(&server));
    wait_for(&owner, &owner.ups, 1);
    send_words(&owner, 5000, "BLPOP", "list", "5", NULL);
    fixture_stop(&server);
    wait_for(&owner, &owner.downs, 1);
    assert_int_equal(owner.lost, 1);
    assert_false(link_is_up(owner.link));
    assert_int_equal(link_waiting(owner.link), 0);
    assert_true(fixture_start(&server));
    wait_for(&owner, &owner.ups, 2);
    send_words(&owner, 2000, "ECHO", "back", NULL);
    wait_for(&owner, &owner.replies, 1);
    assert_string_equal(owner.text, "back");
    owner_free(&owner);
}

static void test_passwords_and_databases(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct owner admin = owner_new(), right = owner_new(), wrong = owner_new();
    char url[128];
    owner_link(&admin, server.url);
    wait_for(&admin, &admin.ups, 1);
    send_words(&admin, 2000, "CONFIG", "SET", "requirepass", "s:e", NULL);
    wait_for(&admin, &admin.replies, 1);

    snprintf(url, sizeof(url), "redis://:s%%3Ae@localhost:%d/2", server.port);
    owner_link(&right, url);
    wait_for(&right, &right.ups, 1);
    send_words(&right, 2000, "CLIENT", "INFO", NULL);
    wait_for(&right, &right.replies, 1);
    assert_non_null(strstr(right.text, " db=2 "));

    snprintf(url, sizeof(url), "redis://:no@127.0.0.1:%d", server.port);
    owner_link(&wrong, url);
    const struct timeval nap = {.tv_usec = 300000};
    event_base_loopexit(wrong.base, &nap);
    event_base_dispatch(wrong.base);
    assert_int_equal(wrong.ups + wrong.downs, 0);
    send_words(&admin, 2000, "CONFIG", "SET", "requirepass", "no", NULL);
    wait_for(&admin, &admin.replies, 2);
    wait_for(&wrong, &wrong.ups, 1);
    send_words(&admin, 2000, "CONFIG", "SET", "requirepass", "", NULL);
    wait_for(&admin, &admin.replies, 3);
    owner_free(&admin);
    owner_free(&right);
    owner_free(&wrong);
}

static void test_freed_while_commands_wait(void **state UNUSED)
{
    REQUIRE_SERVER();
    struct owner owner = owner_new();
    struct command command;
    owner_link(&owner, server.url);
    wait_for(&owner, &owner.ups, 1);
    send_words(&owner, 5000, "BLPOP", "list", "5", NULL);
    command_init(&command);
    beat_build(&command, 3, SLICE("1"), SLICE("w"), SLICE("1"), 1000);
    assert_int_equal(link_send(owner.link, &command, 5000, on_reply, &owner), 0);
    command_free(&command);
    link_free(owner.link);
    owner.link = NULL;
    assert_int_equal(owner.lost + owner.replies + owner.downs, 0);
    event_base_loop(owner.base, EVLOOP_NONBLOCK);
    assert_int_equal(owner.lost + owner.replies + owner.downs, 0);
    owner_free(&owner);
}

/* Turns the loop until somebody sent something to a socket of the test. */
static void turn_until_readable(struct owner *owner, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    for (int turns = 0; poll(&poller, 1, 10) == 0; turns++) {
        assert_true(turns < 1000);
        event_base_loop(owner->base, EVLOOP_NONBLOCK);
    }
}

/* A peer that does not speak the protocol, and closes after it was asked once more. */
static void test_nonsense_is_no_reply(void **state UNUSED)
{
    struct owner owner = owner_new();
    char url[64], got[64];
    int port = 0, listener = fixture_socket(&port, false);
    assert_true(listener >= 0 && listen(listener, 4) == 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
    owner_link(&owner, url);
    turn_until_readable(&owner, listener);
    int peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    turn_until_readable(&owner, peer);
    assert_true(read(peer, got, sizeof(got)) > 0);
    assert_int_equal(write(peer, "+PONG\r\n", 7), 7);
    wait_for(&owner, &owner.ups, 1);
    send_words(&owner, 2000, "GET", "x", NULL);
    send_words(&owner, 2000, "GET", "y", NULL);
    assert_int_equal(write(peer, "$1\r\nx\r\nnonsense\r\n", 17), 17);
    wait_for(&owner, &owner.downs, 1);
    assert_int_equal(owner.replies, 1);
    assert_int_equal(owner.lost, 1);
    close(peer);
    close(listener);
    owner_free(&owner);
}

static void test_bad_urls(void **state UNUSED)
{
    struct err err = ERR_INIT;
    struct event_base *base = event_base_new();
    const struct link_events events = {0};
    assert_null(link_new(base, "nonsense", &events, &err));
    assert_int_equal(err.code, ERR_USAGE);
    link_free(NULL);
    event_base_free(base);
}

static int stop_server(void **state UNUSED)
{
    fixture_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_urls),
        cmocka_unit_test(test_nonsense_is_no_reply),
        cmocka_unit_test(test_commands_in_order),
        cmocka_unit_test(test_large_values),
        cmocka_unit_test(test_noscript_is_invisible),
        cmocka_unit_test(test_a_deadline_loses_everything_that_waits),
        cmocka_unit_test(test_it_comes_back_with_the_server),
        cmocka_unit_test(test_passwords_and_databases),
        cmocka_unit_test(test_freed_while_commands_wait),
    };
    scripts_setup();
    log_setup("test_link", LOG_ERROR);
    signal(SIGPIPE, SIG_IGN);
    if (fixture_has_server() && !fixture_start(&server)) {
        fprintf(stderr, "redis-server does not start\n");
        return 1;
    }
    if (!server.pid)
        fprintf(stderr, "no redis-server in PATH: most of these tests are left out\n");
    return cmocka_run_group_tests(tests, NULL, stop_server);
}
