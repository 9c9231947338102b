/* inbox: from entries to runs that are to start. Reading and taking over is in inbox_read.c, what follows in
 * lookup.c and starting.c. */
#include "worker/inbox.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/inbox_item.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    REFUSED_MS = 1000,
    TRIES_MAX = 5,
    DRAIN_MS = 1000,
    REQUEST_JSON_BYTES = 4 << 20,
};

struct inbox *inbox_new(struct worker *worker)
{
    struct inbox *inbox = calloc(1, sizeof(*inbox));
    if (!inbox)
        return NULL;
    inbox->worker = worker;
    recent_init(&inbox->done_ids);
    inbox->recover = true; /* what an earlier process of this name left */
    arena_init(&inbox->takeover, INBOX_TAKEOVER_BYTES);
    return inbox;
}

static void item_free(struct item *item)
{
    graph_release(item->graph);
    request_free(&item->request);
    free(item);
}

void inbox_free(struct inbox *inbox)
{
    if (!inbox)
        return;
    for (struct item *item = inbox->items, *next; item; item = next) {
        next = item->next;
        item_free(item);
    }
    arena_free(&inbox->takeover);
    free(inbox);
}

unsigned inbox_held(const struct inbox *inbox) { return inbox->count; }

/* --- one request --- */

void item_wait_ms(struct item *item, int64_t ms)
{
    item->next_us = worker_mono_us(item->inbox->worker) + ms * 1000;
}

void item_finish(struct item *item)
{
    struct inbox *inbox = item->inbox;
    const int slot = recent_add(&inbox->done_ids, item->request.entry_id);
    if (slot >= 0) {
        inbox->done[slot] = (struct done){.doubted = false};
        memcpy(inbox->done[slot].epoch, item->epoch, sizeof(item->epoch));
    }
    item->finished = true;
}

void item_refuse(struct item *item) { item->step = ITEM_REJECT; }

bool item_call_again(struct item *item, struct channel *channel, enum call_status status,
                     const struct err *err)
{
    switch (status) {
    case CALL_EPOCH:
        channel_close(channel, "the epoch changed");
        break;
    case CALL_REFUSED:
        log_write(LOG_WARN, "a run cannot be started now", LOG_B("entry", item->request.entry_id),
                  LOG_S("run_id", item->request.run), LOG_S("reason", err->message));
        item_wait_ms(item, REFUSED_MS);
        return err->code != ERR_UNREACHABLE && err->code != ERR_REFUSED &&
               ++item->tries >= TRIES_MAX;
    case CALL_HOLD:
    case CALL_SESSION:
    case CALL_LOST: /* idempotent */
    case CALL_OK:
        break;
    }
    item_wait_ms(item, INBOX_RETRY_MS);
    return false;
}

/* The partition that its calls go to; NULL while it is not open. */
static struct channel *item_channel(struct item *item)
{
    struct worker *worker = item->inbox->worker;
    struct uuid uuid;
    uint16_t partition = 0;
    if (worker->channel_count == 0 || worker->redis_us == 0 ||
        worker->channels[0].state == CHANNEL_CLOSED)
        return NULL;
    if (!item->epoch[0])
        (void)snprintf(item->epoch, sizeof(item->epoch), "%s", worker->channels[0].epoch);
    if (!item->request.reason[0] && request_name_run(&item->request, slice_str(item->epoch)) != 0)
        return NULL;
    if (item->request.run[0] && uuid_parse(slice_str(item->request.run), &uuid))
        partition = uuid_partition(&uuid, (uint16_t)worker->channel_count);
    struct channel *channel = &worker->channels[partition];
    return channel->epoch[0] && channel->state != CHANNEL_CLOSED ? channel : NULL;
}

/* --- reject --- */

