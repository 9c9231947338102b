/* beat: leases, and taking over from those whose lease has lapsed. */
#include "worker/beat.h"
#include "base/log.h"
#include "protocol/redis.h"
#include "worker/state.h"

enum {
    BEAT_MOST_MS = 1000,
    BEATS_PER_LEASE = 5,
    LOOK_AGAIN_MS =
        5000, /* at a lapsed consumer that had nothing: a late read may give it something */
};

/* Between two beats of a channel. */
static int interval_ms(const struct worker *worker)
{
    const int64_t interval = worker->lease_ms / BEATS_PER_LEASE;
    return interval < BEAT_MOST_MS ? (int)interval : BEAT_MOST_MS;
}

/* --- who has lapsed --- */

static struct lapsed *find_lapsed(struct channel *channel, struct slice name)
{
    for (uint32_t i = 0; i < channel->lapsed_count; i++) {
        if (slice_eq_str(name, channel->lapsed[i].name))
            return &channel->lapsed[i];
    }
    return NULL;
}

static void note_lapsed(struct channel *channel, struct slice name)
{
    struct lapsed *lapsed = find_lapsed(channel, name);
    if (!lapsed) {
        /* More than fit are noted when these are gone. */
        if (channel->lapsed_count == CHANNEL_LAPSED_MAX || !name.ptr ||
            name.len >= CHANNEL_NAME_MAX)
            return;
        lapsed = &channel->lapsed[channel->lapsed_count++];
        *lapsed = (struct lapsed){0};
        memcpy(lapsed->name, name.ptr, name.len);
        log_write(LOG_INFO, "a consumer's lease has lapsed", LOG_I("partition", channel->partition),
                  LOG_B("consumer", name));
    }
    lapsed->seen = true;
}

static void drop_lapsed(struct channel *channel, struct lapsed *lapsed)
{
    *lapsed = channel->lapsed[--channel->lapsed_count];
}

static void update_lapsed(struct channel *channel, struct redisReply **names, uint32_t count)
{
    for (uint32_t i = 0; i < channel->lapsed_count; i++)
        channel->lapsed[i].seen = false;
    for (uint32_t i = 0; i < count; i++)
        note_lapsed(channel, reply_slice(names[i]));
    for (uint32_t i = channel->lapsed_count; i > 0; i--) {
        if (!channel->lapsed[i - 1].seen)
            drop_lapsed(channel, &channel->lapsed[i - 1]);
    }
}

/* --- beats --- */

static void on_beat(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct err err = ERR_INIT;
    struct redisReply **names;
    uint32_t count;
    int64_t redis_us;
    channel->beating = false;
    const enum call_status status = call_status(reply, &redis_us, &err);
    if (channel->state != CHANNEL_OPEN || status == CALL_LOST)
        return; /* renewing is idempotent: what it did does not matter */
    if (status != CALL_OK) {
        channel_refused(channel, status, &err, "beat");
        return;
    }
    worker_note_time(channel->worker, redis_us);
    channel->beat_ok_us = channel->beat_sent_us;
    if (beat_read(reply, &names, &count) != 0) {
        log_write(LOG_ERROR, "an answer of beat cannot be read",
                  LOG_I("partition", channel->partition));
        return;
    }
    update_lapsed(channel, names, count);
    if (count > 0)
        worker_wake(channel->worker);
}

/* What is `held` is usually somebody else's. But a token that was taken over and came back is ours
 * with a generation that we were not told, and nobody else would ever ask for it. */
static void resolve_doubt(struct channel *channel, int64_t now_us)
{
    const int64_t lease_us = channel->worker->lease_ms * 1000;
    if (!channel->doubt || channel->state != CHANNEL_OPEN || channel->worker->draining ||
        (channel->doubt_us && now_us - channel->doubt_us < lease_us))
        return;
    channel->doubt_us = now_us;
    channel_greet(channel, "a result of a token that is held otherwise");
}

void beat_tick(struct worker *worker)
{
    const int64_t now_us = worker_mono_us(worker);
    const int64_t interval_us = (int64_t)interval_ms(worker) * 1000;
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        struct channel *channel = &worker->channels[i];
        resolve_doubt(channel, now_us);
        if (channel->state != CHANNEL_OPEN || channel->beating ||
            now_us - channel->beat_sent_us < interval_us)
            continue;
        beat_build(&worker->command, channel->partition, channel_epoch(channel),
                   slice_str(worker->name), slice_str(channel->session), worker->lease_ms);
        if (!worker_send(worker, on_beat, channel))
            return;
        channel->beating = true;
        channel->beat_sent_us = now_us;
    }
}

