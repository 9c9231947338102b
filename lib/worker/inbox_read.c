/* inbox_read: where the inbox's entries come from.
 *
 *   new ones        XREADGROUP >, when the queues leave room
 *   lost replies    XREADGROUP 0: what is pending for us and not in hand
 *   lapsed readers  XPENDING IDLE 10 s -> leases of partition 0 -> XCLAIM
 *
 * XAUTOCLAIM would also take what a live reader has started and the supervisor, with Postgres away,
 * could not acknowledge yet: every such entry would be started again and again, by everybody.
 */
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/inbox_item.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    READ_COUNT = 64,
    TRICKLE_COUNT = 4,
    TRICKLE_MS = 100,
    REFUSED_MS = 1000,
    NOGROUP_MS = 100,
    TAKEOVER_EVERY_MS = 2000,
    TAKEOVER_IDLE_MS = 10000,
    TAKEOVER_COUNT = 64,
};

const struct done *inbox_done(const struct inbox *inbox, struct slice entry_id)
{
    const int slot = recent_find(&inbox->done_ids, entry_id);
    return slot < 0 ? NULL : &inbox->done[slot];
}

bool inbox_knows(const struct inbox *inbox, struct slice entry_id)
{
    for (const struct item *item = inbox->items; item; item = item->next) {
        if (slice_eq(item->request.entry_id, entry_id))
            return true;
    }
    const struct done *done = inbox_done(inbox, entry_id);
    return done && !done->doubted;
}

void inbox_doubt(struct inbox *inbox)
{
    for (uint32_t i = 0; i < RECENT_MAX; i++)
        inbox->done[i].doubted = true;
    inbox_recover(inbox);
}

static void note_error(struct inbox *inbox, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOGROUP", 7) == 0) {
        inbox_close(inbox);
        return;
    }
    inbox->read_after_us = worker_mono_us(inbox->worker) + (int64_t)REFUSED_MS * 1000;
    if (reply->type == REDIS_REPLY_ERROR)
        log_write(LOG_WARN, "the inbox cannot be read", LOG_S("reason", reply->str));
}

void inbox_close(struct inbox *inbox)
{
    inbox->closed = true;
    inbox->read_after_us = worker_mono_us(inbox->worker) + (int64_t)NOGROUP_MS * 1000;
}

static bool has_room(const struct inbox *inbox) { return inbox->count < INBOX_ITEMS_MAX; }

bool inbox_is_open(const struct inbox *inbox) { return !inbox->closed && has_room(inbox); }

/* The entries of the one stream of a reply of XREADGROUP; NULL when there are none. */
static const redisReply *only_stream(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 ||
        reply->element[0]->type != REDIS_REPLY_ARRAY || reply->element[0]->elements != 2 ||
        reply->element[0]->element[1]->type != REDIS_REPLY_ARRAY)
        return NULL;
    return reply->element[0]->element[1];
}

static void begin_read(struct worker *worker, uint32_t count, const char *from)
{
    command_begin(&worker->command, "XREADGROUP");
    command_arg_str(&worker->command, "GROUP");
    command_arg_str(&worker->command, KEY_GROUP);
    command_arg_str(&worker->command, worker->name);
    command_arg_str(&worker->command, "COUNT");
    command_arg_int(&worker->command, count);
    command_arg_str(&worker->command, "STREAMS");
    command_arg_str(&worker->command, KEY_RUNS);
    command_arg_str(&worker->command, from);
}

/* --- new entries --- */

void inbox_answer(struct inbox *inbox, const redisReply *entries, struct lookup *behind)
{
    inbox->more = entries->elements >= inbox->asked;
    inbox_take(inbox, entries, true, behind);
}

static void on_read(void *context, const redisReply *reply)
{
    struct inbox *inbox = context;
    inbox->reading = false;
    if (!reply) {
        inbox_recover(inbox);
        return;
    }
    const redisReply *entries = only_stream(reply);
    inbox->closed = inbox->closed && !entries && reply->type != REDIS_REPLY_NIL;
    if (entries)
        inbox_answer(inbox, entries, inbox->read_behind);
    else if (reply->type != REDIS_REPLY_NIL)
        note_error(inbox, reply);
}

/* New runs wait while more than a quarter of the partitions have more tokens than we can take: what
 * has begun goes first. But never for long, or one flood would shut everybody else out. */
