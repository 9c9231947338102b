/* Log lines as they arrive at stderr, and what is kept out of them. */
#include "alloc_in_turn.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>

/* stderr is a datagram socket while a test runs: one write is one message. */
static int old_stderr, reader;

static int redirect(void **state UNUSED)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    old_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(pair[1]), 0);
    reader = pair[0];
    log_setup("tester", LOG_DEBUG);
    return 0;
}

static int restore(void **state UNUSED)
{
    assert_int_equal(dup2(old_stderr, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(old_stderr), 0);
    assert_int_equal(close(reader), 0);
    return 0;
}

static char line[100000];

/* The next message, NUL-terminated; its length, 0 when there is none. */
static size_t next_line(void)
{
    ssize_t len = recv(reader, line, sizeof(line) - 1, MSG_DONTWAIT);
    line[len > 0 ? len : 0] = '\0';
    return len > 0 ? (size_t)len : 0;
}

struct parsed {
    struct arena arena;
    struct json_doc doc;
};

static struct json_ref parse_line(struct parsed *parsed)
{
    size_t len = next_line();
    assert_true(len > 0);
    assert_int_equal(line[len - 1], '\n');
    assert_null(memchr(line, '\n', len - 1));
    arena_init(&parsed->arena, 0);
    struct json_error error;
    if (json_read(&parsed->arena, slice_of(line, len), NULL, &parsed->doc, &error) != 0)
        fail_msg("%s: %s", line, error.message);
    return json_root(&parsed->doc);
}

static bool member_is(struct json_ref root, const char *name, const char *content)
{
    struct json_ref member = json_member(root, slice_str(name));
    return json_present(member) && json_string_eq(member, slice_str(content));
}

static void test_line(void **state UNUSED)
{
    log_write(LOG_WARN, "cannot reach \"Redis\"", LOG_S("url", "redis://h"), LOG_I("wait_ms", -200),
              LOG_B("bytes", SLICE("a\0b\n")), LOG_S("none", NULL));
    struct parsed parsed;
    struct json_ref root = parse_line(&parsed);
    assert_int_equal(json_count(root), 8);
    assert_true(member_is(root, "level", "warn"));
    assert_true(member_is(root, "program", "tester"));
    assert_true(member_is(root, "msg", "cannot reach \"Redis\""));
    assert_true(member_is(root, "url", "redis://h"));
    int64_t number;
    assert_true(json_int(json_member(root, SLICE("wait_ms")), &number));
    assert_int_equal(number, -200);
    assert_true(json_string_eq(json_member(root, SLICE("bytes")), SLICE("a\0b\n")));
    assert_int_equal(json_type(json_member(root, SLICE("none"))), JSON_NULL);
    int64_t wall_us;
    struct slice ts = json_string(json_member(root, SLICE("ts")), &parsed.arena);
    assert_true(clock_parse_rfc3339(ts, &wall_us));
    assert_true(llabs(clock_wall_us(&clock_system) - wall_us) < 60 * 1000000);
    arena_free(&parsed.arena);
    assert_int_equal(next_line(), 0); /* it was one write */
    log_text(LOG_INFO, "plain");
    root = parse_line(&parsed);
    assert_int_equal(json_count(root), 4);
    arena_free(&parsed.arena);
}

static void test_levels(void **state UNUSED)
{
    log_setup("tester", LOG_WARN);
    assert_false(log_enabled(LOG_INFO));
    log_text(LOG_INFO, "no");
    log_write(LOG_DEBUG, "no", LOG_I("n", 1));
    assert_int_equal(next_line(), 0);
    log_text(LOG_ERROR, "yes");
    assert_true(next_line() > 0);
    enum log_level level = LOG_ERROR;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_parse("Debug", &level));
    assert_false(log_level_parse("", &level));
    assert_false(log_level_parse(NULL, &level));
    assert_int_equal(level, LOG_ERROR);
}

static void test_bad_bytes(void **state UNUSED)
{
    log_write(LOG_INFO, "x",
              LOG_S("v", "a\xFF"
                         "b\xE2\x82"));
    struct parsed parsed;
    struct json_ref root = parse_line(&parsed);
    assert_true(member_is(root, "v",
                          "a\xEF\xBF\xBD"
                          "b\xEF\xBF\xBD\xEF\xBF\xBD"));
    arena_free(&parsed.arena);
}

