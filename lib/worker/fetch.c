#include "worker/fetch.h"
#include "base/log.h"
#include "protocol/beside.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/state.h"
#include <stdlib.h>

enum { FETCH_ARENA_BYTES = 64 << 20 };

/* --- what is at hand --- */

/* The outputs that were settled just now, as they stand beside their runs: held once each, and linked. */
static struct beside *look_at_settled(struct channel *channel, const struct token *token)
{
    struct token_pool *pool = &channel->worker->pool;
    struct beside_reference reference;
    struct beside *found = NULL;
    for (uint32_t i = 0; i < token->value_count; i++) {
        if (!beside_reference_read(token->values[i], &reference))
            continue;
        for (const struct token *from = channel->settled.head; from; from = from->next) {
            const struct beside_name name = {from->run, from->incarnation, from->number};
            if (!slice_eq(from->number, reference.number) || !slice_eq(from->run, token->run) ||
                !slice_eq(from->incarnation, token->incarnation) ||
                beside_find(&pool->beside, &name))
                continue;
            struct beside *output = beside_new(&pool->beside, &name, from->result.output_value);
            if (!output)
                return found; /* without memory it is read like any other */
            output->also = found;
            found = output;
        }
    }
    return found;
}

bool fetch_complete(struct channel *channel, struct token *token)
{
    struct token_pool *pool = &channel->worker->pool;
    struct beside *held = channel->settled.head ? look_at_settled(channel, token) : NULL;
    token_take_beside(pool, token);
    for (struct beside *next; held; held = next) {
        next = held->also;
        beside_release(&pool->beside, held); /* the token holds what it wants */
    }
    return token->references == 0;
}

/* --- the call --- */

void fetch_drop(struct channel *channel)
{
    if (!channel->fetch)
        return;
    arena_free(&channel->fetch->arena);
    free(channel->fetch);
    channel->fetch = NULL;
}

bool channel_wants_fetch(const struct channel *channel)
{
    /* What was read ahead and waits is memory. */
    return channel->lacking.count > 0 &&
           (channel->ready.count == 0 || channel->worker->pool.beside.bytes < FETCH_BYTES);
}

static bool is_asked_for(const struct fetch *fetch, const struct beside_name *name)
{
    for (uint32_t i = 0; i < fetch->count; i++) {
        if (slice_eq(fetch->names[i].number, name->number) &&
            slice_eq(fetch->names[i].run, name->run) &&
            slice_eq(fetch->names[i].incarnation, name->incarnation))
            return true;
    }
    return false;
}

/* All that the token lacks, but for what is asked for; its bytes. -1 without memory. */
static int ask_for(struct fetch *fetch, const struct token *token, bool first, uint64_t *bytes)
{
    struct beside_reference reference;
    for (uint32_t i = 0; i < token->value_count; i++) {
        if (!beside_reference_read(token->values[i], &reference))
            continue;
        struct beside_name name = {token->run, token->incarnation, reference.number};
        /* Within a token only copies of an output come twice: few, and asking twice does no harm. */
        if (!first && is_asked_for(fetch, &name))
            continue;
        name.run = arena_copy(&fetch->arena, token->run);
        name.incarnation = arena_copy(&fetch->arena, token->incarnation);
        name.number = arena_copy(&fetch->arena, reference.number);
        if (!name.run.ptr || !name.incarnation.ptr || !name.number.ptr)
            return -1;
        fetch->lengths[fetch->count] = reference.length;
        fetch->names[fetch->count++] = name;
        *bytes += reference.length;
    }
    return 0;
}

