/* cancelled: what was live when a run failed or was cancelled. Redis says, until the run is forgotten. */
#include "base/json.h"
#include "protocol/decimal.h"
#include "supervisor/state.h"

void cancelled_error_write(struct buf *out, struct slice by)
{
    struct buf message;
    buf_init(&message, 0);
    buf_str(&message, "cancelled by ");
    buf_slice_append(&message, by);
    buf_str(out, "{\"code\":\"cancelled\",\"message\":");
    json_write_string(out, buf_slice(&message));
    buf_char(out, '}');
    if (!buf_ok(&message))
        out->failed = true;
    buf_free(&message);
}

static int add_cancelled(struct supervisor *s, const struct run *run, const redisReply *number,
                         const redisReply *live, struct err *err)
{
    struct slice rest = reply_slice(live), node, scope, attempt;
    uint32_t index, attempts;
    uint64_t token;
    if (!decimal_u64(reply_slice(number), &token) || !decimal_cut(&rest, '|', &node) ||
        !decimal_cut(&rest, '|', &scope) || !decimal_cut(&rest, '|', &attempt) ||
        !decimal_u32(attempt, &attempts))
        return err_set(err, ERR_INTERNAL, "a live token of run %s cannot be read", run->id);
    if (!decimal_u32(node, &index)) /* hidden tokens have letters */
        return 0;
    if (index >= run->graph->node_count)
        return err_set(err, ERR_INTERNAL, "a live token of run %s names node %u", run->id, index);
    const struct archive_execution row = {
        .run = slice_str(run->id),
        .node = &run->graph->nodes[index],
        .scope = shown_scope(s, run->graph, scope),
        .attempt = attempts,
        .status = "cancelled",
        .list_order = -1,
        .token = token,
        .at_us = run->fold.ended_us,
        .ended_us = run->fold.ended_us,
    };
    archive_add_execution(&s->archive, &row);
    return 0;
}

static int add_all_cancelled(struct supervisor *s, const struct run *run, const redisReply *reply,
                             struct err *err)
{
    struct inspect_reply inspected;
    int64_t redis_us;
    if (call_status(reply, &redis_us, err) != CALL_OK)
        return err->code == ERR_NONE
                   ? err_set(err, ERR_UNREACHABLE, "Redis does not answer for run %s", run->id)
                   : -1;
    if (inspect_read(reply, &inspected) != 0)
        return err_set(err, ERR_INTERNAL, "run %s cannot be read in Redis", run->id);
    for (uint32_t i = 0; i < inspected.token_count; i++) {
        if (add_cancelled(s, run, inspected.tokens[2 * i], inspected.tokens[2 * i + 1], err) != 0)
            return -1;
    }
    return 0;
}

static bool left_tokens(const struct run *run)
{
    return !run->stray && (run->status == RUN_FAILED || run->status == RUN_CANCELLED);
}

/* Their hashes stay until they are forgotten, after the commit. */
int expand_cancelled(struct supervisor *s, struct err *err)
{
    struct batch *batch = &s->batch;
    uint32_t count = 0;
    int result = 0;
    const struct run **runs =
        arena_array(&batch->arena, batch->touched_count + 1, sizeof(struct run *));
    struct command *commands =
        arena_array(&batch->arena, batch->touched_count + 1, sizeof *commands);
    redisReply **replies =
        arena_array(&batch->arena, batch->touched_count + 1, sizeof(redisReply *));
    if (!runs || !commands || !replies)
        return err_set(err, ERR_LIMIT, "no memory for the tokens of ended runs");
    for (uint32_t i = 0; i < batch->touched_count; i++) {
        const struct run *run = batch->touched[i];
        if (!left_tokens(run))
            continue;
        runs[count] = run;
        command_init(&commands[count]);
        inspect_build(&commands[count++], s->partitions[run->slot].cursor.partition,
                      slice_str(run->id));
    }
    if (count == 0)
        return 0;
    result = redis_pipeline(s->redis, commands, count, replies, err);
    for (uint32_t i = 0; i < count; i++)
        command_free(&commands[i]);
    if (result != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (result == 0)
            result = add_all_cancelled(s, runs[i], replies[i], err);
        freeReplyObject(replies[i]);
    }
    return result;
}