static void test_long_values(void **state UNUSED)
{
    static char text[50001];
    memset(text, 'x', 50000);
    memcpy(text + 8191, "\xE2\x82\xAC", 3); /* across the cut */
    log_write(LOG_INFO, "x", LOG_S("v", text));
    struct parsed parsed;
    struct json_ref root = parse_line(&parsed);
    struct slice value = json_string(json_member(root, SLICE("v")), &parsed.arena);
    assert_int_equal(value.len, 8191 + 3);
    assert_memory_equal(value.ptr + 8190, "x\xE2\x80\xA6", 4);
    arena_free(&parsed.arena);
    /* A password is found before the cut, not lost behind it. */
    memset(text, ' ', 50000);
    memcpy(text + 8170, "redis://user:verysecretpassword@host", 36);
    log_write(LOG_INFO, "x", LOG_S("v", text));
    assert_true(next_line() > 0);
    assert_null(strstr(line, "verysec"));
}

static void test_errno_survives(void **state UNUSED)
{
    errno = ENOTDIR;
    log_text(LOG_INFO, "x");
    assert_int_equal(errno, ENOTDIR);
    assert_true(next_line() > 0);
}

static void test_no_memory(void **state UNUSED)
{
    for (int turn = 0; turn < 50; turn++) {
        alloc_fail_at(turn);
        log_write(LOG_WARN, "message", LOG_S("a", "b"), LOG_S("url", "x://u:p@h"));
        arena_test_may_allocate = NULL;
        struct parsed parsed;
        struct json_ref root = parse_line(&parsed);
        if (alloc_failed)
            assert_true(member_is(root, "msg", "no memory for a log line"));
        else
            assert_true(member_is(root, "msg", "message"));
        arena_free(&parsed.arena);
        if (!alloc_failed) {
            assert_true(turn > 5);
            return;
        }
    }
    fail_msg("no end of allocations");
}

static void test_redaction(void **state UNUSED)
{
    static const struct {
        const char *text, *safe;
    } rows[] = {
        {"", ""},
        {"redis://127.0.0.1:6379", "redis://127.0.0.1:6379"},
        {"redis://:pw@host:6379/0", "redis://:***@host:6379/0"},
        {"redis://user:pw@host", "redis://user:***@host"},
        {"redis://user@host:6379", "redis://user@host:6379"},
        {"redis://user:@host", "redis://user:***@host"},
        {"redis://user:p:w@host", "redis://user:***@host"},
        {"redis://user:p@w@host", "redis://user:***@host"},
        {"redis://:p/w@host/0", "redis://:***@host/0"},
        {"redis://:p?w#@host", "redis://:***@host"},
        {"postgresql://u:pw@h1:1,h2:2/db?sslmode=require",
         "postgresql://u:***@h1:1,h2:2/db?sslmode=require"},
        {"postgresql://h/db?user=u&password=pw&x=y", "postgresql://h/db?user=u&password=***&x=y"},
        {"postgresql://u:a@h/db?password=b", "postgresql://u:***@h/db?password=***"},
        {"postgresql://h/db?sslpassword=pw", "postgresql://h/db?sslpassword=***"},
        {"host=h password=pw user=u", "host=h password=*** user=u"},
        {"host=h password = 'p w\\' x' user=u", "host=h password = *** user=u"},
        {"PASSWORD=pw", "PASSWORD=***"},
        {"password=", "password=***"},
        {"password='open", "password=***"},
        {"password='open\\", "password=***"},
        {"client_secret=abc&x=1", "client_secret=***&x=1"},
        {"password authentication failed", "password authentication failed"},
        {"password", "password"},
        {"cannot reach redis://u:pw@h: refused", "cannot reach redis://u:***@h: refused"},
        {"'redis://u:pw@h' and <http://a:b@c>", "'redis://u:***@h' and <http://a:***@c>"},
        {"http://host/a:b", "http://host/a:b"},
        {"http://host/a@b", "http://host/a@b"},
        {"http://[::1]:80/x", "http://[::1]:80/x"},
        {"http://u:p@[::1]:80/x", "http://u:***@[::1]:80/x"},
        {"a://", "a://"},
        {"://", "://"},
        {"mail a:b@c", "mail a:b@c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf buf;
        buf_init(&buf, 0);
        size_t len = strlen(rows[i].text);
        char *exact = malloc(len ? len : 1);
        memcpy(exact, rows[i].text, len);
        log_redact_url(&buf, slice_of(exact, len));
        free(exact);
        assert_string_equal(buf.data, rows[i].safe);
        buf_free(&buf);
    }
    log_write(LOG_INFO, "at redis://a:secret1@h", LOG_S("v", "x://a:secret2@h"));
    assert_true(next_line() > 0);
    assert_null(strstr(line, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, redirect, restore),
        cmocka_unit_test_setup_teardown(test_levels, redirect, restore),
        cmocka_unit_test_setup_teardown(test_bad_bytes, redirect, restore),
        cmocka_unit_test_setup_teardown(test_long_values, redirect, restore),
        cmocka_unit_test_setup_teardown(test_errno_survives, redirect, restore),
        cmocka_unit_test_setup_teardown(test_no_memory, redirect, restore),
        cmocka_unit_test_setup_teardown(test_redaction, redirect, restore),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
