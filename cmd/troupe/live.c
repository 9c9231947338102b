/* live: the inspect script tells the tokens, the queues' pending lists which of them run. */
#include "live.h"
#include "base/buf.h"
#include "base/err.h"
#include "protocol/calls.h"
#include "protocol/command.h"
#include "protocol/keys.h"
#include <stdio.h>
#include <string.h>

/* Workers hold a bounded number of tokens each; beyond this many some running ones look queued. */
enum { PENDING_MOST = 1000 };

struct reader {
    struct redis *redis;
    const struct store_run *run;
    const struct graph *graph;
    struct arena *arena;
    struct live *live;
    struct err *err;
};

/* The next part of a|b|c; false at the end. */
static bool next_part(struct slice *rest, struct slice *part)
{
    if (!rest->ptr)
        return false;
    const char *bar = memchr(rest->ptr, '|', rest->len);
    *part = slice_of(rest->ptr, bar ? (size_t)(bar - rest->ptr) : rest->len);
    *rest = bar ? slice_of(bar + 1, rest->len - part->len - 1) : SLICE_NONE;
    return true;
}

static bool read_number(struct slice text, uint64_t *number)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *number = value;
    return true;
}

/* A live field: node|scope|attempt|generation|deliveries|state. False for hidden tokens. */
static bool read_token(struct reader *reader, struct slice number, struct slice field,
                       struct live_token *token)
{
    invariant(token != NULL, "no place for a token");
    struct slice node, scope, attempt;
    uint64_t index = 0, attempts = 0;
    *token = (struct live_token){0};
    if (!read_number(number, &token->number) || !next_part(&field, &node) ||
        !next_part(&field, &scope) || !next_part(&field, &attempt))
        return false;
    if (!read_number(node, &index) || index >= reader->graph->node_count ||
        !read_number(attempt, &attempts))
        return false;
    token->node = &reader->graph->nodes[index];
    struct buf shown;
    buf_init(&shown, 0);
    graph_scope_show(reader->graph, scope, &shown);
    token->scope = buf_ok(&shown) ? arena_copy(reader->arena, buf_slice(&shown)) : SLICE_NONE;
    buf_free(&shown);
    token->parked = field.len > 0 && field.ptr[field.len - 1] == 'p';
    token->task = field.len > 0 && field.ptr[field.len - 1] == 'r';
    token->attempt = (uint32_t)attempts;
    return token->scope.ptr != NULL;
}

static int read_tokens(struct reader *reader)
{
    struct command command;
    struct inspect_reply inspected;
    command_init(&command);
    inspect_build(&command, reader->run->partition, reader->run->run_id);
    redisReply *reply = redis_call(reader->redis, &command, reader->err);
    command_free(&command);
    if (!reply)
        return -1;
    int result = 0;
    if (call_status(reply, &reader->live->now_us, reader->err) != CALL_OK ||
        inspect_read(reply, &inspected) != 0)
        result = err_set(reader->err, ERR_INTERNAL, "Redis answered 'inspect' unexpectedly");
    else if (inspected.present) {
        reader->live->present = true;
        reader->live->tokens =
            arena_array(reader->arena, inspected.token_count, sizeof(*reader->live->tokens));
        if (!reader->live->tokens)
            result = err_set(reader->err, ERR_LIMIT, "not enough memory for the run's tokens");
        for (uint32_t i = 0; result == 0 && i < inspected.token_count; i++)
            reader->live->count += read_token(reader, reply_slice(inspected.tokens[2 * i]),
                                              reply_slice(inspected.tokens[2 * i + 1]),
                                              &reader->live->tokens[reader->live->count]);
    }
    freeReplyObject(reply);
    return result;
}

/* --- who holds them --- */

