/* settling: one call that submits results and claims the next tokens. */
#include "base/log.h"
#include "protocol/redis.h"
#include "worker/dead.h"
#include "worker/state.h"
#include "worker/submit.h"

enum {
    CALL_SOFT_BYTES = 1 << 20,  /* results of one call, unless one alone is larger */
    CALL_SOFT_OPERATIONS = 256, /* and steps: about a millisecond of Redis, which others wait for */
    COMMAND_KEEP_BYTES = 4 << 20, /* a command's memory that is worth keeping */
    LOAD_ARENA_BYTES = 64 << 20,
    /* Of a batch. Longer work is shared: what follows from it goes through the queue, where others look. */
    KEEP_MOST_US = 2000,
};

static uint32_t claims_wanted(const struct channel *channel)
{
    const struct worker *worker = channel->worker;
    const uint32_t room = worker_room(worker);
    /* What waits for its values comes first. */
    if (channel->lacking.count > 0 || worker->draining || worker->solo || channel->single ||
        channel->load)
        return 0;
    return room < worker->batch ? room : worker->batch;
}

bool channel_wants_settle(const struct channel *channel)
{
    const struct worker *worker = channel->worker;
    struct results_size size;
    if (channel->adopt_count && !worker->draining)
        return true;
    if (channel->results.count == 0)
        return (channel->hot || channel->wants_poll) && channel->ready.count == 0 &&
               claims_wanted(channel) > 0;
    /* A batch is executed before it is submitted, but what is to run alone waits for all results. */
    if (channel->ready.count == 0 || worker->suspects || worker->solo)
        return true;
    channel_results(channel, &size);
    return results_are_full(&size);
}

/* --- the call --- */

void results_add(struct results_size *size, const struct token *token)
{
    size->bytes += submit_bytes(token);
    size->operations += submit_operations(token);
}

bool results_are_full(const struct results_size *size)
{
    return size->bytes > CALL_SOFT_BYTES || size->operations > CALL_SOFT_OPERATIONS;
}

void channel_results(const struct channel *channel, struct results_size *size)
{
    *size = (struct results_size){0};
    for (const struct token *token = channel->results.head; token && !results_are_full(size);
         token = token->next)
        results_add(size, token);
}

static uint32_t count_to_send(const struct channel *channel)
{
    struct results_size size = {0};
    uint32_t count = 0;
    if (channel->single)
        return channel->results.count ? 1 : 0;
    for (const struct token *token = channel->results.head; token; token = token->next) {
        results_add(&size, token);
        if (count > 0 && results_are_full(&size))
            break;
        count++;
    }
    return count;
}

/* What was sent comes first again. */
static void take_back(struct channel *channel)
{
    token_list_append(&channel->sent, &channel->results);
    channel->results = channel->sent;
    channel->sent = (struct token_list){0};
}

static void build(struct channel *channel, uint32_t want)
{
    struct worker *worker = channel->worker;
    struct command *command = &worker->command;
    const struct settle_head head = {.partition = channel->partition,
                                     .epoch = channel_epoch(channel),
                                     .consumer = slice_str(worker->name),
                                     .session = slice_str(channel->session),
                                     .inline_bytes = worker->inline_bytes,
                                     .want = want,
                                     .keep = channel->work_us <= KEEP_MOST_US ? want : 0,
                                     .queues = worker->queues};
    const uint32_t count = count_to_send(channel);
    channel->work_us = 0;
    channel->adopt_sent = worker->draining ? 0 : channel->adopt_count;
    settle_begin(command, &head, channel->adopt_sent);
    for (uint32_t i = 0; i < channel->adopt_sent; i++)
        settle_adopt(command, channel->adopt[i].queue, slice_str(channel->adopt[i].id));
    settle_tokens(command, count);
    for (uint32_t i = 0; i < count; i++) {
        struct token *token = token_list_pop(&channel->results);
        submit_token(command, token);
        token_list_push(&channel->sent, token);
    }
}

static void on_settled(void *context, const redisReply *reply);

bool channel_settle(struct channel *channel)
{
    struct worker *worker = channel->worker;
    const uint32_t want = claims_wanted(channel);
    build(channel, want);
    if (!command_ok(&worker->command)) {
        struct err err;
        (void)err_set(&err, ERR_LIMIT, "%u results do not fit into one call", channel->sent.count);
        dead_call(channel, &err);
        take_back(channel);
        return false;
    }
    const bool sent = worker_send(worker, on_settled, channel);
    if (worker->command.args.size > COMMAND_KEEP_BYTES)
        command_free(&worker->command);
    if (!sent) {
        take_back(channel);
        return false;
    }
    channel->reserved = want;
    channel->looking = !channel->hot && !channel->sent.count && !channel->adopt_sent;
    channel->wants_poll = false;
    return true;
}

/* --- the reply --- */