static uint32_t how_many(struct inbox *inbox, int64_t now_us)
{
    const struct worker *worker = inbox->worker;
    uint32_t backlog = 0, count = INBOX_ITEMS_MAX - inbox->count;
    for (uint32_t i = 0; i < worker->channel_count; i++)
        backlog += worker->channels[i].backlog;
    if (backlog * 4 <= worker->channel_count)
        return count < READ_COUNT ? count : READ_COUNT;
    if (now_us - inbox->trickle_us < (int64_t)TRICKLE_MS * 1000)
        return 0;
    inbox->trickle_us = now_us;
    return count < TRICKLE_COUNT ? count : TRICKLE_COUNT;
}

uint32_t inbox_ask(struct inbox *inbox)
{
    const struct worker *worker = inbox->worker;
    const int64_t now_us = worker_mono_us(worker);
    if (worker->draining || inbox->reading || !has_room(inbox) || now_us < inbox->read_after_us ||
        worker->channel_count == 0)
        return 0;
    const uint32_t count = how_many(inbox, now_us);
    if (count > 0) {
        inbox->asked = count;
        inbox->more = false;
    }
    return count;
}

void inbox_read(struct inbox *inbox, bool look)
{
    struct worker *worker = inbox->worker;
    const uint32_t count = look || inbox->more ? inbox_ask(inbox) : 0;
    if (count == 0)
        return;
    begin_read(worker, count, ">");
    inbox->reading = worker_send(worker, on_read, inbox);
    inbox->read_behind = inbox->reading ? lookup_behind(inbox, worker->link) : NULL;
}

/* --- what a lost reply left behind --- */

void inbox_recover(struct inbox *inbox)
{
    inbox->recover = true;
    inbox->recover_again = inbox->recovering;
    inbox->recover_from[0] = '\0';
}

static void on_recovered(void *context, const redisReply *reply)
{
    struct inbox *inbox = context;
    inbox->recovering = false;
    const bool again = inbox->recover_again;
    inbox->recover_again = false;
    if (!reply)
        return; /* asked again */
    const redisReply *entries = only_stream(reply);
    if (!entries) {
        note_error(inbox, reply);
        return;
    }
    const redisReply *last = entries->elements ? entries->element[entries->elements - 1] : NULL;
    const struct slice id = last && last->type == REDIS_REPLY_ARRAY && last->elements
                                ? reply_slice(last->element[0])
                                : SLICE_NONE;
    if (again) { /* the place to go on at is not behind these */
        inbox_take(inbox, entries, false, NULL);
        return;
    }
    if (id.len == 0 || id.len >= INBOX_ID_BYTES) {
        inbox->recover = false;
        inbox->recover_from[0] = '\0';
        return;
    }
    inbox_take(inbox, entries, false, NULL);
    memcpy(inbox->recover_from, id.ptr, id.len);
    inbox->recover_from[id.len] = '\0';
}

static void recover(struct inbox *inbox)
{
    struct worker *worker = inbox->worker;
    if (!inbox->recover || inbox->recovering || !has_room(inbox) ||
        worker_mono_us(worker) < inbox->read_after_us)
        return;
    begin_read(worker, INBOX_ITEMS_MAX - inbox->count,
               inbox->recover_from[0] ? inbox->recover_from : "0");
    inbox->recovering = worker_send(worker, on_recovered, inbox);
}

/* --- lapsed readers --- */

static void end_takeover(struct inbox *inbox)
{
    inbox->taking_over = false;
    inbox->candidate_count = 0;
    inbox->candidates = NULL;
    arena_free(&inbox->takeover);
}

static void on_claimed(void *context, const redisReply *reply)
{
    struct inbox *inbox = context;
    if (!reply)
        inbox_recover(inbox);
    else if (reply->type == REDIS_REPLY_ARRAY)
        inbox_take(inbox, reply, false, NULL);
    else
        note_error(inbox, reply);
    end_takeover(inbox);
}

/* leases: a flat list of consumer, `session|lease in unix ms`. */
static bool is_alive(const redisReply *leases, struct slice consumer, int64_t now_ms)
{
    for (size_t i = 0; i + 1 < leases->elements; i += 2) {
        if (!slice_eq(reply_slice(leases->element[i]), consumer))
            continue;
        const char *bar = strchr(leases->element[i + 1]->str, '|');
        return bar && strtoll(bar + 1, NULL, 10) > now_ms;
    }
    return false;
}

