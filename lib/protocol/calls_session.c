#include "protocol/calls.h"
#include "protocol/calls_reply.h"
#include "protocol/redis.h"

void hello_build(struct command *command, uint16_t partition, struct slice epoch,
                 struct slice consumer, int64_t lease_ms, struct slice from, uint32_t limit,
                 struct call_queues queues)
{
    command_begin_script(command, SCRIPT_HELLO, partition);
    command_arg(command, epoch);
    command_arg(command, consumer);
    command_arg_int(command, lease_ms);
    command_arg(command, from);
    command_arg_int(command, limit);
    command_queues(command, queues);
}

int hello_read(const redisReply *reply, struct hello_reply *out)
{
    out->session = reply_part_text(reply, 0);
    out->next = reply_part_text(reply, 1);
    const struct slice had_session = reply_part_text(reply, 3);
    out->had_session = had_session.len > 0;
    return out->session.len > 0 && out->next.ptr && had_session.ptr &&
                   reply_part_claims(reply, 2, &out->claims)
               ? 0
               : -1;
}

void beat_build(struct command *command, uint16_t partition, struct slice epoch,
                struct slice consumer, struct slice session, int64_t lease_ms)
{
    command_begin_script(command, SCRIPT_BEAT, partition);
    command_arg(command, epoch);
    command_arg(command, consumer);
    command_arg(command, session);
    command_arg_int(command, lease_ms);
}

int beat_read(const redisReply *reply, struct redisReply ***lapsed, uint32_t *count)
{
    if (!slice_eq_str(reply_word(reply), "ok") || reply->elements < 2 ||
        reply->elements > UINT32_MAX)
        return -1;
    for (size_t i = 2; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return -1;
    }
    *lapsed = reply->element + 2;
    *count = (uint32_t)(reply->elements - 2);
    return 0;
}

void reclaim_build(struct command *command, uint16_t partition, struct slice epoch,
                   struct slice consumer, struct slice session, struct slice lapsed, uint32_t limit,
                   struct call_queues queues)
{
    command_begin_script(command, SCRIPT_RECLAIM, partition);
    command_arg(command, epoch);
    command_arg(command, consumer);
    command_arg(command, session);
    command_arg(command, lapsed);
    command_arg_int(command, limit);
    command_queues(command, queues);
}

int reclaim_read(const redisReply *reply, struct claims *claims)
{
    return reply_part_claims(reply, 0, claims) ? 0 : -1;
}

void leave_build(struct command *command, uint16_t partition, struct slice epoch,
                 struct slice consumer, struct slice session, struct call_queues queues)
{
    command_begin_script(command, SCRIPT_LEAVE, partition);
    command_arg(command, epoch);
    command_arg(command, consumer);
    command_arg(command, session);
    command_queues(command, queues);
}

int leave_read(const redisReply *reply, bool *left)
{
    struct slice word = reply_part_text(reply, 0);
    *left = slice_eq_str(word, "left");
    return *left || slice_eq_str(word, "pending") ? 0 : -1;
}
