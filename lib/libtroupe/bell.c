#include "libtroupe/bell.h"
#include "base/clock.h"
#include "libtroupe/turn.h"

static int64_t now_us(void) { return clock_mono_us(&clock_system); }

static void ring(struct troupe_worker *worker, const redisReply *reply)
{
    const bool some = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0;
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[i];
        bool rung = !some; /* claims that lapsed do not ring */
        for (size_t k = 0; some && k < reply->elements && !rung; k++) {
            const redisReply *of = reply->element[k];
            rung = of->type == REDIS_REPLY_ARRAY && of->elements > 0 &&
                   slice_eq_str(reply_slice(of->element[0]), lane->stream);
        }
        if (rung && !lane->ready)
            lane->ready = lane->rung = true;
    }
}

void bell_hear(struct troupe_worker *worker)
{
    struct err err = ERR_INIT;
    redisReply *reply;
    if (wire_read(&worker->bell, &reply, &err) != 0) {
        worker_say(worker, TROUPE_DEBUG, "the bell is lost: %s", err.message);
        worker->listening = false;
        worker->bell_next_us = now_us() + WORKER_HOLD_US;
        return;
    }
    if (!reply)
        return;
    worker->listening = false;
    if (reply->type != REDIS_REPLY_ERROR) {
        ring(worker, reply);
    } else {
        worker_say(worker, TROUPE_DEBUG, "the bell is refused: %s", reply->str);
        worker->bell_next_us = now_us() + WORKER_HOLD_US;
    }
    freeReplyObject(reply);
}

void bell_listen(struct troupe_worker *worker)
{
    struct err err = ERR_INIT;
    if (worker->listening || worker->draining || turn_room(worker) == 0 ||
        now_us() < worker->bell_next_us)
        return;
    words_reset(&worker->words);
    words_add(&worker->words, SLICE("XREAD"));
    words_add(&worker->words, SLICE("BLOCK"));
    words_add(&worker->words, SLICE("5000"));
    words_add(&worker->words, SLICE("COUNT"));
    words_add(&worker->words, SLICE("1"));
    words_add(&worker->words, SLICE("STREAMS"));
    const int before = worker->words.count;
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        if (worker->lanes[i].rung)
            return;
        if (worker->lanes[i].cursor[0])
            words_add(&worker->words, slice_str(worker->lanes[i].stream));
    }
    if (worker->words.count == before)
        return; /* none can be listened to: asked in their own time */
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        if (worker->lanes[i].cursor[0])
            words_add(&worker->words, slice_str(worker->lanes[i].cursor));
    }
    worker->listening = wire_open(&worker->bell, &err) == 0 &&
                        wire_queue(&worker->bell, &worker->words, &err) == 0 &&
                        wire_flush(&worker->bell, &err) == 0;
    if (!worker->listening) {
        worker_say(worker, TROUPE_DEBUG, "cannot listen: %s", err.message);
        worker->bell_next_us = now_us() + WORKER_HOLD_US;
    }
}
