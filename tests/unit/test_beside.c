/* Values beside runs, as tokens of a worker share them. */
#include "protocol/calls.h"
#include "worker/token.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static struct beside_name name_of(const char *run, const char *number)
{
    return (struct beside_name){slice_str(run), SLICE("1"), slice_str(number)};
}

static void test_a_value_goes_with_its_last_holder(void **state UNUSED)
{
    struct beside_list list = {0};
    const struct beside_name names[] = {name_of("a", "1"), name_of("a", "2"), name_of("b", "1")};
    struct beside *values[3];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        values[i] = beside_new(&list, &names[i], SLICE("12345"));
        assert_non_null(values[i]);
    }
    assert_int_equal(list.bytes, 15);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_ptr_equal(beside_find(&list, &names[i]), values[i]);
    const struct beside_name other = {SLICE("a"), SLICE("2"), SLICE("1")};
    assert_null(beside_find(&list, &other)); /* of another incarnation */
    (void)beside_hold(values[1]);
    beside_release(&list, values[1]);
    assert_ptr_equal(beside_find(&list, &names[1]), values[1]);
    beside_release(&list, values[1]); /* in the middle */
    assert_null(beside_find(&list, &names[1]));
    beside_release(&list, values[2]); /* at the front */
    beside_release(&list, values[0]);
    beside_release(&list, NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_null(beside_find(&list, &names[i]));
    assert_int_equal(list.bytes, 0);
}

static void test_many(void **state UNUSED)
{
    enum { MANY = 10000 };
    struct beside_list list = {0};
    struct beside **values = calloc(MANY, sizeof(struct beside *));
    char number[16];
    assert_non_null(values);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(number, sizeof(number), "%u", i);
        const struct beside_name name = name_of("a", number);
        values[i] = beside_new(&list, &name, slice_str(number));
        assert_non_null(values[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        const struct beside_name name = values[i]->name;
        assert_ptr_equal(beside_find(&list, &name), values[i]);
        (void)snprintf(number, sizeof(number), "%u", i);
        assert_true(slice_eq_str(values[i]->value, number));
    }
    for (uint32_t i = 0; i < MANY; i++)
        beside_release(&list, values[i * 7919 % MANY]);
    assert_int_equal(list.bytes, 0);
    free(values);
}

/* A claim with these values. */
static struct token *claimed(struct token_pool *pool, const char *const *texts, uint32_t count)
{
    static const struct slice live = SLICE("3||1|0|0|q");
    redisReply replies[8] = {{.type = REDIS_REPLY_NIL}}, *values[8];
    for (uint32_t i = 0; i < count; i++) {
        replies[i].type = texts[i] ? REDIS_REPLY_STRING : REDIS_REPLY_NIL;
        replies[i].str = (char *)(uintptr_t)texts[i];
        replies[i].len = texts[i] ? strlen(texts[i]) : 0;
        values[i] = &replies[i];
    }
    const struct claim claim = {.entry_id = SLICE("1-0"),
                                .run = SLICE("a"),
                                .number = SLICE("9"),
                                .live = live,
                                .incarnation = SLICE("1"),
                                .digest = SLICE("d"),
                                .wanted = SLICE("1,2;in"),
                                .values = values,
                                .value_count = count,
                                .node = slice_of(live.ptr, 1),
                                .scope = slice_of(live.ptr + 2, 0)};
    struct token *token = token_new(pool, &claim);
    assert_non_null(token);
    return token;
}

static void test_tokens_share_what_they_refer_to(void **state UNUSED)
{
    static const char *const texts[] = {"c|1|0|0|@7,12", "c|1|0|0|5", "@0,3"};
    struct token_pool pool = {0};
    struct token *first = claimed(&pool, texts, 3), *second = claimed(&pool, texts, 3);
    assert_int_equal(first->references, 2);
    token_take_beside(&pool, first);
    assert_int_equal(first->references, 2); /* nothing is at hand */
    const struct beside_name output = name_of("a", "7"), input = name_of("a", "0");
    struct beside *held = beside_new(&pool.beside, &output, SLICE("c|1|0|0|\"x\""));
    assert_non_null(held);
    token_take_beside(&pool, first);
    assert_int_equal(first->references, 1);
    assert_true(slice_eq_str(first->values[0], "c|1|0|0|\"x\""));
    assert_true(slice_eq_str(first->values[1], "c|1|0|0|5"));
    assert_true(slice_eq_str(first->values[2], "@0,3"));
    struct beside *gone = beside_new(&pool.beside, &input, SLICE_NONE);
    assert_non_null(gone);
    token_take_beside(&pool, first);
    token_take_beside(&pool, second);
    assert_true(first->references == 0 && second->references == 0);
    assert_true(first->value_gone && second->value_gone);
    assert_ptr_equal(first->values[0].ptr, second->values[0].ptr);
    beside_release(&pool.beside, held);
    beside_release(&pool.beside, gone);
    token_free(&pool, first);
    assert_ptr_equal(beside_find(&pool.beside, &output), held);
    token_free(&pool, second);
    assert_null(beside_find(&pool.beside, &output));
    assert_int_equal(pool.beside.bytes, 0);
    token_pool_free(&pool);
}

static void test_what_is_too_large_together_is_not_read(void **state UNUSED)
{
    static const char *const texts[] = {"c|1|0|0|@7,300000000", "c|1|0|0|@8,300000000", NULL};
    struct token_pool pool = {0};
    struct token *token = claimed(&pool, texts, 3);
    assert_true(token->values_too_large);
    assert_int_equal(token->references, 0);
    token_free(&pool, token);
    token_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_goes_with_its_last_holder),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_tokens_share_what_they_refer_to),
        cmocka_unit_test(test_what_is_too_large_together_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
