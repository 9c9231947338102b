/* Bufs: growth, caps, sticky failure, numbers. */
#include "alloc_in_turn.h"
#include "base/buf.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static void test_appending(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 0);
    assert_true(slice_eq(buf_slice(&buf), SLICE("")));
    buf_str(&buf, "ab");
    buf_char(&buf, 'c');
    buf_append(&buf, "d\0e", 3);
    buf_slice_append(&buf, SLICE("f"));
    buf_slice_append(&buf, SLICE_NONE);
    buf_printf(&buf, "%d-%s", 12, "x");
    assert_true(buf_ok(&buf));
    assert_true(slice_eq(buf_slice(&buf), SLICE("abcd\0ef12-x")));
    assert_int_equal(buf.data[buf.len], 0);
    buf_reset(&buf);
    assert_string_equal(buf.data, "");
    buf_free(&buf);
    assert_null(buf.data);
    buf_append(&buf, NULL, 0);
    assert_true(buf_ok(&buf) && buf.data && buf.data[0] == 0);
    buf_free(&buf);
}

static void test_growth(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 0);
    for (int i = 0; i < 100000; i++) {
        buf_char(&buf, (char)('a' + i % 26));
        if (i % 1000 == 0)
            assert_int_equal(buf.data[buf.len], 0);
    }
    assert_int_equal(buf.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    buf_printf(&buf, "%*s", 5000, "");
    assert_int_equal(buf.len, 105000);
    assert_int_equal(buf.data[buf.len], 0);
    buf_free(&buf);
}

static void test_cap(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 70);
    for (int i = 0; i < 70; i++)
        buf_char(&buf, 'x');
    assert_true(buf_ok(&buf));
    assert_int_equal(buf.len, 70);
    assert_true(buf.size <= 71);
    buf_char(&buf, 'y');
    assert_false(buf_ok(&buf));
    buf_append(&buf, NULL, 0); /* still failed */
    assert_false(buf_ok(&buf));
    assert_int_equal(buf.len, 70);
    assert_false(buf_reserve(&buf, 0));
    buf_reset(&buf);
    assert_true(buf_ok(&buf));
    buf_str(&buf, "0123456789");
    buf_printf(&buf, "%*s", 61, "");
    assert_false(buf_ok(&buf));
    assert_string_equal(buf.data, "0123456789");
    buf_reset(&buf);
    assert_false(buf_reserve(&buf, 71));
    buf_reset(&buf);
    assert_false(buf_reserve(&buf, SIZE_MAX - 3));
    buf_reset(&buf);
    assert_true(buf_reserve(&buf, 70));
    buf_free(&buf);
}

static void test_numbers(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_int(&buf, 0);
    buf_char(&buf, ' ');
    buf_int(&buf, -1);
    buf_char(&buf, ' ');
    buf_int(&buf, INT64_MIN);
    buf_char(&buf, ' ');
    buf_int(&buf, INT64_MAX);
    buf_char(&buf, ' ');
    buf_uint(&buf, UINT64_MAX);
    buf_char(&buf, ' ');
    buf_uint(&buf, 10);
    assert_string_equal(buf.data,
                        "0 -1 -9223372036854775808 9223372036854775807 18446744073709551615 10");
    buf_free(&buf);
}

/* Around every power of ten, one behind the other in a buf of the very size. */
static void test_lengths(void **state UNUSED)
{
    char wanted[32];
    uint64_t power = 1;
    for (int digits = 1; digits <= 20; digits++) {
        const uint64_t values[] = {power - 1, power, power + 1, power / 10 * 9 + power % 7};
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            const int len = snprintf(wanted, sizeof(wanted), "%" PRIu64, values[i]);
            struct buf buf;
            buf_init(&buf, (size_t)len);
            buf_uint(&buf, values[i]);
            assert_true(buf_ok(&buf));
            assert_string_equal(buf.data, wanted);
            assert_int_equal(buf.len, len);
            buf_free(&buf);
        }
        power *= 10;
    }
}

static bool fill(void)
{
    struct buf buf;
    buf_init(&buf, 0);
    for (int i = 0; i < 1000; i++)
        buf_str(&buf, "0123456789");
    bool good = buf_ok(&buf);
    assert_true(good ? buf.len == 10000 : buf.len < 10000);
    buf_free(&buf);
    return good;
}

static void test_no_memory(void **state UNUSED) { assert_true(ALLOC_IN_TURN(fill()) >= 5); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appending), cmocka_unit_test(test_growth),
        cmocka_unit_test(test_cap),       cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_lengths),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