/* What the first of the tokens that lack values need. NULL without memory. */
static struct fetch *fetch_new(const struct channel *channel)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    uint32_t most = 0, asked = 0;
    uint64_t bytes = 0;
    if (!fetch)
        return NULL;
    arena_init(&fetch->arena, FETCH_ARENA_BYTES);
    for (const struct token *token = channel->lacking.head;
         token && (most == 0 || most + token->references <= FETCH_KEYS); token = token->next)
        most += token->references;
    fetch->names = arena_array(&fetch->arena, most, sizeof(*fetch->names));
    fetch->lengths = arena_array(&fetch->arena, most, sizeof(*fetch->lengths));
    for (const struct token *token = channel->lacking.head;
         fetch->names && fetch->lengths && token && asked + token->references <= most &&
         (asked == 0 || bytes < FETCH_BYTES);
         token = token->next) {
        const bool first = asked == 0;
        asked += token->references;
        if (ask_for(fetch, token, first, &bytes) != 0)
            fetch->names = NULL;
    }
    if (fetch->names && fetch->lengths)
        return fetch;
    arena_free(&fetch->arena);
    free(fetch);
    return NULL;
}

/* What came, held once each. -1 when the reply cannot be read, or there is no memory for it. */
static int take_values(struct channel *channel, const redisReply *reply, struct beside **values)
{
    const struct fetch *fetch = channel->fetch;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != fetch->count)
        return -1;
    for (uint32_t i = 0; i < fetch->count; i++) {
        const struct beside_name *name = &fetch->names[i];
        struct slice value = reply_slice(reply->element[i]);
        if (!value.ptr || value.len != fetch->lengths[i]) {
            log_write(LOG_WARN, "a value is not beside its run any more",
                      LOG_I("partition", channel->partition), LOG_B("run_id", name->run),
                      LOG_B("number", name->number), LOG_I("bytes", (int64_t)value.len),
                      LOG_I("expected", (int64_t)fetch->lengths[i]));
            value = SLICE_NONE;
        }
        values[i] = beside_new(&channel->worker->pool.beside, name, value);
        if (!values[i])
            return -1;
    }
    return 0;
}

/* Who has all of its values goes on. */
static void look_at_lacking(struct channel *channel)
{
    struct token_list lacking = channel->lacking;
    channel->lacking = (struct token_list){0};
    for (struct token *token = token_list_pop(&lacking); token; token = token_list_pop(&lacking)) {
        token_take_beside(&channel->worker->pool, token);
        if (token->references == 0)
            channel_hold_token(channel, token);
        else
            token_list_push(&channel->lacking, token);
    }
}

static void take_reply(struct channel *channel, const redisReply *reply)
{
    struct worker *worker = channel->worker;
    const uint32_t count = channel->fetch->count;
    struct beside **values = calloc(count ? count : 1, sizeof(struct beside *));
    const int rc = values ? take_values(channel, reply, values) : -1;
    if (rc == 0) {
        channel->refusals = 0;
        look_at_lacking(channel);
    } else {
        log_write(LOG_WARN, "values beside runs cannot be read: it is tried again",
                  LOG_I("partition", channel->partition),
                  LOG_B("answer", reply_slice(reply).ptr ? reply_slice(reply) : SLICE("")));
        channel_back_off(channel);
    }
    for (uint32_t i = 0; values && i < count; i++)
        beside_release(&worker->pool.beside, values[i]);
    free(values);
}

static void on_fetched(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    channel->call = CALL_NONE;
    worker_call_done(channel->worker);
    /* What was held is forgotten when the channel is not open any more: hello brings it again. */
    if (channel->state == CHANNEL_OPEN && !reply)
        channel_greet(channel, "a call whose outcome is unknown");
    else if (channel->state == CHANNEL_OPEN)
        take_reply(channel, reply);
    fetch_drop(channel);
}

bool channel_fetch(struct channel *channel)
{
    struct worker *worker = channel->worker;
    struct command *command = &worker->command;
    char key[KEY_MAX];
    fetch_drop(channel);
    channel->fetch = fetch_new(channel);
    if (!channel->fetch) {
        log_write(LOG_ERROR, "out of memory for values beside runs",
                  LOG_I("partition", channel->partition));
        channel_back_off(channel);
        return false;
    }
    command_begin(command, "MGET");
    for (uint32_t i = 0; i < channel->fetch->count; i++)
        command_arg(command, key_value(key, channel->partition, channel->fetch->names[i].run,
                                       channel->fetch->names[i].number));
    if (command_ok(command) && worker_send(worker, on_fetched, channel))
        return true;
    fetch_drop(channel);
    return false;
}
