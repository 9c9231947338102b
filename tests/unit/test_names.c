/* The names that requests asked for lately. */
#include "worker/names.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct slice name_of(unsigned i, char text[16])
{
    return slice_of(text, (size_t)snprintf(text, 16, "flow-%u", i));
}

static void the_one_that_was_not_asked_for_longest_gives_way(void **state)
{
    struct names names = {.count = 0};
    char text[16];
    (void)state;
    for (unsigned i = 0; i < NAMES_MOST; i++)
        names_note(&names, name_of(i, text), i);
    names_note(&names, name_of(0, text), NAMES_MOST);
    names_note(&names, SLICE("flow@7"), NAMES_MOST + 1);
    assert_int_equal(names.count, NAMES_MOST);
    for (unsigned i = 0; i < NAMES_MOST; i++)
        assert_int_equal(names_find(&names, name_of(i, text)) >= 0, i != 1);
    assert_true(names_find(&names, SLICE("flow@7")) >= 0);
    assert_int_equal(names_find(&names, SLICE("flow")), -1);
}

static void what_nobody_asks_for_any_more_is_forgotten(void **state)
{
    struct names names = {.count = 0};
    char text[16];
    (void)state;
    for (unsigned i = 0; i < NAMES_MOST; i++)
        names_note(&names, name_of(i, text), i);
    names_forget(&names, 5);
    assert_int_equal(names.count, NAMES_MOST - 5);
    for (unsigned i = 0; i < NAMES_MOST; i++)
        assert_int_equal(names_find(&names, name_of(i, text)) >= 0, i >= 5);
}

static void a_name_that_does_not_fit_is_not_kept(void **state)
{
    struct names names = {.count = 0};
    char text[NAMES_BYTES];
    (void)state;
    memset(text, 'n', sizeof(text));
    names_note(&names, slice_of(text, NAMES_BYTES), 1);
    names_note(&names, slice_of(text, 0), 1);
    assert_int_equal(names.count, 0);
    names_note(&names, slice_of(text, NAMES_BYTES - 1), 1);
    assert_int_equal(names_find(&names, slice_of(text, NAMES_BYTES - 1)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_was_not_asked_for_longest_gives_way),
        cmocka_unit_test(what_nobody_asks_for_any_more_is_forgotten),
        cmocka_unit_test(a_name_that_does_not_fit_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