static void on_leases(void *context, const redisReply *reply)
{
    struct inbox *inbox = context;
    struct worker *worker = inbox->worker;
    uint32_t lapsed = 0;
    if (!reply || reply->type != REDIS_REPLY_ARRAY) {
        end_takeover(inbox);
        return;
    }
    command_begin(&worker->command, "XCLAIM");
    command_arg_str(&worker->command, KEY_RUNS);
    command_arg_str(&worker->command, KEY_GROUP);
    command_arg_str(&worker->command, worker->name);
    command_arg_int(&worker->command, TAKEOVER_IDLE_MS);
    for (uint32_t i = 0; i < inbox->candidate_count; i++) {
        const struct takeover_entry *entry = &inbox->candidates[i];
        if (is_alive(reply, entry->consumer, worker_redis_us(worker) / 1000))
            continue;
        log_write(LOG_INFO, "taking over a request", LOG_B("entry", entry->id),
                  LOG_B("consumer", entry->consumer));
        command_arg(&worker->command, entry->id);
        lapsed++;
    }
    if (lapsed == 0 || !worker_send(worker, on_claimed, inbox))
        end_takeover(inbox);
}

static void add_candidate(struct inbox *inbox, const redisReply *row)
{
    const struct slice id = reply_slice(row->element[0]), consumer = reply_slice(row->element[1]);
    if (id.len == 0 || id.len >= INBOX_ID_BYTES)
        return;
    memcpy(inbox->takeover_from, id.ptr, id.len);
    inbox->takeover_from[id.len] = '\0';
    if (slice_eq_str(consumer, inbox->worker->name)) {
        if (!inbox_knows(inbox, id))
            inbox_recover(inbox);
        return;
    }
    struct takeover_entry *entry = &inbox->candidates[inbox->candidate_count];
    entry->id = arena_copy(&inbox->takeover, id);
    entry->consumer = arena_copy(&inbox->takeover, consumer);
    if (entry->id.ptr && entry->consumer.ptr)
        inbox->candidate_count++;
}

static void on_pending(void *context, const redisReply *reply)
{
    struct inbox *inbox = context;
    struct worker *worker = inbox->worker;
    char key[KEY_MAX];
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        inbox->takeover_from[0] = '\0';
        end_takeover(inbox);
        return;
    }
    inbox->candidates = arena_array(&inbox->takeover, reply->elements, sizeof(*inbox->candidates));
    for (size_t i = 0; i < reply->elements && inbox->candidates; i++) {
        const redisReply *row = reply->element[i];
        if (row->type == REDIS_REPLY_ARRAY && row->elements == 4)
            add_candidate(inbox, row);
    }
    if (reply->elements < TAKEOVER_COUNT)
        inbox->takeover_from[0] = '\0';
    else /* there may be more behind: soon */
        inbox->takeover_us = worker_mono_us(worker);
    command_begin(&worker->command, "HGETALL");
    command_arg(&worker->command, key_workers(key, 0));
    if (inbox->candidate_count == 0 || !worker_send(worker, on_leases, inbox))
        end_takeover(inbox);
}

static void look_for_lapsed(struct inbox *inbox)
{
    struct worker *worker = inbox->worker;
    char from[INBOX_ID_BYTES + 1] = "-";
    const int64_t now_us = worker_mono_us(worker);
    if (inbox->taking_over || now_us < inbox->takeover_us || inbox->count > INBOX_ITEMS_MAX / 2)
        return;
    if (inbox->takeover_from[0])
        (void)snprintf(from, sizeof(from), "(%s", inbox->takeover_from);
    inbox->takeover_us = now_us + (int64_t)TAKEOVER_EVERY_MS * 1000;
    command_begin(&worker->command, "XPENDING");
    command_arg_str(&worker->command, KEY_RUNS);
    command_arg_str(&worker->command, KEY_GROUP);
    command_arg_str(&worker->command, "IDLE");
    command_arg_int(&worker->command, TAKEOVER_IDLE_MS);
    command_arg_str(&worker->command, from);
    command_arg_str(&worker->command, "+");
    command_arg_int(&worker->command, TAKEOVER_COUNT);
    inbox->taking_over = worker_send(worker, on_pending, inbox);
}

void inbox_tick(struct inbox *inbox)
{
    if (inbox->worker->draining || inbox->worker->channel_count == 0 ||
        inbox->worker->redis_us == 0)
        return;
    recover(inbox);
    look_for_lapsed(inbox);
    inbox_read(inbox, inbox->closed);
}