static void on_rejected(void *context, const redisReply *reply)
{
    struct item *item = context;
    struct worker *worker = item->inbox->worker;
    struct err err = ERR_INIT;
    int64_t redis_us;
    item->under_way = false;
    worker_wake(worker);
    const enum call_status status = call_status(reply, &redis_us, &err);
    if (status != CALL_OK) {
        if (item_call_again(item, &worker->channels[item->partition], status, &err)) {
            log_write(LOG_ERROR, "a request can neither be started nor rejected: giving it up",
                      LOG_B("entry", item->request.entry_id), LOG_S("reason", err.message));
            item_finish(item);
        }
        return;
    }
    worker_note_time(worker, redis_us);
    worker->stats.rejected++;
    log_write(LOG_INFO, "a request cannot start", LOG_B("entry", item->request.entry_id),
              LOG_S("reason", item->request.reason));
    item_finish(item);
}

static void reject(struct item *item, struct channel *channel)
{
    struct worker *worker = item->inbox->worker;
    struct buf fields;
    buf_init(&fields, REQUEST_JSON_BYTES);
    request_write_json(&fields, &item->request);
    reject_build(
        &worker->command, channel->partition, channel_epoch(channel),
        &(struct ledger_rejected){.run = slice_str(item->request.run),
                                  .inbox_id = item->request.entry_id,
                                  .reason = slice_str(item->request.reason),
                                  .request = buf_ok(&fields) ? buf_slice(&fields) : SLICE("{}")});
    item->partition = channel->partition;
    item->under_way = worker_send(worker, on_rejected, item);
    buf_free(&fields);
}

/* --- all --- */

static void step(struct item *item)
{
    struct worker *worker = item->inbox->worker;
    struct channel *channel;
    struct graph *graph;
    if (item->under_way || item->finished || worker_mono_us(worker) < item->next_us)
        return;
    switch (item->step) {
    case ITEM_LOOKUP:
        lookup_item(item);
        break;
    case ITEM_START:
        graph = graphs_get(worker->graphs, slice_str(item->digest));
        channel = graph ? item_channel(item) : NULL;
        if (channel)
            starting_add(item, channel, graph);
        break;
    case ITEM_REJECT:
        channel = item_channel(item);
        if (channel)
            reject(item, channel);
        break;
    }
}

void inbox_step(struct inbox *inbox)
{
    const struct worker *worker = inbox->worker;
    const bool give_back =
        worker->draining && worker_mono_us(worker) - worker->drain_us > (int64_t)DRAIN_MS * 1000;
    for (struct item *item = inbox->items; item; item = item->next)
        step(item);
    starting_send(inbox);
    struct item **at = &inbox->items;
    while (*at) {
        struct item *item = *at;
        if (!item->finished && !(give_back && !item->under_way)) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        inbox->count--;
        item_free(item);
    }
}

void inbox_take(struct inbox *inbox, const redisReply *entries, bool fresh, struct lookup *behind)
{
    struct worker *worker = inbox->worker;
    struct item **last = &inbox->items;
    while (*last)
        last = &(*last)->next;
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        const bool has_fields = entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
                                entry->element[1]->type == REDIS_REPLY_ARRAY;
        if (!has_fields || inbox_knows(inbox, reply_slice(entry->element[0])))
            continue; /* acknowledged meanwhile, or in hand */
        struct item *item = calloc(1, sizeof(*item));
        if (!item || request_read(&item->request, entry, worker->max_value_bytes) != 0) {
            log_write(LOG_ERROR, "out of memory for a request",
                      LOG_B("entry", reply_slice(entry->element[0])));
            free(item);
            inbox->recover = true;
            continue;
        }
        item->inbox = inbox;
        const struct done *done = inbox_done(inbox, item->request.entry_id);
        if (done)
            memcpy(item->epoch, done->epoch, sizeof(item->epoch));
        item->step = item->request.reason[0] ? ITEM_REJECT : ITEM_LOOKUP;
        item->fresh = fresh;
        item->behind = item->step == ITEM_LOOKUP ? behind : NULL;
        item->under_way = item->behind != NULL;
        *last = item;
        last = &item->next;
        inbox->count++;
    }
    worker_wake(worker);
}
