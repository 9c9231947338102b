#include "worker/bell.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/lookup.h"
#include "worker/state.h"
#include <stdlib.h>

enum {
    BLOCK_MS = 2000,
    ANSWER_MS = BLOCK_MS + 3000,
    /* Of the inbox alone. Redis serves who has waited longest: a worker with nothing to do, not this one. */
    BLOCK_INBOX_MS = 20,
    PAUSE_MS = 500, /* after NOGROUP and other refusals */
    LATE_READ_MS = BLOCK_MS + 1000,
};

/* What rings it. ALL_BUT_INBOX: the inbox had no room or no group. */
enum hears { EVERYTHING, ALL_BUT_INBOX, INBOX_ONLY };

struct bell {
    struct worker *worker;
    struct link *link;
    struct command command;
    bool armed;
    enum hears hears;      /* armed: what */
    struct lookup *behind; /* armed: of the names that its requests may ask for, or NULL */
    bool unblocking;       /* Redis is asked to end the read */
    bool cannot_unblock;   /* and has refused that on this connection */
    bool lost;             /* the reply of an armed read did not come */
    int64_t lost_us;       /* monotonic; 0: no second look is due */
    int64_t not_before_us; /* monotonic */
    long long client_id;   /* of the connection, as Redis counts them; 0: not known */
    bool stopped;
};

/* A read whose reply was lost may have brought entries that are pending for us now. It may also
 * still block in a server that has not noticed: whence the second look. */
static void look_for_lost(struct bell *bell)
{
    struct worker *worker = bell->worker;
    for (uint32_t i = 0; i < worker->channel_count; i++)
        channel_greet(&worker->channels[i], "the reply of the bell was lost");
    inbox_recover(worker->inbox);
}

static void on_down(void *context, const char *reason)
{
    (void)context;
    log_write(LOG_WARN, "the bell's connection to Redis is down", LOG_S("reason", reason));
}

static void on_client_id(void *context, const redisReply *reply)
{
    struct bell *bell = context;
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        bell->client_id = reply->integer;
}

static void ask_client_id(struct bell *bell)
{
    bell->client_id = 0;
    command_begin(&bell->command, "CLIENT");
    command_arg_str(&bell->command, "ID");
    /* When it cannot be sent the connection is down again. */
    if (link_send(bell->link, &bell->command, ANSWER_MS, on_client_id, bell) != 0)
        bell->client_id = 0;
}

static void on_up(void *context)
{
    struct bell *bell = context;
    ask_client_id(bell);
    bell->cannot_unblock = false;
    if (bell->lost) {
        bell->lost = false;
        bell->lost_us = worker_mono_us(bell->worker);
        look_for_lost(bell);
    }
    worker_wake(bell->worker);
}

struct bell *bell_new(struct worker *worker, const char *url, struct err *err)
{
    struct bell *bell = calloc(1, sizeof(*bell));
    const struct link_events events = {.on_up = on_up, .on_down = on_down, .context = bell};
    if (!bell) {
        (void)err_set(err, ERR_LIMIT, "no memory for the bell");
        return NULL;
    }
    bell->worker = worker;
    command_init(&bell->command);
    bell->link = link_new(worker->base, url, &events, err);
    if (!bell->link) {
        bell_free(bell);
        return NULL;
    }
    return bell;
}

void bell_free(struct bell *bell)
{
    if (!bell)
        return;
    link_free(bell->link);
    command_free(&bell->command);
    free(bell);
}

/* --- what it brings --- */

static void take_queue(struct worker *worker, struct slice key, const redisReply *entries)
{
    const int partition = key_partition(key);
    char name[KEY_MAX];
    if (partition < 0 || (uint32_t)partition >= worker->channel_count)
        return;
    for (uint32_t q = 0; q < worker->queues.count; q++) {
        if (!slice_eq(key, key_queue(name, (uint16_t)partition, worker->queues.names[q])))
            continue;
        for (size_t i = 0; i < entries->elements; i++) {
            const redisReply *entry = entries->element[i];
            if (entry->type == REDIS_REPLY_ARRAY && entry->elements > 0)
                channel_adopt(&worker->channels[partition], q, reply_slice(entry->element[0]));
        }
    }
}

