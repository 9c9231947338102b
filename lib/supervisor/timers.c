/* timers: parked tokens go back into their queues when their time has come.
 *
 * It needs Redis alone: with Postgres away runs go on, and so do their timers. That a partition may be
 * another supervisor's by then does no harm: a token is put back once.
 */
#include "base/log.h"
#include "supervisor/state.h"

enum { FIRED_MOST = 200 };

void timers_look(struct partition *p) { p->timers_due_us = 0; }

int64_t timers_next_us(const struct supervisor *s)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < s->owned; i++) {
        if (s->partitions[i].open && s->partitions[i].timers_due_us < next)
            next = s->partitions[i].timers_due_us;
    }
    return next;
}

static void note_reply(struct supervisor *s, struct partition *p, const redisReply *reply)
{
    struct err err = ERR_INIT;
    int64_t redis_us, next_ms;
    uint32_t fired;
    switch (call_status(reply, &redis_us, &err)) {
    case CALL_OK:
        break;
    case CALL_EPOCH:
    case CALL_SESSION:
        p->open = false;
        return;
    case CALL_HOLD:
        p->timers_due_us = now_us(s) + WAIT_MOST_MS * 1000;
        return;
    case CALL_REFUSED:
    case CALL_LOST:
        p->timers_due_us = now_us(s) + WAIT_MOST_MS * 1000;
        partition_alarm(s, p, "timers cannot be fired", err.message);
        return;
    }
    note_redis_time(s, redis_us);
    if (fire_read(reply, &fired, &next_ms) != 0) {
        partition_alarm(s, p, "timers cannot be fired", "the answer cannot be read");
        p->timers_due_us = now_us(s) + WAIT_MOST_MS * 1000;
        return;
    }
    s->stats.timers += fired;
    p->timers_due_us = next_ms ? next_ms * 1000 - s->redis_offset_us : INT64_MAX;
}

int timers_pass(struct supervisor *s, struct err *err)
{
    const int64_t now = now_us(s);
    uint32_t count = 0;
    int result = 0;
    if (timers_next_us(s) > now)
        return 0;
    struct command *commands = arena_array(&s->batch.arena, s->owned, sizeof *commands);
    redisReply **replies = arena_array(&s->batch.arena, s->owned, sizeof(redisReply *));
    struct partition **due = arena_array(&s->batch.arena, s->owned, sizeof(struct partition *));
    if (!commands || !replies || !due)
        return err_set(err, ERR_LIMIT, "no memory for timers");
    for (uint32_t i = 0; i < s->owned; i++) {
        struct partition *p = &s->partitions[i];
        if (!p->open || p->timers_due_us > now)
            continue;
        command_init(&commands[count]);
        fire_build(&commands[count], p->cursor.partition, slice_str(p->epoch_text), FIRED_MOST);
        due[count++] = p;
    }
    result = redis_pipeline(s->redis, commands, count, replies, err);
    for (uint32_t i = 0; i < count; i++) {
        command_free(&commands[i]);
        if (result != 0)
            continue;
        note_reply(s, due[i], replies[i]);
        freeReplyObject(replies[i]);
    }
    return result;
}
