/* Replies in an arena are what hiredis makes of the same bytes. */
#include "base/slice.h"
#include "protocol/reply_arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct slice replies[] = {
    SLICE("+OK\r\n"),
    SLICE("-ERR no\r\n"),
    SLICE(":-42\r\n"),
    SLICE("$-1\r\n"),
    SLICE("*-1\r\n"),
    SLICE("$0\r\n\r\n"),
    SLICE("$5\r\na\0\r\nb\r\n"),
    SLICE("*0\r\n"),
    SLICE("*3\r\n$2\r\nok\r\n:7\r\n*-1\r\n"),
    SLICE("*3\r\n$2\r\nok\r\n*2\r\n$-1\r\n*2\r\n+a\r\n*1\r\n$1\r\nb\r\n*2\r\n*0\r\n-E x\r\n"),
};

static void compare(const redisReply *found, const redisReply *wanted)
{
    assert_non_null(found);
    assert_int_equal(found->type, wanted->type);
    assert_int_equal(found->integer, wanted->integer);
    assert_int_equal(found->len, wanted->len);
    assert_int_equal(found->elements, wanted->elements);
    assert_int_equal(found->str == NULL, wanted->str == NULL);
    if (wanted->str)
        assert_memory_equal(found->str, wanted->str, wanted->len + 1); /* with the NUL */
    for (size_t i = 0; i < wanted->elements; i++)
        compare(found->element[i], wanted->element[i]);
}

/* `step` bytes at a time. */
static void *read_one(redisReader *reader, struct slice bytes, size_t step)
{
    void *reply = NULL;
    for (size_t at = 0; at < bytes.len; at += step) {
        const size_t len = bytes.len - at < step ? bytes.len - at : step;
        assert_null(reply);
        assert_int_equal(redisReaderFeed(reader, bytes.ptr + at, len), REDIS_OK);
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    }
    return reply;
}

static void they_are_as_ever(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    redisReader *ours = reply_reader_new(&arena), *theirs = redisReaderCreate();
    assert_non_null(ours);
    assert_non_null(theirs);
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        for (size_t step = 1; step <= replies[i].len; step++) {
            void *wanted = read_one(theirs, replies[i], step);
            compare(read_one(ours, replies[i], step), wanted);
            freeReplyObject(wanted);
            reply_arena_reset(&arena);
            assert_int_equal(arena.used_bytes, 0);
        }
    }
    redisReaderFree(ours);
    redisReaderFree(theirs);
    arena_free(&arena);
}

static void many_at_once_share_the_arena(void **state)
{
    (void)state;
    struct arena arena;
    void *found[ARRAY_LEN(replies)];
    arena_init(&arena, 0);
    redisReader *ours = reply_reader_new(&arena), *theirs = redisReaderCreate();
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        assert_int_equal(redisReaderFeed(ours, replies[i].ptr, replies[i].len), REDIS_OK);
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        assert_int_equal(redisReaderGetReply(ours, &found[i]), REDIS_OK);
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        void *wanted = read_one(theirs, replies[i], replies[i].len);
        compare(found[i], wanted);
        freeReplyObject(wanted);
    }
    redisReaderFree(ours);
    redisReaderFree(theirs);
    arena_free(&arena);
}

/* The arena's cap stands for memory that runs out, at every place. */
static void without_memory_reading_fails(void **state)
{
    (void)state;
    const struct slice bytes = replies[ARRAY_LEN(replies) - 1];
    size_t cap = 16;
    for (bool failed = true; failed; cap += 16) {
        struct arena arena;
        void *reply = NULL;
        arena_init(&arena, cap);
        redisReader *reader = reply_reader_new(&arena);
        assert_int_equal(redisReaderFeed(reader, bytes.ptr, bytes.len), REDIS_OK);
        failed = redisReaderGetReply(reader, &reply) != REDIS_OK;
        assert_int_equal(failed, reply == NULL);
        redisReaderFree(reader);
        arena_free(&arena);
    }
    assert_true(cap > 10 * sizeof(redisReply));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_as_ever),
        cmocka_unit_test(many_at_once_share_the_arena),
        cmocka_unit_test(without_memory_reading_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