static void take_streams(struct bell *bell, const redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *stream = reply->element[i];
        if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2 ||
            stream->element[1]->type != REDIS_REPLY_ARRAY)
            continue;
        const struct slice key = reply_slice(stream->element[0]);
        if (slice_eq_str(key, KEY_RUNS) && bell->hears == INBOX_ONLY)
            inbox_answer(bell->worker->inbox, stream->element[1], bell->behind);
        else if (slice_eq_str(key, KEY_RUNS))
            inbox_take(bell->worker->inbox, stream->element[1], true, bell->behind);
        else
            take_queue(bell->worker, key, stream->element[1]);
    }
}

/* NOGROUP and UNBLOCKED: something that we listened to is gone. Redis names the key of NOGROUP. */
static void take_error(struct bell *bell, const redisReply *reply)
{
    struct worker *worker = bell->worker;
    const int64_t now_us = worker_mono_us(worker);
    bell->not_before_us = now_us + (int64_t)PAUSE_MS * 1000;
    log_write(LOG_INFO, "the bell was refused", LOG_S("reason", reply->str));
    const bool gone =
        strncmp(reply->str, "NOGROUP", 7) == 0 || strncmp(reply->str, "UNBLOCKED", 9) == 0;
    if (gone && (bell->hears == INBOX_ONLY || strstr(reply->str, "'" KEY_RUNS "'"))) {
        inbox_close(worker->inbox);
        bell->not_before_us = 0;
    } else if (gone) {
        for (uint32_t i = 0; i < worker->channel_count; i++)
            channel_close(&worker->channels[i], "its queues are gone");
    }
}

static void on_ring(void *context, const redisReply *reply)
{
    struct bell *bell = context;
    bell->armed = false;
    bell->unblocking = false;
    if (!reply)
        bell->lost = true;
    else if (reply->type == REDIS_REPLY_ARRAY)
        take_streams(bell, reply);
    else if (reply->type == REDIS_REPLY_ERROR)
        take_error(bell, reply);
    worker_wake(bell->worker);
}

bool bell_is_armed(const struct bell *bell) { return bell->armed; }

bool bell_is_deaf(const struct bell *bell)
{
    return bell->armed && (bell->hears == INBOX_ONLY ||
                           (bell->hears == ALL_BUT_INBOX && inbox_is_open(bell->worker->inbox)));
}

bool bell_hears_inbox(const struct bell *bell)
{
    return bell->armed && bell->hears != ALL_BUT_INBOX;
}

bool bell_hears_queues(const struct bell *bell) { return bell->armed && bell->hears != INBOX_ONLY; }

static void on_unblocked(void *context, const redisReply *reply)
{
    struct bell *bell = context;
    /* 0: it was not blocked yet, or not any more. 1: its reply is on the way. */
    if (!reply || reply->type != REDIS_REPLY_INTEGER || reply->integer == 0)
        bell->unblocking = false;
    if (!reply || reply->type != REDIS_REPLY_ERROR)
        return;
    bell->cannot_unblock = true;
    log_write(LOG_INFO, "the bell's read ends by itself", LOG_S("reason", reply->str));
}

static void unblock(struct bell *bell)
{
    struct worker *worker = bell->worker;
    if (!bell->armed || bell->client_id == 0)
        return;
    command_begin(&worker->command, "CLIENT");
    command_arg_str(&worker->command, "UNBLOCK");
    command_arg_int(&worker->command, bell->client_id);
    /* Unsent or unanswered, the read ends by itself. */
    bell->unblocking = worker_send(worker, on_unblocked, bell);
}

void bell_stop(struct bell *bell)
{
    bell->stopped = true;
    unblock(bell);
}

