/* Errors: formatting, prefixes, the table of codes. */
#include "base/err.h"
#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static void test_set_and_prefix(void **state UNUSED)
{
    struct err err = ERR_INIT;
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(err_set(&err, ERR_TIMEOUT, "no answer in %d ms", 50), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_string_equal(err.message, "no answer in 50 ms");
    assert_int_equal(err_prefix(&err, "host %s", "a"), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_string_equal(err.message, "host a: no answer in 50 ms");
    (void)err_set(&err, ERR_IO, "again: %s", err.message); /* from itself */
    assert_string_equal(err.message, "again: host a: no answer in 50 ms");
    assert_int_equal(err_set(NULL, ERR_IO, "%d", 1), -1);
    assert_int_equal(err_prefix(NULL, "%d", 1), -1);
}

static void test_one_line(void **state UNUSED)
{
    struct err err;
    (void)err_set(&err, ERR_REFUSED, "%s", "FATAL: no\nDETAIL: really\r\n");
    assert_string_equal(err.message, "FATAL: no DETAIL: really");
    (void)err_set(&err, ERR_REFUSED, "%s", "\n\n");
    assert_string_equal(err.message, "");
}

/* Long messages are cut between code points. */
static void test_cut(void **state UNUSED)
{
    for (size_t shift = 0; shift < 4; shift++) {
        char text[1000];
        size_t len = 0;
        for (; len < shift; len++)
            text[len] = 'x';
        for (; len + 3 < sizeof(text); len += 3)
            memcpy(text + len, "\xE2\x82\xAC", 3);
        text[len] = '\0';
        struct err err;
        (void)err_set(&err, ERR_IO, "%s", text);
        size_t cut = strlen(err.message);
        assert_true(cut > sizeof(err.message) - 8);
        for (size_t at = 0; at < cut;) {
            size_t sequence = utf8_sequence(err.message + at, cut - at);
            assert_int_not_equal(sequence, 0);
            at += sequence;
        }
        (void)err_prefix(&err, "%s", text);
        assert_true(strlen(err.message) < sizeof(err.message));
    }
}

static void test_codes(void **state UNUSED)
{
    assert_int_equal(err_exit_code(ERR_NONE), 0);
    assert_int_equal(err_exit_code(ERR_USAGE), 2);
    assert_int_equal(err_exit_code(ERR_UNREACHABLE), 5);
    assert_int_equal(err_exit_code(ERR_TIMEOUT), 124);
    assert_int_equal(err_exit_code(ERR_INTERNAL), 1);
    assert_true(err_retriable(ERR_UNREACHABLE));
    assert_false(err_retriable(ERR_REFUSED));
    assert_string_equal(err_name(ERR_NOT_FOUND), "NOT_FOUND");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_prefix),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
