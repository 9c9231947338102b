/* What is near enough to be meant. */
#include "base/attr.h"
#include "base/suggest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static const char *const names[] = {"function", "transform", "human", "http",   "exec",
                                    "filter",   "aggregate", "loop",  "switch", "id"};

static const char *nearest(const char *wanted)
{
    struct suggest suggest;
    suggest_init(&suggest, slice_str(wanted));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        suggest_offer(&suggest, slice_str(names[i]));
    return suggest.best.ptr;
}

static void test_near(void **state UNUSED)
{
    assert_string_equal(nearest("humna"), "human");
    assert_string_equal(nearest("huma"), "human");
    assert_string_equal(nearest("humann"), "human");
    assert_string_equal(nearest("hunan"), "human");
    assert_string_equal(nearest("fucntion"), "function");
    assert_string_equal(nearest("funktoin"), "function");
    assert_string_equal(nearest("transfrom"), "transform");
    assert_string_equal(nearest("agregate"), "aggregate");
    assert_string_equal(nearest("htp"), "http");
    assert_string_equal(nearest("lop"), "loop");
    assert_string_equal(nearest("human"), "human");
}

static void test_far(void **state UNUSED)
{
    assert_null(nearest(""));
    assert_null(nearest("xyz"));
    assert_null(nearest("hx")); /* one of two letters is half */
    assert_null(nearest("id2x"));
    assert_null(nearest("functionality"));
    assert_null(nearest("hmnua")); /* two swaps in five letters */
    assert_null(nearest("0123456789012345678901234567890123456789012345678901234567890123456789"));
}

static void test_best_wins(void **state UNUSED)
{
    struct suggest suggest;
    suggest_init(&suggest, SLICE("timeouts"));
    suggest_offer(&suggest, SLICE("timers"));
    assert_null(suggest.best.ptr);
    suggest_offer(&suggest, SLICE("timeout-s"));
    suggest_offer(&suggest, SLICE("timeout"));
    assert_true(slice_eq_str(suggest.best, "timeout-s")); /* as near, and earlier */
    assert_int_equal(suggest.distance, 1);
    suggest_offer(&suggest, SLICE("timeouts"));
    assert_true(slice_eq_str(suggest.best, "timeouts"));
    assert_int_equal(suggest.distance, 0);
    suggest_offer(&suggest, SLICE_NONE);
    suggest_offer(&suggest, SLICE(""));
    assert_true(slice_eq_str(suggest.best, "timeouts"));
    /* Never more than three, however long the name. */
    suggest_init(&suggest, SLICE("abcdefghijklmnopqrstuvwxyz"));
    suggest_offer(&suggest, SLICE("abcdefghijklmnopqrstuv"));
    assert_null(suggest.best.ptr);
    suggest_offer(&suggest, SLICE("abcdefghijklmnopqrstuvw"));
    assert_non_null(suggest.best.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_far),
        cmocka_unit_test(test_best_wins),
    };
    return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