void bell_hear_all(struct bell *bell)
{
    if (bell_is_deaf(bell) && !bell->unblocking && !bell->cannot_unblock)
        unblock(bell);
}

bool bell_is_silent(const struct bell *bell)
{
    return !bell->armed && !bell->lost && !bell->lost_us;
}

void bell_tick(struct bell *bell)
{
    if (!bell->lost_us ||
        worker_mono_us(bell->worker) - bell->lost_us <= (int64_t)LATE_READ_MS * 1000)
        return;
    bell->lost_us = 0;
    look_for_lost(bell);
}

void bell_distrust(struct bell *bell)
{
    if (!bell->lost_us)
        bell->lost_us = worker_mono_us(bell->worker);
}

/* --- arming --- */

static bool listens_to(const struct channel *channel)
{
    return channel->state == CHANNEL_OPEN && !channel->hold && !channel->not_before_us;
}

/* A partition is about to open: a read begun now would not hear it. */
static bool is_opening(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        const struct channel *channel = &worker->channels[i];
        if (channel->state != CHANNEL_OPEN && !channel->not_before_us)
            return true;
    }
    return false;
}

static uint32_t add_keys(struct bell *bell, bool inbox)
{
    struct worker *worker = bell->worker;
    uint32_t count = 0;
    char key[KEY_MAX];
    if (inbox) {
        command_arg_str(&bell->command, KEY_RUNS);
        count++;
    }
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        if (!listens_to(&worker->channels[i]))
            continue;
        for (uint32_t q = 0; q < worker->queues.count; q++, count++)
            command_arg(&bell->command,
                        key_queue(key, worker->channels[i].partition, worker->queues.names[q]));
    }
    return count;
}

static bool may_arm(const struct bell *bell, int64_t now_us)
{
    return !bell->armed && !bell->stopped && link_is_up(bell->link) &&
           now_us >= bell->not_before_us;
}

static void begin_read(struct bell *bell, uint32_t count, int block_ms)
{
    command_begin(&bell->command, "XREADGROUP");
    command_arg_str(&bell->command, "GROUP");
    command_arg_str(&bell->command, KEY_GROUP);
    command_arg_str(&bell->command, bell->worker->name);
    command_arg_str(&bell->command, "COUNT");
    command_arg_int(&bell->command, count);
    command_arg_str(&bell->command, "BLOCK");
    command_arg_int(&bell->command, block_ms);
    command_arg_str(&bell->command, "STREAMS");
}

static void send_read(struct bell *bell, enum hears hears)
{
    struct inbox *inbox = bell->worker->inbox;
    if (link_send(bell->link, &bell->command, ANSWER_MS, on_ring, bell) != 0)
        return;
    bell->armed = true;
    bell->hears = hears;
    bell->behind = hears == ALL_BUT_INBOX ? NULL : lookup_behind(inbox, bell->link);
}

void bell_arm(struct bell *bell)
{
    const int64_t now_us = worker_mono_us(bell->worker);
    if (!may_arm(bell, now_us) || is_opening(bell->worker))
        return;
    begin_read(bell, 1, BLOCK_MS);
    const bool inbox = inbox_is_open(bell->worker->inbox);
    const uint32_t count = add_keys(bell, inbox);
    for (uint32_t i = 0; i < count; i++)
        command_arg_str(&bell->command, ">");
    if (count > 0)
        send_read(bell, inbox ? EVERYTHING : ALL_BUT_INBOX);
}

void bell_arm_inbox(struct bell *bell)
{
    const int64_t now_us = worker_mono_us(bell->worker);
    if (!may_arm(bell, now_us) || !inbox_is_open(bell->worker->inbox) || bell->client_id == 0 ||
        bell->cannot_unblock)
        return;
    const uint32_t count = inbox_ask(bell->worker->inbox);
    if (count == 0)
        return;
    begin_read(bell, count, BLOCK_INBOX_MS);
    command_arg_str(&bell->command, KEY_RUNS);
    command_arg_str(&bell->command, ">");
    send_read(bell, INBOX_ONLY);
}
