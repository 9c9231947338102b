/* channel: states, sessions, what is held. Settling is in settling.c, leases are in beat.c. */
#include "worker/channel.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/fetch.h"
#include "worker/inbox.h"
#include "worker/running.h"
#include "worker/state.h"
#include <stdio.h>

enum {
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 2000,
    BACKOFF_DOUBLINGS = 6,
    CLOSED_MS = 250,
    HOLD_MS = 200,
    SESSION_LOST_MS = 10000,
    HELLO_LIMIT = 64,
};

void channel_init(struct channel *channel, struct worker *worker, uint16_t partition)
{
    *channel = (struct channel){.worker = worker, .partition = partition};
}

/* What is not executed is not ours until a hello says so. What is under way goes on until then. */
static void forget_held(struct channel *channel)
{
    struct token_pool *pool = &channel->worker->pool;
    token_list_free(pool, &channel->ready);
    token_list_free(pool, &channel->lacking);
    token_list_free(pool, &channel->waiting);
    token_list_free(pool, &channel->suspects);
    running_doubt(channel);
    channel->adopt_count = 0;
    channel->adopt_sent = 0;
    channel->doubt = false;
}

void channel_free(struct channel *channel)
{
    forget_held(channel);
    running_end_all(channel);
    token_list_free(&channel->worker->pool, &channel->results);
    token_list_free(&channel->worker->pool, &channel->sent);
    fetch_drop(channel);
    graph_release(channel->load);
    channel->load = NULL;
}

uint32_t channel_held(const struct channel *channel)
{
    return channel->ready.count + channel->lacking.count + channel->waiting.count +
           channel->suspects.count + channel->running.count + channel->results.count +
           channel->sent.count;
}

bool channel_is_busy(const struct channel *channel)
{
    if (channel->state != CHANNEL_OPEN || channel->hold || channel->not_before_us)
        return false;
    /* With all room taken by what is under way, what the queues have can wait for the bell. */
    const bool hot =
        channel->hot && (channel->worker->running == 0 || worker_room(channel->worker) > 0);
    return channel->ready.count || channel->lacking.count || channel->suspects.count ||
           channel->results.count || channel->sent.count || channel->adopt_count || hot ||
           (channel->call == CALL_SETTLE && !channel->looking) || channel->call == CALL_RECLAIM;
}

void channel_back_off(struct channel *channel)
{
    const uint32_t doublings =
        channel->refusals < BACKOFF_DOUBLINGS ? channel->refusals : BACKOFF_DOUBLINGS;
    int64_t wait_ms = (int64_t)BACKOFF_FIRST_MS << doublings;
    if (wait_ms > BACKOFF_MOST_MS)
        wait_ms = BACKOFF_MOST_MS;
    channel->refusals++;
    channel->not_before_us = worker_mono_us(channel->worker) + wait_ms * 1000;
}

void channel_greet(struct channel *channel, const char *why)
{
    if (channel->state != CHANNEL_OPEN && channel->state != CHANNEL_GREETING)
        return;
    if (channel->state == CHANNEL_OPEN)
        log_write(LOG_INFO, "saying hello again", LOG_I("partition", channel->partition),
                  LOG_S("reason", why), LOG_I("unconfirmed", channel->results.count));
    forget_held(channel);
    channel->again = channel->call == CALL_HELLO;
    channel->state = CHANNEL_GREETING;
    channel->page[0] = '\0';
    channel->hot = false;
    channel->lapsed_count = 0;
    worker_wake(channel->worker);
}

void channel_close(struct channel *channel, const char *why)
{
    if (channel->state == CHANNEL_LEFT)
        return;
    if (channel->state != CHANNEL_CLOSED && why)
        log_write(LOG_WARN, "the partition is closed to us: reading its epoch again",
                  LOG_I("partition", channel->partition), LOG_S("reason", why));
    forget_held(channel);
    channel->state = CHANNEL_CLOSED;
    channel->hot = false;
    channel->lapsed_count = 0;
    worker_wake(channel->worker);
}