static void take_result(struct channel *channel, struct token *token, enum settle_result result)
{
    struct worker *worker = channel->worker;
    switch (result) {
    case SETTLE_OK:
        worker->stats.settled += 1 + token->step_count;
        if (token->result.output_value.len > worker->inline_bytes && token->step_count == 0) {
            token_list_push(&channel->settled, token);
            return;
        }
        break;
    case SETTLE_HELD:
        channel->doubt = true;
        worker->stats.stale++;
        break;
    case SETTLE_STALE:
        worker->stats.stale++;
        break;
    case SETTLE_GONE:
        break;
    case SETTLE_BAD:
        dead_token(channel, token, "bad: its operations do not fit the state of its run");
        return;
    case SETTLE_LOAD:
        if (!channel->load) {
            graph_retain(token->graph);
            channel->load = token->graph;
        }
        token_list_push(&channel->results, token);
        return;
    }
    token_free(&worker->pool, token);
}

static int take_results(struct channel *channel, const struct settle_reply *settled)
{
    if (settled->result_count != channel->sent.count)
        return -1;
    for (uint32_t i = 0; i < settled->result_count; i++) {
        enum settle_result result;
        if (settle_result(settled, i, &result) != 0)
            return -1;
        take_result(channel, token_list_pop(&channel->sent), result);
        if (channel->single > 0)
            channel->single--;
    }
    if (channel->results.count == 0)
        channel->single = 0;
    return 0;
}

static void take_claims(struct channel *channel, const struct settle_reply *settled, uint32_t want)
{
    if (channel->state != CHANNEL_OPEN)
        return; /* the hello that is due answers them again */
    channel->adopt_count -= channel->adopt_sent;
    memmove(channel->adopt, channel->adopt + channel->adopt_sent,
            channel->adopt_count * sizeof(channel->adopt[0]));
    channel->adopt_sent = 0;
    channel->backlog = want > 0 && settled->claims.count >= want;
    if (want > 0)
        channel->hot = settled->claims.count > 0;
    else
        channel->hot = true;
    channel_take_claims(channel, &settled->claims, false);
}

/* A refusal or no reply. The results are in channel->sent. */
static void settle_refused(struct channel *channel, enum call_status status, const struct err *err)
{
    /* What passes, or concerns everybody, is no token's fault. */
    if (status == CALL_REFUSED && err->code != ERR_UNREACHABLE && err->code != ERR_REFUSED)
        dead_call(channel, err);
    take_back(channel);
    channel->adopt_sent = 0;
    channel_refused(channel, status, err, "settle");
}

static void on_settled(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct err err = ERR_INIT;
    struct settle_reply settled;
    int64_t redis_us;
    const uint32_t want = channel->reserved;
    channel->call = CALL_NONE;
    channel->reserved = 0;
    worker_call_done(channel->worker);
    const enum call_status status = call_status(reply, &redis_us, &err);
    if (status != CALL_OK) {
        settle_refused(channel, status, &err);
        return;
    }
    worker_note_time(channel->worker, redis_us);
    channel->hold = false;
    channel->refusals = 0;
    if (settle_read(reply, &settled) != 0 || take_results(channel, &settled) != 0) {
        log_write(LOG_ERROR, "an answer of settle cannot be read",
                  LOG_I("partition", channel->partition));
        token_list_free(&channel->worker->pool, &channel->settled);
        take_back(channel);
        channel_greet(channel, "an unreadable answer");
        channel_back_off(channel);
        return;
    }
    take_claims(channel, &settled, want);
    token_list_free(&channel->worker->pool, &channel->settled);
}

/* --- join tables --- */

static void on_loaded(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct err err = ERR_INIT;
    int64_t redis_us;
    channel->call = CALL_NONE;
    worker_call_done(channel->worker);
    const enum call_status status = call_status(reply, &redis_us, &err);
    if (status == CALL_REFUSED) {
        log_write(LOG_ERROR, "a join table was refused", LOG_I("partition", channel->partition),
                  LOG_S("reason", err.message));
        channel_back_off(channel);
    }
    /* Idempotent: after a lost reply the next settle tells whether it is needed again. */
    graph_release(channel->load);
    channel->load = NULL;
    if (status == CALL_EPOCH)
        channel_close(channel, "the epoch changed");
}

bool channel_load(struct channel *channel)
{
    struct worker *worker = channel->worker;
    struct arena arena;
    arena_init(&arena, LOAD_ARENA_BYTES);
    load_build(&worker->command, channel->partition, channel_epoch(channel), channel->load, &arena);
    arena_free(&arena);
    if (command_ok(&worker->command))
        return worker_send(worker, on_loaded, channel);
    log_write(LOG_ERROR, "a join table does not fit into one call",
              LOG_I("partition", channel->partition), LOG_S("digest", channel->load->digest));
    channel_back_off(channel);
    return false;
}