/* Something that may crash is under way. */
static bool runs_plugins(const struct worker *worker)
{
    return worker->host.plugins && (worker->running > 0 || plugins_are_busy(worker->host.plugins));
}

/* --- taking over --- */

/* Not while a plugin's code may take the process down: what is re-delivered and held would be counted as
 * the culprit. */
static bool may_reclaim(const struct worker *worker)
{
    return !worker->draining && !runs_plugins(worker) && worker->suspects == 0 && !worker->solo &&
           !worker->reclaimer && worker_room(worker) > 0;
}

static const struct lapsed *next_lapsed(const struct channel *channel)
{
    const struct worker *worker = channel->worker;
    const int64_t now_us = worker_mono_us(worker);
    const bool may = may_reclaim(worker);
    for (uint32_t i = 0; i < channel->lapsed_count; i++) {
        const struct lapsed *lapsed = &channel->lapsed[i];
        if (lapsed->next_us <= now_us && (lapsed->emptied || may))
            return lapsed;
    }
    return NULL;
}

bool beat_sees_lapsed(const struct worker *worker)
{
    const int64_t now_us = worker_mono_us(worker);
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        const struct channel *channel = &worker->channels[i];
        for (uint32_t k = 0; k < channel->lapsed_count; k++) {
            if (!channel->lapsed[k].emptied && channel->lapsed[k].next_us <= now_us)
                return true;
        }
    }
    return false;
}

bool beat_has_call(const struct channel *channel)
{
    return channel->lapsed_count > 0 && next_lapsed(channel) != NULL;
}

static void on_reclaimed(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct worker *worker = channel->worker;
    struct err err = ERR_INIT;
    struct claims claims;
    int64_t redis_us;
    channel->call = CALL_NONE;
    worker->reclaimer = NULL;
    worker_call_done(worker);
    const enum call_status status = call_status(reply, &redis_us, &err);
    if (status != CALL_OK) {
        channel_refused(channel, status, &err, "reclaim");
        return;
    }
    worker_note_time(worker, redis_us);
    if (channel->state != CHANNEL_OPEN)
        return; /* the hello that is due answers them again */
    if (reclaim_read(reply, &claims) != 0) {
        log_write(LOG_ERROR, "an answer of reclaim cannot be read",
                  LOG_I("partition", channel->partition));
        channel_greet(channel, "an unreadable answer");
        channel_back_off(channel);
        return;
    }
    struct lapsed *lapsed = find_lapsed(channel, slice_str(channel->about));
    if (lapsed)
        lapsed->emptied = claims.count == 0;
    worker->stats.reclaimed += claims.count;
    channel_take_claims(channel, &claims, false);
}

static void on_tidied(void *context, const redisReply *reply)
{
    struct channel *channel = context;
    struct err err = ERR_INIT;
    int64_t redis_us;
    bool left = false;
    channel->call = CALL_NONE;
    worker_call_done(channel->worker);
    const enum call_status status = call_status(reply, &redis_us, &err);
    if (status == CALL_LOST)
        return; /* idempotent */
    if (status != CALL_OK) {
        channel_refused(channel, status, &err, "leave");
        return;
    }
    worker_note_time(channel->worker, redis_us);
    struct lapsed *lapsed = find_lapsed(channel, slice_str(channel->about));
    if (!lapsed)
        return;
    if (leave_read(reply, &left) == 0 && left) {
        drop_lapsed(channel, lapsed);
        return;
    }
    lapsed->emptied = false;
    lapsed->next_us = worker_mono_us(channel->worker) + (int64_t)LOOK_AGAIN_MS * 1000;
}

bool beat_make_call(struct channel *channel)
{
    struct worker *worker = channel->worker;
    const struct lapsed *lapsed = next_lapsed(channel);
    if (!lapsed)
        return false;
    memcpy(channel->about, lapsed->name, sizeof(channel->about));
    if (lapsed->emptied) {
        leave_build(&worker->command, channel->partition, channel_epoch(channel),
                    slice_str(lapsed->name), SLICE("*"), worker->queues);
        channel->call = CALL_TIDY;
        return worker_send(worker, on_tidied, channel);
    }
    reclaim_build(&worker->command, channel->partition, channel_epoch(channel),
                  slice_str(worker->name), slice_str(channel->session), slice_str(lapsed->name), 1,
                  worker->queues);
    if (!worker_send(worker, on_reclaimed, channel))
        return false;
    worker->reclaimer = channel;
    return true;
}
