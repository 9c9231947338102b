#include "protocol/reply_arena.h"
#include <string.h>

enum { KEEP_BYTES = 1 << 20 };

/* A part of an array is put into its place at once: there is nobody else who knows it. */
static redisReply *place(const redisReadTask *task, redisReply *reply, int type)
{
    if (reply) {
        reply->type = type;
        if (task->parent) {
            const redisReply *parent = task->parent->obj;
            parent->element[task->idx] = reply;
        }
    }
    return reply;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t len)
{
    redisReply *reply = arena_alloc(task->privdata, sizeof(*reply) + len + 1);
    if (!reply)
        return NULL;
    *reply = (redisReply){.len = len, .str = (char *)(reply + 1)};
    memcpy(reply->str, bytes, len);
    reply->str[len] = '\0';
    return place(task, reply, task->type);
}

static void *create_array(const redisReadTask *task, int elements)
{
    redisReply *reply = arena_zalloc(task->privdata, sizeof(*reply));
    if (!reply)
        return NULL;
    if (elements > 0) {
        reply->element = arena_array(task->privdata, (size_t)elements, sizeof(redisReply *));
        if (!reply->element)
            return NULL;
        reply->elements = (size_t)elements;
    }
    return place(task, reply, task->type);
}

static void *create_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = arena_zalloc(task->privdata, sizeof(*reply));
    if (reply)
        reply->integer = value;
    return place(task, reply, task->type);
}

/* The task says what is absent: a string or an array. */
static void *create_nil(const redisReadTask *task)
{
    return place(task, arena_zalloc(task->privdata, sizeof(redisReply)), REDIS_REPLY_NIL);
}

static void free_nothing(void *reply) { (void)reply; }

redisReader *reply_reader_new(struct arena *arena)
{
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_nothing,
    };
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    if (reader)
        reader->privdata = arena;
    return reader;
}

void reply_arena_reset(struct arena *arena)
{
#ifdef __SANITIZE_ADDRESS__
    arena_free(arena); /* so that a view of a reply that outlives it is noticed */
#else
    if (arena->used_bytes > KEEP_BYTES)
        arena_free(arena);
    else
        arena_reset(arena);
#endif
}
