/* Arenas: alignment, caps, reuse, failing memory. */
#include "alloc_in_turn.h"
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static void test_alignment_and_content(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena, 0);
    char *blocks[300];
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        blocks[i] = arena_alloc(&arena, i * 7);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        for (size_t at = 0; at < i * 7; at++)
            assert_int_equal((unsigned char)blocks[i][at], i & 0xFF);
    }
    char *large = arena_alloc(&arena, 5 << 20);
    assert_non_null(large);
    memset(large, 1, 5 << 20);
    arena_free(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(arena_alloc(&arena, 1)); /* usable again */
    arena_free(&arena);
}

static void test_empty(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena, 0);
    arena_reset(&arena);
    arena_free(&arena);
    const void *one = arena_alloc(&arena, 0), *two = arena_alloc(&arena, 0);
    assert_non_null(one);
    assert_non_null(two);
    assert_ptr_not_equal(one, two);
    arena_free(&arena);
}

static void test_zeroed(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena, 0);
    memset(arena_alloc(&arena, 1000), 0xAA, 1000);
    arena_reset(&arena);
    const char *bytes = arena_zalloc(&arena, 500);
    const char *array = arena_array(&arena, 50, 10);
    for (size_t i = 0; i < 500; i++)
        assert_true(bytes[i] == 0 && array[i] == 0);
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_zalloc(&arena, SIZE_MAX - 8));
    arena_free(&arena);
}

static void test_cap(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena, 100);
    assert_non_null(arena_alloc(&arena, 64));
    assert_null(arena_alloc(&arena, 64));
    assert_non_null(arena_alloc(&arena, 32));
    assert_null(arena_alloc(&arena, 32));
    assert_true(arena.used_bytes <= 100);
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(arena_alloc(&arena, 96));
    assert_null(arena_alloc(&arena, 16));
    arena_free(&arena);
    assert_null(arena_alloc(&arena, 101));
    arena_free(&arena);
}

static void test_reset_keeps_a_block(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena, 0);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&arena, 100));
    arena_reset(&arena);
    const struct arena_block *kept = arena.head;
    assert_non_null(kept);
    alloc_fail_at(0); /* no more memory is needed */
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 100; i++)
            assert_non_null(arena_alloc(&arena, 100));
        arena_reset(&arena);
    }
    arena_test_may_allocate = NULL;
    assert_ptr_equal(arena.head, kept);
    arena_free(&arena);
}

static void test_copies(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct slice copy = arena_copy(&arena, SLICE("a\0b"));
    assert_true(slice_eq(copy, SLICE("a\0b")));
    assert_int_equal(copy.ptr[3], 0);
    assert_string_equal(arena_strdup(&arena, SLICE("text")), "text");
    assert_string_equal(arena_strdup(&arena, SLICE_NONE), "");
    copy = arena_copy(&arena, SLICE_NONE);
    assert_true(copy.ptr && copy.len == 0);
    arena_free(&arena);
    arena_init(&arena, 16);
    assert_null(arena_copy(&arena, SLICE("0123456789abcdef")).ptr);
    assert_null(arena_strdup(&arena, SLICE("0123456789abcdef")));
    arena_free(&arena);
}

static bool many_allocations(void)
{
    struct arena arena;
    arena_init(&arena, 0);
    bool good = true;
    for (int i = 0; i < 500 && good; i++)
        good = arena_alloc(&arena, 1000) != NULL;
    arena_free(&arena);
    return good;
}

static void test_no_memory(void **state UNUSED)
{
    assert_true(ALLOC_IN_TURN(many_allocations()) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_content),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_reset_keeps_a_block),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
