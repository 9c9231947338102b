#include "protocol/calls_reply.h"
#include "protocol/decimal.h"
#include "protocol/redis.h"
#include "protocol/reply.h"

enum call_status call_status(const redisReply *reply, int64_t *redis_us, struct err *err)
{
    static const struct {
        const char *word;
        enum call_status status;
    } refusals[] = {{"epoch", CALL_EPOCH}, {"session", CALL_SESSION}, {"hold", CALL_HOLD}};
    if (!reply) {
        err_set(err, ERR_UNREACHABLE, "no reply from Redis: whether the call counted is unknown");
        return CALL_LOST;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        reply_error(reply, err);
        return CALL_REFUSED;
    }
    struct slice word = reply_word(reply);
    if (slice_eq_str(word, "ok") && reply->elements >= 2) {
        if (decimal_i64(reply_slice(reply->element[1]), redis_us))
            return CALL_OK;
        err_set(err, ERR_INTERNAL, "a script answered ok without a time");
        return CALL_REFUSED;
    }
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (slice_eq_str(word, refusals[i].word))
            return refusals[i].status;
    }
    struct slice detail =
        word.ptr && reply->elements > 1 ? reply_slice(reply->element[1]) : SLICE_NONE;
    if (word.ptr)
        err_set(err, ERR_CONFLICT, "a script answered %.*s %.*s", SLICE_ARG(word), (int)detail.len,
                detail.ptr ? detail.ptr : "");
    else
        err_set(err, ERR_INTERNAL, "a script answered what none of ours does");
    return CALL_REFUSED;
}

const redisReply *reply_part(const redisReply *reply, size_t index)
{
    if (!slice_eq_str(reply_word(reply), "ok") || reply->elements <= index + 2)
        return NULL;
    return reply->element[index + 2];
}

struct slice reply_part_text(const redisReply *reply, size_t index)
{
    const redisReply *part = reply_part(reply, index);
    return part && part->type == REDIS_REPLY_STRING ? reply_slice(part) : SLICE_NONE;
}

bool reply_part_claims(const redisReply *reply, size_t index, struct claims *claims)
{
    const redisReply *part = reply_part(reply, index);
    if (!part || part->type != REDIS_REPLY_ARRAY || part->elements > UINT32_MAX)
        return false;
    *claims = (struct claims){part->element, (uint32_t)part->elements};
    return true;
}

void command_queues(struct command *command, struct call_queues queues)
{
    command_arg_int(command, queues.count);
    for (uint32_t i = 0; i < queues.count; i++)
        command_arg(command, queues.names[i]);
}

bool call_queues_find(struct call_queues queues, struct slice name, uint32_t *index)
{
    for (uint32_t i = 0; i < queues.count; i++) {
        if (slice_eq(queues.names[i], name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

/* `a,b` */
void command_arg_pair(struct command *command, struct slice a, uint32_t b)
{
    char text[DECIMAL_SIZE + 1];
    struct slice digits = decimal_text(b, text + 1);
    char *comma = text + (digits.ptr - text) - 1;
    *comma = ',';
    command_arg_parts(command, a, slice_of(comma, digits.len + 1));
}

void command_arg_buf(struct command *command, const struct buf *buf)
{
    if (!buf_ok(buf))
        command->args.failed = true;
    command_arg(command, buf_slice(buf));
}
