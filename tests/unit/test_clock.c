/* Clocks and RFC 3339. */
#include "base/clock.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

static void check_write(int64_t wall_us, const char *text)
{
    struct buf buf;
    buf_init(&buf, 0);
    clock_write_rfc3339(&buf, wall_us);
    assert_true(buf_ok(&buf));
    assert_string_equal(buf.data, text);
    int64_t back;
    assert_true(clock_parse_rfc3339(buf_slice(&buf), &back));
    assert_true(back == wall_us);
    buf_free(&buf);
}

static void test_write(void **state UNUSED)
{
    check_write(0, "1970-01-01T00:00:00.000000Z");
    check_write(-1, "1969-12-31T23:59:59.999999Z");
    check_write(1769862896123456, "2026-01-31T12:34:56.123456Z");
    check_write(951782400000000, "2000-02-29T00:00:00.000000Z");
    check_write(-2203977600000000, "1900-02-28T00:00:00.000000Z");
    check_write(-62135596800000000, "0001-01-01T00:00:00.000000Z");
    check_write(253402300799999999, "9999-12-31T23:59:59.999999Z");
}

static void test_write_outside(void **state UNUSED)
{
    static const int64_t outside[] = {INT64_MIN, -62135596800000001, 253402300800000000, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        struct buf buf;
        buf_init(&buf, 0);
        clock_write_rfc3339(&buf, outside[i]);
        assert_false(buf_ok(&buf));
        buf_free(&buf);
    }
}

/* Every day of ten thousand years agrees with the C library. */
static void test_every_day(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 0);
    for (int64_t day = -719162; day < 2932897; day += 7) {
        time_t seconds = (time_t)(day * 86400 + 3661);
        struct tm tm;
        char wanted[64];
        assert_non_null(gmtime_r(&seconds, &tm));
        (void)snprintf(wanted, sizeof(wanted), "%04d-%02d-%02dT01:01:01.000007Z", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday);
        buf_reset(&buf);
        clock_write_rfc3339(&buf, (int64_t)seconds * 1000000 + 7);
        int64_t back;
        if (strcmp(buf.data, wanted) != 0 || !clock_parse_rfc3339(buf_slice(&buf), &back) ||
            back != (int64_t)seconds * 1000000 + 7)
            fail_msg("%s, wanted %s", buf.data, wanted);
    }
    buf_free(&buf);
}

static void test_parse(void **state UNUSED)
{
    static const struct {
        const char *text;
        int64_t wall_us;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.123456789Z", 123456},
        {"1970-01-01T00:00:00.000000999Z", 0},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T16:00:00-08:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"2016-12-31T23:59:60Z", 1483228800000000},
        {"2017-01-01T00:59:60+01:00", 1483228800000000},
        {"0001-01-01T00:00:00Z", -62135596800000000},
        {"9999-12-31T23:59:59.999999999Z", 253402300799999999},
        {"2024-02-29T00:00:00Z", 1709164800000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wall_us = 42;
        if (!clock_parse_rfc3339(slice_str(rows[i].text), &wall_us) || wall_us != rows[i].wall_us)
            fail_msg("%s is %" PRId64, rows[i].text, wall_us);
    }
}

static void test_parse_refuses(void **state UNUSED)
{
    static const char *const rows[] = {
        "",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z",
        "1970-01-01T00:00Z",
        "1970-1-01T00:00:00Z",
        "70-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "+1970-01-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.1234567890Z",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00+01",
        "1970-01-01T00:00:00ZZ",
        "1970-01-01T00:00:00Z ",
        " 1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wall_us = 42;
        if (clock_parse_rfc3339(slice_str(rows[i]), &wall_us) || wall_us != 42)
            fail_msg("accepted %s", rows[i]);
    }
    int64_t wall_us;
    assert_false(clock_parse_rfc3339(SLICE_NONE, &wall_us));
}

static int64_t fake_mono(void *context) { return ++*(int64_t *)context; }

static void test_clocks(void **state UNUSED)
{
    int64_t before = clock_mono_us(&clock_system);
    assert_true(clock_mono_us(&clock_system) >= before);
    int64_t seconds = (int64_t)time(NULL);
    int64_t difference = clock_wall_us(&clock_system) / 1000000 - seconds;
    assert_true(difference >= 0 && difference < 60);
    int64_t now = 10;
    struct clock fake = {fake_mono, fake_mono, &now};
    assert_int_equal(clock_mono_us(&fake), 11);
    assert_int_equal(clock_wall_us(&fake), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),     cmocka_unit_test(test_write_outside),
        cmocka_unit_test(test_every_day), cmocka_unit_test(test_parse),
        cmocka_unit_test(test_clocks),    cmocka_unit_test(test_parse_refuses),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