void channel_adopt(struct channel *channel, uint32_t queue, struct slice entry_id)
{
    struct adoptee *adoptee = &channel->adopt[channel->adopt_count];
    /* The next hello answers everything that is pending for us, this one too; but one whose answer is on
     * its way on the other connection may have been executed before the bell was. */
    if (channel->state != CHANNEL_OPEN && channel->state != CHANNEL_GREETING)
        return;
    if (channel->adopt_count == CHANNEL_ADOPT_MAX || entry_id.len >= sizeof(adoptee->id)) {
        channel_greet(channel, "the bell brought more than fits");
        return;
    }
    adoptee->queue = queue;
    memcpy(adoptee->id, entry_id.ptr, entry_id.len);
    adoptee->id[entry_id.len] = '\0';
    channel->adopt_count++;
    worker_wake(channel->worker);
}

/* Once: our own hello whose reply was lost, or a restart under the same name. Again and again: two
 * processes of one name, which would end each other's sessions as fast as they can. */
static void session_lost(struct channel *channel)
{
    const int64_t now_us = worker_mono_us(channel->worker);
    const bool again = channel->session_lost_us &&
                       now_us - channel->session_lost_us < (int64_t)SESSION_LOST_MS * 1000;
    channel_greet(channel, "another session of this name");
    channel_back_off(channel);
    if (again) {
        channel->not_before_us = now_us + (int64_t)BACKOFF_MOST_MS * 1000;
        log_write(LOG_WARN, "is there another worker of this name?",
                  LOG_I("partition", channel->partition), LOG_S("worker", channel->worker->name));
    }
    channel->session_lost_us = now_us;
}

void channel_refused(struct channel *channel, enum call_status status, const struct err *err,
                     const char *call)
{
    switch (status) {
    case CALL_OK:
        return;
    case CALL_EPOCH:
        channel_close(channel, "the epoch changed");
        return;
    case CALL_HOLD: /* nothing happened */
        channel->hold = true;
        channel->not_before_us = worker_mono_us(channel->worker) + (int64_t)HOLD_MS * 1000;
        return;
    case CALL_SESSION:
        session_lost(channel);
        return;
    case CALL_REFUSED:
        log_write(LOG_WARN, "a call was refused", LOG_S("call", call),
                  LOG_I("partition", channel->partition), LOG_S("reason", err->message));
        channel_greet(channel, "a refused call");
        channel_back_off(channel);
        return;
    case CALL_LOST:
        channel_greet(channel, "a call whose outcome is unknown");
        return;
    }
}

/* --- claims --- */

void channel_hold_token(struct channel *channel, struct token *token)
{
    if (!token->graph) {
        token->graph = graphs_get(channel->worker->graphs, token->digest);
        if (!token->graph) {
            token_list_push(&channel->waiting, token);
            return;
        }
        graph_retain(token->graph);
    }
    token_list_push(token->generation > 0 ? &channel->suspects : &channel->ready, token);
}

void channel_look_for_graphs(struct channel *channel)
{
    struct token_list waiting = channel->waiting;
    channel->waiting = (struct token_list){0};
    for (struct token *token = token_list_pop(&waiting); token; token = token_list_pop(&waiting))
        channel_hold_token(channel, token);
}

/* An entry may be answered twice: by a hello and by the bell, or beside a result that is not
 * confirmed yet. True when the claim adds nothing. */
static bool is_held(struct channel *channel, const struct claim *claim)
{
    struct token_list *lists[] = {&channel->ready,    &channel->lacking, &channel->waiting,
                                  &channel->suspects, &channel->results, &channel->running};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct token *token = token_list_find(lists[i], claim->queue, claim->entry_id);
        if (!token)
            continue;
        if (slice_eq(token->number, claim->number) && slice_eq(token->live, claim->live)) {
            running_confirm(token);
            return true;
        }
        /* Taken over meanwhile, and back: what we had is of an older generation. Or it is settled, and
         * its entry stands for the next one. */
        if (lists[i] == &channel->running) {
            running_end(channel, token);
            return false;
        }
        token_list_remove(lists[i], token);
        token_free(&channel->worker->pool, token);
        return false;
    }
    return false;
}

void channel_take_claims(struct channel *channel, const struct claims *claims, bool told)
{
    bool no_memory = false;
    for (uint32_t i = 0; i < claims->count; i++) {
        struct claim claim;
        if (claim_read(claims, i, &claim) != 0 || claim.queue >= channel->worker->queues.count ||
            claim.digest.len != SHA256_HEX_LEN) {
            log_write(LOG_ERROR, "a claim cannot be read", LOG_I("partition", channel->partition),
                      LOG_I("index", i));
            continue;
        }
        if (is_held(channel, &claim))
            continue;
        struct token *token = token_new(&channel->worker->pool, &claim);
        if (token)
            token->told = told;
        if (token && (token->references == 0 || fetch_complete(channel, token)))
            channel_hold_token(channel, token);
        else if (token)
            token_list_push(&channel->lacking, token);
        no_memory = no_memory || !token;
    }
    if (no_memory) {
        channel_greet(channel, "out of memory for a claim");
        channel_back_off(channel);
    }
}

