/* The last ids that were added. */
#include "base/buf.h"
#include "worker/recent.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int make(void **state)
{
    struct recent *recent = malloc(sizeof(*recent));
    if (!recent)
        return -1;
    recent_init(recent);
    *state = recent;
    return 0;
}

static int discard(void **state)
{
    free(*state);
    return 0;
}

static bool recent_has(const struct recent *recent, struct slice id)
{
    return recent_find(recent, id) >= 0;
}

static struct slice id_of(unsigned i, char text[32])
{
    return slice_of(text, (size_t)snprintf(text, 32, "1700000000000-%u", i));
}

static void the_last_ones_are_known(void **state)
{
    struct recent *recent = *state;
    char text[32];
    assert_false(recent_has(recent, SLICE("1-1")));
    for (unsigned i = 0; i < 3 * RECENT_MAX; i++) {
        assert_false(recent_has(recent, id_of(i, text)));
        (void)recent_add(recent, id_of(i, text));
        assert_true(recent_has(recent, id_of(i, text)));
    }
    for (unsigned i = 0; i < 3 * RECENT_MAX; i++)
        assert_int_equal(recent_has(recent, id_of(i, text)), i >= 2 * RECENT_MAX);
}

static void one_that_was_added_twice_stays_until_the_second_goes(void **state)
{
    struct recent *recent = *state;
    char text[32];
    (void)recent_add(recent, SLICE("1-1"));
    (void)recent_add(recent, SLICE("1-1"));
    for (unsigned i = 0; i < RECENT_MAX - 1; i++)
        (void)recent_add(recent, id_of(i, text));
    assert_true(recent_has(recent, SLICE("1-1")));
    (void)recent_add(recent, SLICE("1-2"));
    assert_false(recent_has(recent, SLICE("1-1")));
    assert_true(recent_has(recent, SLICE("1-2")));
}

static void an_id_that_does_not_fit_is_not_kept(void **state)
{
    struct recent *recent = *state;
    char text[RECENT_ID_BYTES + 1];
    memset(text, '7', sizeof(text));
    (void)recent_add(recent, slice_of(text, RECENT_ID_BYTES));
    assert_false(recent_has(recent, slice_of(text, RECENT_ID_BYTES)));
    (void)recent_add(recent, slice_of(text, RECENT_ID_BYTES - 1));
    assert_true(recent_has(recent, slice_of(text, RECENT_ID_BYTES - 1)));
    (void)recent_add(recent, SLICE(""));
    assert_false(recent_has(recent, SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_ones_are_known, make, discard),
        cmocka_unit_test_setup_teardown(one_that_was_added_twice_stays_until_the_second_goes, make,
                                        discard),
        cmocka_unit_test_setup_teardown(an_id_that_does_not_fit_is_not_kept, make, discard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
