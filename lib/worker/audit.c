#include "worker/audit.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/state.h"
#include <stdio.h>
#include <string.h>

enum {
    EVERY_MS = 2000,
    IDLE_LEASES =
        2, /* what was delivered less long ago may still be on its way on the bell's connection */
    COUNT = 64,
};

void audit_init(struct audit *audit, struct worker *worker)
{
    *audit = (struct audit){.worker = worker};
}

static void go_on(struct audit *audit)
{
    audit->from[0] = '\0';
    if (++audit->queue < audit->worker->queues.count)
        return;
    audit->queue = 0;
    audit->partition = (audit->partition + 1) % audit->worker->channel_count;
}

/* Its answers come in the order of our calls: what was settled before is gone, what is settled since is known. */
static bool is_known(struct channel *channel, uint32_t queue, struct slice id)
{
    const struct token_list *lists[] = {&channel->ready,    &channel->lacking, &channel->waiting,
                                        &channel->suspects, &channel->running, &channel->results,
                                        &channel->sent};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (token_list_find(lists[i], queue, id))
            return true;
    }
    for (uint32_t i = 0; i < channel->adopt_count; i++) {
        if (channel->adopt[i].queue == queue && slice_eq_str(id, channel->adopt[i].id))
            return true;
    }
    return false;
}

static void on_pending(void *context, const redisReply *reply)
{
    struct audit *audit = context;
    struct worker *worker = audit->worker;
    audit->asking = false;
    if (!reply)
        return; /* asked again */
    struct channel *channel = &worker->channels[audit->partition];
    /* Without the stream nothing is pending; a hello that is due answers everything. */
    const size_t count =
        reply->type == REDIS_REPLY_ARRAY && channel->state == CHANNEL_OPEN ? reply->elements : 0;
    struct slice id = SLICE_NONE;
    for (size_t i = 0; i < count; i++) {
        const redisReply *row = reply->element[i];
        id = row->type == REDIS_REPLY_ARRAY && row->elements > 0 ? reply_slice(row->element[0])
                                                                 : SLICE_NONE;
        if (!id.ptr || is_known(channel, audit->queue, id))
            continue;
        worker->stats.unknown++;
        log_write(LOG_WARN, "an entry is pending for this worker, which did not know of it",
                  LOG_I("partition", channel->partition), LOG_B("entry", id));
        channel_greet(channel, "an entry that is pending for us is not known");
        go_on(audit);
        return;
    }
    if (count < COUNT || !id.ptr || id.len >= sizeof(audit->from)) {
        go_on(audit);
        return;
    }
    memcpy(audit->from, id.ptr, id.len);
    audit->from[id.len] = '\0';
    audit->due_us = 0; /* the rest of it at the next tick */
}

void audit_tick(struct audit *audit)
{
    struct worker *worker = audit->worker;
    const int64_t now_us = worker_mono_us(worker);
    char key[KEY_MAX], from[AUDIT_ID_BYTES + 1] = "-";
    if (audit->asking || worker->draining || worker->channel_count == 0 || now_us < audit->due_us)
        return;
    audit->due_us = now_us + (int64_t)EVERY_MS * 1000;
    const struct channel *channel = &worker->channels[audit->partition];
    if (channel->state != CHANNEL_OPEN) {
        go_on(audit);
        return;
    }
    if (audit->from[0])
        (void)snprintf(from, sizeof(from), "(%s", audit->from);
    command_begin(&worker->command, "XPENDING");
    command_arg(&worker->command,
                key_queue(key, channel->partition, worker->queues.names[audit->queue]));
    command_arg_str(&worker->command, KEY_GROUP);
    command_arg_str(&worker->command, "IDLE");
    command_arg_int(&worker->command, IDLE_LEASES * worker->lease_ms);
    command_arg_str(&worker->command, from);
    command_arg_str(&worker->command, "+");
    command_arg_int(&worker->command, COUNT);
    command_arg_str(&worker->command, worker->name);
    audit->asking = worker_send(worker, on_pending, audit);
}