/* --- meta --- */

static void say_closed(struct channel *channel, const char *message, struct slice found)
{
    struct worker *worker = channel->worker;
    channel->not_before_us = worker_mono_us(worker) + (int64_t)CLOSED_MS * 1000;
    if (worker_may_say(worker, message))
        log_write(LOG_WARN, message, LOG_I("partition", channel->partition),
                  LOG_B("found", found.ptr ? found : SLICE("")));
}

static void on_meta(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct worker *worker = channel->worker;
    char count[16];
    channel->call = CALL_NONE;
    worker_call_done(worker);
    if (!reply)
        return;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        say_closed(channel, "cannot read a partition's meta hash", reply_slice(reply));
        return;
    }
    const struct slice epoch = reply_slice(reply->element[0]);
    const struct slice layout = reply_slice(reply->element[1]);
    const struct slice partitions = reply_slice(reply->element[2]);
    (void)snprintf(count, sizeof(count), "%u", worker->channel_count);
    if (epoch.len == 0 || epoch.len >= sizeof(channel->epoch)) {
        say_closed(channel, "waiting for a supervisor to open the partition", epoch);
    } else if (!slice_eq_str(layout, "1")) {
        say_closed(channel, "the partition has a layout that this worker does not know", layout);
    } else if (!slice_eq_str(partitions, count)) {
        say_closed(channel, "the number of partitions has changed: restart this worker",
                   partitions);
    } else {
        if (channel->epoch[0] && !slice_eq_str(epoch, channel->epoch))
            inbox_doubt(worker->inbox);
        memcpy(channel->epoch, epoch.ptr, epoch.len);
        channel->epoch[epoch.len] = '\0';
        channel->state = CHANNEL_GREETING;
        channel->page[0] = '\0';
    }
}

static bool ask_meta(struct channel *channel)
{
    char key[KEY_MAX];
    struct command *command = &channel->worker->command;
    command_begin(command, "HMGET");
    command_arg(command, key_meta(key, channel->partition));
    command_arg_str(command, "epoch");
    command_arg_str(command, "layout");
    command_arg_str(command, "partitions");
    return worker_send(channel->worker, on_meta, channel);
}

/* --- hello --- */

static void take_page(struct channel *channel, const redisReply *reply)
{
    struct hello_reply page;
    if (hello_read(reply, &page) != 0 || page.session.len >= sizeof(channel->session) ||
        page.next.len >= sizeof(channel->page)) {
        log_write(LOG_ERROR, "an answer of hello cannot be read",
                  LOG_I("partition", channel->partition));
        channel_greet(channel, "an unreadable answer");
        channel_back_off(channel);
        return;
    }
    if (!channel->session[0] && page.had_session)
        bell_distrust(channel->worker->bell);
    memcpy(channel->session, page.session.ptr, page.session.len);
    channel->session[page.session.len] = '\0';
    memcpy(channel->page, page.next.ptr, page.next.len);
    channel->page[page.next.len] = '\0';
    channel->hold = false;
    if (page.next.len == 0) {
        channel->state = CHANNEL_OPEN;
        channel->refusals = 0;
        channel->hot = true;
        channel->worker->stats.hellos++;
        log_write(LOG_DEBUG, "partition open", LOG_I("partition", channel->partition),
                  LOG_S("session", channel->session), LOG_I("held", channel_held(channel)));
    }
    channel_take_claims(channel, &page.claims, true);
    if (page.next.len == 0 && channel->state == CHANNEL_OPEN)
        running_end_doubted(channel);
}

static void on_hello(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct err err = ERR_INIT;
    int64_t redis_us;
    channel->call = CALL_NONE;
    worker_call_done(channel->worker);
    if (channel->state != CHANNEL_GREETING || channel->again) {
        channel->again = false;
        return;
    }
    const enum call_status status = call_status(reply, &redis_us, &err);
    if (status != CALL_OK) {
        channel_refused(channel, status, &err, "hello");
        return;
    }
    worker_note_time(channel->worker, redis_us);
    take_page(channel, reply);
}