/* The value of a field of a stream entry: [id, [field, value, …]]. */
static struct slice entry_field(const redisReply *entry, const char *name)
{
    const redisReply *fields = entry && entry->type == REDIS_REPLY_ARRAY && entry->elements == 2
                                   ? entry->element[1]
                                   : NULL;
    for (size_t i = 0; fields && fields->type == REDIS_REPLY_ARRAY && i + 1 < fields->elements;
         i += 2) {
        if (slice_eq_str(reply_slice(fields->element[i]), name))
            return reply_slice(fields->element[i + 1]);
    }
    return SLICE_NONE;
}

/* pending: [entry id, consumer, idle ms, deliveries]; found: [entry] or []. */
static void mark_running(struct reader *reader, const redisReply *pending, const redisReply *found)
{
    const redisReply *entry = found && found->type == REDIS_REPLY_ARRAY && found->elements == 1
                                  ? found->element[0]
                                  : NULL;
    uint64_t number;
    if (!entry || !slice_eq(entry_field(entry, "r"), reader->run->run_id) ||
        !read_number(entry_field(entry, "n"), &number))
        return;
    for (uint32_t i = 0; i < reader->live->count; i++) {
        struct live_token *token = &reader->live->tokens[i];
        if (token->number != number)
            continue;
        token->running = true;
        token->worker = arena_copy(reader->arena, reply_slice(pending->element[1]));
        token->since_us = reader->live->now_us - pending->element[2]->integer * 1000;
    }
}

static bool is_pending_entry(const redisReply *pending)
{
    return pending->type == REDIS_REPLY_ARRAY && pending->elements == 4 &&
           pending->element[0]->type == REDIS_REPLY_STRING &&
           pending->element[2]->type == REDIS_REPLY_INTEGER;
}

static int read_entries(struct reader *reader, const char *key, const redisReply *pending)
{
    uint32_t count = (uint32_t)pending->elements;
    struct command *commands = arena_array(reader->arena, count, sizeof(*commands));
    redisReply **replies = arena_array(reader->arena, count, sizeof(redisReply *));
    if (!commands || !replies)
        return err_set(reader->err, ERR_LIMIT, "not enough memory for the queue's entries");
    for (uint32_t i = 0; i < count; i++) {
        struct slice id = is_pending_entry(pending->element[i])
                              ? reply_slice(pending->element[i]->element[0])
                              : SLICE("0");
        command_init(&commands[i]);
        command_begin(&commands[i], "XRANGE");
        command_arg_str(&commands[i], key);
        command_arg(&commands[i], id);
        command_arg(&commands[i], id);
    }
    int result = redis_pipeline(reader->redis, commands, count, replies, reader->err);
    for (uint32_t i = 0; i < count; i++) {
        if (result == 0 && is_pending_entry(pending->element[i]))
            mark_running(reader, pending->element[i], replies[i]);
        if (result == 0)
            freeReplyObject(replies[i]);
        command_free(&commands[i]);
    }
    return result;
}

static int read_queue(struct reader *reader, struct slice queue)
{
    char key[KEY_MAX], most[16];
    (void)key_queue(key, reader->run->partition, queue);
    (void)snprintf(most, sizeof(most), "%d", PENDING_MOST);
    redisReply *pending =
        redis_words(reader->redis, reader->err, "XPENDING", key, KEY_GROUP, "-", "+", most, NULL);
    if (!pending)
        return -1;
    int result = 0;
    if (pending->type == REDIS_REPLY_ARRAY && pending->elements > 0)
        result = read_entries(reader, key, pending);
    freeReplyObject(pending);
    return result;
}

static bool queue_was_before(const struct live *live, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (slice_eq(live->tokens[i].node->queue, live->tokens[index].node->queue))
            return true;
    }
    return false;
}

int live_read(struct redis *redis, const struct store_run *run, const struct graph *graph,
              struct arena *arena, struct live *live, struct err *err)
{
    struct reader reader = {redis, run, graph, arena, live, err};
    *live = (struct live){0};
    if (read_tokens(&reader) != 0)
        return -1;
    for (uint32_t i = 0; i < live->count; i++) {
        if (!queue_was_before(live, i) && read_queue(&reader, live->tokens[i].node->queue) != 0)
            return -1;
    }
    return 0;
}
