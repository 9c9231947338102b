/* The map against a plain array, and its memory. */
#include "alloc_in_turn.h"
#include "base/strmap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static int values[1000];

static struct slice key_of(int index, char text[16])
{
    (void)snprintf(text, 16, "key%d", index);
    return slice_str(text);
}

static void test_basics(void **state UNUSED)
{
    struct strmap map;
    strmap_init(&map);
    assert_null(strmap_get(&map, SLICE("a")));
    assert_null(strmap_remove(&map, SLICE("a")));
    char key[] = "a";
    assert_int_equal(strmap_put(&map, slice_str(key), &values[0]), 0);
    key[0] = 'b'; /* it was copied */
    assert_ptr_equal(strmap_get(&map, SLICE("a")), &values[0]);
    assert_null(strmap_get(&map, SLICE("b")));
    assert_null(strmap_get(&map, SLICE("")));
    assert_int_equal(strmap_put(&map, SLICE(""), &values[1]), 0);
    assert_int_equal(strmap_put(&map, SLICE("a\0"), &values[2]), 0);
    assert_ptr_equal(strmap_get(&map, SLICE("")), &values[1]);
    assert_ptr_equal(strmap_get(&map, SLICE_NONE), &values[1]);
    assert_ptr_equal(strmap_get(&map, SLICE("a\0")), &values[2]);
    assert_int_equal(strmap_put(&map, SLICE("a"), &values[3]), 0);
    assert_ptr_equal(strmap_get(&map, SLICE("a")), &values[3]);
    assert_int_equal(map.count, 3);
    assert_ptr_equal(strmap_remove(&map, SLICE("a")), &values[3]);
    assert_null(strmap_get(&map, SLICE("a")));
    assert_int_equal(map.count, 2);
    strmap_free(&map);
    assert_int_equal(map.count, 0);
}

/* Random puts and removals over few keys, so that slots move back often. */
static void test_against_array(void **state UNUSED)
{
    struct strmap map;
    strmap_init(&map);
    bool present[1000] = {false};
    size_t count = 0;
    uint32_t random = 12345;
    for (int step = 0; step < 60000; step++) {
        random = random * 1664525 + 1013904223;
        int index = (int)((random >> 8) % 1000);
        char text[16];
        struct slice key = key_of(index, text);
        assert_ptr_equal(strmap_get(&map, key), present[index] ? &values[index] : NULL);
        if (random >> 31) {
            assert_int_equal(strmap_put(&map, key, &values[index]), 0);
            count += !present[index];
            present[index] = true;
        } else {
            assert_ptr_equal(strmap_remove(&map, key), present[index] ? &values[index] : NULL);
            count -= present[index];
            present[index] = false;
        }
        assert_int_equal(map.count, count);
    }
    size_t at = 0, seen = 0;
    struct slice key;
    void *value;
    while (strmap_each(&map, &at, &key, &value)) {
        char text[16];
        int index = (int)((int *)value - values);
        assert_true(present[index]);
        assert_true(slice_eq(key, key_of(index, text)));
        present[index] = false;
        seen++;
    }
    assert_int_equal(seen, count);
    strmap_free(&map);
}

static void test_seeds_differ(void **state UNUSED)
{
    struct strmap one, two;
    strmap_init(&one);
    strmap_init(&two);
    assert_true(one.seed != two.seed);
    size_t at = 0;
    struct slice key;
    void *value;
    assert_false(strmap_each(&one, &at, &key, &value));
    strmap_free(&one);
    strmap_free(&two);
}

static bool fill(void)
{
    struct strmap map;
    strmap_init(&map);
    bool good = true;
    char text[16];
    int index = 0;
    for (; index < 50 && good; index++)
        good = strmap_put(&map, key_of(index, text), &values[index]) == 0;
    /* What was put before the failure is all there. */
    for (int i = 0; i < index - !good; i++)
        assert_ptr_equal(strmap_get(&map, key_of(i, text)), &values[i]);
    assert_int_equal(map.count, index - !good);
    strmap_free(&map);
    return good;
}

static void test_no_memory(void **state UNUSED) { assert_true(ALLOC_IN_TURN(fill()) > 50); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_basics),
        cmocka_unit_test(test_against_array),
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("strmap", tests, NULL, NULL);
}
