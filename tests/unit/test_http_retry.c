/* Retries, identities and signatures. */
#include "http/identity.h"
#include "http/retry.h"
#include "http/signature.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static int read_statuses(const char *json, struct http_statuses *statuses, struct err *err)
{
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    arena_init(&arena, 0);
    assert_int_equal(json_read(&arena, slice_str(json), NULL, &doc, &error), 0);
    int result = http_statuses_read(statuses, json_root(&doc), err);
    arena_free(&arena);
    return result;
}

static void test_statuses(void **state UNUSED)
{
    struct http_statuses statuses;
    struct err err = ERR_INIT;
    assert_int_equal(read_statuses("[200, \"404\", \"5xx\", \"301-303\"]", &statuses, &err), 0);
    static const int in[] = {200, 301, 302, 303, 404, 500, 599};
    static const int out[] = {0, 99, 201, 300, 304, 403, 499, 600, 1000, -1};
    for (size_t i = 0; i < ARRAY_LEN(in); i++)
        assert_true(http_statuses_has(&statuses, in[i]));
    for (size_t i = 0; i < ARRAY_LEN(out); i++)
        assert_false(http_statuses_has(&statuses, out[i]));
    assert_int_equal(read_statuses("\"2XX\"", &statuses, &err), 0);
    assert_true(http_statuses_has(&statuses, 299));
    assert_int_equal(read_statuses("[]", &statuses, &err), 0);
    assert_false(http_statuses_has(&statuses, 200));
    static const char *const bad[] = {"99",      "600",         "200.5",       "true",
                                      "\"20x\"", "\"abc\"",     "\"6xx\"",     "\"\"",
                                      "[[200]]", "\"300-200\"", "\"2xx-3xx\"", "\"200-3xx\"",
                                      "{}",      "\"2000\"",    "[200, null]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (read_statuses(bad[i], &statuses, &err) != -1)
            fail_msg("%s is taken", bad[i]);
        assert_int_equal(err.code, ERR_INVALID);
    }
    struct http_statuses retried = http_statuses_retried();
    assert_true(http_statuses_has(&retried, 429));
    assert_false(http_statuses_has(&retried, 501));
    assert_false(http_statuses_has(&retried, 400));
    struct http_statuses success = http_statuses_success();
    assert_true(http_statuses_has(&success, 204));
    assert_false(http_statuses_has(&success, 304));
}

#define WALL_US (1767225600LL * 1000000) /* 2026-01-01T00:00:00Z */

static void test_retry_after(void **state UNUSED)
{
    static const struct {
        const char *value;
        int64_t wait_ms;
    } rows[] = {
        {"0", 0},
        {"120", 120000},
        {"Thu, 01 Jan 2026 00:00:30 GMT", 30000},
        {"Thursday, 01-Jan-26 00:00:30 GMT", 30000},
        {"Thu Jan  1 00:00:30 2026", 30000},
        {"Wed, 31 Dec 2025 23:59:59 GMT", 0},
        {"", -1},
        {"soon", -1},
        {"-1", -1},
        {"1.5", -1},
        {"2026", 2026000},
        {"20260101", 20260101000},
        {"Mon", -1},
        {"Thu, 01 Jan 2026 00:00:30 GMT and a lot more that is no date at all", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wait_ms = http_retry_after_ms(slice_str(rows[i].value), WALL_US);
        if (wait_ms != rows[i].wait_ms)
            fail_msg("%s: %lld", rows[i].value, (long long)wait_ms);
    }
    assert_int_equal(http_retry_after_ms(SLICE_NONE, WALL_US), -1);
    assert_true(http_retry_after_ms(SLICE("99999999999999999999"), WALL_US) > 1000000000);
}

static void test_identity(void **state UNUSED)
{
    struct uuid run;
    assert_true(uuid_parse(SLICE("019b76da-a800-7abc-8def-0123456789ab"), &run));
    char key[HTTP_IDEMPOTENCY_KEY_LEN + 1], other[HTTP_IDEMPOTENCY_KEY_LEN + 1];
    assert_true(http_idempotency_key(&run, SLICE("pay"), SLICE("s:1"), key));
    assert_string_equal(key, "e3ce32de47cd8029bc96c61390407bb0"); /* for good: formats persist */
    assert_true(http_idempotency_key(&run, SLICE("pa"), SLICE("ys:1"), other));
    assert_string_not_equal(key, other);
    char trace[HTTP_TRACEPARENT_LEN + 1], again[HTTP_TRACEPARENT_LEN + 1];
    assert_true(http_traceparent(&run, SLICE("pay"), SLICE("s:1"), 2, trace));
    assert_string_equal(trace, "00-019b76daa8007abc8def0123456789ab-f3e87819a0bf5da2-01");
    assert_true(http_traceparent(&run, SLICE("pay"), SLICE("s:1"), 3, again));
    assert_memory_equal(trace, again, 36);
    assert_string_not_equal(trace, again);
    memset(&run, 0, sizeof(run));
    assert_true(http_traceparent(&run, SLICE("pay"), SLICE(""), 1, trace));
    assert_memory_equal(trace, "00-00000000000000000000000000000001-", 36);
}

static void test_signature(void **state UNUSED)
{
    static const char *const good =
        "t=1767225600,v1=6d204545ff126a339c00513d93603299c984074ce1331c3537c3f6c976b49019";
    struct slice secret = SLICE("whsec_test"), body = SLICE("{\"a\":1}");
    struct buf header;
    buf_init(&header, 0);
    http_signature_write(&header, secret, body, 1767225600);
    assert_string_equal(header.data, good);
    buf_free(&header);
    struct buf none;
    buf_init(&none, 0);
    http_signature_write(&none, SLICE(""), body, 1);
    assert_false(buf_ok(&none));
    buf_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_signature),
    };
    return cmocka_run_group_tests_name("http_retry", tests, NULL, NULL);
}