static bool say_hello(struct channel *channel)
{
    struct worker *worker = channel->worker;
    hello_build(&worker->command, channel->partition, channel_epoch(channel),
                slice_str(worker->name), worker->lease_ms, slice_str(channel->page), HELLO_LIMIT,
                worker->queues);
    channel->beat_ok_us = worker_mono_us(worker);
    channel->beat_sent_us = channel->beat_ok_us;
    return worker_send(worker, on_hello, channel);
}

/* --- leaving --- */

static void on_leave(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct err err = ERR_INIT;
    int64_t redis_us;
    bool left = false;
    channel->call = CALL_NONE;
    const enum call_status status = call_status(reply, &redis_us, &err);
    /* Whatever the answer: a lease that nobody renews lapses by itself. */
    if (status == CALL_REFUSED)
        log_write(LOG_WARN, "leave was refused", LOG_I("partition", channel->partition),
                  LOG_S("reason", err.message));
    else if (status == CALL_OK && leave_read(reply, &left) == 0 && !left)
        log_write(LOG_INFO, "left tokens to the others", LOG_I("partition", channel->partition));
    channel->state = CHANNEL_LEFT;
    worker_call_done(channel->worker);
}

static bool say_leave(struct channel *channel)
{
    struct worker *worker = channel->worker;
    leave_build(&worker->command, channel->partition, channel_epoch(channel),
                slice_str(worker->name), slice_str(channel->session), worker->queues);
    return worker_send(worker, on_leave, channel);
}

/* Nobody looks for what comes to a consumer that has left: the bell has to be silent. */
static bool may_leave(const struct channel *channel)
{
    const struct worker *worker = channel->worker;
    if (!worker->draining)
        return false;
    if (worker->hurried)
        return !worker_has_children(worker);
    return bell_is_silent(worker->bell) &&
           !(channel->ready.count || channel->lacking.count || channel->suspects.count ||
             channel->running.count || channel->results.count || channel->sent.count);
}

/* --- calls --- */

bool channel_has_call(const struct channel *channel)
{
    if (channel->call != CALL_NONE || channel->state == CHANNEL_LEFT)
        return false;
    if (may_leave(channel))
        return true;
    if (channel->not_before_us && worker_mono_us(channel->worker) < channel->not_before_us)
        return false;
    if (channel->state != CHANNEL_OPEN)
        return true;
    return channel->load || channel_wants_settle(channel) || channel_wants_fetch(channel) ||
           beat_has_call(channel);
}

static enum channel_call choose_call(const struct channel *channel)
{
    switch (channel->state) {
    case CHANNEL_CLOSED:
        return CALL_META;
    case CHANNEL_GREETING:
        return CALL_HELLO;
    case CHANNEL_OPEN:
        break;
    case CHANNEL_LEFT:
        return CALL_NONE;
    }
    if (may_leave(channel))
        return CALL_LEAVE;
    if (channel->load)
        return CALL_LOAD;
    const bool fetch = channel_wants_fetch(channel);
    if (channel->results.count == 0 && (fetch || beat_has_call(channel)))
        return fetch ? CALL_FETCH : CALL_RECLAIM;
    if (channel_wants_settle(channel))
        return CALL_SETTLE;
    return fetch ? CALL_FETCH : CALL_NONE;
}

static bool send_call(struct channel *channel, enum channel_call call)
{
    switch (call) {
    case CALL_META:
        return ask_meta(channel);
    case CALL_HELLO:
        return say_hello(channel);
    case CALL_SETTLE:
        return channel_settle(channel);
    case CALL_FETCH:
        return channel_fetch(channel);
    case CALL_LOAD:
        return channel_load(channel);
    case CALL_RECLAIM:
    case CALL_TIDY:
        return beat_make_call(channel);
    case CALL_LEAVE:
        return say_leave(channel);
    case CALL_NONE:
        break;
    }
    return false;
}

bool channel_make_call(struct channel *channel)
{
    if (!channel_has_call(channel))
        return false;
    if (channel->state != CHANNEL_OPEN && may_leave(channel)) {
        channel->state = CHANNEL_LEFT; /* no session to end */
        return false;
    }
    channel->not_before_us = 0;
    channel->call = choose_call(channel);
    if (channel->call == CALL_NONE || !send_call(channel, channel->call)) {
        channel->call = CALL_NONE;
        return false;
    }
    return true;
}
